"""TAGnet: graph-regularised sparse coding, unrolled into a network that learns to cluster.

Z. Wang, S. Chang, J. Zhou, M. Wang, T. S. Huang (2016). Learning a Task-Specific Deep
Architecture for Clustering. SDM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skdeepclust._clusters.heads import HeadStart, initial_head
from skdeepclust._clusters.initial_dictionary import given_dictionary, initial_dictionary
from skdeepclust._compat import Interval, StrOptions
from skdeepclust._engine.captured import InPlace, renewed
from skdeepclust._estimator import types
from skdeepclust._estimator.graph_clusterer import BaseGraphClusterer, GraphFit
from skdeepclust._estimator.parameters import learned, parameter
from skdeepclust._training.epoch_watch import EpochWatch
from skdeepclust._training.session import Session
from skdeepclust.graph import largest_eigenvalue_bound
from skdeepclust.graph._input_graph import some_rows
from skdeepclust.losses import (
    assignment_kl,
    entropy_minimization_loss,
    information_loss,
    max_margin_loss,
    target_distribution,
)
from skdeepclust.networks import PlainEncoder, TAGnet
from skdeepclust.networks._layers import train_mode
from skdeepclust.networks._task_heads import TAGnetHeads, auxiliary_tasks

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
# Training takes all samples at once as long as the codes of all stages need less than this, else
# batches of this size.
MAX_BYTES = 2e9
# Beside the codes of the stages: the first code, what enters every stage, gradients.
WORKING_MATRICES = 6
BATCH_SIZE = 1024


class TAGnetClusterer(BaseGraphClusterer):
    r"""Graph-regularised sparse coding, unrolled into a network that is trained to cluster.

    The network runs the iterations of graph-regularised sparse coding,

    .. math:: Z_1 = h_\theta(X W), \quad
        Z_{k+1} = h_\theta(Z_k S - \tfrac{\alpha}{N} L Z_k + X W)

    (Eq. 3.3 to 3.5), with the Laplacian L of a graph of the samples, from the weights that a
    dictionary gives. A linear head assigns the last codes to clusters, p = softmax(A omega^T + b).
    It starts from a partition of the codes; head and network are then trained on the entropy of
    p (Eq. 3.7), the margin between the two best clusters (Eq. 3.10), or the divergence from DEC's
    targets. Samples that the fit didn't see get edges to the training samples and their codes.

    Read more in the :doc:`user guide </tagnet>`.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    n_components : int, default=128
        Number of atoms of the dictionary, the components of the codes. An array `dictionary`
        decides it.
    n_stages : int, default=20
        Number of iterations K after the first code, at least 0.
    loss : {"entropy", "max_margin", "target"}, default="entropy"
        What the network is trained on.
    lam : float, default=0.3
        Weight lambda of the codes' absolute values, in units of the samples' length.
    graph_weight : "auto" or float, default="auto"
        Weight alpha of the graph. "auto": as strong as is safe (`graph_gain_` about .83 for a
        normalised Laplacian); 0: no graph at all.
    n_neighbors : int, default=10
        Number of nearest neighbours in the graph.
    affinity : {"nearest_neighbors", "precomputed"} or callable, default="nearest_neighbors"
        The graph: of nearest neighbours in 50 principal components of X, or in the features
        that `fit(X, affinity=features)` gives; the matrix that `fit(X, affinity=matrix)` gives;
        or a function of features that returns a (sparse) matrix, `affinity(A, B)` of shape
        `(len(A), len(B))`.
    edge_weights : {"gaussian", "self_tuning", "connectivity"}, default="self_tuning"
        Weights of edges between nearest neighbours, see
        :class:`~skdeepclust.graph.NeighborAffinity`.
    neighbors : transformer, default=None
        What finds the neighbours, with the interface of
        `sklearn.neighbors.KNeighborsTransformer`; `None`: scikit-learn, exactly.
    normalized_laplacian : bool, default=True
        Whether L is `I - D^-1/2 P D^-1/2` or `D - P`.
    dictionary : {"mini_batch", "ksvd", "kmeans"} or array, default="mini_batch"
        Initial dictionary: by scikit-learn's mini-batch dictionary learning, by
        :class:`~skdeepclust.dictionary.KSVD`, the centres of k-means, or given with the shape
        (n_components, n_features).
    normalize : bool, default=True
        Whether samples, and codes before the head, have unit length.
    balance : float, default=1.0
        Weight of the term for clusters of equal size. Without it both losses of the paper are
        least if all samples are in one cluster.
    margin : float, default=1.0
        Margin of `loss="max_margin"`.
    init : {"gmm", "kmeans"}, array of shape (n_clusters, n_components) or callable, default="gmm"
        Initial partition of the codes: Gaussian mixtures in 20 principal components, most of
        them of more components than clusters, which are merged along the graph; KMeans; given
        centres, or `init(codes, n_clusters, random_state)` that returns centres.
    n_init : int, default=24
        Number of candidates for it. Their labels spread over the graph until they settle; the one
        is taken of which neighbours share most, by mutual information.
    auxiliary_clusters : int or sequence of int or None, default=None
        Numbers of clusters of auxiliary tasks on the codes Z_1 ... Z_K, one a stage (DTAGnet);
        `None` or 0 for stages without one.
    auxiliary_weight : float, default=1.0
        Weight of the sum of their losses.
    module : type, callable or torch.nn.Module, default=None
        A plain network from samples to features (n, n_components) instead of the unrolled one:
        a class or factory that is offered `input_shape` and `n_components`, or an instance,
        which is copied. It has no stages and takes no graph. `None`:
        :class:`~skdeepclust.networks.TAGnet`.
    lr : float, default=0.003
        Learning rate; falls to 0 along a cosine.
    max_epochs : int, default=50
        Number of epochs. 0: the network stays as it starts.
    batch_size : "auto" or int, default="auto"
        Largest number of samples in a batch. "auto": all samples at once as long as the codes of
        all stages fit into 2 GB, else 1024. In smaller batches the codes of neighbours
        are those of the epoch's start.
    <shared parameters>

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each sample.
    initial_labels_ : ndarray of shape (n_samples,)
        The partition from which the head started.
    auxiliary_labels_ : list of ndarray or None
        Clusters of each sample by stage, `None` for stages without a task; `None` if there is
        no task.
    dictionary_ : ndarray of shape (n_components, n_features)
        The initial dictionary.
    affinity_matrix_ : csr_array of shape (n_samples, n_samples)
        The graph; `None` if `graph_weight=0`.
    graph_gain_ : float
        How strongly the graph acts at a stage, alpha / N.
    <shared attributes>

    Notes
    -----
    The sign in the exponent of Eq. 3.8 is plus here, as in the paper's prediction rule; the bias b
    is not in the paper. Without it samples with a code of zeros belong to all clusters. N bounds
    the paper's ||D||^2 and half of ||D||^2 + alpha lambda_max(L): no weight of the graph makes the
    initial network diverge. `TAGnetClusterer(10, **PAPER_SETTINGS)` is the paper's method, which
    may merge clusters, as `balance` is 0.

    Samples are recognised by a hash of their features: `predict(X_train)` is `labels_`.

    References
    ----------
    Z. Wang, S. Chang, J. Zhou, M. Wang, T. S. Huang (2016). Learning a Task-Specific Deep
    Architecture for Clustering. SDM. Equations (2.2) to (3.10) and Section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust import TAGnetClusterer
    >>> X, _ = load_digits(return_X_y=True)
    >>> clusterer = TAGnetClusterer(
    ...     10, n_components=32, n_stages=5, max_epochs=5, n_init=2, random_state=0
    ... )
    >>> labels = clusterer.fit_predict(X[:500])
    >>> bool((clusterer.predict(X[:500]) == labels).all())
    True
    >>> clusterer.transform(X[500:]).shape
    (1297, 32)
    """

    n_components: int = parameter(default=128, allowed=[Interval(Integral, 1, None, closed="left")])
    n_stages: int = parameter(default=20, allowed=[Interval(Integral, 0, None, closed="left")])
    loss: str = parameter(
        default="entropy", allowed=[StrOptions({"entropy", "max_margin", "target"})]
    )
    lam: float = parameter(default=0.3, allowed=[Interval(Real, 0, None, closed="left")])
    dictionary: str | types.ArrayLike = parameter(
        default="mini_batch",
        allowed=[StrOptions({"mini_batch", "ksvd", "kmeans"}), "array-like"],
        after="normalized_laplacian",
    )
    normalize: bool = parameter(default=True, allowed=["boolean"])
    balance: float = parameter(default=1.0, allowed=[Interval(Real, 0, None, closed="left")])
    margin: float = parameter(default=1.0, allowed=[Interval(Real, 0, None, closed="left")])
    init: types.Start = parameter(
        default="gmm", allowed=[StrOptions({"kmeans", "gmm"}), callable, "array-like"]
    )
    n_init: int = parameter(default=24, allowed=[Interval(Integral, 1, None, closed="left")])
    auxiliary_clusters: int | Sequence[int | None] | None = parameter(
        default=None, allowed=[None, Interval(Integral, 1, None, closed="left"), list, tuple]
    )
    auxiliary_weight: float = parameter(
        default=1.0, allowed=[Interval(Real, 0, None, closed="left")]
    )
    lr: float = parameter(default=0.003)
    max_epochs: int = parameter(default=50)

    module_: TAGnetHeads = learned()
    initial_labels_: np.ndarray = learned()
    auxiliary_labels_: list[Any] | Any = learned()  # or None without such tasks
    dictionary_: np.ndarray = learned()
    _largest_eigenvalue: float = learned()
    _of_first_weights = ("lam", "graph_weight", "dictionary")
    _can_be_left_out = ("graph_weight",)

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
        given = given_dictionary(self.dictionary, self.n_features_in_)
        return self.n_components if given is None else len(given)

    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        if not isinstance(network, TAGnet):
            network = PlainEncoder(network, arguments["n_components"])
        tasks = auxiliary_tasks(arguments["auxiliary_clusters"], network.n_stages)
        return TAGnetHeads(network, [*tasks, (network.n_stages, arguments["n_clusters"])])

    def _takes_origin_off(self, module: nn.Module) -> bool:
        """Tell whether values may be told from another origin, as the atoms that are found are."""
        return isinstance(self.dictionary, str)

    def _prepare(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return functional.normalize(x, dim=1, eps=self._input.rounding) if self.normalize else x

    def _project(self, x: Tensor) -> Tensor:
        return self._runner.run(self.module_.encoder.project, self._prepare(x))

    def _features(self, code: Tensor) -> Tensor:
        """Return what a head, and the user, gets of a code."""
        return functional.normalize(code, dim=1) if self.normalize else code

    def _assign(self, embedding: Tensor) -> Tensor:
        return self.module_.heads[-1](embedding).softmax(1)

    # -- the objective
    def _loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        codes = self._codes_of_batch(self._project(x), idx)
        return self._task_losses(codes, idx, sample_weight)

    def _head_loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        codes = x.tensor_split(len(self.module_.stages), dim=1)
        return self._task_losses(codes, idx, sample_weight)

    def _task_losses(self, codes: Sequence[Tensor], idx: Tensor, sample_weight: Tensor | None):
        logits, losses = [], []
        for task, (head, code) in enumerate(zip(self.module_.heads, codes, strict=True)):
            logits.append(head(code))
            losses.append(self._clustering_loss(logits[-1], task, idx, sample_weight))
        *auxiliary, overall = losses
        assignment = logits[-1].detach().softmax(1)
        negative = information_loss(assignment, sample_weight=sample_weight)
        parts = {"clustering": overall, "information": -negative}
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

    def _check_counted(self, n_counted: int) -> None:
        given = self.auxiliary_clusters
        numbers = given if isinstance(given, Sequence) else [given]
        if any(isinstance(number, Integral) and number > n_counted for number in numbers):
            raise ValueError(
                f"auxiliary_clusters={given!r} asks for more clusters than there are samples: "
                f"n_samples={n_counted}, without those whose sample_weight is 0."
            )

    # -- the schedule
    def _schedule(self, n_samples: int, warm: bool) -> dict[str, int]:
        clustering = {"clustering": self.max_epochs}
        return clustering if warm else {"heads": HEAD_STEPS, **clustering}

    def _fit_phases(
        self,
        session: Session,
        X,
        extra: dict[str, np.ndarray],
        schedule: dict[str, int],
        affinity: Any = None,
    ) -> None:
        weight = extra.get("sample_weight", np.ones(X.shape[0]))
        self._fit_graph(session, X, affinity)
        warm = "heads" not in schedule
        self._adapt_gain() if warm else self._start_network(session, X, weight)
        is_plain = self.affinity_matrix_ is None
        self.graph_gain_ = 0.0 if is_plain else float(self.module_.encoder.gain)
        graph = None if is_plain else self._whole_graph()
        fit = self._fit = GraphFit(weight, graph, self._takes_all_at_once(X.shape[0]), X)
        if not warm:
            self._start_heads(session, X, extra, schedule["heads"])
        size = BATCH_SIZE if self.batch_size == "auto" else self.batch_size
        watch = self._watch(X)
        refresh = partial(self._begin_epoch, X, watch)
        session.train(
            "clustering",
            self._loss,
            X,
            extra,
            epochs=schedule["clustering"],
            on_epoch_begin=InPlace(refresh) if fit.at_once else refresh,
            watch=watch,
            decay_lr=True,
            batch_size=max(X.shape[0] if fit.at_once else size, 2),
            generator=None if fit.at_once else session.shuffle,
            order=fit.graph.order if fit.at_once and fit.graph is not None else None,
        )
        self._remember(X)
        self.auxiliary_labels_ = self._auxiliary() if len(self.module_.heads) > 1 else None

    def _start_network(self, session: Session, X, weight: np.ndarray) -> None:
        find = partial(
            initial_dictionary,
            session.runner,
            X,
            weight,
            dictionary=self.dictionary,
            n_components=self.n_components,
            prepare=self._prepare,
            verbose=self.verbose,
        )
        self.dictionary_ = session.once("dictionary", find)
        self._largest_eigenvalue = self._eigenvalue_bound()
        self.module_.encoder.set_dictionary(
            torch.from_numpy(self.dictionary_),
            lam=self.lam,
            graph_weight=self.graph_weight,
            largest_eigenvalue=self._largest_eigenvalue,
        )

    def _eigenvalue_bound(self) -> float:
        if self.affinity_matrix_ is None or self.normalized_laplacian:
            return 2.0
        return largest_eigenvalue_bound(self._laplacian())

    def _adapt_gain(self) -> None:
        """Let a fitted network take up a graph, of which it must stay stable."""
        eigenvalue = self._eigenvalue_bound()
        if eigenvalue > self._largest_eigenvalue:
            self.module_.encoder.gain *= self._largest_eigenvalue / eigenvalue
            self._largest_eigenvalue = eigenvalue

    def _start_heads(self, session: Session, X, extra, n_steps: int) -> None:
        """Fit each head to a partition of its codes, then to the loss with the codes fixed."""
        codes = self._task_codes(session.runner.infer(self._project, X))
        seed = int(torch.randint(2**31 - 1, ()))
        rows = np.flatnonzero(self._fit.weight > 0)
        some = some_rows(len(rows), MAX_SAMPLES)
        rows = rows if some is None else rows[some]
        for head, code in zip(self.module_.heads, codes, strict=True):
            points = code.detach().cpu().numpy()
            start = session.once("initial_clusters", partial(self._start, head, points, rows, seed))
            self.initial_labels_ = start[0]  # at last those of the overall head
            with torch.no_grad():
                for own, value in zip((head.weight, head.bias), start[1:], strict=True):
                    own.copy_(torch.from_numpy(value))
        session.train(
            "heads",
            self._head_loss,
            torch.cat(codes, 1).detach().cpu().numpy(),
            extra,
            epochs=n_steps,
            on_epoch_begin=InPlace(lambda epoch: self._set_targets(codes)),
            batch_size=max(X.shape[0], 2),
            generator=None,
            samples=X,
            sample_shape=(sum(code.shape[1] for code in codes),),
            origin=None,
        )

    def _task_codes(self, projection: Tensor) -> list[Tensor]:
        """Return what the head of each task gets of all training samples."""
        codes = self._codes_of_all(projection, self._fit.graph, self.module_.stages)
        return [self._features(code) for code in codes]

    def _start(self, head: nn.Linear, codes: np.ndarray, rows: np.ndarray, seed: int) -> HeadStart:
        overall = head is self.module_.heads[-1]
        return initial_head(
            codes, head.out_features, rows=rows, sample_weight=self._fit.weight,
            init=self.init if overall or isinstance(self.init, str) else "kmeans",
            n_init=self.n_init, random_state=seed,
            affinity=self.affinity_matrix_, device=self._runner.device,
        )  # fmt: skip

    def _takes_all_at_once(self, n_samples: int) -> bool:
        if not isinstance(self.batch_size, str):
            return self.batch_size >= n_samples
        encoder = self.module_.encoder
        size = n_samples * encoder.n_components * self._runner.dtype.itemsize
        return size * (encoder.n_stages + WORKING_MATRICES) <= MAX_BYTES

    @torch.no_grad()
    def _begin_epoch(self, X, watch: EpochWatch, epoch: int) -> None:
        """Refresh what a step takes from the epoch's start: targets, messages of neighbours."""
        fit, last = self._fit, None
        fit.branch = (lambda idx: fit.graph) if fit.at_once else (lambda idx: None)
        graph = None if fit.at_once else fit.graph
        if graph is not None or self.loss == "target":
            projection = self._runner.infer(self._project, X)
            if graph is not None:
                sent = graph.messages(self.module_.encoder, projection)
                fit.branch, last = sent.of, sent.last
            if self.loss == "target":
                self._set_targets(self._task_codes(projection))
        if not fit.at_once:
            watch.note(partial(self._criterion, X, last))
        train_mode(self.module_)

    @torch.no_grad()
    def _set_targets(self, codes: Sequence[Tensor]) -> None:
        if self.loss == "target":
            pairs = zip(self.module_.heads, codes, strict=True)
            targets = [target_distribution(head(c).softmax(1)) for head, c in pairs]
            places = self._fit.targets or [None] * len(targets)
            self._fit.targets = [*map(renewed, places, targets)]

    @torch.no_grad()
    def _auxiliary(self) -> list[np.ndarray | None]:
        labels: list[np.ndarray | None] = [None] * self.module_.encoder.n_stages
        heads, codes = self.module_.heads, self._task_codes(self.module_.projections)
        for stage, head, code in list(zip(self.module_.stages, heads, codes, strict=True))[:-1]:
            labels[stage] = head(code[self._graph.known.representative]).argmax(1).cpu().numpy()
        return labels
