"""Losses and scores against epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepclust.plotting._shared.canvas import line_style, new_axes, write_below
from skdeepclust.plotting._shared.history_rows import find_parts, lay_out, select_phases, to_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LETTER_WIDTH = 0.085  # inches, of small letters


class HistoryDisplay:
    """Losses, their parts and scores against epochs, phase after phase on one axis.

    A panel for each part, or for each group of parts; the axis of the epochs is shared. The epochs
    of a phase follow those of the phase before; attempts at a phase, of which an estimator keeps
    the best, begin at the same epoch and are lines of their own. Build it with `from_estimator`
    or `from_history`; its attributes are the data of the figure.

    Parameters
    ----------
    epochs : ndarray of shape (n_rows,)
        Place of each row of the history on the axis of the epochs.
    values : dict of str to ndarray of shape (n_rows,)
        Values of each part; NaN where a row has none.
    runs : ndarray of shape (n_rows,)
        Number of the line that a row is on: one for each attempt at each phase.
    attempts : ndarray of shape (n_rows,)
        Attempt of each row; -1: there was one only.
    phases : list of (str, float, float)
        Name, first and last epoch on the axis of each phase.
    groups : dict of str to list of str
        Parts in each panel, under the label of its axis.
    kept_attempt : int, default=None
        The attempt that the estimator has kept; its lines are thick.

    Attributes
    ----------
    axes_ : ndarray of shape (n_panels,)
        Axes of the panels, from top to bottom.
    lines_ : dict of str to list of matplotlib Line2D
        Lines of each part, one for each run that has values.
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, and where `plot` has drawn.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from skdeepclust.plotting import HistoryDisplay
    >>> history = [
    ...     {"phase": "pretraining", "epoch": 1, "loss": 3.0},
    ...     {"phase": "pretraining", "epoch": 2, "loss": 2.0},
    ...     {"phase": "clustering", "epoch": 1, "loss": 9.0, "accuracy": 0.7},
    ... ]
    >>> display = HistoryDisplay.from_history(history, ax=Figure().subplots())
    >>> display.epochs
    array([1., 2., 3.])
    >>> list(display.groups)
    ['loss', 'accuracy']
    """

    def __init__(
        self,
        *,
        epochs: np.ndarray,
        values: Mapping[str, np.ndarray],
        runs: np.ndarray,
        attempts: np.ndarray,
        phases: Sequence[tuple[str, float, float]],
        groups: Mapping[str, Sequence[str]],
        kept_attempt: int | None = None,
    ) -> None:
        self.epochs = epochs
        self.values = values
        self.runs = runs
        self.attempts = attempts
        self.phases = phases
        self.groups = groups
        self.kept_attempt = kept_attempt

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        parts: Any = None,
        phases: str | Sequence[str] | None = None,
        ax: Any = None,
        **plot_options: Any,
    ) -> HistoryDisplay:
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
            With `history_`, and `attempt_` if it has kept one of several attempts.
        parts : str, sequence or dict, default=None
            Parts to show: names, where a tuple of names shares a panel, or a dict of the labels
            of the panels to names. None gives each part a panel, together with the same part of
            the validation samples (`valid_NAME`), but for parts that equal the loss everywhere.
        phases : str or sequence of str, default=None
            Phases to show; None shows all.
        ax : matplotlib Axes or sequence of them, default=None
            Where to draw: axes for each panel, or axes whose place the panels share. None makes
            a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        HistoryDisplay
            The display.

        Raises
        ------
        TypeError
            If the estimator has no `history_`.
        ValueError
            If the history is empty, or has no such part or phase.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "history_"):
            raise TypeError(
                f"estimator must have history_, {estimator!r} has none: give from_history the "
                "rows of one."
            )
        kept = getattr(estimator, "attempt_", None)
        return cls.from_history(
            estimator.history_, parts=parts, phases=phases, kept_attempt=kept, ax=ax,
            **plot_options,
        )  # fmt: skip

    @classmethod
    def from_history(
        cls,
        history: Any,
        *,
        parts: Any = None,
        phases: str | Sequence[str] | None = None,
        kept_attempt: int | None = None,
        ax: Any = None,
        **plot_options: Any,
    ) -> HistoryDisplay:
        """Draw the rows of a history.

        Parameters
        ----------
        history : sequence of dict, or data frame
            One row an epoch: numbers under the names of the parts, and, where known, `phase`,
            `epoch` (from 1 in each phase) and `attempt`. What is no number is left out.
        parts : str, sequence or dict, default=None
            Parts to show: names, where a tuple of names shares a panel, or a dict of the labels
            of the panels to names. None gives each part a panel, together with the same part of
            the validation samples (`valid_NAME`), but for parts that equal the loss everywhere.
        phases : str or sequence of str, default=None
            Phases to show; None shows all.
        kept_attempt : int, default=None
            The attempt whose lines are thick.
        ax : matplotlib Axes or sequence of them, default=None
            Where to draw: axes for each panel, or axes whose place the panels share. None makes
            a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        HistoryDisplay
            The display.

        Raises
        ------
        ValueError
            If the history is empty, or has no such part or phase.
        """
        rows = select_phases(history, phases)
        groups = _group(parts, find_parts(rows, repeated=parts is not None))
        shown = list(dict.fromkeys(name for group in groups.values() for name in group))
        display = cls(
            values={name: np.array([to_number(row.get(name)) for row in rows]) for name in shown},
            groups=groups,
            kept_attempt=kept_attempt,
            **lay_out(rows),
        )
        return display.plot(ax, **plot_options)

    def plot(self, ax: Any = None, *, yscale: str = "linear") -> HistoryDisplay:
        """Draw the panels, one above the other.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            Where to draw: axes for each panel, or axes whose place the panels share. None makes
            a new figure.
        yscale : str, default="linear"
            Scale of the values: "linear", "log" or "symlog".

        Returns
        -------
        HistoryDisplay
            This display, with `axes_`, `lines_`, `ax_` and `figure_` set.

        Raises
        ------
        ValueError
            If `ax` holds another number of axes than there are panels, or is in no grid and so
            has no place that panels can share.
        """
        self.axes_ = _panels(ax, len(self.groups))
        self.lines_ = {}
        for panel, (label, names) in zip(self.axes_, self.groups.items(), strict=True):
            for index, name in enumerate(names):
                style = line_style(index)
                style.pop("marker")  # epochs are too many
                self.lines_[name] = self._draw_runs(panel, name, style)
            panel.set(ylabel=label, yscale=yscale)
            panel.spines[["top", "right"]].set_visible(False)
            panel.margins(x=0.02)
            if len(names) > 1:
                panel.legend(frameon=False, fontsize="small")
            for (_, _, end), (_, start, _) in pairwise(self.phases):
                panel.axvline((start + end) / 2, color="0.5", lw=0.6, zorder=0)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        self.figure_.align_ylabels(list(self.axes_))
        self._name_phases()
        self._name_epochs()
        return self

    def _draw_runs(self, ax: Axes, name: str, style: dict[str, Any]) -> list[Any]:
        """Draw one line a run; those of attempts that were not kept are thin."""
        lines = []
        for run in np.unique(self.runs):
            rows = np.flatnonzero((self.runs == run) & ~np.isnan(self.values[name]))
            if not len(rows):
                continue
            thin = self.attempts[rows[0]] not in (-1, self._main_attempt())
            lines += ax.plot(
                self.epochs[rows], self.values[name][rows], lw=0.8 if thin else 1.8,
                marker="o" if len(rows) == 1 else None, ms=4, zorder=2 if thin else 2.5,
                label="_another run", **style,
            )  # fmt: skip
        if lines:
            max(lines, key=lambda line: line.get_linewidth()).set_label(name)
        return lines

    def _main_attempt(self) -> int | None:
        """Return the attempt with thick lines: the only one, or the one that was kept."""
        attempts = np.unique(self.attempts[self.attempts >= 0])
        return int(attempts[0]) if len(attempts) == 1 else self.kept_attempt

    def _name_phases(self) -> None:
        """Write the names of the phases above the first panel, upright where they need to be."""
        names = [name for name, _, _ in self.phases]
        if not any(names):
            return
        first, last = self.ax_.get_xlim()
        width = self.ax_.get_position().width * self.figure_.get_figwidth() / (last - first)
        upright = any(
            len(name) * LETTER_WIDTH > (end - start + 1) * width for name, start, end in self.phases
        )
        for name, start, end in self.phases:
            self.ax_.annotate(
                name, ((start + end) / 2, 1), xycoords=("data", "axes fraction"), xytext=(0, 4),
                textcoords="offset points", ha="center", va="bottom", fontsize="small",
                rotation=90 if upright else 0,
            )  # fmt: skip

    def _name_epochs(self) -> None:
        from matplotlib.ticker import MaxNLocator

        for panel in self.axes_:
            panel.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
            panel.tick_params(labelbottom=panel is self.axes_[-1])
        self.axes_[-1].set_xlabel("epoch")
        n_attempts = len(np.unique(self.attempts[self.attempts >= 0]))
        if n_attempts < 2:
            return
        text = f"{n_attempts} attempts"
        if self.kept_attempt in self.attempts:
            text += ", the one that was kept is thick"
        write_below(self.axes_[-1], text)


def _group(parts: Any, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the parts of each panel under the label of its axis."""
    if parts is None:
        beside = {f"valid_{name}" for name in names}
        parts = [(name, f"valid_{name}") for name in names if name not in beside]
        parts = [tuple(name for name in group if name in names) for group in parts]
    if isinstance(parts, str):
        parts = [parts]
    if not isinstance(parts, Mapping):
        groups = [[part] if isinstance(part, str) else list(part) for part in parts]
        parts = {_label(group): group for group in groups}
    groups = {label: [group] if isinstance(group, str) else list(group)
              for label, group in parts.items()}  # fmt: skip
    unknown = [name for group in groups.values() for name in group if name not in names]
    if unknown or not groups or not all(groups.values()):
        raise ValueError(f"parts must be among {list(names)}, got {unknown or parts!r}.")
    return groups


def _label(names: Sequence[str]) -> str:
    """Name a panel by its parts, a validation part by that of the training."""
    return ", ".join(
        name for name in names if name.removeprefix("valid_") not in set(names) - {name}
    )


def _panels(ax: Any, n_panels: int) -> np.ndarray:
    """Return the axes of the panels; a single pair of axes is divided among several."""
    if ax is None:
        ax = new_axes((6.2, 1.2 + (1.4 if n_panels > 1 else 2.4) * n_panels))
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) == n_panels:
        return axes
    spec = axes[0].get_subplotspec() if len(axes) == 1 else None
    if spec is None:
        raise ValueError(
            f"ax must hold one pair of axes for each of the {n_panels} panels, or one that was "
            f"made by subplots and can be divided, got {len(axes)}: or show fewer parts."
        )
    grid, figure = spec.subgridspec(n_panels, 1), axes[0].figure
    axes[0].set_axis_off()
    panels = [figure.add_subplot(grid[0])]
    panels += [figure.add_subplot(grid[row], sharex=panels[0]) for row in range(1, n_panels)]
    return np.array(panels, dtype=object)
