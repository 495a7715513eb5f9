"""Accuracy of the samples that are kept, against how many are."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array, check_scalar, column_or_1d
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skdeepclust.metrics import match_labels
from skdeepclust.plotting._shared.canvas import line_style, new_axes, to_numpy, write_below
from skdeepclust.plotting._shared.selection import at_last_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CoverageDisplay:
    r"""Accuracy of the most usual samples against the share that they are: coverage.

    With the samples in the order of falling scores, the curve is

    .. math:: A(k / n) = \frac{1}{k} \sum_{i \le k} [c_i = y_i], \quad k = 1, \ldots, n,

    where clusters are matched with classes once, on all samples. It falls where scores tell who is
    in the wrong cluster; where they don't it is flat. Samples of equal scores are kept or refused
    together.

    Build it with `from_estimator` or `from_predictions`; its attributes are the data of the figure.

    Parameters
    ----------
    coverage : ndarray of shape (n_points,)
        Share of the samples that are kept, rising.
    accuracy : ndarray of shape (n_points,)
        Share of those that are in the cluster matched with their class.
    kept : float, default=None
        Coverage at the threshold of an estimator.
    name : str, default=None
        Name of the curve.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The curve.
    kept_ : matplotlib Line2D or None
        Where the estimator's threshold is.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    See Also
    --------
    skdeepclust.meta.OpenSetClusterer : Scores samples by whether they belong anywhere.

    References
    ----------
    R. El-Yaniv, Y. Wiener (2010). On the Foundations of Noise-free Selective Classification.
    JMLR 11. Coverage and risk.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from skdeepclust.plotting import CoverageDisplay
    >>> display = CoverageDisplay.from_predictions(
    ...     ["a", "a", "b", "b"], [1, 1, 0, 1], [0.9, 0.8, 0.7, 0.1], ax=Figure().subplots()
    ... )
    >>> display.coverage, display.accuracy
    (array([0.25, 0.5 , 0.75, 1.  ]), array([1.  , 1.  , 1.  , 0.75]))
    """

    def __init__(
        self,
        *,
        coverage: np.ndarray,
        accuracy: np.ndarray,
        kept: float | None = None,
        name: str | None = None,
    ) -> None:
        self.coverage = coverage
        self.accuracy = accuracy
        self.kept = kept
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        name: str | None = None,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> CoverageDisplay:
        """Draw the curve of an estimator that scores samples.

        Parameters
        ----------
        estimator : fitted estimator or pipeline
            With `predict` and `score_samples`, such as an `OpenSetClusterer`, whose clusters
            without a refusal are taken; otherwise with `predict_proba`, whose largest probability
            is the score.
        X : array-like of shape (n_samples, ...)
            Samples, as for `estimator.predict`.
        y : array-like of shape (n_samples,)
            Class of each sample.
        name : str, default=None
            Name of the curve; None: that of the estimator's class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure. Curves of several estimators may share one.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        CoverageDisplay
            The display.

        Raises
        ------
        TypeError
            If the estimator has no `predict`, or nothing scores the samples.
        """
        check_is_fitted(estimator)
        last, X = at_last_step(estimator, X)
        if not hasattr(last, "predict"):
            raise TypeError(
                f"estimator must have predict, {last!r} has none: give labels and scores to "
                "from_predictions."
            )
        labels, kept = to_numpy(last.predict(X)), None
        if hasattr(last, "score_samples"):
            scores = to_numpy(last.score_samples(X))
        elif hasattr(last, "predict_proba"):
            scores = to_numpy(last.predict_proba(X)).max(axis=1)
        else:
            raise TypeError(
                f"estimator must have score_samples or predict_proba, {last!r} has neither: put an "
                "OpenSetClusterer around it, or give scores to from_predictions."
            )
        if labels.min(initial=0) < 0 and hasattr(last, "estimator_"):
            kept = float((labels >= 0).mean())
            labels = to_numpy(last.estimator_.predict(X))
        name = type(last).__name__ if name is None else name
        return cls.from_predictions(y, labels, scores, kept=kept, name=name, ax=ax, **plot_options)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        labels: Any,
        scores: Any,
        *,
        kept: float | None = None,
        name: str | None = None,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> CoverageDisplay:
        """Draw the curve of labels and scores.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Class of each sample.
        labels : array-like of shape (n_samples,)
            Cluster of each sample, also of those that would be refused.
        scores : array-like of shape (n_samples,)
            How usual each sample is, or how sure its cluster; the highest are kept longest.
        kept : float, default=None
            Coverage to mark, such as that of a threshold.
        name : str, default=None
            Name of the curve.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        CoverageDisplay
            The display.

        Raises
        ------
        ValueError
            If lengths differ, a score isn't finite, or `kept` isn't from 0 to 1.
        TypeError
            If `kept` isn't a number.
        """
        if kept is not None:
            if np.ndim(kept) == 0:  # the mean of a tensor is no float
                kept = to_numpy(kept, "kept").item()
            check_scalar(kept, "kept", Real, min_val=0, max_val=1)
            if math.isnan(kept):  # which no bound refuses
                raise ValueError("kept == nan, must be from 0 to 1.")
        true, labels = (
            column_or_1d(to_numpy(values, called))
            for called, values in (("y_true", y_true), ("labels", labels))
        )
        scores = check_array(to_numpy(scores, "scores"), ensure_2d=False, input_name="scores")
        scores = column_or_1d(scores).astype(np.float64)  # others have no negative
        check_consistent_length(true, labels, scores)
        order = np.argsort(-scores, kind="stable")
        is_right = (match_labels(true, labels) == true)[order]
        last = np.append(np.diff(scores[order]) != 0, True)  # of equal scores
        counts = np.arange(1, len(scores) + 1)
        display = cls(
            coverage=counts[last] / len(scores),
            accuracy=(np.cumsum(is_right) / counts)[last],
            kept=kept,
            name=name,
        )
        return display.plot(ax, **plot_options)

    def plot(self, ax: Axes | None = None, **line_options: Any) -> CoverageDisplay:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **line_options
            Passed to `ax.plot`, such as `color`.

        Returns
        -------
        CoverageDisplay
            This display, with `line_`, `kept_`, `ax_` and `figure_` set.
        """
        if ax is None:
            ax = new_axes((4.4, 3.4))
        style: dict[str, Any] = {"label": self.name, "lw": 1.8}
        style["color"] = line_style(_number_of_curves(ax))["color"]
        (self.line_,) = ax.plot(self.coverage, self.accuracy, **style | line_options)
        self.kept_ = None
        if self.kept is not None:
            at = float(np.interp(self.kept, self.coverage, self.accuracy))
            (self.kept_,) = ax.plot([self.kept], [at], "o", color=self.line_.get_color())
        ax.set(xlabel="coverage", ylabel="accuracy", xlim=(0, 1.01))
        ax.spines[["top", "right"]].set_visible(False)
        if _number_of_curves(ax):
            ax.legend(frameon=False, fontsize="small", loc="lower left")
        write_below(ax, f"accuracy {self.accuracy[-1]:.1%} of all samples")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _number_of_curves(ax: Axes) -> int:
    """Count the lines that have a name."""
    return sum(not str(line.get_label()).startswith("_") for line in ax.get_lines())
