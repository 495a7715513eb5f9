"""How scores depend on one parameter, as lines, or on two, as a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skdeepclust.plotting._shared.canvas import (
    color_of_text_on,
    draw_colorbar,
    line_style,
    new_axes,
    to_numpy,
    write_below,
)
from skdeepclust.plotting._shared.sweep_values import is_number, order_values, tabulate, write_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCALES = ("auto", "linear", "log", "symlog", "category")
MOST_NAMED_TICKS = 12
MOST_NAMED_CELLS = 144


class SweepDisplay:
    """Scores against the values of a parameter: mean and standard deviation of the repetitions.

    Scores that are NaN, such as those of a fit that failed, make the mean NaN: the line has a gap
    there, the heat map an empty cell. Build it with `from_estimator`,
    `from_cv_results` or `from_values`; its attributes are the data of the figure.

    Parameters
    ----------
    values : list, or pair of lists
        Values of the parameter, or of each of two parameters; numbers in ascending order.
    scores : dict of str to ndarray of shape (n_values, n_repeats)
        Scores of each line under its name. For two parameters one array of shape
        (n_first, n_second, n_repeats).
    param : str or (str, str), default="parameter"
        Name of the parameter; of two, the first is on the horizontal axis.
    score_name : str, default="score"
        Name of the score.
    legend_title : str, default=None
        What the names of the lines are values of.
    chosen_params : sequence of str, default=()
        Parameters whose best setting was taken at each value.

    Attributes
    ----------
    lines_ : dict of str to matplotlib Line2D
        The means of each line; empty for two parameters.
    im_ : matplotlib AxesImage
        The heat map of two parameters.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdeepclust.plotting import SweepDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> search = GridSearchCV(KMeans(random_state=0), {"n_clusters": [5, 10, 20]}, cv=3).fit(X)
    >>> display = SweepDisplay.from_cv_results(
    ...     search.cv_results_, "n_clusters", ax=Figure().subplots()
    ... )
    >>> display.values, display.scores["test score"].shape
    ([5, 10, 20], (3, 3))
    """

    def __init__(
        self,
        *,
        values: Any,
        scores: Mapping[str, np.ndarray],
        param: str | tuple[str, str] = "parameter",
        score_name: str = "score",
        legend_title: str | None = None,
        chosen_params: Sequence[str] = (),
    ) -> None:
        self.values = values
        self.scores = scores
        self.param = param
        self.score_name = score_name
        self.legend_title = legend_title
        self.chosen_params = chosen_params

    @classmethod
    def from_estimator(
        cls, estimator: Any, param: str | tuple[str, str], **options: Any
    ) -> SweepDisplay:
        """Draw the results of a fitted search over parameters.

        Parameters
        ----------
        estimator : fitted search
            Such as :class:`~sklearn.model_selection.GridSearchCV`, with `cv_results_`.
        param : str or (str, str)
            Parameter on the horizontal axis, or parameters on the horizontal and vertical axes of
            a heat map, as named in the grid.
        **options
            Passed to `from_cv_results`.

        Returns
        -------
        SweepDisplay
            The display.

        Raises
        ------
        ValueError
            If there is no such parameter or score, or the figure would need more than one heat
            map or several scores of several lines.
        """
        check_is_fitted(estimator)
        return cls.from_cv_results(estimator.cv_results_, param, **options)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Any,
        param: str | tuple[str, str],
        *,
        metric: str | Sequence[str] = "test_score",
        hue: str | None = None,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> SweepDisplay:
        """Draw the results of a search over parameters.

        Of the settings that agree in `param` and `hue`, the one with the best mean score is shown.
        This flatters parameters with many settings beside them, and is said below the figure.

        Parameters
        ----------
        cv_results : dict
            `cv_results_` of a :class:`~sklearn.model_selection.GridSearchCV` or another search.
        param : str or (str, str)
            Parameter on the horizontal axis, or parameters on the horizontal and vertical axes of
            a heat map, as named in the grid. Settings without it are left out.
        metric : str or sequence of str, default="test_score"
            Scores, a line each: "test_score" is what `cv_results` has under "mean_test_score". Of
            several, the first one chooses the best setting.
        hue : str, default=None
            Parameter each of whose values has a line of its own.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        SweepDisplay
            The display.

        Raises
        ------
        ValueError
            If there is no such parameter or score, or the figure would need more than one heat
            map or several scores of several lines.
        """
        metrics = [metric] if isinstance(metric, str) else list(metric)
        axes = (param,) if isinstance(param, str) else tuple(param)
        names = axes if hue is None else (*axes, hue)
        if len(axes) not in (1, 2) or len(set(names)) < len(names):
            raise ValueError(f"param and hue must name one or two parameters, got {names!r}.")
        if len(axes) + (hue is not None) + (len(metrics) > 1) > 2:
            raise ValueError(
                "a figure has room for two of: a second param, hue, several metrics; got "
                f"param={param!r}, hue={hue!r}, metric={metric!r}."
            )
        values, tables, chosen = tabulate(cv_results, names, metrics)
        scores = {_write_metric(name): table for name, table in zip(metrics, tables, strict=True)}
        score_name = next(iter(scores)) if len(scores) == 1 else "score"
        if hue is not None:
            lines = list(map(write_value, values[1]))
            if len(set(lines)) < len(lines):  # such as 1 and "1"
                lines = list(map(repr, values[1]))
            scores = {name: tables[0][:, i] for i, name in enumerate(lines)}
        display = cls(
            values=values[0] if len(axes) == 1 else tuple(values), scores=scores,
            param=axes[0] if len(axes) == 1 else axes, score_name=score_name,
            legend_title=hue, chosen_params=chosen,
        )  # fmt: skip
        return display.plot(ax, **plot_options)

    @classmethod
    def from_values(
        cls,
        values: Any,
        scores: Any,
        *,
        param: str | tuple[str, str] = "parameter",
        score_name: str = "score",
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> SweepDisplay:
        """Draw scores that were computed by hand.

        Parameters
        ----------
        values : array-like of shape (n_values,), or pair of array-likes
            Values of the parameter; if `param` names two, a pair of them.
        scores : array-like of shape (n_values, n_repeats) or (n_values,), or dict of them
            Scores of each value, in a dict under the names of the lines. For two parameters an
            array of shape (n_first, n_second, n_repeats) or (n_first, n_second).
        param : str or (str, str), default="parameter"
            Name of the parameter; of two, the first is on the horizontal axis.
        score_name : str, default="score"
            Name of the score.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        SweepDisplay
            The display.

        Raises
        ------
        ValueError
            If values are missing or occur twice, or `scores` has another shape.
        """
        axes = [values] if isinstance(param, str) else list(values)
        if len(axes) != (1 if isinstance(param, str) else len(param)) or len(axes) > 2:
            raise ValueError(f"values must hold those of each of {param!r}, got {len(axes)} lists.")
        axes = [axis.tolist() if hasattr(axis, "tolist") else list(axis) for axis in axes]
        orders = [order_values(axis) for axis in axes]
        if not all(axes) or list(map(len, orders)) != list(map(len, axes)):
            raise ValueError(
                f"values must be different ones, at least one, got {values!r}: repetitions are "
                "the last axis of scores."
            )
        curves = scores if isinstance(scores, Mapping) else {score_name: scores}
        if not curves or (len(axes) == 2 and len(curves) > 1):
            raise ValueError(f"scores must hold one array a figure or line, got {len(curves)}.")
        tables = {str(name): _check_scores(name, table, axes) for name, table in curves.items()}
        ordered = [[axis[i] for i in order] for axis, order in zip(axes, orders, strict=True)]
        display = cls(
            values=ordered[0] if len(axes) == 1 else tuple(ordered),
            scores={name: table[np.ix_(*orders)] for name, table in tables.items()},
            param=param if isinstance(param, str) else tuple(param), score_name=score_name,
        )  # fmt: skip
        return display.plot(ax, **plot_options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        xscale: str = "auto",
        cmap: Any = "viridis",
        colorbar: bool = True,
    ) -> SweepDisplay:
        """Draw lines with bands of one standard deviation, or the heat map of two parameters.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        xscale : str, default="auto"
            Scale of the values of one parameter: "linear", "log", "symlog" or "category", evenly
            spaced. "auto" takes "category" for what is no number, and for numbers "linear" or,
            where they grow by factors, "log" ("category" if 0 is among them).
        cmap : str or Colormap, default="viridis"
            Colour map of a heat map.
        colorbar : bool, default=True
            Whether to draw the scale of the colours of a heat map.

        Returns
        -------
        SweepDisplay
            This display, with `lines_`, `ax_`, `figure_` and, for two parameters, `im_` set.

        Raises
        ------
        ValueError
            If `xscale` is unknown or does not suit the values.
        """
        is_map = not isinstance(self.param, str)
        scale = "category" if is_map else _scale(self.values, xscale)
        if ax is None:
            ax = new_axes(self._map_size() if is_map else (5.4, 3.8))
        self.lines_ = {}
        if is_map:
            self._draw_map(ax, cmap, colorbar)
        else:
            self._draw_lines(ax, scale)
        if self.chosen_params:
            write_below(ax, f"each with the best {', '.join(self.chosen_params)}")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_lines(self, ax: Axes, scale: str) -> None:
        even = scale == "category"
        connected = all(map(is_number, self.values))
        places = np.arange(len(self.values)) if even else np.asarray(self.values, np.float64)
        for index, (name, scores) in enumerate(self.scores.items()):
            mean, spread = scores.mean(axis=1), scores.std(axis=1)
            style: dict[str, Any] = line_style(index) | ({} if connected else {"ls": "none"})
            shift = 0 if connected else 0.14 * (index - (len(self.scores) - 1) / 2)  # side by side
            (self.lines_[name],) = ax.plot(places + shift, mean, label=name, ms=5, lw=1.6, **style)
            if scores.shape[1] > 1 and connected:
                ax.fill_between(
                    places, mean - spread, mean + spread, color=style["color"], alpha=0.2, lw=0
                )
            elif scores.shape[1] > 1:
                ax.errorbar(
                    places + shift, mean, spread, ls="none", color=style["color"], capsize=3
                )
        self._name_values(ax, places, scale)
        ax.set(xlabel=self.param, ylabel=self.score_name)
        ax.spines[["top", "right"]].set_visible(False)
        if len(self.scores) > 1 or self.legend_title:
            small = {"fontsize": "small", "title_fontsize": "small"}
            ax.legend(title=self.legend_title, frameon=False, **small)

    def _name_values(self, ax: Axes, places: np.ndarray, scale: str) -> None:
        from matplotlib.ticker import MaxNLocator

        if scale != "category":
            ax.set_xscale(scale)
        if scale == "category" or (scale == "log" and len(places) <= MOST_NAMED_TICKS):
            ax.set_xticks(places, [write_value(value) for value in self.values])
            ax.set_xticks([], minor=True)
        elif scale == "linear" and all(isinstance(value, Integral) for value in self.values):
            ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        if scale == "category":
            ax.set_xlim(-0.5, len(places) - 0.5)

    def _draw_map(self, ax: Axes, cmap: Any, colorbar: bool) -> None:
        (scores,) = self.scores.values()
        mean = scores.mean(axis=2).T  # (n_second, n_first): rows from below to above
        self.im_ = ax.imshow(np.ma.masked_invalid(mean), cmap=cmap, origin="lower", aspect="auto")
        for set_ticks, axis in zip((ax.set_xticks, ax.set_yticks), self.values, strict=True):
            set_ticks(np.arange(len(axis)), [write_value(value) for value in axis])
        ax.tick_params(length=0)
        ax.set(xlabel=self.param[0], ylabel=self.param[1])
        ax.spines[:].set_visible(False)
        if mean.size <= MOST_NAMED_CELLS:
            self._name_cells(ax, mean, scores.std(axis=2).T if scores.shape[2] > 1 else None)
        if colorbar:
            draw_colorbar(ax, self.im_, self.score_name)

    def _name_cells(self, ax: Axes, mean: np.ndarray, spread: np.ndarray | None) -> None:
        """Write the mean, and the standard deviation, into each cell; the best in bold."""
        best = np.nanmax(mean) if np.isfinite(mean).any() else np.nan
        for (row, column), value in np.ndenumerate(mean):
            if np.isnan(value):
                continue
            text = f"{value:.2f}" if spread is None else f"{value:.2f}\n±{spread[row, column]:.2f}"
            ax.text(
                column, row, text, ha="center", va="center", fontsize="small",
                color=color_of_text_on(self.im_.to_rgba(value)),
                fontweight="bold" if value == best else "normal",
            )  # fmt: skip

    def _map_size(self) -> tuple[float, float]:
        first, second = (len(axis) for axis in self.values)
        return 0.62 * max(first, 4) + 2.2, 0.5 * max(second, 4) + 1.2


def _write_metric(name: str) -> str:
    is_score = name.startswith("test_") and name != "test_score"
    return (name.removeprefix("test_") if is_score else name).replace("_", " ")


def _scale(values: Sequence[Any], wanted: str) -> str:
    """Return the scale of the axis that suits the values of a parameter."""
    if wanted not in SCALES:
        raise ValueError(f"xscale must be one of {', '.join(SCALES)}, got {wanted!r}.")
    only_numbers = all(map(is_number, values))
    if not only_numbers and wanted not in ("auto", "category"):
        raise ValueError(f'xscale={wanted!r} needs numbers, got {values!r}: take "category".')
    if wanted == "log" and min(values) <= 0:
        raise ValueError(f'xscale="log" needs values above 0, got {values!r}: take "symlog".')
    if wanted != "auto" or not only_numbers:
        return "category" if wanted == "auto" else wanted
    positive = np.array([value for value in values if value > 0], np.float64)
    by_factors = len(positive) > 2 and positive[-1] / positive[0] >= 20
    if min(values) < 0 or not by_factors or _unevenness(positive) < _unevenness(np.log(positive)):
        return "linear"
    return "log" if len(positive) == len(values) else "category"


def _unevenness(places: np.ndarray) -> float:
    gaps = np.diff(places)
    return float(gaps.std() / gaps.mean())


def _check_scores(name: Any, scores: Any, axes: Sequence[Sequence[Any]]) -> np.ndarray:
    """Return scores with an axis of repetitions."""
    shape = tuple(map(len, axes))
    table = check_array(
        to_numpy(scores, "scores"), dtype=np.float64, ensure_2d=False, allow_nd=True,
        ensure_all_finite="allow-nan", ensure_min_samples=0, input_name="scores",
    )  # fmt: skip
    if table.shape == shape:
        table = table[..., None]
    if table.shape[:-1] != shape or not table.shape[-1]:
        raise ValueError(
            f"scores must have the shape ({', '.join(map(str, shape))}, n_repeats), that of "
            f"{name!r} is {table.shape}."
        )
    return table
