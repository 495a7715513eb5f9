"""What meta-estimators share: the clusterer inside, its embedding, seeds, metadata, rows."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from scipy import sparse
from sklearn import config_context, get_config
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
)
from sklearn.metrics import pairwise_distances_argmin
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import (
    ClassifierTags,
    check_array,
    check_random_state,
    get_tags,
    indexable,
)
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from skdeepclust._clusters.votes import one_hot
from skdeepclust._compat import (
    HasMethods,
    StrOptions,
    check_feature_names,
    pages_of,
    rows_of,
    rows_of_metadata,
    samples_of,
    set_random_states,
)
from skdeepclust._engine.foreign_arrays import in_numpy, is_dask
from skdeepclust._engine.global_settings import ordinary_errors, plain_arrays
from skdeepclust._engine.rng import draw_seed
from skdeepclust._engine.sparse import is_sparse
from skdeepclust._engine.stored_arrays import StoredArray, is_stored
from skdeepclust._inputs.links import LINKS, links_of_rows
from skdeepclust.meta._inside import fitted
from skdeepclust.metrics import _embed

FLOATS = [np.float64, np.float32]
# An array, of SciPy where the embedding is an input that is sparse.
Embedding = Any


class BaseMetaClusterer(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClusterMixin,
    MetaEstimatorMixin,
    BaseEstimator,
):
    """Base of clusterers around another one, which keeps X, y and metadata as they are given."""

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [HasMethods(["fit", "predict"])],
        "embedding": [StrOptions({"auto", "input", "transform"}), callable],
        "random_state": ["random_state"],
    }

    _doc_link_module = "skdeepclust"
    _doc_link_template = pages_of("skdeepclust.meta")

    estimator: Any
    estimator_: Any
    embedding: str | Callable[[Any, Any], Any]
    random_state: int | np.random.RandomState | None
    labels_: np.ndarray
    _n_features_out: int
    n_features_in_: int
    feature_names_in_: np.ndarray

    if TYPE_CHECKING:  # scikit-learn makes it, and tells type checkers that it returns nothing

        def set_fit_request(self, **requests: bool | str | None) -> Self: ...

    # ---------------------------------------------------------------- the estimator inside
    def _new(self, seed: int | None) -> Any:
        """Return a copy of `estimator` that isn't fitted; a seed sets those of all its parts."""
        made = clone(self.estimator)
        if seed is not None:
            set_random_states(made, check_random_state(seed))
        return made

    def _fit_inside(self, X: Any, y: Any, params: dict[str, Any], seed: int | None) -> Embedding:
        """Fit a copy of `estimator`, and return the embedding of its samples."""
        self.estimator_ = fitted(self._new(seed), X, y, params)
        self._take_names(self.estimator_)
        embedding = self._embedded(self.estimator_, X)
        self._n_features_out = embedding.shape[1]
        return embedding

    def _seed(self) -> int | None:
        """Return the seed of `estimator`; None leaves its own as they are."""
        return None if self.random_state is None else draw_seed(self.random_state)

    def _metadata(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return what of the metadata is for the `fit` of `estimator`."""
        if not get_config()["enable_metadata_routing"]:
            return params
        return dict(process_routing(self, "fit", **params).estimator.fit)

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell who gets which metadata: the `fit` of `estimator` those of `fit`.

        Returns
        -------
        MetadataRouter
            As scikit-learn's user guide explains.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def _take_names(self, fitted: Any) -> None:
        """Take over what the fitted estimator has seen of features, and where it is looked at."""
        self._rule = self.embedding
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
            if hasattr(fitted, name):
                setattr(self, name, getattr(fitted, name))

    # ---------------------------------------------------------------- what it says of samples
    def _embedded(self, fitted: Any, X: Any) -> Embedding:
        """Return where the clusters of a fitted estimator lie, as `embedding` said in the fit."""
        rule = vars(self).get("_rule", self.embedding)  # of older files it is unknown
        return embedding_of(fitted, X, rule)

    def _labels(self, fitted: Any, X: Any) -> np.ndarray:
        """Return what a fitted estimator gives, -1 of samples that it refuses."""
        return np.asarray(in_numpy(fitted.predict(X), "predict(X)")).astype(np.intp)

    def _clusters(self, fitted: Any, X: Any) -> np.ndarray:
        """Return the cluster of each sample; one that the estimator refuses is an error."""
        labels = self._labels(fitted, X)
        if labels.min(initial=0) < 0:
            raise ValueError(
                f"estimator={type(self.estimator).__name__} gives the label "
                f"{labels.min()}, which says that a sample belongs to no cluster. "
                f"{type(self).__name__} asks for a cluster of each sample: put what refuses "
                "samples around it, as in "
                f"OpenSetClusterer({type(self).__name__}(...))."
            )
        return labels

    def _places(self, X: Any, clusters: np.ndarray, centers: np.ndarray) -> np.ndarray:
        """Return which of the known clusters each sample is in; of another one, the nearest.

        Those are what had samples in the fit, rising, with their means in the embedding.
        """
        labels = self._clusters(self.estimator_, X)
        places = np.minimum(np.searchsorted(clusters, labels), len(clusters) - 1)
        others = np.flatnonzero(clusters[places] != labels)
        if len(others):
            with plain_arrays():
                embedding = self._embedding_of(X)[others]
                places[others] = pairwise_distances_argmin(embedding, centers)
        return places

    def _probabilities(self, fitted: Any, X: Any, n_clusters: int = 0) -> np.ndarray:
        """Return the probability of each cluster; 0 and 1 where the estimator has none.

        `n_clusters` is their number, if a fit has found it.
        """
        if hasattr(fitted, "predict_proba"):
            found = in_numpy(fitted.predict_proba(X), "predict_proba(X)")
            return np.asarray(found, dtype=np.float64)
        labels = self._clusters(fitted, X)
        return one_hot(labels, n_clusters or labels.max(initial=0) + 1)

    # ---------------------------------------------------------------- scikit-learn's
    def fit_predict(self, X: Any, y: Any = None, **kwargs: Any) -> np.ndarray:
        """Do what `fit` does, and return the clusters of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,), default=None
            What `estimator` takes as y.
        **kwargs : dict
            What else `fit` takes.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each sample.
        """
        # scikit-learn's keeps y to itself
        return self.fit(X, y, **kwargs).labels_

    def transform(self, X: Any) -> Any:
        """Return the embedding of each sample, in which clusters lie.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        embedding : {ndarray, csr_matrix} of shape (n_samples, n_components)
            That of the fitted estimator, as the parameter `embedding` says.
        """
        return self._embedding_of(X)

    def _embedding_of(self, X: Any) -> Embedding:
        """Do what `transform` does, whatever `set_output` makes of that."""
        check_is_fitted(self)
        return self._expected(self.estimator_, X, self._n_features_out)

    def _expected(self, fitted: Any, X: Any, n_columns: int) -> Embedding:
        """Return the embedding of new samples, or refuse those that aren't like the fit's."""
        # where it is X itself, nobody else looks
        if hasattr(self, "feature_names_in_"):
            check_feature_names(self, X, reset=False)
        embedding = self._embedded(fitted, X)
        if embedding.shape[1] != n_columns:
            raise ValueError(
                f"X has {embedding.shape[1]} features, but {type(self).__name__} is expecting "
                f"{n_columns} features as input."
            )
        return embedding

    def __sklearn_tags__(self):
        tags, own = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags, tags.target_tags = own.input_tags, own.target_tags
        tags.non_deterministic = own.non_deterministic
        # scikit-learn's checks of sparse input ask these of whatever has predict_proba
        tags.classifier_tags = own.classifier_tags or ClassifierTags()
        # of whatever isn't floats an embedding makes float64
        inside = own.transformer_tags
        tags.transformer_tags.preserves_dtype = inside.preserves_dtype if inside else []
        return tags


@contextmanager
def arrays_of_the_fit(fitted: Any) -> Generator[None]:
    """Let steps of a pipeline hand on arrays, or data frames if they were fitted on those.

    Parameters
    ----------
    fitted : estimator
        A clusterer, or a pipeline that ends in one.
    """
    later = [step for _, step in getattr(fitted, "steps", ())][1:]
    if any(hasattr(step, "feature_names_in_") for step in later):
        with config_context(array_api_dispatch=False), ordinary_errors():
            yield
    else:
        with plain_arrays():
            yield


def embedding_of(fitted: Any, X: Any, embedding: str | Callable[[Any, Any], Any]) -> Embedding:
    """Return where the clusters of a fitted estimator lie.

    Parameters
    ----------
    fitted : estimator
        A clusterer, or a pipeline that ends in one.
    X : object
        Samples, in any form that it takes.
    embedding : {"auto", "input", "transform"} or callable
        As of the meta-estimators.

    Returns
    -------
    {ndarray, csr_matrix} of shape (n_samples, n_components)
        In float64 or float32.
    """
    with arrays_of_the_fit(fitted):
        if callable(embedding):
            found = embedding(fitted, X)
        elif embedding == "transform":
            found = fitted.transform(X)
        elif embedding == "auto":
            found = _embed(fitted, X)
        else:
            is_chain = isinstance(fitted, Pipeline) and len(fitted) > 1
            found = fitted[:-1].transform(X) if is_chain else X
    with plain_arrays():
        found = in_numpy(found, "embedding")
        if getattr(found, "ndim", 2) > 2:  # images that are their own embedding
            found = found.reshape(len(found), -1)
        found = check_array(found, accept_sparse="csr", dtype=FLOATS, input_name="embedding")
    if callable(embedding) and found.shape[0] != (n_samples := indexed(X)[2]):
        raise ValueError(
            f"embedding gives {found.shape[0]} rows for n_samples={n_samples}: the function "
            "has to return a row for each sample."
        )
    return found


def like_known(embedding: Any, search: NearestNeighbors) -> Any:
    """Return an embedding as a search for neighbours knows samples: an array, or sparse in CSR.

    Parameters
    ----------
    embedding : {ndarray, csr_matrix} of shape (n_samples, n_components) or None
        What is searched for; X itself may be sparse where that of the fit wasn't.
    search : NearestNeighbors
        Fitted.

    Returns
    -------
    {ndarray, csr_matrix} of shape (n_samples, n_components) or None
        The same values.
    """
    is_known_sparse = is_sparse(samples_of(search))
    if embedding is None or is_sparse(embedding) == is_known_sparse:
        return embedding
    return sparse.csr_matrix(embedding) if is_known_sparse else embedding.toarray()


def indexed(X: Any, y: Any = None) -> tuple[Any, Any, int]:
    """Return X and y so that rows can be taken of them, and the number of rows.

    Parameters
    ----------
    X : array-like, sparse matrix or tensor of shape (n_samples, ...)
        Samples.
    y : array-like of shape (n_samples,), default=None
        What belongs to them.

    Returns
    -------
    X, y : object
        A sparse matrix in CSR, what isn't known as an array; all else as it is.
    n_samples : int
        Number of rows.
    """
    if isinstance(X, torch.Tensor) and X.layout != torch.strided:
        X = in_numpy(X, "X")  # torch takes no rows of them
    X, y = indexable(X, y)
    return X, y, X.shape[0] if hasattr(X, "shape") else len(X)


def some_rows(X: Any, rows: np.ndarray) -> Any:
    """Return some rows of samples, in the container in which they are given.

    Parameters
    ----------
    X : object
        What `indexed` has returned.
    rows : ndarray of int
        Which.

    Returns
    -------
    object
        Those of an array that is stored are read.
    """
    if X is None or is_dask(X) or not is_stored(X):
        return None if X is None else rows_of(X, rows)
    return StoredArray(X, X.dtype)[rows].reshape(-1, *X.shape[1:])


def metadata_of_rows(X: Any, params: dict[str, Any], rows: np.ndarray) -> dict[str, Any]:
    """Return metadata for some rows of X: what has a row for each sample is cut, too.

    Links between two of these rows follow them, others are dropped.

    Parameters
    ----------
    X : object
        Samples.
    params : dict
        Metadata of a fit.
    rows : ndarray of int
        Which.

    Returns
    -------
    dict
        Of the same names.
    """
    n_samples, links = indexed(X)[2], {}
    for name, values in params.items():
        if name.rpartition("__")[2] in LINKS:  # of a step of a pipeline, too
            links[name] = links_of_rows(values, name, n_samples, rows)
        # what has another length isn't cut, and would go to other samples
        is_weight = name.endswith("sample_weight") and np.ndim(values) > 0
        if is_weight and len(values) != n_samples:
            raise ValueError(f"{name} has {len(values)} values, but X has {n_samples} samples.")
    others = {name: values for name, values in params.items() if name not in links}
    return {**rows_of_metadata(X, others, indices=rows), **links}


def centers_of(embedding: Embedding, labels: np.ndarray) -> np.ndarray:
    """Return the mean of each cluster in the embedding.

    Parameters
    ----------
    embedding : {ndarray, csr_matrix} of shape (n_samples, n_components)
        Samples.
    labels : ndarray of int of shape (n_samples,)
        Their clusters, numbered without gaps.

    Returns
    -------
    ndarray of shape (n_clusters, n_components)
        Means.
    """
    n_clusters = labels.max(initial=0) + 1
    shape = (n_clusters, len(labels))
    members = sparse.csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape)
    sums: Any = members @ embedding
    sums = sums.toarray() if is_sparse(sums) else sums
    return sums / np.maximum(np.bincount(labels, minlength=n_clusters), 1)[:, None]


def spread_of(embedding: Embedding) -> float:
    """Return the root mean square distance of samples to their mean.

    Parameters
    ----------
    embedding : {ndarray, csr_matrix} of shape (n_samples, n_components)
        Samples.

    Returns
    -------
    float
        Or 1, if it is 0.
    """
    variances = StandardScaler(with_mean=False).fit(embedding).var_
    return float(np.sqrt(np.sum(variances))) or 1.0
