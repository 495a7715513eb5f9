"""Clusterers whose samples have a graph, which may be given as metadata."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from skdeepclust._compat import HasMethods, Interval, StrOptions
from skdeepclust._engine.global_settings import ordinary_torch
from skdeepclust._engine.runner import like
from skdeepclust._engine.stored_arrays import rows_of
from skdeepclust._estimator.base import fit_method
from skdeepclust._estimator.clusterer import BaseDeepClusterer
from skdeepclust._estimator.dask_answers import by_blocks
from skdeepclust._estimator.parameters import learned, parameter
from skdeepclust._training.epoch_watch import EpochWatch
from skdeepclust._training.session import Session
from skdeepclust.graph import laplacian
from skdeepclust.graph._sample_graph import SampleGraph, affinity_source
from skdeepclust.graph._served_graph import traced_nearest, traced_rows, traced_weights
from skdeepclust.losses import information_loss
from skdeepclust.networks._graph_branch import NewSamples, WholeGraph, neighborly_order

# Samples at a time in predictions, at most.
INFERENCE_BATCH_SIZE = 1024
# Names of the graph's parts in pickles and files.
PARTS_OF_GRAPH = {
    "known": "_known",
    "source": "_graph_source",
    "features": "_graph_features",
    "max_degree": "_max_degree",
}


@dataclass
class GraphFit:
    """What a fit of such a clusterer needs.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    graph : WholeGraph or None
        The graph of all samples.
    at_once : bool
        Whether all samples are one batch.
    samples : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        The training samples.
    branch : callable
        Returns what acts between the stages on samples of the given indices.
    targets : list of Tensor of shape (n_samples, n_clusters)
        Of each head, where it is trained on such.
    """

    weight: np.ndarray
    graph: WholeGraph | None
    at_once: bool
    samples: Any
    branch: Callable[[Tensor], Any] = lambda idx: None
    targets: list[Tensor] = field(default_factory=list)


class BaseGraphClusterer(BaseDeepClusterer):
    """Base of clusterers whose network has stages, between which a graph of the samples acts.

    `fit`, `predict`, `predict_proba`, `transform` and `score` take `affinity=`; with metadata
    routing, `set_fit_request(affinity=True)` and so on hand it through pipelines and searches.
    Needs a network `module_.encoder` like :class:`~skdeepclust.networks.TAGnet`, and the hooks
    below. A fit keeps a `GraphFit` as `_fit`.
    """

    graph_weight: float | str = parameter(
        default="auto", allowed=[StrOptions({"auto"}), Interval(Real, 0, None, closed="left")]
    )
    n_neighbors: int = parameter(default=10, allowed=[Interval(Integral, 1, None, closed="left")])
    affinity: str | Callable[..., Any] = parameter(
        default="nearest_neighbors",
        allowed=[StrOptions({"nearest_neighbors", "precomputed"}), callable],
    )
    edge_weights: str = parameter(
        default="self_tuning",
        allowed=[StrOptions({"gaussian", "self_tuning", "connectivity"})],
    )
    neighbors: Any = parameter(
        default=None, allowed=[None, HasMethods(["fit_transform", "transform"])]
    )
    normalized_laplacian: bool = parameter(default=True, allowed=["boolean"])
    batch_size: int | str = parameter(
        default="auto",
        allowed=[StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
    )

    affinity_matrix_: sparse.csr_array | Any = learned()  # or None without a graph
    graph_gain_: float = learned()
    _graph: SampleGraph = learned()
    _stage_codes: tuple[Sequence[Tensor], Tensor] = learned()
    _fit: GraphFit = learned()

    # -- the hooks of a method
    @abstractmethod
    def _prepare(self, x: Tensor) -> Tensor:
        """Return the samples of a batch as the method sees them (n, n_features)."""

    @abstractmethod
    def _project(self, x: Tensor) -> Tensor:
        """Return what of a batch enters every stage (n, n_components)."""

    @abstractmethod
    def _features(self, code: Tensor) -> Tensor:
        """Return what a head, and the user, gets of a code."""

    # -- the codes of the training samples
    def _fit_graph(self, session: Session, X, affinity: Any) -> None:
        source = None
        if self.graph_weight != 0:
            source = affinity_source(
                self.affinity, self.n_neighbors, self.edge_weights, self.neighbors
            )
        self._graph = SampleGraph.fit(
            session.runner,
            X,
            source,
            prepare=self._prepare,
            affinity=affinity,
            once=session.once,
        )
        self.affinity_matrix_ = self._graph.affinity_matrix

    def _laplacian(self):
        return laplacian(self.affinity_matrix_, normalized=self.normalized_laplacian)

    def _whole_graph(self) -> WholeGraph:
        graph_laplacian = self._laplacian()
        return WholeGraph(
            graph_laplacian,
            self.graph_gain_,
            self.module_.projections,
            order=neighborly_order(graph_laplacian),
        )

    def _codes_of_batch(self, projection: Tensor, idx: Tensor) -> tuple[Tensor, ...]:
        """Return what the head of each task gets of the samples of a batch."""

        def codes(projection: Tensor, idx: Tensor) -> tuple[Tensor, ...]:
            found = self.module_.encoder.codes(projection, self._fit.branch(idx))
            return tuple(self._features(found[stage]) for stage in self.module_.stages)

        if self._fit.at_once and self._fit.graph is not None:  # they depend on each other
            return codes(projection, idx)
        return self._runner.by_rows(codes, projection, idx)

    @torch.no_grad()
    def _codes_of_all(
        self, projection: Tensor, graph: WholeGraph | None, stages: Iterable[int]
    ) -> list[Tensor]:
        """Return the codes (n, n_components) of some stages, of all training samples."""
        encoder = self.module_.encoder
        if graph is not None:
            return graph.codes(encoder, projection, stages)
        codes = encoder.codes(projection)
        return [codes[stage] for stage in stages]

    def _remember(self, X) -> None:
        """Keep what predictions for these samples, and for their neighbours, follow from."""
        module = self.module_
        module.projections = self._runner.infer(self._project, X)
        last = [module.encoder.n_stages]
        # found by the first of equal samples
        (module.known_codes,) = self._codes_of_all(module.projections, self._fit.graph, last)
        self.__dict__.pop("_stage_codes", None)

    @torch.no_grad()
    def _codes_of_graph(self) -> tuple[Sequence[Tensor], Tensor]:
        """Return the codes of all stages in the graph's order, and where to find each sample's.

        Of equal samples the codes of the first are found: which of them a search names as the
        neighbours of another sample is chance. All of it is computed when first needed, and not
        kept in pickles.
        """
        if not hasattr(self, "_stage_codes"):
            graph, projections = self._whole_graph(), self.module_.projections
            codes = self.module_.encoder.codes(projections[graph.order], graph)
            self._stage_codes = codes, graph.position[self._graph.known.representative]
        return self._stage_codes

    # -- the criterion of the best epoch
    def _watch(self, X) -> EpochWatch:
        """Follow the information of the assignment; a loss of all of X at once tells it."""
        return EpochWatch(
            lambda: self._criterion(X),
            keep_best=self.restore_best,
            part="information" if self._fit.at_once else None,
            unit=math.log(max(self.n_clusters, 2)),
        )

    @torch.no_grad()
    def _criterion(self, X, codes: Tensor | None = None) -> float:
        """Return the information of the assignment, in [0, 1]; `codes` are those of X if known."""
        if codes is None:
            last = [self.module_.encoder.n_stages]
            (codes,) = self._codes_of_all(
                self._runner.infer(self._project, X), self._fit.graph, last
            )
        assignment = self._assign(self._features(codes))
        weight = torch.as_tensor(self._fit.weight).to(assignment)
        information = -float(information_loss(assignment, sample_weight=weight))
        return information / math.log(max(self.n_clusters, 2))

    # -- inference
    @property
    def _inference_batch_size(self) -> int:
        size = self.batch_size
        return INFERENCE_BATCH_SIZE if isinstance(size, str) else min(size, INFERENCE_BATCH_SIZE)

    def _embed(self, x: Tensor, neighbors: Tensor | None = None, weights: Tensor | None = None):
        """Return the last codes of samples that aren't in the graph, from their edges to it."""
        branch = None
        if neighbors is not None and weights is not None:
            stages, position = self._codes_of_graph()
            branch = NewSamples(
                position[neighbors],
                weights,
                stages=stages,
                gain=self.module_.encoder.gain,
                normalized=self.normalized_laplacian,
                max_degree=self._graph.max_degree,
            )
        return self.module_.encoder.codes(self._project(x), branch)[-1]

    @contextmanager
    def _as_of_now(self) -> Generator[None]:
        """Let what callbacks ask for in the middle of a fit follow from the network of then."""
        fit = vars(self).get("_fit")
        if fit is None:
            yield
            return
        module = self.module_
        before = module.projections, module.known_codes
        self._remember(fit.samples)
        try:
            yield
        finally:
            module.projections, module.known_codes = before
            self.__dict__.pop("_stage_codes", None)

    def _embed_samples(self, X, *, affinity: Any = None, **metadata) -> Tensor:
        with self._as_of_now():
            return self._features(self._codes_of(X, affinity))

    def _embed_own(self, X) -> Tensor:
        return self._embed_samples(X)

    def _codes_of(self, X, affinity: Any) -> Tensor:
        """Return the last codes of samples, those that the graph holds among them."""
        runner = self._runner
        known = self._graph.known_rows(runner, X)
        codes = self.module_.known_codes[torch.from_numpy(known.clip(0)).to(runner.device)]
        new = np.flatnonzero(known < 0)
        if len(new):
            edges = self._graph.edges_to(runner, X, new, prepare=self._prepare, affinity=affinity)
            found = runner.infer(self._embed, rows_of(X, new), edges)
            codes[torch.from_numpy(new).to(runner.device)] = found
        return codes

    def _served(self, x: Tensor) -> dict[str, Tensor]:
        return self._served_rounded(x, None)

    def _served_rounded(self, x: Tensor, error: Tensor | None) -> dict[str, Tensor]:
        """Return the same of samples that rounding has moved by up to `error` (n, 1), if it has."""
        embedding = self._features(self._served_codes(x, error))
        assignment = self._assign(embedding)
        return {
            "labels": assignment.argmax(1), "probabilities": assignment, "embedding": embedding
        }  # fmt: skip

    def _served_codes(self, x: Tensor, error: Tensor | None) -> Tensor:
        if self.affinity_matrix_ is None:
            return self._embed(x)
        prepared = self._prepare(x)
        found = self._graph.traced_neighbors(prepared)
        if found is None:
            raise ValueError(
                f"{type(self).__name__} was fitted with a graph that is given as affinity=, or "
                "made by a function or a search of your own, which one graph of tensors can't "
                "hold. Keep it with skdeepclust.save; or fit one with "
                'affinity="nearest_neighbors" and neighbors=None, and without affinity= in fit, '
                "or one with graph_weight=0."
            )
        neighbors, distances = found
        weights = traced_weights(self._graph.source, neighbors, distances, prepared.dtype)
        codes = self._embed(x, neighbors, weights)
        for is_known, rows in self._served_rows(x, prepared, found, error):
            codes = torch.where(is_known[:, None], self.module_.known_codes[rows], codes)
        return codes

    def _served_rows(
        self, x: Tensor, prepared: Tensor, found: tuple[Tensor, Tensor], error: Tensor | None
    ) -> Generator[tuple[Tensor, Tensor]]:
        """Yield which samples are training samples, and where: at last those that surely are."""
        if error is not None:
            size, length = (v.flatten(1).double().norm(dim=1, keepdim=True) for v in (x, prepared))
            tolerance = error * torch.where(size > 0, length / size, 1.0)
            yield traced_nearest(self._graph.known, found[0], found[1], tolerance)
        yield traced_rows(self._graph.known, x)

    # -- pickles: the parts of the graph by the names that earlier versions gave them
    def __getstate__(self):
        with self._as_of_now():  # callbacks of scikit-learn score copies
            state = super().__getstate__()
        graph = state.pop("_graph", None)
        if graph is not None:
            state |= {old: getattr(graph, name) for name, old in PARTS_OF_GRAPH.items()}
        return state

    def __setstate__(self, state):
        parts = {name: state[old] for name, old in PARTS_OF_GRAPH.items() if old in state}
        rest = {k: v for k, v in state.items() if k not in PARTS_OF_GRAPH.values()}
        super().__setstate__({**rest, "_graph": SampleGraph(**parts)} if parts else rest)

    # -- the interface
    @fit_method
    # the order of the graph and the weights is the methods' own
    # pyrefly: ignore[bad-override]
    def fit(self, X: Any, y: Any = None, affinity: Any = None, sample_weight: Any = None) -> Self:
        """Learn the codes and the clusters of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,), default=None
            Labels for callbacks that score the training; nothing is learned from them.
        affinity : {array-like, sparse matrix}, default=None
            With `affinity="precomputed"` the graph, of shape (n_samples, n_samples); otherwise
            features of shape (n_samples, n_graph_features) between which neighbours are found
            instead of those of X.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights in the losses; `None` weighs all samples the same.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit_samples(X, sample_weight, y, affinity=affinity)

    @by_blocks
    def predict(self, X: Any, affinity: Any = None) -> Any:
        """Return the most probable cluster of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        affinity : {array-like, sparse matrix}, default=None
            What `fit` was given, for these samples: features, or affinities to the training
            samples. Not needed for training samples.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Index of the cluster; for training samples that of `labels_`.
        """
        return self._hard(self._check(X), affinity=affinity)

    @by_blocks
    def predict_proba(self, X: Any, affinity: Any = None) -> Any:
        """Return the probability of each cluster.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        affinity : {array-like, sparse matrix}, default=None
            As in `predict`.

        Returns
        -------
        assignment : ndarray of shape (n_samples, n_clusters)
            Rows sum to 1. A tensor if X is one.
        """
        return like(X, self._assign_samples(self._check(X), affinity=affinity))

    @by_blocks
    def transform(self, X: Any, affinity: Any = None) -> Any:
        """Return the codes of the last stage.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        affinity : {array-like, sparse matrix}, default=None
            As in `predict`.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            Of unit length if `normalize=True`. A tensor if X is one.
        """
        return like(X, self._embed_samples(self._check(X), affinity=affinity))

    @ordinary_torch()
    def score(self, X: Any, y: Any = None, affinity: Any = None) -> float:
        """Return the information that the assignment carries, in [0, 1]; it needs no labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : Ignored
            Present for the API's sake.
        affinity : {array-like, sparse matrix}, default=None
            As in `predict`.

        Returns
        -------
        score : float
            1 where every sample belongs to one cluster with certainty and all clusters are of
            the same size, 0 where the assignment says nothing.
        """
        return self._information_share(self._assign_samples(self._check(X), affinity=affinity))
