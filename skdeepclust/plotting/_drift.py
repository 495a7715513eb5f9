"""What has changed between two parts of the samples: shares of clusters, their moved centres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from skdeepclust.plotting._shared.canvas import cluster_colors, new_axes, to_numpy, write_below
from skdeepclust.plotting._shared.selection import check_cluster_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIELDS = ("numbers", "shares_before", "shares", "shifts", "novelty", "new", "gone")
ROW_HEIGHT = 0.27  # inches
# Rows of fewer have the number of their cluster.
MOST_NAMED = 60
SHIFTS_WIDTH = "34%"  # of the width of the shares


class DriftDisplay:
    """Shares of clusters before and now, and how far their centres have moved.

    A row for each cluster: a ring where its share was, a dot in its colour where it is now, and
    beside them a bar for the shift of its mean. Below stands the share of samples that belong
    nowhere.

    Build it with `from_estimator` or `from_predictions`; its attributes are the data of the figure.

    Parameters
    ----------
    numbers : ndarray of int of shape (n_numbers,)
        Numbers of the clusters.
    shares_before, shares : ndarray of shape (n_numbers,)
        The share of the samples that each had, and has; NaN if it isn't known.
    shifts : ndarray of shape (n_numbers,), default=None
        How far the mean of each has moved, in units of the spread around it; NaN or None if it
        isn't known.
    novelty : float, default=nan
        Share of the samples that belong nowhere; NaN if nothing measures it.
    contamination : float, default=nan
        Which share of them may be expected to.
    p_value : float, default=nan
        Probability of as many or more, if all are of known kinds.
    new, gone : sequence of int, default=()
        Numbers that are new, and those that no cluster has any more.

    Attributes
    ----------
    before_, now_ : matplotlib PathCollection
        Rings and dots.
    changes_ : matplotlib LineCollection
        The lines between them.
    shifts_ : matplotlib BarContainer or None
        The bars, if a shift is known.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    See Also
    --------
    skdeepclust.meta.StreamClusterer : Its report says what has drifted.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from skdeepclust.plotting import DriftDisplay
    >>> display = DriftDisplay.from_predictions(
    ...     [0, 0, 0, 1], [0, 1, 1, 2], ax=Figure().subplots()
    ... )
    >>> display.shares
    array([0.25, 0.5 , 0.25])
    >>> display.new
    (2,)
    """

    def __init__(
        self,
        *,
        numbers: np.ndarray,
        shares_before: np.ndarray,
        shares: np.ndarray,
        shifts: np.ndarray | None = None,
        novelty: float = math.nan,
        contamination: float = math.nan,
        p_value: float = math.nan,
        new: Sequence[int] = (),
        gone: Sequence[int] = (),
    ) -> None:
        self.numbers = numbers
        self.shares_before = shares_before
        self.shares = shares
        self.shifts = shifts
        self.novelty = novelty
        self.contamination = contamination
        self.p_value = p_value
        self.new = new
        self.gone = gone

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, report: Any = None, ax: Axes | None = None, **plot_options: Any
    ) -> DriftDisplay:
        """Draw the report of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator or pipeline
            Whose last step has `report_`: a `StreamClusterer` that has taken up a part, or was
            fitted with a reference.
        report : DriftReport, default=None
            Another report of it, such as that of an earlier part; None: that of the last call.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        DriftDisplay
            The display.

        Raises
        ------
        TypeError
            If the estimator has no report, or `report` is none.
        """
        check_is_fitted(estimator)
        last = estimator[-1] if hasattr(estimator, "steps") else estimator
        found = getattr(last, "report_", None) if report is None else report
        if found is None:
            raise TypeError(
                f"estimator must have a report_, {last!r} has none: give a StreamClusterer after "
                "partial_fit, or after a fit with a reference."
            )
        if not all(hasattr(found, name) for name in FIELDS):
            raise TypeError(f"report must be a DriftReport, got {type(found).__name__}.")
        names = (*FIELDS, "contamination", "p_value")
        return cls(**{name: getattr(found, name) for name in names}).plot(ax, **plot_options)

    @classmethod
    def from_predictions(
        cls, labels_before: Any, labels: Any, *, ax: Axes | None = None, **plot_options: Any
    ) -> DriftDisplay:
        """Compare labels of before with those of now, of the same samples or of others.

        Parameters
        ----------
        labels_before, labels : array-like of int of shape (n_samples,)
            Number of the cluster of each sample, before and now; -1 of those that belong nowhere.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        DriftDisplay
            The display, without shifts.

        Raises
        ------
        ValueError
            If labels are no integers from 0 (or -1), or there are none.
        """
        both = [
            check_cluster_labels(column_or_1d(to_numpy(values, name)), None, name)
            for name, values in (("labels_before", labels_before), ("labels", labels))
        ]
        numbers = np.unique(np.concatenate(both))
        numbers = numbers[numbers >= 0]
        if not len(numbers) or not all(map(len, both)):
            raise ValueError("labels_before and labels must have samples, and some in a cluster.")
        before, now = ((part[:, None] == numbers).mean(axis=0) for part in both)
        refused = [float((part < 0).mean()) for part in both]
        display = cls(
            numbers=numbers,
            shares_before=before,
            shares=now,
            novelty=refused[1] if any(refused) else math.nan,
            contamination=refused[0],
            new=tuple(numbers[before == 0].tolist()),
            gone=tuple(numbers[now == 0].tolist()),
        )
        return display.plot(ax, **plot_options)

    @property
    def share_shift(self) -> float:
        """Share of the samples that would have to change clusters for the shares of before."""
        return float(np.abs(self.shares - self.shares_before).sum() / 2)

    def plot(self, ax: Axes | None = None, *, names: Sequence[Any] | None = None) -> DriftDisplay:
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        names : sequence of shape (n_numbers,), default=None
            Names of the clusters; None: their numbers.

        Returns
        -------
        DriftDisplay
            This display, with `before_`, `now_`, `changes_`, `shifts_`, `ax_` and `figure_` set.

        Raises
        ------
        ValueError
            If there aren't as many names as clusters.
        """
        n_rows = len(self.numbers)
        if names is not None and len(names) != n_rows:
            raise ValueError(
                f"names must be one for each of the {n_rows} clusters, got {len(names)}."
            )
        if ax is None:
            height = float(np.clip(ROW_HEIGHT * n_rows, 1.2, 11.0)) + 1.2
            ax = new_axes((5.6, height))
        palette = np.array(cluster_colors(int(self.numbers.max()) + 1))
        colors = palette[self.numbers].tolist()
        self._draw_shares(ax, colors)
        self._name_rows(ax, names)
        is_known = self.shifts is not None and bool(np.isfinite(self.shifts).any())
        self.shifts_ = self._draw_shifts(ax, colors) if is_known else None
        write_below(ax, self._remark())
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_shares(self, ax: Axes, colors: list[str]) -> None:
        rows = np.arange(len(self.numbers))
        self.changes_ = ax.hlines(rows, self.shares_before, self.shares, colors=colors, lw=2.2)
        self.before_ = ax.scatter(
            self.shares_before, rows, s=34, facecolors=ax.get_facecolor(), edgecolors=colors,
            linewidths=1.4, zorder=3, label="before", clip_on=False,
        )  # fmt: skip
        self.now_ = ax.scatter(
            self.shares, rows, s=34, c=colors, zorder=4, label="now", clip_on=False
        )
        ax.set_xlim(left=0.0)
        ax.margins(x=0.06)
        ax.spines[["top", "right", "left"]].set_visible(False)
        _write_percents(ax)
        ax.set_xlabel("share of the samples")
        ax.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize="small",
            handletextpad=0.2, borderaxespad=0.1,
        )  # fmt: skip

    def _name_rows(self, ax: Axes, names: Sequence[Any] | None) -> None:
        n_rows, added = len(self.numbers), {**dict.fromkeys(self.gone, " gone")}
        added |= dict.fromkeys(self.new, " new")
        shown = [
            f"{number if names is None else names[row]}{added.get(number, '')}"
            for row, number in enumerate(self.numbers.tolist())
        ]
        ax.tick_params(axis="y", length=0, pad=8)
        if n_rows <= MOST_NAMED:
            ax.set_yticks(np.arange(n_rows), shown)
            ax.set_ylabel("cluster")
        else:
            ax.set_yticks([])
            ax.set_ylabel(f"{n_rows} clusters")
        ax.set_ylim(n_rows - 0.4, -0.6)

    def _draw_shifts(self, ax: Axes, colors: list[str]) -> Any:
        """Draw a bar for each mean that has moved, to the right of the shares."""
        from mpl_toolkits.axes_grid1 import make_axes_locatable

        beside = make_axes_locatable(ax).append_axes("right", SHIFTS_WIDTH, pad=0.2)
        shifts = np.nan_to_num(np.asarray(self.shifts, dtype=float), nan=0.0)
        bars = beside.barh(np.arange(len(shifts)), shifts, height=0.55, color=colors)
        beside.set(yticks=[], ylim=ax.get_ylim())
        beside.spines[["top", "right"]].set_visible(False)
        beside.set_xlabel("shift")
        return bars

    def _remark(self) -> str:
        said = []
        if np.isfinite(self.novelty):
            text = f"{self.novelty:.1%} belong nowhere"
            if np.isfinite(self.contamination):
                text += f", of {self.contamination:.1%} expected"
            if np.isfinite(self.p_value):
                text += f" (p = {self.p_value:.1g})"
            said.append(text)
        if np.isfinite(self.share_shift):
            said.append(f"shares moved by {self.share_shift:.3f}")
        return "; ".join(said)


def _write_percents(ax: Axes) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
