"""Scores for clusterings: against known classes, and of an embedding without them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import count, islice
from math import floor
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from sklearn import config_context
from sklearn.cluster import Birch, BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.metrics import make_scorer, silhouette_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.pipeline import Pipeline
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d, resample

from skdeepclust._engine.foreign_arrays import in_numpy, is_dask, vector
from skdeepclust._engine.stored_arrays import StoredArray, is_stored

__all__ = [
    "clustering_accuracy_score",
    "clustering_accuracy_scorer",
    "embedding_silhouette_scorer",
    "match_labels",
]


# A table of classes and clusters of at most so many cells is matched as a dense one, in 32 MB.
MAX_CELLS = 4_000_000
# What labels that are objects may be to be counted on.
NUMBERS = (Real, Decimal, np.bool_)


def _check_labels(labels_true: Any, labels_pred: Any) -> tuple[Any, Any]:
    given = {"labels_true": labels_true, "labels_pred": labels_pred}
    true, pred = (_column(vector(labels, name), name) for name, labels in given.items())
    check_consistent_length(true, pred)
    if len(true) == 0:
        raise ValueError("labels_true and labels_pred are empty; give at least one sample.")
    return true, pred


def _column(labels: Any, name: str) -> Any:
    with config_context(array_api_dispatch=False):
        labels = column_or_1d(labels, input_name=name)
        assert_all_finite(labels, input_name=name)
    return labels


def _match(true: Any, pred: Any) -> tuple[sparse.csr_array, NDArray, NDArray]:
    """Return the contingency table, and the positions of matched classes and clusters in it."""
    with config_context(array_api_dispatch=False):
        found: Any = contingency_matrix(true, pred, sparse=True)  # (n_classes, n_clusters)
    counts = sparse.csr_array(found)
    if np.prod(counts.shape, dtype=float) <= MAX_CELLS:
        return counts, *linear_sum_assignment(counts.toarray(), maximize=True)
    return counts, *_sparse_assignment(counts)


def _sparse_assignment(counts: sparse.csr_array) -> tuple[NDArray, NDArray]:
    """Return a best one-to-one matching of rows and columns, in memory of the counts alone.

    Each row gets a column of its own, which stands for no partner: all rows can then be matched,
    and to all entries 1 is added, because entries of 0 are none. What is left is matched in order.
    """
    n_rows, n_columns = counts.shape
    gains = sparse.csr_array((counts.data + 1, counts.indices, counts.indptr), shape=counts.shape)
    with_nobody = sparse.hstack([gains, sparse.eye_array(n_rows, dtype=gains.dtype)], format="csr")
    row, column = min_weight_full_bipartite_matching(with_nobody, maximize=True)
    row, column = row[column < n_columns], column[column < n_columns]
    free_rows = np.setdiff1d(np.arange(n_rows), row)
    free_columns = np.setdiff1d(np.arange(n_columns), column)
    n_more = min(len(free_rows), len(free_columns))
    row, column = np.append(row, free_rows[:n_more]), np.append(column, free_columns[:n_more])
    order = np.argsort(row)
    return row[order], column[order]


def clustering_accuracy_score(labels_true: ArrayLike, labels_pred: ArrayLike) -> float:
    r"""Share of samples whose cluster is the partner of their class (unsupervised accuracy).

    The accuracy :math:`\max_m \frac{1}{n} \sum_i [y_i = m(c_i)]` under the best one-to-one
    matching m of clusters to classes, found by the Hungarian method. The number of clusters
    need not equal the number of classes: samples without a partner count as wrong.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Classes, numbers or strings.
    labels_pred : array-like of shape (n_samples,)
        Clusters, numbers or strings.

    Returns
    -------
    float
        Accuracy between 0 and 1; 1 if clusters and classes agree up to their names.

    Raises
    ------
    ValueError
        If the two do not have the same length, no sample, or a label that is missing.

    References
    ----------
    H. W. Kuhn (1955). The Hungarian method for the assignment problem. Naval Research
    Logistics Quarterly 2.

    Examples
    --------
    >>> from skdeepclust.metrics import clustering_accuracy_score
    >>> clustering_accuracy_score(["a", "a", "b", "b"], [1, 1, 0, 1])
    0.75
    """
    true, pred = _check_labels(labels_true, labels_pred)
    counts, class_, cluster = _match(true, pred)
    return float(counts[class_, cluster].sum() / len(true))


#: Scorer with known classes, for `GridSearchCV(scoring=...)` or `cross_val_score`.
clustering_accuracy_scorer = make_scorer(clustering_accuracy_score)


def _further_labels(classes: NDArray, clusters: NDArray) -> NDArray:
    """Return a label for each cluster that is in use neither as a class nor for another."""
    kind = classes.dtype.kind
    if kind in "mM":  # later ones, in steps of their unit
        return _further_numbers(classes.astype(np.int64), len(clusters)).astype(classes.dtype)
    if kind in "iuf":
        return _further_numbers(classes, len(clusters))
    if kind == "O" and all(isinstance(each, NUMBERS) for each in classes):
        first = floor(max(classes)) + 1
        return np.array([first + index for index in range(len(clusters))], dtype=object)
    names, taken = [], set(classes.tolist())
    for cluster in clusters.tolist():
        name = f"cluster {cluster}"
        while name in taken:
            name += "'"
        taken.add(name)
        names.append(name)
    return np.array(names, dtype=object if kind == "O" else None)


def _further_numbers(classes: NDArray, n_more: int) -> NDArray:
    """Return the numbers after the largest class, or the first free ones where there is no room."""
    after = floor(classes.max()) + 1 + np.arange(n_more).astype(object)
    types = [classes.dtype] if classes.dtype.kind == "f" else [classes.dtype, np.dtype(np.int64)]
    for dtype in types:
        limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        if after[-1] <= limits.max:
            found = after.astype(dtype)
            if (found > classes.max()).all() and len(np.unique(found)) == n_more:
                return found
    taken = set(classes.tolist())
    free = (number for number in count() if number not in taken)
    return np.array(list(islice(free, n_more)), dtype=classes.dtype)


def match_labels(labels_true: ArrayLike, labels_pred: ArrayLike) -> NDArray:
    """Rename clusters to the classes they match best, as in `clustering_accuracy_score`.

    The share of equal labels is then the clustering accuracy, and a confusion matrix has the
    matched samples on its diagonal. A cluster without a partner (there are more clusters than
    classes) gets a label of its own: the numbers after the largest class if classes are
    numbers, later times if they are times, otherwise ``"cluster <its name>"``.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Classes, numbers or strings.
    labels_pred : array-like of shape (n_samples,)
        Clusters, numbers or strings.

    Returns
    -------
    ndarray of shape (n_samples,)
        The renamed clusters, in the dtype of `labels_true` unless that has no place for another
        label. The partition is that of `labels_pred`.

    Raises
    ------
    ValueError
        If the two do not have the same length, no sample, or a label that is missing.

    Examples
    --------
    >>> from skdeepclust.metrics import match_labels
    >>> match_labels([3, 3, 5, 5], [1, 1, 0, 2])
    array([3, 3, 5, 6])
    >>> match_labels(["cat", "cat", "dog", "dog"], [1, 1, 0, 2]).tolist()
    ['cat', 'cat', 'dog', 'cluster 2']
    """
    true, pred = _check_labels(labels_true, labels_pred)
    classes = np.unique(true)
    clusters, cluster = np.unique(pred, return_inverse=True)
    _, partner_class, partner_cluster = _match(true, pred)
    alone = np.setdiff1d(np.arange(len(clusters)), partner_cluster)
    names = classes
    if len(alone):
        if classes.dtype == bool:
            classes = classes.astype(int)  # a third label has no place among truth values
        names = np.concatenate([classes, _further_labels(classes, clusters[alone])])
    position = np.empty(len(clusters), dtype=np.intp)
    position[partner_cluster] = partner_class
    position[alone] = len(classes) + np.arange(len(alone))
    return names[position[cluster]]


# Their `transform` gives distances to the centres, one for each cluster, and no embedding.
_CLUSTERERS_OF_THEIR_INPUT = (KMeans, MiniBatchKMeans, BisectingKMeans, Birch)


def _embed(estimator: Any, X: Any) -> Any:
    """Return the space in which a fitted estimator has clustered."""
    if isinstance(estimator, Pipeline):
        entering = estimator[:-1].transform(X) if len(estimator) > 1 else X
        return _embed(estimator[-1], entering)
    if hasattr(estimator, "best_estimator_"):  # a search for parameters
        return _embed(estimator.best_estimator_, X)
    if isinstance(estimator, _CLUSTERERS_OF_THEIR_INPUT) or not hasattr(estimator, "transform"):
        return X
    return estimator.transform(X)


def _decoder(estimator: Any) -> Callable[[Any], Any] | None:
    """Return what takes points of that space back to samples, or None if nothing does."""
    if isinstance(estimator, Pipeline):
        last = _decoder(estimator[-1])
        if last is None or len(estimator) == 1:
            return last
        before = estimator[:-1]
        if not hasattr(before, "inverse_transform"):
            return None
        return lambda points: before.inverse_transform(last(points))
    if hasattr(estimator, "best_estimator_"):
        return _decoder(estimator.best_estimator_)
    if isinstance(estimator, _CLUSTERERS_OF_THEIR_INPUT) or not hasattr(estimator, "transform"):
        return lambda points: points
    return getattr(estimator, "inverse_transform", None)


def _some_rows(X: Any, **drawn: int) -> Any:
    if is_dask(X) or not is_stored(X):
        return resample(X, replace=False, **drawn)
    # others that are stored, such as those of h5py and zarr, have no rows in any order
    rows = resample(np.arange(X.shape[0]), replace=False, **drawn)
    return StoredArray(X, X.dtype)[rows].reshape(-1, *X.shape[1:])


def embedding_silhouette_scorer(
    estimator: Any, X: Any, y: Any = None, *, sample_size: int = 2000, random_state: int = 0
) -> float:
    """Silhouette of the embedding of `X` with the clusters `estimator.predict(X)`.

    A scorer without known classes, for ``GridSearchCV(scoring=embedding_silhouette_scorer)``.
    It judges how well the clusters are separated in the embedding, and is therefore fooled by
    an embedding that has collapsed: look at the number of clusters as well.

    The embedding is `estimator.transform(X)`. A clusterer of its input has none of its own: one
    without `transform`, such as scikit-learn's GaussianMixture, or one whose `transform` gives
    distances to centres (KMeans, MiniBatchKMeans, BisectingKMeans, Birch). Its input is taken,
    in a pipeline therefore what enters the last step.

    Parameters
    ----------
    estimator : object
        Fitted clusterer, or a pipeline or parameter search of one, with `predict`.
    X : array-like of shape (n_samples, n_features)
        Samples.
    y : object, default=None
        Not used; present because scorers are called with it.
    sample_size : int, default=2000
        The cost grows with the square of the samples: of more than this, a fixed random choice
        of `sample_size` is used.
    random_state : int, default=0
        Seed of that choice.

    Returns
    -------
    float
        Between -1 and 1, the larger the better; -1 if there is only one cluster, or no two
        samples in the same one.

    References
    ----------
    P. J. Rousseeuw (1987). Silhouettes: a graphical aid to the interpretation and validation
    of cluster analysis. Journal of Computational and Applied Mathematics 20.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from skdeepclust.metrics import embedding_silhouette_scorer
    >>> X = [[0.0, 0.0], [0.0, 9.0], [1.0, 1.0], [1.0, 8.0]]
    >>> kmeans = KMeans(2, random_state=0)
    >>> round(embedding_silhouette_scorer(kmeans.fit(X), X), 3)
    0.823
    >>> scaled = make_pipeline(MinMaxScaler(), kmeans)
    >>> round(embedding_silhouette_scorer(scaled.fit(X), X), 3)
    0.242
    """
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    if n_samples > sample_size:
        X = _some_rows(X, n_samples=sample_size, random_state=random_state)
    labels = np.asarray(in_numpy(estimator.predict(X), "predict(X)"))
    if not 1 < len(np.unique(labels)) < len(labels):
        return -1.0
    embedding = in_numpy(_embed(estimator, X), "transform(X)")
    with config_context(array_api_dispatch=False):
        return float(silhouette_score(embedding, labels))
