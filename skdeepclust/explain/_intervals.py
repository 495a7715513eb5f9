"""Which features set a cluster apart: the interval of each that has most of it and least else."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_selection import f_classif

from skdeepclust._engine.sparse import is_sparse
from skdeepclust._inputs.counts import check_count
from skdeepclust.explain._answers import labels_of
from skdeepclust.explain._features import FeatureSource, drawn_rows

# Of wider tables those features are looked at that differ most between clusters.
MOST_FEATURES = 2000


@dataclass(frozen=True)
class FeatureInterval:
    """An interval of a feature, in which a cluster lies and others don't.

    Parameters
    ----------
    feature : int
        Column of the feature.
    name : str
        Its name.
    low, high : float
        The interval, low < x <= high; minus infinity and infinity where it is open.
    share : float
        Share of the cluster's samples that lie in it.
    share_of_others : float
        Share of all other samples that do.
    mean, mean_of_others : float
        Means of the feature in the cluster and elsewhere, without missing values.

    Examples
    --------
    >>> from skdeepclust.explain import FeatureInterval
    >>> found = FeatureInterval(3, "petal width", 1.75, float("inf"), 0.94, 0.03, 2.1, 0.8)
    >>> print(found)
    petal width > 1.75
    >>> found.score
    0.91
    """

    feature: int
    name: str
    low: float
    high: float
    share: float
    share_of_others: float
    mean: float
    mean_of_others: float

    @property
    def score(self) -> float:
        """Return `share - share_of_others`: 1 if the interval is the cluster, 0 if it is random."""
        return self.share - self.share_of_others

    def __str__(self) -> str:
        return condition(self.name, self.low, self.high)


def condition(name: str, low: float, high: float) -> str:
    """Write an interval, low < x <= high, as one reads it."""
    if np.isinf(low) and np.isinf(high):
        return f"{name}: any"
    if np.isinf(low):
        return f"{name} \N{LESS-THAN OR EQUAL TO} {high:.4g}"
    if np.isinf(high):
        return f"{name} > {low:.4g}"
    return f"{low:.4g} < {name} \N{LESS-THAN OR EQUAL TO} {high:.4g}"


def distinguishing_features(
    clusterer: Any,
    X: Any,
    *,
    features: Any = None,
    feature_names: Any = None,
    n_features: int = 5,
    max_samples: int = 10_000,
    random_state: int | np.random.RandomState | None = 0,
) -> dict[int, list[FeatureInterval]]:
    r"""Find the features that set each cluster apart from all others.

    Of each feature and cluster the interval is found that has as much of the cluster and as little
    of the others as can be,

    .. math:: J = \max_{a < b} \; P(a < x \le b \mid \text{cluster})
                               - P(a < x \le b \mid \text{others}),

    which is Youden's index of the rule "between a and b". It depends on the order of the values
    alone, not on their unit, and finds clusters that lie between others, too. Features are ranked
    by J and, where that is the same, by the difference of the means in standard deviations.

    Parameters
    ----------
    clusterer : fitted clusterer
        With `predict`, or `labels_` for the X of its fit; or a pipeline that ends in one.
    X : {array-like, sparse matrix, tensor} of shape (n_samples, ...)
        Samples, as for `clusterer.predict`. If they are no table, the first steps of a pipeline
        that make one of them tell the features, such as words of texts.
    features : array-like of shape (n_samples, n_features), default=None
        A table to describe clusters by in place of X. It may hold what the clusterer doesn't see.
    feature_names : sequence of str, default=None
        Names of the features. None takes those of the columns of a data frame, of the step that
        makes the table, or x0, x1 and so on.
    n_features : int, default=5
        Largest number of features for each cluster.
    max_samples : int, default=10_000
        Of more samples so many are drawn.
    random_state : int, RandomState instance or None, default=0
        Seed of that draw.

    Returns
    -------
    dict of int to list of FeatureInterval
        For each cluster that has samples the features that set it apart, best first. There are
        none if it is the only one.

    Raises
    ------
    TypeError
        If X is no table, nothing makes one of it and `features` is None.
    ValueError
        If `features` or `feature_names` have another length.

    Notes
    -----
    Of more than 2,000 features those are looked at whose variance between clusters is largest, in
    units of that within clusters (the F of an analysis of variance). Samples that no cluster takes
    count among the others. In a sparse table zero says that something is absent, such as a word:
    there intervals hold what is present.

    References
    ----------
    W. Youden (1950). Index for rating diagnostic tests. Cancer 3.

    N. Lavrač, B. Kavšek, P. Flach, L. Todorovski (2004). Subgroup Discovery with CN2-SD. JMLR 5.
    The weighted relative accuracy, which is J times the shares of the cluster and of the others.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_iris
    >>> from skdeepclust.explain import distinguishing_features
    >>> iris = load_iris(as_frame=True).data
    >>> kmeans = KMeans(3, random_state=0).fit(iris)
    >>> found = distinguishing_features(kmeans, iris, n_features=1)
    >>> for cluster, (best,) in found.items():
    ...     print(f"{best}: {best.share:.0%} of the cluster, {best.share_of_others:.0%} elsewhere")
    2.45 < petal length (cm) ≤ 5.15: 100% of the cluster, 6% elsewhere
    petal length (cm) ≤ 2.45: 100% of the cluster, 0% elsewhere
    petal length (cm) > 5.15: 87% of the cluster, 0% elsewhere
    """
    check_count("n_features", n_features)
    labels = labels_of(clusterer, X)
    source = FeatureSource(clusterer, X, features, feature_names)
    rows = drawn_rows(len(labels), max_samples, random_state)
    return intervals_of(source.table[rows], labels[rows], source.names, n_features)


def intervals_of(
    table: Any, labels: np.ndarray, names: list[str], n_features: int
) -> dict[int, list[FeatureInterval]]:
    """Rank the features of each cluster in a table."""
    clusters = np.unique(labels[labels >= 0])
    members = labels[:, None] == clusters  # (n_samples, n_clusters)
    if not len(clusters) or members.all(axis=0).any():  # there are no others
        return {int(cluster): [] for cluster in clusters}
    columns = _most_different(table, labels)
    without_zero = is_sparse(table)  # where it says that something is absent
    found = [_Column(_dense(table, c), members, without_zero=without_zero) for c in columns]
    score = np.round([each.score for each in found], 9)  # (n_columns, n_clusters)
    effect = np.array([each.effect for each in found])
    result = {}
    for index, cluster in enumerate(clusters.tolist()):
        best = np.lexsort((-effect[:, index], -score[:, index]))[:n_features]
        result[cluster] = [
            FeatureInterval(int(columns[i]), names[columns[i]], *found[i].of_cluster(index))
            for i in best
        ]
    return result


def _dense(table: Any, column: int) -> np.ndarray:
    values = table[:, [column]]
    values = values.toarray() if is_sparse(values) else values
    return np.asarray(values, dtype=np.float64).ravel()


def _most_different(table: Any, labels: np.ndarray) -> np.ndarray:
    if table.shape[1] <= MOST_FEATURES:
        return np.arange(table.shape[1])
    known = table if is_sparse(table) else np.nan_to_num(table)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of features that are constant
        ratio = np.nan_to_num(f_classif(known, labels)[0], nan=-1.0)
    return np.sort(np.argsort(-ratio, kind="stable")[:MOST_FEATURES])


class _Column:
    """The best interval of one feature for each cluster."""

    def __init__(self, x: np.ndarray, members: np.ndarray, *, without_zero: bool) -> None:
        order = np.argsort(x, kind="stable")  # missing values are last
        self._x, members = x[order], members[order]
        n_known = len(x) - int(np.isnan(x).sum())
        known, own = self._x[:n_known], members[:n_known]
        # the last of equal values: between these an interval may begin or end
        self._ends = np.flatnonzero(np.append(known[1:] != known[:-1], True)[:n_known])
        sizes = members.sum(axis=0)
        inside, everything = own.cumsum(axis=0)[self._ends], (self._ends + 1)[:, None]
        zero = np.zeros((1, members.shape[1]))
        self._share = np.vstack([zero, inside / sizes])
        self._others = np.vstack([zero, (everything - inside) / (len(x) - sizes)])
        self._start, self._stop, self.score = self._best(known[self._ends], without_zero)
        total, n_own = own.T @ known, own.sum(axis=0)
        self._mean = total / np.maximum(n_own, 1)
        self._mean_of_others = (known.sum() - total) / np.maximum(n_known - n_own, 1)
        spread = known.std() if n_known else 0.0
        self.effect = np.abs(self._mean - self._mean_of_others) / (spread or 1.0)

    def _best(
        self, values: np.ndarray, without_zero: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return between which values the best interval of each cluster lies, and its score."""
        gain, last = self._share - self._others, len(values)
        zero = np.flatnonzero(values == 0) if without_zero else values[:0]
        parts = [(0, int(zero[0])), (int(zero[0]) + 1, last)] if len(zero) else [(0, last)]
        found = []
        for first, end in parts:
            part = gain[first : end + 1]
            stop = (part - np.minimum.accumulate(part, axis=0)).argmax(axis=0)
            start = np.array([part[: s + 1, k].argmin() for k, s in enumerate(stop)])
            clusters = np.arange(len(stop))
            found.append(
                (first + start, first + stop, part[stop, clusters] - part[start, clusters])
            )
        best = found[0]
        for other in found[1:]:
            is_better = other[2] > best[2]
            start, stop, score = (
                np.where(is_better, b, a) for a, b in zip(best, other, strict=True)
            )
            best = start, stop, score
        return best

    def _border(self, index: int) -> float:
        """Return the middle between the values on both sides of a border."""
        if index == 0 or index == len(self._ends):
            return -np.inf if index == 0 else np.inf
        below, above = self._x[self._ends[index - 1]], self._x[self._ends[index - 1] + 1]
        middle = (below + above) / 2
        return float(below if middle >= above else middle)  # of neighbours among floats

    def of_cluster(self, cluster: int) -> tuple[float, float, float, float, float, float]:
        start, stop = self._start[cluster], self._stop[cluster]
        if start == stop:  # nothing sets it apart: the interval is open at both ends
            start, stop = 0, len(self._ends)
        return (
            self._border(start),
            self._border(stop) if stop else np.inf,
            float(self._share[stop, cluster] - self._share[start, cluster]),
            float(self._others[stop, cluster] - self._others[start, cluster]),
            float(self._mean[cluster]),
            float(self._mean_of_others[cluster]),
        )
