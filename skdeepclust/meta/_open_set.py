"""What belongs to no cluster: samples far from those of the fit, by a conformal threshold."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.validation import check_is_fitted

from skdeepclust._compat import Interval, RealNotInt, fit_context
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._engine.rng import draw_seed
from skdeepclust._engine.whole_fits import all_or_nothing
from skdeepclust._inputs.values import users_stacklevel
from skdeepclust.meta._base import (
    BaseMetaClusterer,
    indexed,
    like_known,
    metadata_of_rows,
    some_rows,
)
from skdeepclust.meta._novel import rank_of


class OpenSetClusterer(BaseMetaClusterer):
    r"""A clusterer that gives -1 to samples which belong to none of its clusters.

    How usual a sample x with the embedding z is, is minus the mean distance to its k nearest
    neighbours among the m samples that the clusterer was fitted on,

    .. math:: s(x) = -\frac{1}{k} \sum_{j \in N_k(z)} \|z - z_j\|,

    and x gets the label -1 if :math:`s(x) < t`. The threshold t is the
    :math:`\lfloor \alpha (c + 1) \rfloor`-th smallest score of c samples that were held back from
    the fit. As these and a new sample of the same kind are exchangeable, a new one is refused with
    a probability of at most :math:`\alpha`, whatever the clusterer and its embedding.

    Parameters
    ----------
    estimator : estimator
        Clusterer with `fit` and `predict`, or a pipeline that ends in one. A copy of it is fitted.
    contamination : float, default=0.05
        The share :math:`\alpha` of samples like those of the fit that may be refused, in (0, 0.5].
    n_neighbors : int, default=5
        Number of neighbours k.
    calibration : float or None, default=0.2
        Share of the samples that is held back from the fit for the threshold, in (0, 1); of the
        rest the clusters are made. None fits on all samples and takes the scores that these have
        among each other: clusters lose no sample, but there is no guarantee, because an embedding
        brings those it was trained on closer together than new ones.
    embedding : {"auto", "input", "transform"} or callable, default="auto"
        Where distances are measured. "auto" is `estimator.transform(X)`, for a pipeline that of
        its last step. A last step without `transform`, such as GaussianMixture, or whose
        `transform` gives distances to centres, such as KMeans, has no embedding of its own: what
        enters it is taken, X itself if it stands alone. "input" is always what enters the last
        step, "transform" always `estimator.transform(X)`; a function is called with the fitted
        estimator and X.
    random_state : int, RandomState instance or None, default=None
        Draws the samples that are held back, and sets each `random_state` of `estimator`. None
        leaves those as they are.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clusterer.
    offset_ : float
        The threshold t; minus infinity if there are too few samples for one.
    calibration_indices_ : ndarray of int of shape (n_calibration_samples,)
        The samples that were held back; empty if `calibration` is None.
    calibration_scores_ : ndarray of shape (n_calibration_samples,)
        Their scores, or those of all samples among each other if `calibration` is None.
    neighbors_ : NearestNeighbors
        Finds neighbours in the embedding of the samples of the fit.
    labels_ : ndarray of int of shape (n_samples,)
        What `predict` gives of the training samples. Each of those that the clusterer was fitted
        on is a neighbour of its own, so that few of them are refused.
    n_features_in_ : int
        Number of features, if `estimator` counts them.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    skdeepclust.plotting.CoverageDisplay : Draws the accuracy of those that are kept against the
        share that they are.
    sklearn.neighbors.LocalOutlierFactor : Compares with the distances of the neighbours, in the
        input.

    Notes
    -----
    Beside the fit, the cost is that of one search for neighbours of the samples that were held
    back. A guarantee for :math:`\alpha` asks for at least :math:`1 / \alpha - 1` of them.

    References
    ----------
    V. Vovk, A. Gammerman, G. Shafer (2005). Algorithmic Learning in a Random World. Springer.
    Section 4.1, inductive conformal predictors.

    S. Bates, E. Candès, L. Lei, Y. Romano, M. Sesia (2023). Testing for outliers with conformal
    p-values. Annals of Statistics 51. Section 2.1.

    F. Angiulli, C. Pizzuti (2002). Fast Outlier Detection in High Dimensional Spaces. PKDD.
    The sum of the distances to k neighbours as a score.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeepclust.meta import OpenSetClusterer
    >>> X, y = load_digits(return_X_y=True)
    >>> usual, new = X[y != 0], X[y == 0]
    >>> clusterer = make_pipeline(PCA(20), KMeans(9))
    >>> clusterer = OpenSetClusterer(clusterer, random_state=0).fit(usual)
    >>> float((clusterer.predict(new) == -1).mean()) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseMetaClusterer._parameter_constraints,
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "calibration": [Interval(RealNotInt, 0, 1, closed="neither"), None],
    }

    offset_: float
    calibration_indices_: np.ndarray
    calibration_scores_: np.ndarray
    neighbors_: NearestNeighbors

    def __init__(
        self,
        estimator: Any,
        *,
        contamination: float = 0.05,
        n_neighbors: int = 5,
        calibration: float | None = 0.2,
        embedding: str | Callable[[Any, Any], Any] = "auto",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.contamination = contamination
        self.n_neighbors = n_neighbors
        self.calibration = calibration
        self.embedding = embedding
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    @all_or_nothing
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit the clusterer on a part of X, and find the threshold by the rest.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples, in any form that `estimator` takes.
        y : array-like of shape (n_samples,), default=None
            What `estimator` takes as y.
        **params : dict
            Metadata for the `fit` of `estimator`, such as `sample_weight`.

        Returns
        -------
        self : object
            The fitted estimator.

        Warns
        -----
        UserWarning
            If there are too few samples for a threshold; then none is refused.
        """
        seed = self._seed()
        params = self._metadata(params)
        rows, y, n_samples = indexed(X, y)
        kept, held = self._split(n_samples, draw_seed(seed))
        if len(held):
            params = metadata_of_rows(rows, params, kept)
            self._fit_on(some_rows(rows, kept), some_rows(y, kept), seed, params)
            self.calibration_scores_ = self.score_samples(some_rows(rows, held))
        else:
            self._fit_on(X, y, seed, params)
            self.calibration_scores_ = self._scores(None)
        self.calibration_indices_ = held
        self.offset_ = self._threshold(np.sort(self.calibration_scores_))
        self.labels_ = self.predict(X)
        return self

    def _split(self, n_samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw the samples of the fit and those that are held back, both in their order."""
        if self.calibration is None:
            return np.arange(n_samples), np.arange(0)
        n_held = math.ceil(self.calibration * n_samples)
        if not 0 < n_held < n_samples:
            raise ValueError(
                f"n_samples={n_samples}, of which calibration={self.calibration} leaves none for "
                "the fit or for the threshold; give more samples, or set calibration=None."
            )
        order = np.random.default_rng(seed).permutation(n_samples)
        return np.sort(order[n_held:]), np.sort(order[:n_held])

    def _fit_on(self, X, y, seed: int | None, params: dict[str, Any]) -> None:
        """Fit the clusterer, and look up the embedding of its samples."""
        embedding = self._fit_inside(X, y, params, seed)
        # a sample isn't a neighbour of its own
        n_others = embedding.shape[0] - (self.calibration is None)
        if n_others < 1:
            raise ValueError("n_samples=1, but a sample has to have a neighbor; give at least 2.")
        with plain_arrays():
            search = NearestNeighbors(n_neighbors=min(self.n_neighbors, n_others))
            self.neighbors_ = search.fit(embedding)

    def _threshold(self, scores: np.ndarray) -> float:
        """Return the score below which at most the share `contamination` lies."""
        rank = rank_of(self.contamination, len(scores))
        if rank > 0:
            return float(scores[rank - 1])
        n_least = math.ceil(round(1 / self.contamination - 1, 9))
        warnings.warn(
            f"contamination={self.contamination} asks for {n_least} samples for the threshold, "
            f"but calibration={self.calibration} leaves {len(scores)}: no sample will be refused. "
            "Raise calibration or contamination, or give more samples.",
            UserWarning,
            stacklevel=users_stacklevel(),
        )
        return -math.inf

    def _scores(self, embedding: Any) -> np.ndarray:
        with plain_arrays():
            distances, _ = self.neighbors_.kneighbors(like_known(embedding, self.neighbors_))
        return -distances.mean(axis=1, dtype=np.float64)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return how usual samples are: minus the mean distance to their nearest neighbours.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            At most 0; the higher, the more usual.
        """
        check_is_fitted(self)
        return self._scores(self._embedding_of(X))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return by how much the score is above the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            `score_samples(X) - offset_`, negative for samples that are refused.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return the cluster of each sample, or -1 if it belongs to none.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            Index of the cluster, or -1.
        """
        # not by their difference: of -inf and -inf that is no number
        is_usual = self.score_samples(X) >= self.offset_
        return np.where(is_usual, self._labels(self.estimator_, X), -1)
