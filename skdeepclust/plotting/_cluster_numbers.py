"""How a score depends on the number of clusters, for several representations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import metrics as sklearn_metrics
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.utils import check_consistent_length, column_or_1d

from skdeepclust import metrics
from skdeepclust._engine.sparse import is_sparse
from skdeepclust._inputs.counts import check_count
from skdeepclust.plotting._shared.canvas import line_style, new_axes, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ClusterNumberDisplay:
    """A score of clusterings against the number of clusters, one line for each representation.

    The number of clusters is rarely known: a good representation scores well whatever is
    chosen. Build it with `from_estimators`; its attributes are the data of the figure.

    Parameters
    ----------
    n_clusters : ndarray of shape (n_numbers,)
        Numbers of clusters.
    scores : dict of str to ndarray of shape (n_seeds, n_numbers)
        Scores of each representation.
    n_classes : int, default=None
        True number of classes; None: not shown.
    score_name : str, default="score"
        Name of the score.

    Attributes
    ----------
    lines_ : dict of str to matplotlib Line2D
        The mean scores of each representation.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    References
    ----------
    Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
    Labels. Under review at ICLR. Fig. 6.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.plotting import ClusterNumberDisplay
    >>> display = ClusterNumberDisplay(
    ...     n_clusters=np.array([5, 10]), scores={"pixels": np.array([[0.4, 0.5]])}
    ... )
    >>> display.scores["pixels"].shape
    (1, 2)
    """

    def __init__(
        self,
        *,
        n_clusters: np.ndarray,
        scores: Mapping[str, np.ndarray],
        n_classes: int | None = None,
        score_name: str = "score",
    ) -> None:
        self.n_clusters = n_clusters
        self.scores = scores
        self.n_classes = n_classes
        self.score_name = score_name

    @classmethod
    def from_estimators(
        cls,
        estimators: Any,
        X: Any,
        y: Any,
        *,
        n_clusters: Sequence[int] = range(5, 31, 5),
        clusterer: Any = None,
        score: str | Callable[[Any, Any], float] = "adjusted_mutual_info_score",
        random_state: int = 0,
        n_seeds: int = 1,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> ClusterNumberDisplay:
        """Cluster representations into several numbers of clusters, score and draw them.

        Parameters
        ----------
        estimators : dict of str to fitted estimator, or one of them
            Estimators with `transform`, under the names of their lines. An array of shape
            (n_samples, ...) may stand for an estimator, such as `X` itself as a reference.
        X : array-like of shape (n_samples, ...)
            Samples, as for `transform`.
        y : array-like of shape (n_samples,)
            True class of each sample.
        n_clusters : sequence of int, default=range(5, 31, 5)
            Numbers of clusters.
        clusterer : clusterer or pipeline, default=None
            With a parameter `n_clusters`; None is ``KMeans(n_init=10)``. Clones of it are
            fitted.
        score : str or callable, default="adjusted_mutual_info_score"
            Name of a function of :mod:`sklearn.metrics` or :mod:`skdeepclust.metrics`, or a
            ``function(labels_true, labels_pred)``. Under its name, a mutual information is
            normalised by the larger entropy (``average_method="max"``).
        random_state : int, default=0
            First seed of the clusterer.
        n_seeds : int, default=1
            Number of seeds: `random_state`, ``random_state + 1``, ...
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        ClusterNumberDisplay
            The display.

        Raises
        ------
        TypeError
            If an estimator has no `transform` and is no array either, or `random_state` is no
            integer.
        ValueError
            If there is no estimator, number of clusters or seed, `score` is unknown, the
            clusterer has no parameter `n_clusters`, or lengths differ.
        """
        numbers = _check_numbers(n_clusters, n_seeds, random_state)
        function, score_name = _find_score(score)
        clusterer = KMeans(n_init=10) if clusterer is None else clusterer
        settings = [_settings(clusterer, numbers, random_state + i) for i in range(n_seeds)]
        y = column_or_1d(to_numpy(y, "y"))
        embeddings = _embeddings(estimators, X, y)

        def score_of(embedding: Any, setting: dict[str, Any]) -> float:
            return function(y, clone(clusterer).set_params(**setting).fit_predict(embedding))

        display = cls(
            n_clusters=numbers,
            scores={
                name: np.array([[score_of(embedding, each) for each in row] for row in settings])
                for name, embedding in embeddings.items()
            },
            n_classes=len(np.unique(y)),
            score_name=score_name,
        )
        return display.plot(ax, **plot_options)

    def plot(self, ax: Axes | None = None) -> ClusterNumberDisplay:
        """Draw the mean of the seeds as a line, and their standard deviation as a band.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ClusterNumberDisplay
            This display, with `lines_`, `ax_` and `figure_` set.
        """
        ax = new_axes((5.4, 3.8)) if ax is None else ax
        from matplotlib import rcParams  # if it is missing, the line above says what to do

        order = np.argsort(self.n_clusters)
        numbers = np.asarray(self.n_clusters)[order]
        if self.n_classes is not None:
            ax.axvline(self.n_classes, color=rcParams["text.color"], ls="--", lw=1, alpha=0.5)
            ax.annotate(
                f"{self.n_classes} classes", (self.n_classes, 1), xytext=(0, 3), ha="center",
                xycoords=("data", "axes fraction"), textcoords="offset points",
                fontsize="small", alpha=0.6,
            )  # fmt: skip
        self.lines_ = {}
        for index, (name, scores) in enumerate(self.scores.items()):
            mean, spread = scores.mean(axis=0)[order], scores.std(axis=0)[order]
            style = line_style(index)
            (self.lines_[name],) = ax.plot(numbers, mean, ms=5, lw=1.6, label=name, **style)
            if len(scores) > 1:
                band = (mean - spread, mean + spread)
                ax.fill_between(numbers, *band, color=style["color"], alpha=0.2, lw=0)
        ax.set(xlabel="number of clusters", ylabel=self.score_name)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _check_numbers(n_clusters: Any, n_seeds: int, random_state: Any) -> np.ndarray:
    """Return the numbers of clusters as an array."""
    numbers = np.asarray(n_clusters)
    if numbers.ndim != 1 or not len(numbers) or numbers.dtype.kind not in "iu":
        raise ValueError(
            f"n_clusters must hold integers, such as range(5, 31, 5), got {n_clusters!r}."
        )
    check_count("n_seeds", n_seeds)
    if not isinstance(random_state, Integral):
        raise TypeError(f"random_state must be an integer, the first seed, got {random_state!r}.")
    return numbers


def _find_score(score: str | Callable[[Any, Any], float]) -> tuple[Callable[..., float], str]:
    """Return the score as a function, and its name for the axis."""
    if callable(score):
        return score, getattr(score, "__name__", "score").replace("_", " ")
    function = getattr(sklearn_metrics, score, None) or getattr(metrics, score, None)
    arguments = inspect.signature(function).parameters if callable(function) else {}
    if function is None or not score.endswith("_score") or "labels_true" not in arguments:
        raise ValueError(
            f"score must name a score of labels_true and labels_pred in sklearn.metrics or "
            f"skdeepclust.metrics, or be a function, got {score!r}."
        )
    name = score.replace("_", " ").replace("info score", "information")
    if "average_method" in arguments:
        return partial(function, average_method="max"), f"{name} (max)"
    return function, name


def _settings(clusterer: Any, numbers: np.ndarray, seed: int) -> list[dict[str, Any]]:
    """Give the parameters of the clusterer, or of steps in it, for each number of clusters."""
    names = clusterer.get_params()
    found = [name for name in names if name.split("__")[-1] == "n_clusters"]
    if len(found) != 1:
        raise ValueError(
            f"clusterer must have one parameter n_clusters, {clusterer!r} has {len(found)}: "
            "give another one, such as KMeans(), or a pipeline that ends with one."
        )
    seeds = {name: seed for name in names if name.split("__")[-1] == "random_state"}
    return [{found[0]: number, **seeds} for number in numbers.tolist()]


def _embeddings(estimators: Any, X: Any, y: np.ndarray) -> dict[str, Any]:
    """Embed the samples with each estimator."""
    if not isinstance(estimators, Mapping):
        is_array = hasattr(estimators, "shape") or isinstance(estimators, list)
        estimators = {"embedding" if is_array else type(estimators).__name__: estimators}
    if not estimators:
        raise ValueError("estimators is empty: give at least one, under the name of its line.")
    embeddings = {str(name): _embed(name, value, X) for name, value in estimators.items()}
    check_consistent_length(y, *embeddings.values())
    return embeddings


def _embed(name: str, estimator: Any, X: Any) -> Any:
    """Return the rows of an estimator's embedding, or of the array in its place."""
    # a data frame is an array, though it has a method `transform` of another meaning
    if hasattr(estimator, "transform") and not hasattr(estimator, "shape"):
        embedding = estimator.transform(X)
    elif hasattr(estimator, "get_params"):
        raise TypeError(
            f"estimators[{name!r}] has no transform ({estimator!r}): give an estimator that "
            "has one, or an array."
        )
    else:
        embedding = estimator
    if is_sparse(embedding):
        return embedding
    rows = to_numpy(embedding)
    return rows.reshape(len(rows), -1)
