"""The graph of the samples as a part of an estimator: where it comes from, who is in it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_array
from torch import Tensor

from skdeepclust._compat import HasMethods, Interval, StrOptions
from skdeepclust._engine.stored_arrays import rows_of
from skdeepclust.graph import NeighborAffinity, check_affinity
from skdeepclust.graph._input_graph import InputGraphMixin, Projection
from skdeepclust.graph._known_samples import KnownSamples, fingerprints
from skdeepclust.graph._served_graph import traced_edges


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


class SampleGraphMixin(InputGraphMixin):
    """Adds the graph's parameters, `_fit_graph` and `_edges_to_graph` to an estimator."""

    _parameter_constraints: ClassVar[dict] = {
        "graph_weight": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "affinity": [StrOptions({"nearest_neighbors", "precomputed"}), callable],
        "edge_weights": [StrOptions({"gaussian", "self_tuning", "connectivity"})],
        "neighbors": [None, HasMethods(["fit_transform", "transform"])],
    }

    graph_weight: Any
    n_neighbors: int
    affinity: Any
    edge_weights: str
    neighbors: Any
    affinity_matrix_: sparse.csr_array | Any  # or None without a graph
    _graph_features: Projection | None
    _once: Callable[..., Any]

    @abstractmethod
    def _prepare(self, x: Tensor) -> Tensor:
        """Return the samples of a batch as the method sees them (n, n_features)."""

    def _affinity_source(self):
        if callable(self.affinity):
            return CallableAffinity(self.affinity)
        if self.affinity == "precomputed":
            return PrecomputedAffinity()
        return NeighborAffinity(
            self.n_neighbors,
            edge_weights=self.edge_weights,
            neighbors=None if self.neighbors is None else clone(self.neighbors),
        )

    def _fit_graph(self, X, affinity=None) -> None:
        """Build the graph of the training samples, and remember who they are."""
        self._known = KnownSamples(self._infer(fingerprints, X).cpu().numpy())
        self._graph_features = self._graph_source = self.affinity_matrix_ = None
        if self.graph_weight == 0:
            return
        precomputed = isinstance(self.affinity, str) and self.affinity == "precomputed"
        given = affinity
        if given is None:
            if precomputed:
                raise ValueError(
                    'affinity="precomputed" needs the graph: call fit(X, affinity=A) with A of '
                    f"shape (n_samples, n_samples) = ({X.shape[0]}, {X.shape[0]})."
                )
            self._graph_features = self._principal_components(X, self._prepare)
            given = self._infer(self._to_graph_features, X).cpu().numpy()
        given = self._check_given(given, X)
        if precomputed and given.shape[0] != given.shape[1]:
            raise ValueError(
                f"affinity has the shape {given.shape}; the graph of the {X.shape[0]} training "
                f"samples has ({X.shape[0]}, {X.shape[0]})."
            )
        source = self._affinity_source()
        self._graph_source = self._once("graph", lambda: source.fit(given))
        self.affinity_matrix_ = self._graph_source.affinity_matrix_
        self._max_degree = float(self.affinity_matrix_.sum(1).max())

    def _to_graph_features(self, x: Tensor) -> Tensor:
        assert self._graph_features is not None
        return self._graph_features(self._prepare(x))

    def _check_given(self, given, X):
        if isinstance(given, torch.Tensor):
            given = given.detach().cpu().numpy()
        given = check_array(given, accept_sparse="csr", input_name="affinity")
        if given.shape[0] != X.shape[0]:
            raise ValueError(
                f"affinity has {given.shape[0]} rows, but X has {X.shape[0]} samples: give one "
                "row of edges or of features for each sample."
            )
        return given

    def _known_rows(self, X) -> np.ndarray:
        """Return which training sample each sample of X equals; -1 for none."""
        return self._known.find(self._infer(fingerprints, X).cpu().numpy())

    def _edges_to_graph(self, X, rows: np.ndarray, affinity=None) -> dict[str, np.ndarray]:
        """Return neighbours (n, k) among the training samples, and weights, of some rows of X."""
        if self._graph_source is None:
            return {}
        if affinity is not None:
            given = self._check_given(affinity, X)[rows]
        elif self._graph_features is None:
            raise ValueError(
                f"{len(rows)} of the {X.shape[0]} samples are not in the graph of the training "
                "samples, which was fitted with affinity=...: give theirs, too, as affinity= "
                "(features, or for a precomputed graph a row of affinities to the training "
                "samples)."
            )
        else:
            given = self._infer(self._to_graph_features, rows_of(X, rows)).cpu().numpy()
        return padded(self._graph_source.transform(given))

    def _traced_edges(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same of a batch whose samples are new, in operations on tensors alone."""
        source = self._graph_source
        searched = isinstance(source, NeighborAffinity) and source.neighbors is None
        if self._graph_features is None or not searched:
            raise ValueError(
                f"{type(self).__name__} was fitted with a graph that is given as affinity=, or "
                "made by a function or a search of your own, which one graph of tensors can't "
                "hold. Keep it with skdeepclust.save; or fit one with "
                'affinity="nearest_neighbors" and neighbors=None, and without affinity= in fit, '
                "or one with graph_weight=0."
            )
        return traced_edges(source, self._to_graph_features(x))


def padded(matrix: sparse.csr_array) -> dict[str, np.ndarray]:
    """Return the entries of a sparse matrix as two dense arrays (n, largest number in a row)."""
    matrix = sparse.csr_array(matrix)
    counts = np.diff(matrix.indptr)
    filled = np.arange(max(counts.max(initial=0), 1)) < counts[:, None]  # (n, k)
    neighbors = np.zeros(filled.shape, dtype=np.int64)
    weights = np.zeros(filled.shape, dtype=np.float64)
    neighbors[filled], weights[filled] = matrix.indices, matrix.data
    return {"neighbors": neighbors, "weights": weights}
