"""TAGnet: graph-regularised sparse coding, unrolled into a network that learns to cluster.

Z. Wang, S. Chang, J. Zhou, M. Wang, T. S. Huang (2016). Learning a Task-Specific Deep
Architecture for Clustering. SDM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skdeepclust._clusters.heads import initial_head
from skdeepclust._clusters.initial_dictionary import DictionaryMixin
from skdeepclust._clusters.repair import EpochWatch
from skdeepclust._compat import Interval, StrOptions
from skdeepclust._estimator import types
from skdeepclust._estimator.docs import with_shared_docs
from skdeepclust._estimator.graph_clusterer import BaseGraphClusterer
from skdeepclust.graph import largest_eigenvalue_bound
from skdeepclust.losses import (
    assignment_kl,
    entropy_minimization_loss,
    information_loss,
    max_margin_loss,
    target_distribution,
)
from skdeepclust.networks import PlainEncoder, TAGnet
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


@with_shared_docs
class TAGnetClusterer(DictionaryMixin, BaseGraphClusterer):
    r"""Graph-regularised sparse coding, unrolled into a network that is trained to cluster.

    The network runs the iterations of graph-regularised sparse coding,

    .. math:: Z_1 = h_\theta(X W), \quad
        Z_{k+1} = h_\theta(Z_k S - \tfrac{\alpha}{N} L Z_k + X W)

    (Eq. 3.3 to 3.5), with the Laplacian L of a graph of the samples, from the weights that a
    dictionary gives. A linear head assigns the last codes to clusters, p = softmax(A omega^T + b).
    It starts from a partition of the codes; head and network are then trained on the entropy of
    p (Eq. 3.7), the margin between the two best clusters (Eq. 3.10), or the divergence from DEC's
    targets. Samples that the fit didn't see get edges to the training samples and their codes.

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
    <clustering parameters>
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
    <clustering attributes>
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

    module_: TAGnetHeads
    auxiliary_labels_: list[Any] | Any  # or None without such tasks

    _parameter_constraints: ClassVar[dict] = {
        **BaseGraphClusterer._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_stages": [Interval(Integral, 0, None, closed="left")],
        "loss": [StrOptions({"entropy", "max_margin", "target"})],
        "lam": [Interval(Real, 0, None, closed="left")],
        "dictionary": [StrOptions({"mini_batch", "ksvd", "kmeans"}), "array-like"],
        "normalize": ["boolean"],
        "balance": [Interval(Real, 0, None, closed="left")],
        "margin": [Interval(Real, 0, None, closed="left")],
        "init": [StrOptions({"kmeans", "gmm"}), callable, "array-like"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "auxiliary_clusters": [None, Interval(Integral, 1, None, closed="left"), list, tuple],
        "auxiliary_weight": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        n_components: int = 128,
        n_stages: int = 20,
        loss: str = "entropy",
        lam: float = 0.3,
        graph_weight: float | str = "auto",
        n_neighbors: int = 10,
        affinity: str | Callable[..., Any] = "nearest_neighbors",
        edge_weights: str = "self_tuning",
        neighbors: Any = None,
        normalized_laplacian: bool = True,
        dictionary: str | types.ArrayLike = "mini_batch",
        normalize: bool = True,
        balance: float = 1.0,
        margin: float = 1.0,
        init: types.Start = "gmm",
        n_init: int = 24,
        auxiliary_clusters: int | Sequence[int | None] | None = None,
        auxiliary_weight: float = 1.0,
        module: types.Network = None,
        optimizer: types.Optimizer = "adam",
        lr: float = 0.003,
        max_epochs: int = 50,
        batch_size: int | str = "auto",
        device: types.Device = "auto",
        dtype: str = "float32",
        precision: str = "32",
        compile: bool = False,
        regularizers: types.Regularizers = None,
        callbacks: types.Callbacks = None,
        restore_best: bool = False,
        checkpoint: types.Folder = None,
        warm_start: bool = False,
        random_state: types.RandomState = None,
        verbose: int = 0,
        **module__kwargs: Any,
    ) -> None:
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
            checkpoint=checkpoint,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
            **module__kwargs,
        )
        self.n_clusters = n_clusters
        self.restore_best = restore_best
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
        return self._run(self.module_.encoder.project, self._prepare(x))

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

    def _check_method(self, X) -> None:
        given = self.auxiliary_clusters
        numbers = given if isinstance(given, Sequence) else [given]
        if any(isinstance(number, Integral) and number > X.shape[0] for number in numbers):
            raise ValueError(
                f"auxiliary_clusters={given!r} asks for more clusters than there are samples: "
                f"n_samples={X.shape[0]}."
            )

    # -- the schedule
    def _schedule(self, n_samples: int, warm: bool) -> dict[str, int]:
        clustering = {"clustering": self.max_epochs}
        return clustering if warm else {"heads": HEAD_STEPS, **clustering}

    def _fit_phases(self, X, extra: dict[str, np.ndarray], schedule: dict[str, int]) -> None:
        fit = self._fit
        fit.weight = extra.get("sample_weight", np.ones(X.shape[0]))
        self._fit_graph(X, **fit.metadata)
        warm = "heads" not in schedule
        if warm:
            self._adapt_gain()
        else:
            self._start_network(X)
        gain = self.module_.encoder.gain
        self.graph_gain_ = 0.0 if self.affinity_matrix_ is None else float(gain)
        fit.graph = None if self.affinity_matrix_ is None else self._whole_graph()
        fit.at_once = self._takes_all_at_once(X.shape[0])
        if not warm:
            self._start_heads(X, extra, schedule["heads"])
        size = BATCH_SIZE if self.batch_size == "auto" else self.batch_size
        watch = self._watch(X, by_loss=fit.at_once)
        self._train(
            "clustering",
            self._loss,
            X,
            extra,
            epochs=schedule["clustering"],
            on_epoch_begin=lambda: self._begin_epoch(X, watch),
            watch=watch,
            decay_lr=True,
            batch_size=max(X.shape[0] if fit.at_once else size, 2),
            generator=None if fit.at_once else fit.shuffle,
            order=fit.graph.order if fit.at_once and fit.graph is not None else None,
        )
        self._remember(X)
        self.auxiliary_labels_ = self._auxiliary() if len(self.module_.heads) > 1 else None

    def _start_network(self, X) -> None:
        self.dictionary_ = self._once(
            "dictionary",
            lambda: self._initial_dictionary(X, self._fit.weight, self._prepare),
        )
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

    def _start_heads(self, X, extra, n_steps: int) -> None:
        """Fit each head to a partition of its codes, then to the loss with the codes fixed."""
        codes = self._task_codes(self._infer(self._project, X))
        seed = int(torch.randint(2**31 - 1, ()))
        rows = np.flatnonzero(self._fit.weight > 0)
        some = self._some_rows(len(rows), MAX_SAMPLES)
        rows = rows if some is None else rows[some]
        for head, code in zip(self.module_.heads, codes, strict=True):
            self._start_head(head, code.detach().cpu().numpy(), rows, seed)
        self._train(
            "heads",
            self._head_loss,
            torch.cat(codes, 1).detach().cpu().numpy(),
            extra,
            epochs=n_steps,
            on_epoch_begin=lambda: self._set_targets([code.detach() for code in codes]),
            batch_size=max(X.shape[0], 2),
            generator=None,
            sample_shape=(sum(code.shape[1] for code in codes),),
        )

    def _task_codes(self, projection: Tensor) -> list[Tensor]:
        """Return what the head of each task gets of all training samples."""
        codes = self._codes_of_all(projection, self._fit.graph, self.module_.stages)
        return [self._features(code) for code in codes]

    def _start_head(self, head: nn.Linear, codes: np.ndarray, rows: np.ndarray, seed: int) -> None:
        overall = head is self.module_.heads[-1]
        find = partial(
            initial_head,
            codes,
            head.out_features,
            rows=rows,
            sample_weight=self._fit.weight,
            init=self.init if overall or isinstance(self.init, str) else "kmeans",
            n_init=self.n_init,
            random_state=seed,
            affinity=self.affinity_matrix_,
        )
        start = self._once("initial_clusters", find)
        self.initial_labels_ = start[0]  # at last those of the overall head
        with torch.no_grad():
            for parameter, value in zip((head.weight, head.bias), start[1:], strict=True):
                parameter.copy_(torch.from_numpy(value))

    def _takes_all_at_once(self, n_samples: int) -> bool:
        if self.batch_size != "auto":
            return self.batch_size >= n_samples
        encoder = self.module_.encoder
        size = n_samples * encoder.n_components * self._module_dtype.itemsize
        return size * (encoder.n_stages + WORKING_MATRICES) <= MAX_BYTES

    @torch.no_grad()
    def _begin_epoch(self, X, watch: EpochWatch) -> None:
        """Refresh what a step takes from the epoch's start: targets, messages of neighbours."""
        fit, last = self._fit, None
        fit.branch = (lambda idx: fit.graph) if fit.at_once else (lambda idx: None)
        messages = not fit.at_once and fit.graph is not None
        if messages or self.loss == "target":
            projection = self._infer(self._project, X)
            if messages:
                sent = fit.graph.messages(self.module_.encoder, projection)
                fit.branch, last = sent.of, sent.last
            if self.loss == "target":
                self._set_targets(self._task_codes(projection))
        if not fit.at_once:
            watch.note(partial(self._criterion, X, last))
        self.module_.train()

    @torch.no_grad()
    def _set_targets(self, codes: Sequence[Tensor]) -> None:
        if self.loss == "target":
            pairs = zip(self.module_.heads, codes, strict=True)
            self._fit.targets = [target_distribution(head(c).softmax(1)) for head, c in pairs]

    @torch.no_grad()
    def _auxiliary(self) -> list[np.ndarray | None]:
        labels: list[np.ndarray | None] = [None] * self.module_.encoder.n_stages
        heads, codes = self.module_.heads, self._task_codes(self.module_.projections)
        for stage, head, code in list(zip(self.module_.stages, heads, codes, strict=True))[:-1]:
            labels[stage] = head(code[self._known.representative]).argmax(1).cpu().numpy()
        return labels
