"""What became of clusters: their numbers, and a report of what has drifted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

# A part of a cluster, or what was merged to one, has more than this share of its samples there.
MOST = 0.5
WIDTH = 9
MOST_WRITTEN = 1e4

Changes = dict[int, tuple[int, ...]]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DriftReport:
    """What has changed between the samples of before and those of the last call.

    Its `repr` is a table with a line for each cluster.

    Parameters
    ----------
    n_samples : int
        Number of samples.
    numbers : ndarray of int of shape (n_numbers,)
        Numbers of the clusters that were there before or are there now, rising.
    shares_before, shares : ndarray of shape (n_numbers,)
        The share of the samples that each had, and has; NaN if it isn't known.
    shifts : ndarray of shape (n_numbers,)
        How far the mean of a cluster has moved, in the embedding of before and in units of the root
        mean square distance of its samples to it; NaN without samples before or now.
    novelty : float
        Share of the samples that belong nowhere in that embedding; NaN if nothing measures it.
    split : dict of int to tuple of int
        Of each number whose cluster was cut, those of its parts.
    merged : dict of int to tuple of int
        Of each number, those of the clusters that were merged to it.
    new : tuple of int, default=()
        Numbers that were given for the first time.
    gone : tuple of int, default=()
        Numbers that no cluster has any more, or no sample, where among so many some had to.
    contamination : float, default=0.05
        The share that may be expected if all are of the kinds that are known.
    p_value : float, default=1.0
        Probability of as many or more that belong nowhere, if all are of these kinds.

    See Also
    --------
    skdeepclust.meta.StreamClusterer : Makes it.

    References
    ----------
    M. Spiliopoulou, I. Ntoutsi, Y. Theodoridis, R. Schult (2006). MONIC: Modeling and Monitoring
    Cluster Transitions. KDD. What may become of a cluster.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.meta import DriftReport
    >>> report = DriftReport(
    ...     n_samples=10, numbers=np.array([0, 1]), shares_before=np.array([0.5, 0.5]),
    ...     shares=np.array([0.8, 0.2]), shifts=np.array([0.1, 1.5]), novelty=0.1,
    ...     split={}, merged={},
    ... )
    >>> report
    DriftReport of 10 samples
    belong nowhere: 10.0 %, of 5.0 % expected (p = 1)
    shares moved by 0.300
       number   before      now    shift
            0    0.500    0.800     0.10
            1    0.500    0.200     1.50
    """

    n_samples: int
    numbers: np.ndarray
    shares_before: np.ndarray
    shares: np.ndarray
    shifts: np.ndarray
    novelty: float
    split: Changes
    merged: Changes
    new: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()
    contamination: float = 0.05
    p_value: float = 1.0

    @property
    def share_shift(self) -> float:
        """Share of the samples that would have to change clusters for the shares of before."""
        return float(np.abs(self.shares - self.shares_before).sum() / 2)

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{type(self).__name__} of {self.n_samples:,} samples"
        if np.isfinite(self.novelty):
            expected = f"of {100 * self.contamination:.1f} % expected (p = {self.p_value:.2g})"
            yield f"belong nowhere: {100 * self.novelty:.1f} %, {expected}"
        if np.isfinite(self.share_shift):
            yield f"shares moved by {self.share_shift:.3f}"
        for name, values in (("new", self.new), ("gone", self.gone)):
            if values:
                yield f"{name}: {_listed(values)}"
        for number, parts in self.split.items():
            yield f"split: {number} into {_listed(parts)}"
        for number, parts in self.merged.items():
            yield f"merged: {_listed(parts)} to {number}"
        yield "".join(f"{name:>{WIDTH}}" for name in ("number", "before", "now", "shift"))
        columns = zip(self.numbers, self.shares_before, self.shares, self.shifts, strict=True)
        for number, before, now, shift in columns:
            shares = f"{before:{WIDTH}.3f}{now:{WIDTH}.3f}"
            moved = f"{shift:{WIDTH}.1e}" if shift >= MOST_WRITTEN else f"{shift:{WIDTH}.2f}"
            yield f"{number:{WIDTH}d}{shares}{moved}".replace("nan", "  -")


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))


def carried(
    overlap: np.ndarray, sizes: np.ndarray, sizes_before: np.ndarray, min_overlap: float
) -> np.ndarray:
    """Return the old cluster of each new one, by the matching with most samples in common.

    Parameters
    ----------
    overlap : ndarray of int of shape (n_clusters, n_before)
        Samples that each new cluster has in common with each old one.
    sizes, sizes_before : ndarray of int
        Samples of new and of old ones.
    min_overlap : float
        Least Jaccard index of a pair.

    Returns
    -------
    ndarray of int of shape (n_clusters,)
        Columns of `overlap`, each once, or -1.
    """
    either = sizes[:, None] + sizes_before - overlap
    # a share of integers isn't to fall below a bound that it reaches
    alike = (overlap > 0) & (overlap >= min_overlap * either - 1e-9)
    rows, columns = linear_sum_assignment(np.where(alike, overlap, 0), maximize=True)
    found = np.full(len(sizes), -1)
    kept = alike[rows, columns]
    found[rows[kept]] = columns[kept]
    return found


def transitions(
    overlap: np.ndarray,
    sizes: np.ndarray,
    sizes_before: np.ndarray,
    numbers: np.ndarray,
    numbers_before: np.ndarray,
) -> tuple[Changes, Changes]:
    """Return which old clusters were cut into which, and which new ones are made of which.

    A new cluster without an old number is a part of the old one that has most of its samples; an
    old one without a new cluster was merged to the new one that has most of its samples.

    Parameters
    ----------
    overlap : ndarray of int of shape (n_clusters, n_before)
        Samples that each new cluster has in common with each old one.
    sizes, sizes_before : ndarray of int
        Samples of new and of old ones.
    numbers, numbers_before : ndarray of int
        Their numbers.

    Returns
    -------
    split, merged : dict of int to tuple of int
        Parts of old numbers, and old numbers in new ones.
    """
    same = numbers[:, None] == numbers_before
    is_new, is_gone = ~same.any(axis=1), ~same.any(axis=0)
    parts = same | (is_new[:, None] & (overlap > MOST * sizes[:, None]))
    absorbed = same | (is_gone & (overlap > MOST * sizes_before))
    split = {
        int(number): tuple(sorted(numbers[column].tolist()))
        for number, column in zip(numbers_before, parts.T, strict=True)
        if column.sum() > 1
    }
    merged = {
        int(number): tuple(sorted(numbers_before[row].tolist()))
        for number, row in zip(numbers, absorbed, strict=True)
        if row.sum() > 1
    }
    return split, merged
