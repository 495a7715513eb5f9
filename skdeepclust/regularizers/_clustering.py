"""The clustering regulariser of Liao et al. 2016 on any layers of any network."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from skdeepclust._inputs.counts import check_integer
from skdeepclust.losses._representations import check_clustering
from skdeepclust.networks._layers import hidden_convolutions
from skdeepclust.regularizers._base import Regularizer, check_lam
from skdeepclust.regularizers._centers import DEFAULT_N_CLUSTERS, RunningCenters
from skdeepclust.regularizers._exemplars import (
    Exemplars,
    assignments,
    collect_exemplars,
    representations,
)

CENTER_GRADIENTS = ("fixed", "exact")
_OPTIONS = ("n_clusters", "lam", "clustering", "smoothing", "center_gradient")
_OPTIONS += ("starved_below", "row_fraction")


class ClusteringRegularizer(Regularizer):
    r"""K-means penalty on layers: :math:`\frac{\lambda}{2NCHW} \sum_i \|X_i - \mu_{z_i}\|^2`.

    X is an unfolding of a layer's output Y (N, C, H, W): a row for each sample, for each position
    of each sample, or for each channel of each sample (Eq. 1, 2, 3). At each training step
    (Algorithm 1) rows are assigned to the centres of the step before, centres move towards the
    means of their rows, :math:`\mu \leftarrow \alpha \hat\mu + (1 - \alpha) \mu`, and the
    network is pulled towards the new centres.

    Parameters
    ----------
    layers : "auto", sequence of str or dict, default="auto"
        Names of the layers, as in `module.named_modules()`. A dict gives, by name, `None`, a
        clustering, or a dict of the parameters below for that layer; a list of these
        co-clusters the layer in several ways. "auto": all layers but the network's last one;
        fully connected ones for samples, convolutions for positions and channels.
    n_clusters : int, default=100
        Number of centres K of a layer. For sample clustering, at most half of a batch: the
        default takes no more by itself.
    lam : float, default=0.01
        Weight of the penalty of a layer, at least 0.
    clustering : {"sample", "spatial", "channel"} or sequence of these, default="sample"
        What is clustered; more than one co-clusters.
    smoothing : float, default=0.9
        Weight alpha of the batch's mean in the running centres, in (0, 1].
    center_gradient : {"fixed", "exact"}, default="fixed"
        Whether the gradient takes the new centres as constants (Algorithm 1, line 11), or
        follows how the batch has moved them.
    starved_below : float, default=0.05
        A centre with fewer rows in an epoch than this share of the mean is replaced, at the
        next training step, by a row drawn as in k-means++. 0: never.
    row_fraction : float, default=1.0
        Share of the rows, drawn anew at each step, on which penalty and centres are computed,
        in (0, 1]. Less than 1 costs less time and makes the centres noisier; the penalty is
        then an unbiased estimate of that of all rows to the same centres.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    skdeepclust.ParsimoniousClassifier : A classifier with this regulariser.

    Notes
    -----
    The layer's output is taken before its activation, which must not overwrite it
    (`ReLU(inplace=True)` is refused). Centres start as distinct rows of the first batches.
    They move with each penalty, but not after `eval()` of the regulariser.
    Equation (4) of the paper, as printed, is identically zero; both gradients here are
    derivatives of the penalty. The distances of all rows to all centres are never in memory
    at once.

    References
    ----------
    R. Liao, A. Schwing, R. Zemel, R. Urtasun (2016). Learning Deep Parsimonious
    Representations. NeurIPS. Equations (1) to (3), Algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.regularizers import ClusteringRegularizer
    >>> _ = torch.manual_seed(0)
    >>> network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> regularizer = ClusteringRegularizer(["0"], n_clusters=2, lam=0.1)
    >>> optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    >>> for x in torch.randn(5, 10, 4):
    ...     with regularizer.watch(network):
    ...         loss = network(x).square().mean()
    ...     optimizer.zero_grad()
    ...     (loss + regularizer.penalty()).backward()
    ...     optimizer.step()
    >>> regularizer.end_epoch()
    >>> regularizer.cluster_centers_["0"].shape
    (2, 3)
    """

    part: ClassVar[str] = "clustering_penalty"

    def __init__(
        self,
        layers: Any = "auto",
        *,
        n_clusters: int = DEFAULT_N_CLUSTERS,
        lam: float = 0.01,
        clustering: str | Sequence[str] = "sample",
        smoothing: float = 0.9,
        center_gradient: str = "fixed",
        starved_below: float = 0.05,
        row_fraction: float = 1.0,
    ) -> None:
        super().__init__(
            layers,
            lam=lam,
            n_clusters=n_clusters,
            clustering=clustering,
            smoothing=smoothing,
            center_gradient=center_gradient,
            starved_below=starved_below,
            row_fraction=row_fraction,
        )
        self._has_warned = False

    def automatic_layers(self, module: nn.Module) -> list[str]:
        """Return the names of the layers that "auto" stands for."""
        kinds: Any = self.clustering
        kinds = [kinds] if isinstance(kinds, str) else kinds
        convolutions = hidden_convolutions(module) if set(kinds) != {"sample"} else []
        return convolutions or super().automatic_layers(module)

    def _set_layers(self, options: Mapping[str, Any]) -> None:
        defaults = {name: getattr(self, name) for name in _OPTIONS}
        check_options(defaults)
        clusterings = {
            name: list(clusterings_of(option, defaults)) for name, option in options.items()
        }
        super()._set_layers(clusterings)
        self.running = nn.ModuleList()
        self._running_of: dict[str, dict[str, RunningCenters]] = {}
        for name, each in clusterings.items():
            running = {one["clustering"]: RunningCenters(**one) for one in each}
            if not each or len(running) < len(each):
                given = [one["clustering"] for one in each]
                raise ValueError(
                    f"Layer {name!r} needs one or more clusterings, each of them once, got {given}."
                )
            self._running_of[name] = running
            self.running.extend(running.values())

    def layer_penalty(
        self, name: str, representation: Tensor, sample_weight: Tensor | None
    ) -> Tensor:
        """Return the penalty of one layer, its weight included."""
        if self.training:
            self._warn_of_small_batch(name, len(representation))
        penalties = [
            running.lam * running(representation, sample_weight)
            for running in self._running_of[name].values()
        ]
        return torch.stack(penalties).sum()

    def _warn_of_small_batch(self, name: str, n_rows: int) -> None:
        """Say, once, that a number of clusters that somebody has chosen is too large."""
        chosen = [
            each.n_clusters
            for each in self._running_of[name].values()
            if not len(each.centers)
            and each.is_small(n_rows)
            and each.n_wanted(n_rows) == each.n_clusters
        ]
        if not chosen or self._has_warned:
            return
        self._has_warned = True
        warnings.warn(
            f"n_clusters={chosen[0]} sample clusters share batches of {n_rows} rows: most "
            "rows are alone with their centre, which regularises little. Lower n_clusters to at "
            f"most {max(1, n_rows // 2)}, or raise batch_size.",
            UserWarning,
            stacklevel=2,
        )

    def end_epoch(self) -> None:
        """Mark starved centres; the next training step replaces them."""
        for each in self._running_of.values():
            for running in each.values():
                running.end_epoch()

    @property
    def cluster_centers_(self) -> dict[str, Any]:
        """Centres (k, dims) of each layer; of a co-clustered layer a dict by clustering."""
        centers = {
            # a copy, since the next step moves the centres where they are
            name: {c: running.centers.cpu().numpy().copy() for c, running in each.items()}
            for name, each in self._running_of.items()
        }
        return {
            name: next(iter(each.values())) if len(each) == 1 else each
            for name, each in centers.items()
        }

    def exemplars(
        self,
        X,
        layer: str,
        cluster: int,
        *,
        clustering: str | None = None,
        n_exemplars: int = 10,
    ) -> Exemplars:
        """Return the members of a cluster that are nearest to its centre (Fig. 2 and 3).

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features) or images
            Samples as the network takes them, among which exemplars are looked for.
        layer : str
            Name of a watched layer.
        cluster : int
            Index of the centre.
        clustering : {"sample", "spatial", "channel"}, default=None
            Which clustering of a co-clustered layer; `None`: the only one.
        n_exemplars : int, default=10
            Number of exemplars; fewer are returned where the cluster is smaller.

        Returns
        -------
        Exemplars
            Samples and distances, nearest first; for spatial clustering of images the boxes
            of pixels that the layer sees there.

        Raises
        ------
        ValueError
            If there is no such layer, clustering or cluster, or X doesn't fit the network.
        RuntimeError
            If the regulariser has not watched a network yet.
        """
        check_integer("cluster", cluster)
        check_integer("n_exemplars", n_exemplars)
        running = self._running(layer, clustering)
        if not 0 <= cluster < len(running.centers):
            raise ValueError(
                f"cluster={cluster!r} of layer {layer!r}: there are {len(running.centers)}, "
                "counted from 0."
            )
        module, input_shape = self._network()
        return collect_exemplars(
            module,
            layer,
            X,
            running.centers,
            cluster,
            clustering=running.clustering,
            input_shape=input_shape,
            spec=self.spec,
            n_exemplars=n_exemplars,
        )

    def assign(self, X, layer: str, *, clustering: str | None = None) -> np.ndarray:
        """Return the nearest centre of each sample, position or channel.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features) or images
            Samples as the network takes them.
        layer : str
            Name of a watched layer.
        clustering : {"sample", "spatial", "channel"}, default=None
            Which clustering of a co-clustered layer; `None`: the only one.

        Returns
        -------
        labels : ndarray of shape (n_samples,), (n_samples, H, W) or (n_samples, C)
            Index of the centre, by sample, position or channel.

        Raises
        ------
        ValueError
            If there is no such layer or clustering, or X doesn't fit the network.
        RuntimeError
            If the regulariser has not watched a network yet.
        """
        running = self._running(layer, clustering)
        module, input_shape = self._network()
        if not len(running.centers):
            raise RuntimeError(f"There are no centres of layer {layer!r} yet: train a batch first.")
        found = representations(module, layer, X, input_shape=input_shape, spec=self.spec)
        return assignments(found, running.centers, clustering=running.clustering)

    def _network(self) -> tuple[nn.Module, tuple[int, ...]]:
        module = self.__dict__["_module"]
        if module is None or self.input_shape is None:
            raise RuntimeError(
                "This regulariser knows no network: run one inside `watch`, or call "
                "attach(module, input_shape) first."
            )
        return module, self.input_shape

    def _running(self, layer: str, clustering: str | None) -> RunningCenters:
        """Return one clustering of one layer, or raise ValueError with those that there are."""
        there_are = {name: list(each) for name, each in self._running_of.items()}
        each = self._running_of.get(layer, {})
        if clustering is None and len(each) == 1:
            (clustering,) = each
        if clustering not in each:
            raise ValueError(
                f"No clustering={clustering!r} of layer={layer!r}; there are: {there_are}. Name "
                "the clustering of a layer that has several."
            )
        return each[clustering]


def clusterings_of(option: Any, defaults: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the options of each clustering of a layer."""
    if option is None:
        option = {}
    if isinstance(option, str):
        option = {"clustering": option}
    if isinstance(option, Mapping):
        unknown = set(option) - set(_OPTIONS)
        if unknown:
            raise ValueError(
                f"A layer has the options {', '.join(_OPTIONS)}; got {sorted(unknown)}."
            )
        merged = {**defaults, **option}
        check_options(merged)
        kinds = merged["clustering"]
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            yield {**merged, "clustering": kind}
    elif isinstance(option, Iterable):
        for one in option:
            yield from clusterings_of(one, defaults)
    else:
        raise ValueError(
            "The options of a layer are None, a clustering, a dict or a list of these, got "
            f"{option!r}."
        )


def check_options(options: Mapping[str, Any]) -> None:
    """Raise ValueError where an option of a clustering is out of its range."""
    kinds = options["clustering"]
    several = isinstance(kinds, Iterable) and not isinstance(kinds, str)
    for kind in (list(kinds) or [kinds]) if several else [kinds]:
        check_clustering(kind)
    n_clusters = options["n_clusters"]
    if isinstance(n_clusters, bool) or not isinstance(n_clusters, Integral) or n_clusters < 1:
        raise ValueError(f"n_clusters must be an integer of at least 1, got {n_clusters!r}.")
    check_lam(options["lam"])
    if options["center_gradient"] not in CENTER_GRADIENTS:
        raise ValueError(
            f"center_gradient must be one of {CENTER_GRADIENTS}, got "
            f"{options['center_gradient']!r}."
        )
    for name in ("smoothing", "row_fraction"):
        if not _is_number(options[name]) or not 0 < options[name] <= 1:
            raise ValueError(f"{name} must be in (0, 1], got {options[name]!r}.")
    if not _is_number(options["starved_below"]) or not 0 <= options["starved_below"] < 1:
        raise ValueError(f"starved_below must be in [0, 1), got {options['starved_below']!r}.")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
