"""Which unit of a layer is the most active, class by class, as a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from skdeepclust.plotting._shared.canvas import (
    draw_colorbar,
    ink_colormap,
    new_axes,
    to_numpy,
    write_below,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMED_UNITS = 48  # the names of more rows cannot be read
COLUMN_WIDTH, LETTER_WIDTH = 0.42, 0.085  # inches


class ActivationHeatmapDisplay:
    r"""Heat map of units and classes: how often each unit of a layer is the most active one.

    The number of samples with activations :math:`h_i` in class c for which unit u is the most
    active, :math:`|\{i : y_i = c,\ u = \arg\max_v h_{iv},\ h_{iu} > 0\}|`. A network that was
    trained on groups of classes uses few units, one or two for each group; one whose
    representations were forced apart uses different units for the classes within a group.

    Build it with `from_estimator` or `from_activations`; its attributes are the data of the
    figure.

    Parameters
    ----------
    counts : ndarray of shape (n_units, n_classes)
        Number of samples of each class for which each unit is the most active.
    classes : ndarray of shape (n_classes,)
        Name of each class, from left to right.
    n_inactive : ndarray of shape (n_classes,), default=None
        Number of samples of each class for which no unit is active; None: there is none.
    group_of_class : ndarray of shape (n_classes,), default=None
        Group of each class; classes of a group stand side by side.

    Attributes
    ----------
    units_ : ndarray of shape (n_units,)
        Unit in each row, from top to bottom.
    im_ : matplotlib AxesImage
        The heat map.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    References
    ----------
    Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
    Labels. Under review at ICLR. Fig. 2 and 3.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from skdeepclust.plotting import ActivationHeatmapDisplay
    >>> activations = [[0.0, 2.0], [0.0, 1.0], [3.0, 1.0], [0.0, 0.0]]
    >>> display = ActivationHeatmapDisplay.from_activations(
    ...     activations, ["cat", "cat", "dog", "dog"], ax=Figure().subplots()
    ... )
    >>> display.counts
    array([[0, 1],
           [2, 0]])
    >>> display.n_inactive
    array([0, 1])
    """

    def __init__(
        self,
        *,
        counts: np.ndarray,
        classes: np.ndarray,
        n_inactive: np.ndarray | None = None,
        group_of_class: np.ndarray | None = None,
    ) -> None:
        self.counts = counts
        self.classes = classes
        self.n_inactive = np.zeros(len(classes), int) if n_inactive is None else n_inactive
        self.group_of_class = group_of_class

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        groups: Any = None,
        normalize: bool = False,
        sort: bool = True,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> ActivationHeatmapDisplay:
        """Count the most active units of `estimator.transform(X)` and draw them.

        Parameters
        ----------
        estimator : fitted estimator
            Its `transform` gives the activations of a layer.
        X : array-like of shape (n_samples, ...)
            Samples, as for `estimator.transform`.
        y : array-like of shape (n_samples,)
            Class of each sample, also one that the estimator has not seen.
        groups : array-like of shape (n_samples,), default=None
            Coarse label of each sample; the group of a class is the most frequent one in it.
        normalize : bool, default=False
            Whether to show shares of the class instead of numbers of samples.
        sort : bool, default=True
            Whether to order the units by the class for which they are the most active.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        ActivationHeatmapDisplay
            The display.

        Raises
        ------
        ValueError
            If the activations are not a finite table, or `y` or `groups` not as long as `X`.
        """
        activations = estimator.transform(X)
        return cls.from_activations(
            activations, y, groups=groups, normalize=normalize, sort=sort, ax=ax, **plot_options
        )

    @classmethod
    def from_activations(
        cls,
        activations: Any,
        y: Any,
        *,
        groups: Any = None,
        normalize: bool = False,
        sort: bool = True,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> ActivationHeatmapDisplay:
        """Count the most active units of a layer and draw them.

        Parameters
        ----------
        activations : array-like of shape (n_samples, n_units)
            Activations of a layer. Of equally active units the first counts; a sample without
            any activation above 0 is counted apart.
        y : array-like of shape (n_samples,)
            Class of each sample.
        groups : array-like of shape (n_samples,), default=None
            Coarse label of each sample; the group of a class is the most frequent one in it.
        normalize : bool, default=False
            Whether to show shares of the class instead of numbers of samples.
        sort : bool, default=True
            Whether to order the units by the class for which they are the most active.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        ActivationHeatmapDisplay
            The display.

        Raises
        ------
        ValueError
            If `activations` is not a finite table, or `y` or `groups` not as long.
        """
        activations = check_array(to_numpy(activations, "activations"), input_name="activations")
        y = column_or_1d(to_numpy(y, "y"))
        check_consistent_length(activations, y)
        classes, group_of_class = np.unique(y), None
        if groups is not None:
            classes, group_of_class = _order_by_group(y, groups)
        counts = np.zeros((activations.shape[1], len(classes)), int)
        n_inactive = np.zeros(len(classes), int)
        for column, label in enumerate(classes):
            own = activations[y == label]
            active = own.max(axis=1) > 0
            counts[:, column] = np.bincount(own[active].argmax(axis=1), minlength=len(counts))
            n_inactive[column] = (~active).sum()
        display = cls(
            counts=counts, classes=classes, n_inactive=n_inactive, group_of_class=group_of_class
        )
        return display.plot(ax, normalize=normalize, sort=sort, **plot_options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        normalize: bool = False,
        sort: bool = True,
        cmap: Any = None,
        colorbar: bool = True,
    ) -> ActivationHeatmapDisplay:
        """Draw the heat map.

        Units that are never the most active keep their row, below the others.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        normalize : bool, default=False
            Whether to show shares of the class instead of numbers of samples.
        sort : bool, default=True
            Whether to order the units by the class for which they are the most active.
        cmap : str or Colormap, default=None
            Colour map; None goes from the background over blue to the colour of the text.
        colorbar : bool, default=True
            Whether to draw the scale of the colours.

        Returns
        -------
        ActivationHeatmapDisplay
            This display, with `units_`, `im_`, `ax_` and `figure_` set.
        """
        n_units, n_classes = self.counts.shape
        shown = self.counts
        if normalize:
            shown = shown / np.maximum(shown.sum(axis=0) + self.n_inactive, 1)
        self.units_ = _sorted_units(shown) if sort else np.arange(n_units)
        if ax is None:
            height = np.clip(0.2 * n_units, 2.2, 7.5) + 1.1
            ax = new_axes((COLUMN_WIDTH * max(n_classes, 6) + 1.8, float(height)))
        self.im_ = ax.imshow(
            shown[self.units_], cmap=ink_colormap(ax) if cmap is None else cmap, vmin=0,
            vmax=shown.max() or 1, aspect="auto", interpolation="nearest",
        )  # fmt: skip
        self._name_units(ax, sort)
        self._name_classes(ax)
        self._mark_groups(ax)
        if colorbar:
            self._draw_colorbar(ax, normalize)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_colorbar(self, ax: Axes, normalize: bool) -> None:
        from matplotlib.ticker import MaxNLocator

        label = "share of the class" if normalize else "number of samples"
        ticks = MaxNLocator(6, integer=not normalize)
        draw_colorbar(ax, self.im_, label, ticks=ticks)

    def _name_units(self, ax: Axes, sort: bool) -> None:
        """Name every unit if there is room, otherwise some of them if they are in order."""
        n_units = len(self.units_)
        ax.set_ylabel("unit")
        ax.tick_params(length=0)
        if n_units <= MOST_NAMED_UNITS:
            size = "medium" if n_units <= 20 else "x-small"
            ax.set_yticks(np.arange(n_units), self.units_, fontsize=size)
        elif sort:
            ax.set_ylabel(f"{n_units} units, sorted")
            ax.set_yticks([])

    def _name_classes(self, ax: Axes) -> None:
        names = [str(label) for label in self.classes]
        ax.set_xticks(np.arange(len(names)), names)
        if max(map(len, names)) * LETTER_WIDTH > COLUMN_WIDTH:
            ax.tick_params(axis="x", rotation=90)
        ax.set_xlabel("class")
        write_below(ax, self._caption())

    def _caption(self) -> str:
        """Tell what the map does not show, or what is easily overlooked."""
        n_units, n_used = len(self.counts), int((self.counts.sum(axis=1) > 0).sum())
        inactive, total = int(self.n_inactive.sum()), int(self.counts.sum() + self.n_inactive.sum())
        lines = []
        if n_used < n_units:
            lines.append(f"{n_units - n_used} of {n_units} units are never the most active")
        if inactive:
            lines.append(f"no unit is active for {inactive:,} of {total:,} samples")
        return "\n".join(lines)

    def _mark_groups(self, ax: Axes) -> None:
        """Draw the border between groups and write their names above."""
        from matplotlib import rcParams
        from matplotlib.patheffects import withStroke

        if self.group_of_class is None:
            return
        starts = np.flatnonzero(self.group_of_class[1:] != self.group_of_class[:-1]) + 1
        edges = np.array([0, *starts, len(self.classes)]) - 0.5
        groups = self.group_of_class[[0, *starts]]
        names = [group if isinstance(group, str) else f"group {group}" for group in groups.tolist()]
        room = np.diff(edges) * COLUMN_WIDTH
        upright = any(
            len(name) * LETTER_WIDTH > width for name, width in zip(names, room, strict=True)
        )
        for name, left, right in zip(names, edges[:-1], edges[1:], strict=True):
            ax.annotate(
                name, ((left + right) / 2, 1), xycoords=("data", "axes fraction"),
                xytext=(0, 6), textcoords="offset points", ha="center", va="bottom",
                rotation=90 if upright else 0,
            )  # fmt: skip
        halo = withStroke(linewidth=3, foreground=ax.get_facecolor())  # for dark cells
        for edge in edges[1:-1]:
            ax.axvline(edge, color=rcParams["text.color"], lw=1, path_effects=[halo])


def _order_by_group(y: np.ndarray, groups: Any) -> tuple[np.ndarray, np.ndarray]:
    """Order the classes by the most frequent group of each, and return both."""
    groups = column_or_1d(to_numpy(groups, "groups"))
    check_consistent_length(y, groups)
    classes = np.unique(y)
    names, group = np.unique(groups, return_inverse=True)
    of_class = np.array([np.bincount(group[y == label]).argmax() for label in classes])
    order = np.argsort(of_class, kind="stable")
    return classes[order], names[of_class[order]]


def _sorted_units(shown: np.ndarray) -> np.ndarray:
    """Order units by their main class, within a class from the largest value to the smallest."""
    main = np.where(shown.any(axis=1), shown.argmax(axis=1), shown.shape[1])
    return np.lexsort((-shown.max(axis=1), main))
