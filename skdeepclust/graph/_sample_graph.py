"""The graph of the samples: where it comes from, who is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_array
from torch import Tensor

from skdeepclust._engine.foreign_arrays import in_numpy, refuse_missing
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._engine.runner import Runner
from skdeepclust._engine.stored_arrays import rows_of
from skdeepclust.graph import NeighborAffinity, check_affinity
from skdeepclust.graph._input_graph import Projection, principal_components
from skdeepclust.graph._known_samples import KnownSamples, fingerprints
from skdeepclust.graph._served_graph import traced_neighbors


class PrecomputedAffinity(BaseEstimator):
    """A graph that the user gives, and edges to it."""

    def fit(self, affinity) -> Self:
        self.n_samples_ = affinity.shape[0]
        self.affinity_matrix_ = check_affinity(affinity, self.n_samples_)
        return self

    def transform(self, affinity) -> sparse.csr_array:
        return check_affinity(affinity, affinity.shape[0], self.n_samples_)


class CallableAffinity(BaseEstimator):
    """A graph by a function of features, `function(A, B)` of shape (len(A), len(B))."""

    def __init__(self, function: Callable):
        self.function = function

    def fit(self, features) -> Self:
        self.features_ = features
        self.affinity_matrix_ = check_affinity(self.function(features, features), len(features))
        return self

    def transform(self, features) -> sparse.csr_array:
        affinity = self.function(features, self.features_)
        return check_affinity(affinity, len(features), len(self.features_))


def affinity_source(
    affinity: str | Callable, n_neighbors: int, edge_weights: str, neighbors: Any
) -> PrecomputedAffinity | CallableAffinity | NeighborAffinity:
    """Return what makes a graph of what `SampleGraph.fit` gives it: parameters of estimators."""
    if callable(affinity):
        return CallableAffinity(affinity)
    if affinity == "precomputed":
        return PrecomputedAffinity()
    search = None if neighbors is None else clone(neighbors)
    return NeighborAffinity(n_neighbors, edge_weights=edge_weights, neighbors=search)


@dataclass(frozen=True)
class SampleGraph:
    """The graph of training samples, and edges of new ones to it.

    Parameters
    ----------
    known : KnownSamples
        The training samples.
    source : fitted transformer, default=None
        Where the graph comes from; `None`: there is none.
    features : Projection, default=None
        Between what neighbours are found; `None`: between what the user gives.
    max_degree : float, default=0.0
        Largest degree in the graph.
    """

    known: KnownSamples
    source: Any = None
    features: Projection | None = None
    max_degree: float = 0.0

    @classmethod
    def fit(
        cls,
        runner: Runner,
        X,
        source: Any,
        *,
        prepare: Callable[[Tensor], Tensor],
        affinity: Any = None,
        once: Callable[[str, Callable[[], Any]], Any],
    ) -> Self:
        """Build the graph of the training samples, and remember who they are.

        Parameters
        ----------
        runner : Runner
            The network.
        X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
            The training samples.
        source : transformer or None
            What `affinity_source` returns; `None`: no graph.
        prepare : callable
            Returns the samples of a batch as the method sees them (n, n_features).
        affinity : {array-like, sparse matrix}, default=None
            The graph, or features, that the user gives.
        once : callable
            `Session.once`.
        """
        known = KnownSamples(runner.infer(fingerprints, X).cpu().numpy())
        if source is None:
            return cls(known)
        precomputed, features = isinstance(source, PrecomputedAffinity), None
        if affinity is None:
            if precomputed:
                raise ValueError(
                    'affinity="precomputed" needs the graph: call fit(X, affinity=A) with A of '
                    f"shape (n_samples, n_samples) = ({X.shape[0]}, {X.shape[0]})."
                )
            projection = features = principal_components(runner, X, prepare)
            affinity = runner.infer(lambda x: projection(prepare(x)), X).cpu().numpy()
        given = _check_given(affinity, X)
        if precomputed and given.shape[0] != given.shape[1]:
            raise ValueError(
                f"affinity has the shape {given.shape}; the graph of the {X.shape[0]} training "
                f"samples has ({X.shape[0]}, {X.shape[0]})."
            )
        with plain_arrays():  # among them are searches of the user's
            fitted = once("graph", lambda: source.fit(given))
        return cls(known, fitted, features, float(fitted.affinity_matrix_.sum(1).max()))

    @property
    def affinity_matrix(self) -> sparse.csr_array | None:
        """The graph (n_samples, n_samples)."""
        return None if self.source is None else self.source.affinity_matrix_

    def known_rows(self, runner: Runner, X) -> np.ndarray:
        """Return which training sample each sample of X equals; -1 for none."""
        return self.known.find(runner.infer(fingerprints, X).cpu().numpy())

    def edges_to(
        self,
        runner: Runner,
        X,
        rows: np.ndarray,
        *,
        prepare: Callable[[Tensor], Tensor],
        affinity: Any = None,
    ) -> dict[str, np.ndarray]:
        """Return neighbours (n, k) among the training samples, and weights, of some rows of X."""
        if self.source is None:
            return {}
        features = self.features
        if affinity is not None:
            given = _check_given(affinity, X)[rows]
        elif features is None:
            raise ValueError(
                f"{len(rows)} of the {X.shape[0]} samples are not in the graph of the training "
                "samples, which was fitted with affinity=...: give theirs, too, as affinity= "
                "(features, or for a precomputed graph a row of affinities to the training "
                "samples)."
            )
        else:
            given = runner.infer(lambda x: features(prepare(x)), rows_of(X, rows)).cpu().numpy()
        with plain_arrays():
            return padded(self.source.transform(given))

    def traced_neighbors(self, prepared: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return neighbours and distances of a batch, in operations on tensors alone.

        `None` stands for a graph that can't be searched by these.
        """
        searched = isinstance(self.source, NeighborAffinity) and self.source.neighbors is None
        if self.features is None or not searched:
            return None
        return traced_neighbors(self.source, self.features(prepared))


def _check_given(given: Any, X) -> Any:
    with config_context(array_api_dispatch=False):
        given = in_numpy(given, "affinity")
        refuse_missing(given, "affinity")
        given = check_array(given, accept_sparse="csr", input_name="affinity")
    if given.shape[0] != X.shape[0]:
        raise ValueError(
            f"affinity has {given.shape[0]} rows, but X has {X.shape[0]} samples: give one "
            "row of edges or of features for each sample."
        )
    return given


def padded(matrix: sparse.csr_array) -> dict[str, np.ndarray]:
    """Return the entries of a sparse matrix as two dense arrays (n, largest number in a row)."""
    matrix = sparse.csr_array(matrix)
    counts = np.diff(matrix.indptr)
    filled = np.arange(max(counts.max(initial=0), 1)) < counts[:, None]  # (n, k)
    neighbors = np.zeros(filled.shape, dtype=np.int64)
    weights = np.zeros(filled.shape, dtype=np.float64)
    neighbors[filled], weights[filled] = matrix.indices, matrix.data
    return {"neighbors": neighbors, "weights": weights}
