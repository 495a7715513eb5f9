"""Sparse affinities between samples and their nearest neighbours."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.extmath import row_norms
from sklearn.utils.validation import check_is_fitted, validate_data

from skdeepclust._compat import HasMethods, Interval, StrOptions, fit_context, pages_of
from skdeepclust._engine.foreign_arrays import readable
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._engine.sparse import is_sparse

# The local scale is the distance to this neighbour (Zelnik-Manor and Perona 2004, Section 2) ...
SCALE_NEIGHBOR = 7
# ... and one below this fraction of the median distance is the rounding between identical samples.
SMALLEST_SCALE = 1e-6
# Differences of this many values at a time.
BLOCK_VALUES = 8_000_000


class NeighborAffinity(TransformerMixin, BaseEstimator):
    r"""Sparse affinities :math:`P_{ij} = \exp(-d_{ij}^2 / (s_i s_j))` of nearest neighbours.

    d is the distance and s the scale of a sample, which `edge_weights` chooses. Two samples
    that are not among the nearest of each other have the affinity 0. Memory and output grow
    with `n_samples * n_neighbors`.

    Parameters
    ----------
    n_neighbors : int, default=10
        Number of nearest neighbours of a sample, at least 1.
    edge_weights : {"gaussian", "self_tuning", "connectivity"}, default="gaussian"
        "gaussian": all samples have the same scale, the median distance between a sample and
        its neighbours. "self_tuning": the scale of a sample is the distance to its
        `min(7, n_neighbors)`-th neighbour, so that dense and sparse regions connect alike.
        "connectivity": every affinity is 1.
    neighbors : transformer or None, default=None
        What finds neighbours and measures distances: a transformer like
        `sklearn.neighbors.KNeighborsTransformer(mode="distance")`, whose `fit_transform(X)` and
        `transform(X)` return sparse matrices of distances to training samples, such as that of
        an approximate index. It is cloned. It should find at least `n_neighbors` neighbours
        besides the sample itself; of more, the nearest are used. `None`: an exact search with
        the Euclidean distance.

    Attributes
    ----------
    affinity_matrix_ : csr_array of shape (n_samples, n_samples)
        Affinities between training samples: symmetric, of the larger of both directions, with
        an empty diagonal. Of the dtype of X.
    n_neighbors_ : int
        `min(n_neighbors, n_samples - 1)`.
    bandwidth_ : float
        Median distance between a training sample and its neighbours, in units of X.
    scales_ : ndarray of shape (n_samples,)
        Scale s of each training sample, in units of X; infinite where every affinity is 1.
    neighbors_ : estimator
        The fitted search.
    n_features_in_ : int
        Number of features of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has names that are strings.

    Notes
    -----
    `fit_transform(X)` is `fit(X).transform(X)`, in which a sample is a neighbour of itself; the
    graph of the training samples is `affinity_matrix_`.

    No affinity between neighbours underflows to 0. A bandwidth of 0 (more than half of the
    distances are between duplicates) makes every Gaussian affinity 1; a local scale of 0 (a
    sample with at least 7 duplicates) is replaced by the bandwidth.

    References
    ----------
    L. Zelnik-Manor, P. Perona (2004). Self-Tuning Spectral Clustering. NIPS. Section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.graph import NeighborAffinity
    >>> X = np.array([[0.0], [1.0], [3.0]])
    >>> graph = NeighborAffinity(n_neighbors=1).fit(X)
    >>> graph.bandwidth_
    1.0
    >>> graph.affinity_matrix_.toarray()
    array([[0.    , 0.3679, 0.    ],
           [0.3679, 0.    , 0.0183],
           [0.    , 0.0183, 0.    ]])
    >>> graph.transform(np.array([[3.5]])).toarray()
    array([[0.    , 0.    , 0.7788]])
    """

    n_features_in_: int
    feature_names_in_: np.ndarray

    _parameter_constraints: ClassVar[dict] = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "edge_weights": [StrOptions({"gaussian", "self_tuning", "connectivity"})],
        "neighbors": [HasMethods(["fit_transform", "transform"]), None],
    }

    _doc_link_module = "skdeepclust"
    _doc_link_template = pages_of("skdeepclust.graph")

    def __init__(
        self, n_neighbors: int = 10, *, edge_weights: str = "gaussian", neighbors: Any = None
    ) -> None:
        self.n_neighbors = n_neighbors
        self.edge_weights = edge_weights
        self.neighbors = neighbors

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the neighbours of the samples and weight the edges to them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training samples. A single one makes a graph without an edge.
        y : Ignored
            Not used, present for pipelines.

        Returns
        -------
        NeighborAffinity
            The fitted transformer.

        Raises
        ------
        TypeError
            If `neighbors` doesn't return sparse matrices.
        ValueError
            If `neighbors` returns a matrix of another shape, or negative distances.
        """
        with plain_arrays():
            X = self._check(X, reset=True)
            self._X = X if self.neighbors is None else None
            self.n_neighbors_ = min(self.n_neighbors, X.shape[0] - 1)
            distances = self._training_distances(X)
        self.bandwidth_ = float(np.median(distances.data)) if distances.nnz else 0.0
        self.scales_ = self._scales_of_rows(distances)
        directed = self._weigh(distances, self.scales_, X.dtype)
        self.affinity_matrix_ = directed.maximum(directed.T).tocsr()
        self.affinity_matrix_.sort_indices()
        return self

    def transform(self, X: Any) -> Any:
        """Return the affinities of samples to their nearest training samples.

        A training sample is its own neighbour here. Scales of training samples stay as they are.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_new, n_features)
            Samples.

        Returns
        -------
        csr_array of shape (n_new, n_samples)
            Affinities, `min(n_neighbors, n_samples)` a row, or as many as `neighbors` finds.
        """
        check_is_fitted(self)
        with plain_arrays():
            X = self._check(X, reset=False)
            distances = self._new_distances(X)
        return self._weigh(distances, self._scales_of_rows(distances), X.dtype)

    def _check(self, X, *, reset: bool):
        """Return X as floats; bytes take the smaller floats, which hold them exactly."""
        dtypes = ["float64", "float32", "uint8"]
        X = validate_data(self, readable(X), reset=reset, accept_sparse="csr", dtype=dtypes)
        return X.astype(np.float32) if X.dtype == np.uint8 else X

    # ------------------------------------------------------------ distances

    def _training_distances(self, X) -> sparse.csr_array:
        """Distances (n_samples, n_samples) to the nearest other training samples."""
        if self.neighbors is not None:
            self.neighbors_ = clone(self.neighbors)
            found = self.neighbors_.fit_transform(X)
        else:
            self.neighbors_ = NearestNeighbors(n_neighbors=max(1, self.n_neighbors_)).fit(X)
            indices = np.empty((X.shape[0], 0), dtype=np.intp)
            if self.n_neighbors_:
                indices = self.neighbors_.kneighbors(return_distance=False)
            found = exact_distances(X, X, indices)
        check_distances(found, (X.shape[0], X.shape[0]))
        return nearest_entries(found, self.n_neighbors_, diagonal=False)

    def _new_distances(self, X) -> sparse.csr_array:
        """Distances (n_new, n_samples) to the nearest training samples."""
        n_samples = len(self.scales_)
        n_neighbors = min(self.n_neighbors, n_samples)
        if self.neighbors is not None:
            found = self.neighbors_.transform(X)
        else:
            # trees don't mix the two
            if is_sparse(self._X) and not is_sparse(X):
                X = sparse.csr_array(X)
            step = X.shape[0]
            if is_sparse(X) and not is_sparse(self._X):
                step = max(1, BLOCK_VALUES // X.shape[1])
            blocks = [X[start : start + step] for start in range(0, X.shape[0], step)]
            found = sparse.vstack([self._searched(block, n_neighbors) for block in blocks], "csr")
        check_distances(found, (X.shape[0], n_samples))
        return nearest_entries(found, n_neighbors)

    def _searched(self, X, n_neighbors: int) -> sparse.csr_array:
        """Distances from some samples to the nearest of those in the search."""
        if is_sparse(X) and not is_sparse(self._X):
            X = X.toarray()
        indices = self.neighbors_.kneighbors(X, n_neighbors, return_distance=False)
        return exact_distances(X, self._X, indices)

    # ------------------------------------------------------------ weights

    def _scales_of_rows(self, distances: sparse.csr_array) -> np.ndarray:
        """Return the scale (n_rows,) of the samples that the rows of sorted distances are of."""
        n_rows = len(distances.indptr) - 1
        bandwidth = self.bandwidth_ if self.bandwidth_ > 0 else np.inf
        if self.edge_weights == "connectivity":
            return np.full(n_rows, np.inf)
        scales = np.full(n_rows, bandwidth)
        if self.edge_weights == "self_tuning":
            counts = np.diff(distances.indptr)
            last = distances.indptr[:-1] + np.minimum(counts, SCALE_NEIGHBOR) - 1
            local = distances.data[last[counts > 0]]
            smallest = SMALLEST_SCALE * self.bandwidth_
            scales[counts > 0] = np.where(local > smallest, local, bandwidth)
        return scales

    def _weigh(self, distances: sparse.csr_array, scales: np.ndarray, dtype) -> sparse.csr_array:
        """Turn distances into affinities; `scales` are of the rows."""
        rows = np.repeat(scales, np.diff(distances.indptr))
        columns = self.scales_[distances.indices]
        # two quotients: neither the square nor the product of the scales can overflow
        exponents = (distances.data / rows) * (distances.data / columns)
        affinities = np.maximum(np.exp(-exponents), np.finfo(dtype).tiny).astype(dtype)
        entries = (affinities, distances.indices, distances.indptr)
        affinity = sparse.csr_array(entries, shape=distances.shape)
        affinity.sort_indices()
        return affinity


def exact_distances(X, Y, indices: np.ndarray) -> sparse.csr_array:
    """Measure the distances between the rows of X and those rows of Y that `indices` lists.

    A search by inner products finds the right neighbours, but between identical samples a
    distance that is not 0; the differences themselves give 0, and the same in both directions.

    Parameters
    ----------
    X : {ndarray, csr_matrix} of shape (n_rows, n_features)
        Samples.
    Y : {ndarray, csr_matrix} of shape (n_columns, n_features)
        Samples.
    indices : ndarray of int of shape (n_rows, n_neighbors)
        Rows of Y.

    Returns
    -------
    csr_array of shape (n_rows, n_columns)
        Distances, in the order of `indices`; 0 is an entry like any other.
    """
    n_rows, n_neighbors = indices.shape
    columns = indices.ravel()
    rows = np.repeat(np.arange(n_rows), n_neighbors)
    distances = np.empty(len(rows))
    step = max(1, BLOCK_VALUES // X.shape[1])
    for block in (slice(start, start + step) for start in range(0, len(rows), step)):
        distances[block] = row_norms(X[rows[block]] - Y[columns[block]])
    starts = n_neighbors * np.arange(n_rows + 1)
    return sparse.csr_array((distances, columns, starts), shape=(n_rows, Y.shape[0]))


def check_distances(distances, shape: tuple[int, int]) -> None:
    """Raise an error that names `neighbors` where its result is no sparse graph of distances."""
    if not is_sparse(distances):
        raise TypeError(
            f"neighbors returned {type(distances).__name__}, not a sparse matrix of distances. "
            "Give a transformer like KNeighborsTransformer(mode='distance')."
        )
    if distances.shape != shape:
        raise ValueError(
            f"neighbors returned distances of shape {distances.shape}, not {shape}: a row for "
            "each sample and a column for each training sample."
        )
    if distances.nnz and distances.tocsr().data.min() < 0:
        raise ValueError("neighbors returned negative distances; choose a metric that has none.")


def nearest_entries(distances, n_neighbors: int, *, diagonal: bool = True) -> sparse.csr_array:
    """Keep the smallest entries of each row, nearest first.

    Parameters
    ----------
    distances : sparse matrix of shape (n_rows, n_columns)
        Distances; an explicit 0 is an entry. Of what approximate searches put in the place
        of a neighbour that they didn't find, infinite distances and negative indices, nothing
        is kept.
    n_neighbors : int
        Number of entries to keep in a row, where there are as many.
    diagonal : bool, default=True
        Whether entries on the diagonal are kept.

    Returns
    -------
    csr_array of shape (n_rows, n_columns)
        Distances in float64, sorted within each row by distance, not by column.
    """
    distances = distances.tocsr()
    n_rows = distances.shape[0]
    rows = np.repeat(np.arange(n_rows), np.diff(distances.indptr))
    columns, values = distances.indices, distances.data.astype(np.float64)
    keep = np.isfinite(values) & (columns >= 0)
    if not diagonal:
        keep &= columns != rows
    rows, columns, values = rows[keep], columns[keep], values[keep]
    order = np.lexsort((columns, values, rows))
    counts = np.bincount(rows, minlength=n_rows)
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = order[rank < n_neighbors]
    indptr = np.concatenate([[0], np.cumsum(np.minimum(counts, n_neighbors))])
    # scikit-learn's spectral methods take no larger indices than needed
    index_type = np.int32 if max(indptr[-1], *distances.shape) < 2**31 else np.int64
    columns, indptr = columns[order].astype(index_type), indptr.astype(index_type)
    return sparse.csr_array((values[order], columns, indptr), shape=distances.shape)
