"""Samples that come in parts: clusters keep their numbers, and a report says what has drifted."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.metadata_routing import MetadataRouter
from sklearn.utils.validation import check_is_fitted

from skdeepclust._compat import Interval, RealNotInt, fit_context, samples_of
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._engine.rng import draw_seed
from skdeepclust._engine.whole_fits import all_or_nothing
from skdeepclust.meta._base import BaseMetaClusterer, Embedding, like_known, spread_of
from skdeepclust.meta._drift import Changes, DriftReport, carried, transitions
from skdeepclust.meta._novel import clusters_of_refused, novelty_p_value
from skdeepclust.meta._open_set import OpenSetClusterer
from skdeepclust.meta._reference import Known, known_from


class StreamClusterer(BaseMetaClusterer):
    r"""A clusterer of samples that come in parts, whose clusters keep their numbers.

    `partial_fit` leaves the clusters where they are, and asks whether a part has samples of new
    kinds. A sample is refused as :class:`~skdeepclust.meta.OpenSetClusterer` does: if it lies
    farther from its nearest neighbours than the threshold, which c samples of the fit have made
    that were held back. As long as all kinds are known, the number R of m new samples that are
    refused is beta-binomial,

    .. math:: P(R \ge n) = \sum_{i \ge n} \binom{m}{i}
              \frac{B(i + r, m - i + c + 1 - r)}{B(r, c + 1 - r)}, \qquad
              r = \lfloor \alpha (c + 1) \rfloor.

    If that is below `significance`, the refused samples are clustered. Left out is what lies at a
    border of what is known: whoever has most of the k nearest neighbours among known samples. Of
    the others a cluster is what is connected at the distance of the threshold (DBSCAN), cut where
    HDBSCAN cuts it into parts with 70 % of the samples, and has at least `min_cluster_size`
    samples. It gets a number that no cluster has had.

    `fit` with a `reference` makes clusters anew and brings them to the numbers of the reference:
    with :math:`o_{ab}` the samples of the new cluster a that the reference puts into b, and doesn't
    refuse, the one-to-one matching with the largest sum, found by the Hungarian method, among pairs
    of a Jaccard index :math:`o_{ab} / (n_a + n_b - o_{ab})` of at least `min_overlap`. Clusters
    without a partner get numbers that none has had, and those of the reference without one keep
    theirs to themselves.

    Parameters
    ----------
    estimator : estimator
        Clusterer with `fit` and `predict`, or a pipeline that ends in one. A copy of it is fitted.
    contamination : float, default=0.05
        The share :math:`\alpha` of samples of known kinds that may be refused, in (0, 0.5].
    n_neighbors : int, default=5
        Number of neighbours k.
    calibration : float, default=0.2
        Share of the samples of `fit` that is held back for the threshold, in (0, 1).
    significance : float, default=0.01
        How improbable as many refused samples have to be before new clusters are looked for, in
        (0, 1).
    min_cluster_size : int, default=20
        Least number of samples of a new cluster.
    min_overlap : float, default=0.3
        Least Jaccard index, in [0, 1], with which a cluster of `fit` takes the number of one of the
        reference: a part of a third of it does, or what was merged of three.
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
    open_set_ : OpenSetClusterer
        Around it: tells which samples belong nowhere.
    numbers_ : ndarray of int of shape (n_clusters,)
        Numbers of the clusters: first of those of `estimator_`, then of those found in parts.
    shares_ : ndarray of shape (n_clusters,)
        Share of the last samples that each of them has.
    n_numbers_ : int
        How many numbers have been given: the next new cluster gets this one.
    report_ : DriftReport or None
        What the last call has found; None after a fit without a reference.
    labels_ : ndarray of int of shape (n_samples,)
        Number of the cluster of each sample of the last call.
    n_features_in_ : int
        Number of features, if `estimator` counts them.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    skdeepclust.meta.OpenSetClusterer : Refuses samples that belong nowhere, for which this one has
        a number, too.
    skdeepclust.plotting.DriftDisplay : Draws its report.

    Notes
    -----
    A part costs one run through `estimator_` and one search for neighbours. What is known grows by
    the embedding of new clusters alone; no sample is kept. In a pipeline the steps before this one
    are fitted anew, so that a reference sees other samples: put them inside, as in
    ``StreamClusterer(make_pipeline(StandardScaler(), KMeans(8)))``.

    References
    ----------
    M. Spiliopoulou, I. Ntoutsi, Y. Theodoridis, R. Schult (2006). MONIC: Modeling and Monitoring
    Cluster Transitions. KDD. Section 3, transitions by what clusters have in common.

    H. W. Kuhn (1955). The Hungarian method for the assignment problem. Naval Research Logistics
    Quarterly 2.

    S. Bates, E. Candès, L. Lei, Y. Romano, M. Sesia (2023). Testing for outliers with conformal
    p-values. Annals of Statistics 51. The threshold; the number refused follows from its ranks.

    M. Ester, H.-P. Kriegel, J. Sander, X. Xu (1996). A density-based algorithm for discovering
    clusters in large spatial databases with noise. KDD. DBSCAN.

    R. Campello, D. Moulavi, J. Sander (2013). Density-Based Clustering Based on Hierarchical
    Density Estimates. PAKDD. HDBSCAN.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepclust.meta import StreamClusterer
    >>> X, y = make_blobs(900, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> stream = StreamClusterer(KMeans(2, random_state=0), random_state=0)
    >>> stream = stream.partial_fit(X[y < 2])
    >>> stream.numbers_
    array([0, 1])
    >>> before = stream.predict(X[y < 2])
    >>> stream = stream.partial_fit(X[:300])
    >>> stream.report_.new
    (2,)
    >>> bool(np.all(stream.predict(X[y < 2]) == before))
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseMetaClusterer._parameter_constraints,
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "calibration": [Interval(RealNotInt, 0, 1, closed="neither")],
        "significance": [Interval(Real, 0, 1, closed="neither")],
        "min_cluster_size": [Interval(Integral, 1, None, closed="left")],
        "min_overlap": [Interval(Real, 0, 1, closed="both")],
    }

    open_set_: OpenSetClusterer
    numbers_: np.ndarray
    shares_: np.ndarray
    n_numbers_: int
    report_: DriftReport | None

    def __init__(
        self,
        estimator: Any,
        *,
        contamination: float = 0.05,
        n_neighbors: int = 5,
        calibration: float = 0.2,
        significance: float = 0.01,
        min_cluster_size: int = 20,
        min_overlap: float = 0.3,
        embedding: str | Callable[[Any, Any], Any] = "auto",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.contamination = contamination
        self.n_neighbors = n_neighbors
        self.calibration = calibration
        self.significance = significance
        self.min_cluster_size = min_cluster_size
        self.min_overlap = min_overlap
        self.embedding = embedding
        self.random_state = random_state

    # ---------------------------------------------------------------- fits
    @fit_context(prefer_skip_nested_validation=False)
    @all_or_nothing
    def fit(self, X: Any, y: Any = None, reference: Any = None, **params: Any) -> Self:
        """Make clusters anew, with the numbers of a reference where they are the same.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples, in any form that `estimator` takes.
        y : array-like of shape (n_samples,), default=None
            What `estimator` takes as y.
        reference : fitted clusterer, or array-like of int of shape (n_samples,), default=None
            Whose numbers clusters keep. A clusterer is asked for those of X; this one, as it was
            fitted before, also knows what belongs nowhere. An array has an earlier number of each
            sample, or -1 where a sample is new and says nothing. None begins anew.
        **params : dict
            Metadata for the `fit` of `estimator`, such as `sample_weight`.

        Returns
        -------
        self : object
            The fitted estimator.

        Warns
        -----
        UserWarning
            If there are too few samples for a threshold; then no part has new clusters.
        """
        known = None if reference is None else known_from(reference, X)
        options = ("contamination", "n_neighbors", "calibration", "embedding", "random_state")
        own = {name: getattr(self, name) for name in options}
        self.open_set_ = OpenSetClusterer(self.estimator, **own)
        self.open_set_.fit(X, y, **self._metadata(params))
        self.estimator_ = self.open_set_.estimator_
        self._n_features_out = self.open_set_._n_features_out
        self._take_names(self.estimator_)
        labels = self._clusters(self.estimator_, X)
        self._of_estimator, places = np.unique(labels, return_inverse=True)
        self._found_in_parts = np.full(self.open_set_.neighbors_.n_samples_fit_, -1)
        self.numbers_, self.n_numbers_ = self._of_estimator.copy(), int(labels.max()) + 1
        changes: tuple[Changes, Changes] = {}, {}
        if known is not None:
            changes = self._carry(known, places)
        self.labels_ = self.numbers_[places]
        self._forget()
        self._look_at(self._embedding_of(X))
        self.report_ = None if known is None else self._report(known, *changes)
        return self

    def _carry(self, known: Known, places: np.ndarray) -> tuple[Changes, Changes]:
        """Give the clusters of a fit numbers, old ones where they are the same."""
        n_clusters = len(self._of_estimator)
        common = known.is_common
        inside = common if known.is_refused is None else common & ~known.is_refused
        overlap = np.zeros((n_clusters, len(known.numbers)), dtype=int)
        for column, number in enumerate(known.numbers):
            own = places[inside & (known.labels == number)]
            overlap[:, column] = np.bincount(own, minlength=n_clusters)
        sizes = np.bincount(places[common], minlength=n_clusters), overlap.sum(axis=0)
        columns = carried(overlap, *sizes, self.min_overlap)
        is_new = columns < 0
        self.numbers_ = np.zeros(n_clusters, dtype=np.intp)
        self.numbers_[~is_new] = known.numbers[columns[~is_new]]
        self.numbers_[is_new] = known.n_numbers + np.arange(is_new.sum())
        self.n_numbers_ = known.n_numbers + int(is_new.sum())
        return transitions(overlap, *sizes, self.numbers_, known.numbers)

    @fit_context(prefer_skip_nested_validation=False)
    @all_or_nothing
    def partial_fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Take up the next part of the samples: find clusters that are new in it.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            The part, in any form that `estimator` takes. The first one is given to `fit`.
        y : array-like of shape (n_samples,), default=None
            What `estimator` takes as y; ignored but for the first part.
        **params : dict
            Metadata for the `fit` of `estimator`; ignored but for the first part.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if not hasattr(self, "open_set_"):
            return self.fit(X, y, **params)
        self._validate_params()  # which scikit-learn does of a first part alone
        known = self._known_of(X)
        labels = known.labels
        if known.p_value < self.significance:
            self._find_clusters(known.embedding, known.is_refused)
            labels = self._numbers_of(X, known.embedding)
        self.labels_ = labels
        self._look_at(known.embedding)
        self.report_ = self._report(known, {}, {})
        return self

    def _find_clusters(self, embedding: Embedding, is_refused: Any) -> None:
        """Give clusters of refused samples new numbers, and know their samples from now on."""
        rows = np.flatnonzero(is_refused)
        search, radius = self.open_set_.neighbors_, -self.open_set_.offset_
        with plain_arrays():
            to_known, _ = search.kneighbors(embedding[rows])
        found = clusters_of_refused(embedding[rows], to_known, radius, self.min_cluster_size)
        rows, found = rows[found >= 0], found[found >= 0]
        if len(rows) == 0:
            return
        numbers = self.n_numbers_ + np.arange(found.max() + 1)
        is_held = _held(found, self.calibration, draw_seed(self.random_state))
        points, kept = embedding[rows], ~is_held
        self.open_set_ = _grown(self.open_set_, points[kept], points[is_held])
        self._found_in_parts = np.append(self._found_in_parts, numbers[found[kept]])
        self.numbers_ = np.append(self.numbers_, numbers)
        self.n_numbers_ += len(numbers)

    # ---------------------------------------------------------------- what is known
    def _searched(self, X: Any) -> Embedding:
        """Return the embedding of samples as that of the known ones is, whatever X was then."""
        return like_known(self._embedding_of(X), self.open_set_.neighbors_)

    def _known_of(self, X: Any) -> Known:
        """Return what the clusters, as they are, say of samples."""
        check_is_fitted(self)
        embedding = self._searched(X)
        is_refused = self.open_set_._scores(embedding) < self.open_set_.offset_
        return Known(
            labels=self._numbers_of(X, embedding),
            is_common=np.ones(len(is_refused), bool),
            numbers=self.numbers_,
            n_numbers=self.n_numbers_,
            shares=self.shares_,
            centers=self._centers,
            spreads=self._spreads,
            embedding=embedding,
            is_refused=is_refused,
            contamination=self.open_set_.contamination,
            p_value=novelty_p_value(
                int(is_refused.sum()),
                len(is_refused),
                len(self.open_set_.calibration_scores_),
                self.open_set_.contamination,
            ),
        )

    def _forget(self) -> None:
        """Know no means of clusters: those of another fit lie elsewhere."""
        shape = (len(self.numbers_), self._n_features_out)
        self._centers, self._spreads = np.full(shape, np.nan), np.full(shape[0], np.nan)

    def _look_at(self, embedding: Any) -> None:
        """Keep shares, means and spreads of the samples of `labels_`; of no sample, the old."""
        n_more = len(self.numbers_) - len(self._centers)
        centers = np.pad(self._centers, [(0, n_more), (0, 0)], constant_values=np.nan)
        spreads = np.pad(self._spreads, (0, n_more), constant_values=np.nan)
        counts = np.zeros(len(self.numbers_))
        for place, number in enumerate(self.numbers_):
            own = embedding[np.flatnonzero(self.labels_ == number)]
            counts[place] = own.shape[0]
            if own.shape[0]:
                centers[place] = np.asarray(own.mean(axis=0)).ravel()
                # one sample has none
                if own.shape[0] > 1 or np.isnan(spreads[place]):
                    spreads[place] = spread_of(own)
        self._centers, self._spreads = centers, spreads
        self.shares_ = counts / max(counts.sum(), 1)

    def _report(self, known: Known, split: Changes, merged: Changes) -> DriftReport:
        """Compare what is now with what was known before."""
        numbers = np.union1d(known.numbers, self.numbers_)
        shares_before, shares = np.zeros(len(numbers)), np.zeros(len(numbers))
        shares_before[np.searchsorted(numbers, known.numbers)] = known.shares
        shares[np.searchsorted(numbers, self.numbers_)] = self.shares_
        n_samples = len(self.labels_)
        lost = (shares == 0) & (shares_before > 0)
        # among so many samples some had to be of it
        lost &= (1 - shares_before) ** n_samples < self.significance
        refused = known.is_refused
        return DriftReport(
            n_samples=n_samples,
            numbers=numbers,
            shares_before=shares_before,
            shares=shares,
            shifts=self._shifts(known, numbers),
            novelty=math.nan if refused is None else float(refused.mean()),
            split=split,
            merged=merged,
            new=tuple(numbers[numbers >= known.n_numbers].tolist()),
            gone=tuple(numbers[lost | ~np.isin(numbers, self.numbers_)].tolist()),
            contamination=known.contamination,
            p_value=known.p_value,
        )

    def _shifts(self, known: Known, numbers: np.ndarray) -> np.ndarray:
        """Return how far means have moved in the old embedding, in units of spreads."""
        shifts = np.full(len(numbers), np.nan)
        if known.embedding is None or known.centers is None or known.spreads is None:
            return shifts
        places = np.searchsorted(numbers, known.numbers)
        for place, center, spread in zip(places, known.centers, known.spreads, strict=True):
            own = known.embedding[np.flatnonzero(self.labels_ == numbers[place])]
            if own.shape[0]:
                mean = np.asarray(own.mean(axis=0)).ravel()
                shifts[place] = np.linalg.norm(mean - center) / spread
        return shifts

    # ---------------------------------------------------------------- answers
    def _numbers_of(self, X: Any, embedding: Any) -> np.ndarray:
        """Return the number of the cluster of each sample."""
        n_own = len(self._of_estimator)
        places = self._places(X, self._of_estimator, self._centers[:n_own])
        numbers, found = self.numbers_[places], self.numbers_[n_own:]
        if len(found):
            with plain_arrays():
                near = self.open_set_.neighbors_.kneighbors(embedding, return_distance=False)
            votes = (self._found_in_parts[near][:, :, None] == found).sum(axis=1)
            won = votes.sum(axis=1) > near.shape[1] / 2
            numbers[won] = found[votes[won].argmax(axis=1)]
        return numbers

    def predict(self, X: Any) -> np.ndarray:
        """Return the number of the cluster of each sample.

        It is that of `estimator_`, unless most of the nearest neighbours are in clusters that were
        found in parts.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            Number of the cluster.
        """
        check_is_fitted(self)
        return self._numbers_of(X, self._searched(X))

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
        return self.open_set_._scores(self._embedding_of(X))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return by how much the score is above the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            Negative for samples that belong nowhere.
        """
        return self.score_samples(X) - self.open_set_.offset_

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell who gets which metadata: `fit` itself a reference, that of `estimator` its own.

        Returns
        -------
        MetadataRouter
            As scikit-learn's user guide explains.
        """
        return super().get_metadata_routing().add_self_request(self)


def _held(found: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Draw the samples of new clusters that are held back; of each cluster some are left."""
    rng, is_held = np.random.default_rng(seed), np.zeros(len(found), dtype=bool)
    for cluster in range(found.max() + 1):
        own = rng.permutation(np.flatnonzero(found == cluster))
        is_held[own[: int(share * len(own))]] = True
    return is_held


def _grown(open_set: OpenSetClusterer, members: Embedding, held: Embedding) -> OpenSetClusterer:
    """Return what also knows the samples of new clusters, of which some were held back."""
    grown = copy.copy(open_set)
    search = open_set.neighbors_
    is_sparse = sparse.issparse(members)
    stack = sparse.vstack if is_sparse else np.vstack
    with plain_arrays():
        known = stack([samples_of(search), members])
        grown.neighbors_ = NearestNeighbors(n_neighbors=search.n_neighbors).fit(known)
    if held.shape[0] == 0:
        return grown
    scores = np.append(open_set.calibration_scores_, grown._scores(held))
    grown.calibration_scores_ = scores
    grown.offset_ = grown._threshold(np.sort(scores))
    return grown
