"""The atoms of a dictionary as a grid of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skdeepclust._inputs.counts import check_integer, checked_shape
from skdeepclust.plotting._shared.canvas import draw_colorbar, new_axes, strip_axes, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SOURCES = ("dictionary_", "components_")  # where fitted estimators keep their atoms
MEASURES = ("usage", "variance")
ATOM_HEIGHT = 0.5  # inches


class DictionaryDisplay:
    r"""Atoms of a dictionary as images, each divided by its largest absolute value.

    Atom j is shown as :math:`d_j / \max_i |d_{ji}|`: in [-1, 1], with 0 in the middle of the
    colour map, if any atom has negative values, otherwise in [0, 1]. An atom of zeros stays
    empty. Build it with `from_estimator` or `from_atoms`; its attributes are the data of the
    figure.

    Parameters
    ----------
    atoms : ndarray of shape (n_components, C, H, W)
        Atoms as images, as they are in the dictionary.
    importances : ndarray of shape (n_components,), default=None
        What the atoms are ordered by, the largest first; None keeps their order.
    importance_name : str, default="importance"
        What `importances` are: "usage" is written as a share of the samples.

    Attributes
    ----------
    indices_ : ndarray of shape (n_shown,)
        Rows of the dictionary that are shown, row by row from the top left.
    n_columns_ : int
        Number of images in a row.
    im_ : matplotlib AxesImage
        The images, with gaps of `gap_` pixels between them.
    gap_ : int
        Pixels between two images.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust.dictionary import KSVD
    >>> from skdeepclust.plotting import DictionaryDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> ksvd = KSVD(12, n_nonzero_coefs=3, random_state=0).fit(X)
    >>> display = DictionaryDisplay.from_estimator(
    ...     ksvd, X, image_shape=(8, 8), order="usage", n_atoms=6, ax=Figure().subplots()
    ... )
    >>> display.atoms.shape, display.indices_.shape
    ((12, 1, 8, 8), (6,))
    """

    def __init__(
        self,
        *,
        atoms: np.ndarray,
        importances: np.ndarray | None = None,
        importance_name: str = "importance",
    ) -> None:
        self.atoms = atoms
        self.importances = importances
        self.importance_name = importance_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        image_shape: Sequence[int] | None = None,
        order: Any = None,
        n_atoms: int | None = None,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> DictionaryDisplay:
        r"""Take the atoms of a fitted estimator, order and draw them.

        Parameters
        ----------
        estimator : fitted estimator
            With its atoms as rows of `dictionary_` or `components_`, such as
            :class:`~skdeepclust.tagnet.TAGnetClusterer`,
            :class:`~skdeepclust.dictionary.KSVD` and scikit-learn's
            `MiniBatchDictionaryLearning` and `NMF`.
        X : array-like of shape (n_samples, ...), default=None
            Samples whose codes, ``estimator.transform(X)``, give the order; needed for "usage"
            and "variance" alone.
        image_shape : (H, W) or (C, H, W), default=None
            Shape of an atom; None takes the estimator's `image_shape_`.
        order : "usage", "variance" or array-like of shape (n_components,), default=None
            What to order the atoms by, the largest first. With codes z_ij of the samples i,
            "usage" is the share of the samples with :math:`z_{ij} \neq 0`, "variance" is
            :math:`\|d_j\|^2 \operatorname{Var}_i z_{ij}`. None keeps the order of the dictionary.
        n_atoms : int, default=None
            Largest number of atoms shown; None shows all.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        DictionaryDisplay
            The display.

        Raises
        ------
        TypeError
            If the estimator has neither `dictionary_` nor `components_`.
        ValueError
            If the shape of an image is unknown or has another number of values than an atom,
            `order` is unknown or needs an `X` that was not given, or `n_atoms` is below 1.
        """
        check_is_fitted(estimator)
        found = [name for name in SOURCES if hasattr(estimator, name)]
        if not found:
            raise TypeError(
                f"estimator must have dictionary_ or components_, {estimator!r} has neither: "
                "give from_atoms its atoms."
            )
        atoms = to_numpy(getattr(estimator, found[0]))
        if image_shape is None:
            image_shape = getattr(estimator, "image_shape_", None)
        if image_shape is None:
            raise ValueError(
                f"{type(estimator).__name__} was not fitted on images (it has no image_shape_): "
                f"give image_shape, the height and width of an atom of {atoms.shape[-1]} values."
            )
        if isinstance(order, str):
            plot_options["importance_name"] = order
            order = _importances(estimator, X, atoms, order)
        return cls.from_atoms(atoms, image_shape, order=order, n_atoms=n_atoms, ax=ax,
                              **plot_options)  # fmt: skip

    @classmethod
    def from_atoms(
        cls,
        atoms: Any,
        image_shape: Sequence[int],
        *,
        order: Any = None,
        importance_name: str = "importance",
        n_atoms: int | None = None,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> DictionaryDisplay:
        """Draw the rows of a dictionary.

        Parameters
        ----------
        atoms : array-like of shape (n_components, n_features)
            Dictionary.
        image_shape : (H, W) or (C, H, W)
            Shape of an atom.
        order : array-like of shape (n_components,), default=None
            What to order the atoms by, the largest first; None keeps their order.
        importance_name : str, default="importance"
            What `order` holds: "usage" is written as a share of the samples.
        n_atoms : int, default=None
            Largest number of atoms shown; None shows all.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        DictionaryDisplay
            The display.

        Raises
        ------
        ValueError
            If `image_shape` is no shape of an image or has another number of values than an
            atom, `order` is not as long as `atoms`, or `n_atoms` is below 1.
        """
        table = check_array(to_numpy(atoms, "atoms"), input_name="atoms")
        shape = checked_shape("image_shape", image_shape)
        if len(shape) not in (2, 3) or int(np.prod(shape)) != table.shape[1]:
            raise ValueError(
                f"image_shape must be (H, W) or (C, H, W) with {table.shape[1]} values, those of "
                f"an atom, got {shape}."
            )
        if order is not None:
            order = check_array(to_numpy(order, "order"), ensure_2d=False, input_name="order")
            if order.shape != (len(table),):
                raise ValueError(
                    f"order must be one value for each of the {len(table)} atoms, got an array "
                    f"of shape {order.shape}."
                )
        _check_number("n_atoms", n_atoms)
        images = table.reshape(-1, *((1, *shape) if len(shape) == 2 else shape))
        display = cls(atoms=images, importances=order, importance_name=importance_name)
        return display.plot(ax, n_atoms=n_atoms, **plot_options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_atoms: int | None = None,
        n_columns: int | None = None,
        cmap: Any = None,
        colorbar: bool = True,
    ) -> DictionaryDisplay:
        """Draw the atoms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_atoms : int, default=None
            Largest number of atoms shown; None shows all.
        n_columns : int, default=None
            Number of images in a row; None makes the grid a little wider than high.
        cmap : str or Colormap, default=None
            Colour map of atoms with one channel. None takes "cividis" for atoms with negative
            values, which goes from dark over a neutral grey to light, otherwise "gray_r". Three
            channels are shown as colours, other numbers of channels by their mean.
        colorbar : bool, default=True
            Whether to draw the scale of the colours; colours of three channels have none.

        Returns
        -------
        DictionaryDisplay
            This display, with `indices_`, `n_columns_`, `gap_`, `im_`, `ax_` and `figure_` set.
        """
        _check_number("n_atoms", n_atoms)
        _check_number("n_columns", n_columns)
        indices = np.arange(len(self.atoms))
        if self.importances is not None:
            indices = np.argsort(-np.asarray(self.importances, np.float64), kind="stable")
        self.indices_ = indices[:n_atoms]
        n_shown, (_, height, width) = len(self.indices_), self.atoms.shape[1:]
        most = int(np.ceil(np.sqrt(1.3 * n_shown * height / width)))
        n_rows = -(-n_shown // most)
        self.n_columns_ = min(n_shown, n_columns or -(-n_shown // n_rows))  # full rows
        self.gap_ = max(1, round(0.08 * min(height, width)))
        lowest = -1.0 if (self.atoms[self.indices_] < 0).any() else 0.0
        mosaic = self._mosaic(lowest)
        if ax is None:
            rows, columns = np.array(mosaic.shape[:2]) / height * ATOM_HEIGHT
            ax = new_axes((float(max(columns, 2.5)) + 1.1, float(max(rows, 2.0)) + 0.5))
        self.im_ = ax.imshow(
            mosaic, cmap=cmap or ("cividis" if lowest else "gray_r"), vmin=lowest, vmax=1,
            interpolation="nearest", origin="upper",
        )  # fmt: skip
        self._draw_frames(ax)
        ax.set(xlim=(-1, mosaic.shape[1]), ylim=(mosaic.shape[0], -1))
        strip_axes(ax)
        ax.set_xlabel(self._caption(), fontsize="small", alpha=0.6)
        if colorbar and mosaic.ndim == 2:
            ticks = np.linspace(lowest, 1, 5 if lowest else 3)
            label = "value / largest of the atom"
            draw_colorbar(ax, self.im_, label, shrink=0.9, ticks=ticks)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_frames(self, ax: Axes) -> None:
        """Frame each atom: the background of some is as light as the paper."""
        from matplotlib import rcParams
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle

        height, width = self.atoms.shape[2:]
        places = (divmod(place, self.n_columns_) for place in range(len(self.indices_)))
        frames = [
            Rectangle(
                (column * (width + self.gap_) - 0.5, row * (height + self.gap_) - 0.5),
                width, height,
            )
            for row, column in places
        ]  # fmt: skip
        style = {"facecolor": "none", "edgecolor": rcParams["text.color"], "alpha": 0.3}
        ax.add_collection(PatchCollection(frames, lw=0.6, **style), autolim=False)

    def _mosaic(self, lowest: float) -> np.ndarray:
        """Put the scaled atoms side by side; what lies between them is transparent."""
        images = self.atoms[self.indices_].astype(np.float64)
        images /= np.maximum(
            np.abs(images).max(axis=(1, 2, 3), keepdims=True), np.finfo(np.float64).tiny
        )
        n_channels, height, width = images.shape[1:]
        in_colours = n_channels == 3
        n_rows = -(-len(images) // self.n_columns_)
        down, right = height + self.gap_, width + self.gap_
        shape = (n_rows * down - self.gap_, self.n_columns_ * right - self.gap_)
        mosaic = np.full((*shape, 4), (1.0, 1, 1, 0)) if in_colours else np.full(shape, np.nan)
        for place, image in enumerate(images):
            row, column = divmod(place, self.n_columns_)
            cell = mosaic[row * down :, column * right :][:height, :width]
            if in_colours:
                cell[..., :3] = (image.transpose(1, 2, 0) - lowest) / (1 - lowest)
                cell[..., 3] = 1
            else:
                cell[:] = image.mean(axis=0)
        return mosaic

    def _caption(self) -> str:
        """Tell how many atoms are shown, and in which order."""
        n_shown, n_atoms = len(self.indices_), len(self.atoms)
        number = f"{n_atoms} atoms" if n_shown == n_atoms else f"{n_shown} of {n_atoms} atoms"
        if self.importances is None:
            return number
        if self.importance_name != "usage":
            return f"{number}, by {self.importance_name}, the largest first"
        first, last = self.importances[self.indices_[[0, -1]]]
        return f"{number}, the most used first: by {first:.0%} to {last:.0%} of the samples"


def _importances(estimator: Any, X: Any, atoms: np.ndarray, order: str) -> np.ndarray:
    """Return the usage or the variance of each atom in the codes of samples."""
    if order not in MEASURES:
        raise ValueError(f'order must be "usage", "variance", an array or None, got {order!r}.')
    if X is None:
        raise ValueError(f"order={order!r} needs samples: give X, or an array as order.")
    codes = to_numpy(estimator.transform(X))
    if codes.ndim != 2 or codes.shape[1] != len(atoms):
        raise ValueError(
            f"order={order!r} needs a code for each of the {len(atoms)} atoms, but "
            f"estimator.transform(X) has shape {codes.shape}: give an array as order."
        )
    if order == "usage":
        return (codes != 0).mean(axis=0)
    return codes.astype(np.float64).var(axis=0) * np.square(atoms.astype(np.float64)).sum(axis=1)


def _check_number(name: str, number: int | None) -> None:
    if number is None:
        return
    check_integer(name, number)
    if number < 1:
        raise ValueError(f"{name} must be at least 1 or None, got {number!r}.")
