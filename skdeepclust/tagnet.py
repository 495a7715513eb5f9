"""TAGnet: graph-regularised sparse coding, unrolled into a network that learns to cluster.

Z. Wang, S. Chang, J. Zhou, M. Wang, T. S. Huang (2016). Learning a Task-Specific Deep
Architecture for Clustering. SDM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skdeepclust._base import fit_method
from skdeepclust._cluster_heads import initial_partition, logistic_weights
from skdeepclust._clusterer import BaseDeepClusterer
from skdeepclust._compat import Interval, StrOptions
from skdeepclust._docs import with_shared_docs
from skdeepclust._graph_branch import NewSamples, WholeGraph
from skdeepclust._initial_dictionary import DictionaryMixin
from skdeepclust._sample_graph import SampleGraphMixin
from skdeepclust.graph import laplacian, largest_eigenvalue_bound
from skdeepclust.losses import (
    assignment_kl,
    entropy_minimization_loss,
    max_margin_loss,
    target_distribution,
)
from skdeepclust.networks import PlainEncoder, TAGnet

PAPER_SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "n_components": 128,
        "n_stages": 2,
        "graph_weight": 5.0,
        "dictionary": "ksvd",
        "normalize": False,
        "balance": 0.0,
        "n_init": 1,
        "optimizer": "sgd",
        "lr": 0.01,
        "batch_size": 128,
    }
)
# Initial partitions are found, and the heads fitted to them, on at most this many samples.
MAX_SAMPLES = 20_000
# Steps on the loss with fixed codes, after a head was fitted to a partition.
HEAD_STEPS = 100
# Training takes all samples at once as long as the codes of all stages need less than this.
MAX_BYTES = 1.2e9
INFERENCE_BATCH_SIZE = 1024


class TAGnetHeads(nn.Module):
    """A network of stages with a linear head a task; remembers the training samples' codes.

    Parameters
    ----------
    encoder : TAGnet or PlainEncoder
        Network of stages.
    tasks : sequence of (int, int)
        Stage (0: that of the first code) and number of clusters of each task; the last task is
        the overall one.
    """

    projections: Tensor
    known_codes: Tensor

    def __init__(self, encoder: nn.Module, tasks: Sequence[tuple[int, int]]):
        super().__init__()
        self.encoder: Any = encoder
        self.stages = [stage for stage, _ in tasks]
        self.heads = nn.ModuleList(
            nn.Linear(encoder.n_components, n_clusters, bias=False) for _, n_clusters in tasks
        )
        # of the training samples: X W, from which all stages follow, and the last codes
        self.register_buffer("projections", torch.empty(0, encoder.n_components))
        self.register_buffer("known_codes", torch.empty(0, encoder.n_components))

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for name in ("projections", "known_codes"):  # as many rows as there were samples
            setattr(self, name, torch.empty_like(state_dict[prefix + name]))
        super()._load_from_state_dict(state_dict, prefix, *args)


@with_shared_docs
class TAGnetClusterer(DictionaryMixin, SampleGraphMixin, BaseDeepClusterer):
    r"""Graph-regularised sparse coding, unrolled into a network that is trained to cluster.

    DOC
    """

    module_: TAGnetHeads

    _parameter_constraints: ClassVar[dict] = {
        **BaseDeepClusterer._parameter_constraints,
        **SampleGraphMixin._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_stages": [Interval(Integral, 0, None, closed="left")],
        "loss": [StrOptions({"entropy", "max_margin", "target"})],
        "lam": [Interval(Real, 0, None, closed="left")],
        "normalized_laplacian": ["boolean"],
        "dictionary": [StrOptions({"mini_batch", "ksvd", "kmeans"}), "array-like"],
        "normalize": ["boolean"],
        "balance": [Interval(Real, 0, None, closed="left")],
        "margin": [Interval(Real, 0, None, closed="left")],
        "init": [StrOptions({"kmeans", "gmm"}), callable, "array-like"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "auxiliary_clusters": [None, Interval(Integral, 1, None, closed="left"), list, tuple],
        "auxiliary_weight": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        n_clusters=8,
        *,
        n_components=128,
        n_stages=10,
        loss="entropy",
        lam=0.3,
        graph_weight="auto",
        n_neighbors=10,
        affinity="nearest_neighbors",
        edge_weights="self_tuning",
        neighbors=None,
        normalized_laplacian=True,
        dictionary="mini_batch",
        normalize=True,
        balance=1.0,
        margin=1.0,
        init="kmeans",
        n_init=20,
        auxiliary_clusters=None,
        auxiliary_weight=1.0,
        module=None,
        optimizer="adam",
        lr=0.001,
        max_epochs=50,
        batch_size="auto",
        device="auto",
        dtype="float32",
        precision="32",
        compile=False,
        regularizers=None,
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
        **module__kwargs,
    ):
        super().__init__(
            module=module,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            device=device,
            dtype=dtype,
            precision=precision,
            compile=compile,
            regularizers=regularizers,
            callbacks=callbacks,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
            **module__kwargs,
        )
        self.n_clusters = n_clusters
        self.n_components = n_components
        self.n_stages = n_stages
        self.loss = loss
        self.lam = lam
        self.graph_weight = graph_weight
        self.n_neighbors = n_neighbors
        self.affinity = affinity
        self.edge_weights = edge_weights
        self.neighbors = neighbors
        self.normalized_laplacian = normalized_laplacian
        self.dictionary = dictionary
        self.normalize = normalize
        self.balance = balance
        self.margin = margin
        self.init = init
        self.n_init = n_init
        self.auxiliary_clusters = auxiliary_clusters
        self.auxiliary_weight = auxiliary_weight

    # -- the network
    def _default_network(self):
        return TAGnet

    def _arguments(self) -> dict[str, Any]:
        return {
            "n_clusters": self.n_clusters,
            "n_components": self._n_atoms(),
            "n_stages": self.n_stages,
            "auxiliary_clusters": self.auxiliary_clusters,
        }

    def _n_atoms(self) -> int:
        given = self._given_dictionary(self.n_features_in_)
        return self.n_components if given is None else len(given)

    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        if not isinstance(network, TAGnet):
            network = PlainEncoder(network, arguments["n_components"])
        tasks = auxiliary_tasks(arguments["auxiliary_clusters"], network.n_stages)
        return TAGnetHeads(network, [*tasks, (network.n_stages, arguments["n_clusters"])])

    def _prepare(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return functional.normalize(x, dim=1) if self.normalize else x

    def _project(self, x: Tensor) -> Tensor:
        with self._autocast():
            projection = self.module_.encoder.project(self._prepare(x))
        return projection.to(self._module_dtype)

    def _features(self, code: Tensor) -> Tensor:
        """Return what a head, and the user, gets of a code."""
        return functional.normalize(code, dim=1) if self.normalize else code

    def _assign(self, embedding: Tensor) -> Tensor:
        return self.module_.heads[-1](embedding).softmax(1)

    # -- the objective
    def _loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        codes = self.module_.encoder.codes(self._project(x), self._fit.branch(idx))
        return self._task_losses([codes[k] for k in self.module_.stages], idx, sample_weight)

    def _head_loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        codes = x.unflatten(1, (len(self.module_.stages), -1)).unbind(1)
        return self._task_losses(codes, idx, sample_weight)

    def _task_losses(self, codes: Sequence[Tensor], idx: Tensor, sample_weight: Tensor | None):
        losses = []
        for task, (head, code) in enumerate(zip(self.module_.heads, codes, strict=True)):
            logits = head(self._features(code))
            losses.append(self._clustering_loss(logits, task, idx, sample_weight))
        *auxiliary, overall = losses
        parts = {"clustering": overall}
        if not auxiliary:
            return {"loss": overall, **parts}
        parts["auxiliary"] = torch.stack(auxiliary).sum()
        return {"loss": overall + self.auxiliary_weight * parts["auxiliary"], **parts}

    def _clustering_loss(self, logits, task: int, idx: Tensor, sample_weight: Tensor | None):
        if self.loss == "target":
            target = self._fit.targets[task][idx]
            return assignment_kl(target, logits.softmax(1), sample_weight=sample_weight)
        if self.loss == "max_margin":
            return max_margin_loss(
                logits, margin=self.margin, balance=self.balance, sample_weight=sample_weight
            )
        return entropy_minimization_loss(logits, balance=self.balance, sample_weight=sample_weight)

    # -- the schedule
    def _schedule(self, n_samples: int, warm: bool) -> dict[str, int]:
        clustering = {"clustering": self.max_epochs}
        return clustering if warm or not self.max_epochs else {"heads": HEAD_STEPS, **clustering}

    def _fit_phases(self, X, extra, schedule, affinity=None) -> None:
        fit, module = self._fit, self.module_
        fit.weight = extra.get("sample_weight", np.ones(X.shape[0]))
        self._fit_graph(X, affinity)
        fit.laplacian = None
        if self.affinity_matrix_ is not None:
            fit.laplacian = laplacian(
                self.affinity_matrix_, normalized=self.normalized_laplacian
            )
        warm = "heads" not in schedule and hasattr(self, "dictionary_") and self.warm_start
        if not warm:
            self._start_network(X)
        fit.graph = None
        if fit.laplacian is not None:
            fit.graph = WholeGraph(fit.laplacian, self.graph_gain_, module.projections)
        whole = self._takes_all_at_once(X.shape[0])
        if not warm:
            self._start_heads(X, extra, schedule)
        fit.whole = whole
        batches = (
            {"batch_size": X.shape[0], "generator": None}
            if whole
            else {"batch_size": self._inference_batch_size if self.batch_size == "auto" else self.batch_size}
        )
        self._train(
            "clustering",
            self._loss,
            X,
            extra,
            epochs=schedule["clustering"],
            on_epoch_begin=lambda: self._begin_epoch(X),
            decay_lr=True,
            **batches,
        )
        self._remember(X)

    def _start_network(self, X) -> None:
        self.dictionary_ = self._initial_dictionary(X, self._fit.weight)
        eigenvalue = 2.0
        if self._fit.laplacian is not None and not self.normalized_laplacian:
            eigenvalue = largest_eigenvalue_bound(self._fit.laplacian)
        self.module_.encoder.set_dictionary(
            torch.from_numpy(self.dictionary_),
            lam=self.lam,
            graph_weight=self.graph_weight,
            largest_eigenvalue=eigenvalue,
        )
        self.graph_gain_ = float(self.module_.encoder.gain)

    def _start_heads(self, X, extra, schedule) -> None:
        codes = self._whole_codes(self._infer(self._project, X))
        codes = [self._features(codes[k]) for k in self.module_.stages]
        weight = self._fit.weight
        seed = int(torch.randint(2**31 - 1, ()))
        rows = np.flatnonzero(weight > 0)
        some = self._some_rows(len(rows), MAX_SAMPLES)
        rows = rows if some is None else rows[some]
        for task, (head, code) in enumerate(zip(self.module_.heads, codes, strict=True)):
            last = task == len(codes) - 1
            points = code.cpu().numpy()
            labels = initial_partition(
                points,
                head.out_features,
                rows=rows,
                init=self.init if last or isinstance(self.init, str) else "kmeans",
                n_init=self.n_init,
                random_state=seed,
                affinity=self.affinity_matrix_,
            )
            if last: self.initial_labels_ = labels
            weights = logistic_weights(points[rows], labels[rows], head.out_features, weight[rows])
            with torch.no_grad():
                head.weight.copy_(torch.from_numpy(weights))
        self._fit.head_codes = codes
        self._train(
            "heads",
            self._head_loss,
            torch.stack(codes, 1).flatten(1).cpu().numpy(),
            extra,
            epochs=schedule.get("heads", 0),
            on_epoch_begin=lambda: self._set_targets(codes),
            batch_size=X.shape[0],
            generator=None,
            sample_shape=(sum(code.shape[1] for code in codes),),
        )

    def _takes_all_at_once(self, n_samples: int) -> bool:
        if self.batch_size != "auto":
            return self.batch_size >= n_samples
        encoder = self.module_.encoder
        size = n_samples * encoder.n_components * self._module_dtype.itemsize
        return 2 * size * (encoder.n_stages + 2) <= MAX_BYTES

    @property
    def _inference_batch_size(self) -> int:
        return INFERENCE_BATCH_SIZE if self.batch_size == "auto" else self.batch_size

    @torch.no_grad()
    def _whole_codes(self, projections: Tensor) -> tuple[Tensor, ...]:
        return self.module_.encoder.codes(projections, self._fit.graph)

    def _begin_epoch(self, X) -> None:
        fit = self._fit
        if fit.whole:
            fit.branch = lambda idx: fit.graph
            if self.loss != "target":
                return
        codes = self._whole_codes(self._infer(self._project, X))
        if not fit.whole:
            if fit.graph is None:
                fit.branch = lambda idx: None
            else:
                fit.branch = fit.graph.messages(codes[:-1]).of
        self._set_targets([self._features(codes[k]) for k in self.module_.stages])
        self.module_.train()

    @torch.no_grad()
    def _set_targets(self, codes) -> None:
        if self.loss != "target":
            return
        self._fit.targets = [
            target_distribution(head(code).softmax(1))
            for head, code in zip(self.module_.heads, codes, strict=True)
        ]

    def _remember(self, X) -> None:
        projections = self._infer(self._project, X)
        codes = self._whole_codes(projections)
        representative = torch.from_numpy(self._known.representative).to(projections.device)
        self.module_.projections = projections
        self.module_.known_codes = codes[-1][representative]
        self._stage_codes = codes

    # -- inference
    def _embed(self, x: Tensor, neighbors: Tensor | None = None, weights: Tensor | None = None):
        branch = None
        if neighbors is not None:
            branch = NewSamples(
                neighbors, weights, stages=self._stage_codes, gain=self.module_.encoder.gain,
                normalized=self.normalized_laplacian,
            )
        return self.module_.encoder.codes(self._project(x), branch)[-1]

    def _embed_samples(self, X, affinity=None) -> Tensor:
        known = self._known_rows(X)
        device = self._module_device
        codes = self.module_.known_codes[torch.from_numpy(known.clip(0)).to(device)]
        new = np.flatnonzero(known < 0)
        if len(new):
            edges = self._edges_to_graph(X, new, affinity)
            codes[torch.from_numpy(new).to(device)] = self._infer(self._embed, X[new], edges)
        return self._features(codes)

    def _assign_samples(self, X, affinity=None) -> Tensor:
        embedding = self._embed_samples(X, affinity)
        return self._infer(self._assign, embedding, sample_shape=(embedding.shape[1],))

    @fit_method
    def fit(self, X, y=None, affinity=None, sample_weight=None):
        """Fit."""
        return self._fit_samples(X, sample_weight, affinity=affinity)

    def predict(self, X, affinity=None):
        """Predict."""
        return self._hard(self._check(X), affinity=affinity)


def auxiliary_tasks(
    auxiliary_clusters: int | Sequence[int | None] | None, n_stages: int
) -> list[tuple[int, int]]:
    """Return (stage, number of clusters) of each auxiliary task."""
    if auxiliary_clusters is None:
        return []
    numbers = (
        [auxiliary_clusters] * n_stages
        if isinstance(auxiliary_clusters, Integral)
        else list(auxiliary_clusters)
    )
    if len(numbers) != n_stages:
        raise ValueError(
            f"auxiliary_clusters={auxiliary_clusters!r} has {len(numbers)} numbers; there are "
            f"n_stages={n_stages} stages: give one number, or None, for each."
        )
    return [(stage, int(number)) for stage, number in enumerate(numbers) if number]
