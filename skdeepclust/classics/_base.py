"""What the classics share: an autoencoder, K-means in its embedding, then a phase that clusters."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skdeepclust._clusters.initial import initial_clusters
from skdeepclust._clusters.judge import Judge
from skdeepclust._clusters.weighted import Mixture, Points, kmeans
from skdeepclust._compat import Interval, StrOptions
from skdeepclust._engine.captured import InPlace
from skdeepclust._estimator import types
from skdeepclust._estimator.clusterer import BaseDeepClusterer
from skdeepclust._estimator.inverse_transform import DecodingEstimator
from skdeepclust._estimator.parameters import learned, parameter
from skdeepclust._training.epochs import AUTOMATIC_EPOCHS, WARMUP, epochs_of_warmup
from skdeepclust._training.session import Session
from skdeepclust.classics._warmup import ContrastiveWarmup
from skdeepclust.losses._clustering import weighted_mean
from skdeepclust.losses._reconstruction import reconstruction_errors
from skdeepclust.networks import ConvAutoencoder, MLPAutoencoder
from skdeepclust.networks._checks import check_autoencoder
from skdeepclust.networks._clustered import ClusteredAutoencoder

# Units of the hidden layers in all of the papers.
HIDDEN = (500, 500, 2000)
# By which a search compares partitions.
N_NEIGHBORS = 10


class BaseClassicClusterer(DecodingEstimator, BaseDeepClusterer):
    """Base of the classics: each gives an assignment and the objective of its clustering phase."""

    n_components: int = parameter(
        default=10,
        allowed=[Interval(Integral, 1, None, closed="left")],
        doc="""int
        Number of components of the embedding.""",
    )
    image_shape: types.Shape = parameter(
        default=None,
        allowed=[None, tuple, list],
        doc="""tuple of int
        `(height, width)` or `(channels, height, width)` of the images that the rows of a 2-D X
        hold; at least 8 x 8. `None`: X is image-shaped itself, or holds no images.""",
    )
    pretrain_epochs: int = parameter(
        default=100,
        allowed=[Interval(Integral, 0, None, closed="left")],
        doc="""int
        Epochs of reconstruction alone, before the clusters are looked for.""",
    )
    warmup: str | None = parameter(
        default=None,
        allowed=[StrOptions({"contrastive"}), None],
        doc="""{"contrastive"} or None
        "contrastive": before the clusters are looked for, the network has the warm-up of
        :class:`~skdeepclust.TripletDECClusterer`, too. It draws each sample to its positive and
        pushes it away from other samples, while it goes on reconstructing. The positive of an
        image is an augmented copy (:class:`~skdeepclust.augmentation.ImageAugmentation`), that of
        a row a point between it and a neighbour. Images gain much by it; rows may lose, for it
        drives apart what belongs together. `None`: as in the papers.""",
    )
    warmup_epochs: int | float | str = parameter(
        default="auto",
        allowed=AUTOMATIC_EPOCHS,
        doc="""{"auto"}, int or float
        Epochs of the warm-up, if there is one, each of at most 50,000 samples, drawn at random;
        "auto" is `(20000 / n_samples) ** 1.3`, rounded, from 1 to 100; a float in (0, 1] is a share
        of that.""",
    )
    init: str = parameter(
        default="paper",
        allowed=[StrOptions({"paper", "search"})],
        doc="""{"paper", "search"}
        Where the clusters of the embedding come from: "paper" takes the paper's K-means or mixture;
        "search" takes what :class:`~skdeepclust.TripletDECClusterer` does, the best of several
        mixtures and of partitions of the samples themselves, by how much clusters tell of the
        clusters of nearest neighbours in X.""",
    )
    n_init: int = parameter(
        default=20,
        allowed=[Interval(Integral, 1, None, closed="left")],
        doc="""int
        Number of starts for the clusters of the embedding, of which the best is taken.""",
    )
    clustering_lr: float = parameter(
        default=0.0001,
        allowed=[Interval(Real, 0, None, closed="neither")],
        doc="""float
        Learning rate of the clustering phase.""",
    )
    module: types.Network = parameter(
        default=None,
        doc="""type, callable or torch.nn.Module
        Autoencoder with methods `encode` and `decode`: a class or factory that is offered
        `input_shape` and `n_components`, or an instance, which is copied. `None`: for images
        :class:`~skdeepclust.networks.ConvAutoencoder`, otherwise
        :class:`~skdeepclust.networks.MLPAutoencoder` with hidden layers of 500, 500 and 2000
        units.""",
    )
    lr: float = parameter(
        default=0.001,
        doc="""float
        Learning rate of the reconstruction phase.""",
    )
    max_epochs: int = parameter(
        default=150,
        doc="""int
        Epochs of the clustering phase.""",
    )
    batch_size: int = parameter(
        default=256,
        doc="""int
        Largest number of samples in a batch.""",
    )

    labels_: np.ndarray = learned(
        doc="""ndarray of shape (n_samples,)
        Cluster of each sample."""
    )
    cluster_centers_: np.ndarray = learned(
        doc="""ndarray of shape (n_clusters, n_components)
        Centres in the embedding."""
    )
    image_shape_: tuple[int, ...] = learned(
        doc="""tuple of int
        `(channels, height, width)` where X holds images."""
    )

    # -- the network
    def _default_network(self):
        return MLPAutoencoder if self._input.image_shape is None else ConvAutoencoder

    def _arguments(self) -> dict[str, Any]:
        sizes = {"n_components": self.n_components, "n_clusters": self.n_clusters}
        return {**sizes, "hidden": HIDDEN, "batch_norm": False}

    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        n_components = check_autoencoder(network, arguments["input_shape"])
        return ClusteredAutoencoder(network, n_components, arguments["n_clusters"])

    def _embed(self, x: Tensor) -> Tensor:
        return self._runner.run(self.module_.autoencoder.encode, self.module_.standardize(x))

    def _decode(self, embedding: Tensor) -> Tensor:
        return self._runner.run(self.module_.autoencoder.decode, embedding)

    def _decode_point(self, embedding: Tensor, /) -> Tensor:
        return self.module_.standardize.inverse(self._decode(embedding))

    # -- the objective
    def _errors(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return the mean squared error (n,) over the features, in the deviation of X."""
        return reconstruction_errors(self._decode(embedding), self.module_.standardize(x))

    def _reconstruct(self, x: Tensor, embedding: Tensor, sample_weight: Tensor | None) -> Tensor:
        """Return the mean error of the samples that are decoded from an embedding."""
        return weighted_mean(self._runner.by_rows(self._errors, x, embedding), sample_weight)

    def _mean_error(self, x: Tensor, embedding: Tensor, sample_weight: Tensor | None) -> Tensor:
        """Return the mean over the features, too, which a warm-up weighs."""
        return self._reconstruct(x, embedding, sample_weight)

    def _pretraining_loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        return {"loss": self._reconstruct(x, self._embed(x), sample_weight)}

    @abstractmethod
    def _clustering_loss(
        self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the objective of the clustering phase, and its parts."""

    @property
    def _n_values(self) -> int:
        """Number of values of a sample, over which the papers sum what is a mean here."""
        return math.prod(self._input.input_shape)

    # -- the schedule
    def _schedule(self, n_samples: int, warm: bool) -> dict[str, int]:
        clustering = {"clustering": self.max_epochs}
        if warm:
            return clustering
        before = {"reconstruction": self.pretrain_epochs}
        if self.warmup is not None:
            before["warmup"] = epochs_of_warmup(self.warmup_epochs, n_samples)
        return {**before, **clustering}

    def _fit_phases(self, session: Session, X, extra, schedule) -> None:
        weight = extra.get("sample_weight", np.ones(X.shape[0]))
        if "reconstruction" in schedule:
            self._begin(self._first_clusters(session, X, extra, schedule, weight))
        session.train(
            "clustering",
            self._clustering_loss,
            X,
            extra,
            epochs=schedule["clustering"],
            lr="clustering_lr",
            on_epoch_begin=InPlace(lambda epoch: self._begin_epoch(X, weight, epoch)),
        )
        self.cluster_centers_ = self.module_.centers.detach().cpu().numpy().copy()

    def _first_clusters(
        self, session: Session, X, extra, schedule: Mapping[str, int], weight: np.ndarray
    ) -> Mixture:
        """Train the autoencoder, and look for the clusters of its embedding."""
        find, warmup = partial(self._found, session, X, weight), None
        if self.init == "search" or schedule.get("warmup"):
            judge = Judge.learn(
                session.runner, X, self.n_clusters, "auto", N_NEIGHBORS, None, session.once
            )
            if self.init == "search":
                find = partial(self._searched, session, X, weight, judge)
            if schedule.get("warmup"):
                warmup = ContrastiveWarmup.of(session.runner, X, judge.neighbors)
                session.carried.append(warmup.radius)
        session.standardize(X, weight)
        epochs = schedule["reconstruction"]
        session.train("reconstruction", self._pretraining_loss, X, extra, epochs=epochs)
        if warmup is not None:
            loss, epochs = partial(warmup.loss, self._embed, self._mean_error), schedule["warmup"]
            session.train("warmup", loss, X, extra, epochs=epochs, **WARMUP)
        return find()

    def _found(self, session: Session, X, weight: np.ndarray) -> Mixture:
        """Return the clusters of the embedding that the paper starts from."""

        def found() -> Mixture:
            points = Points.distinct(self._embedding(X), weight)
            return self._clusters_of(points)

        return session.once("initial_clusters", found)

    def _searched(self, session: Session, X, weight: np.ndarray, judge: Judge) -> Mixture:
        """Return those of the partition that agrees best with the neighbours in the input."""

        def found() -> Mixture:
            embedding = self._embedding(X)
            start, *_ = initial_clusters(
                lambda: embedding, judge, is_learned=True, sample_weight=weight, init="gmm",
                n_init=self.n_init, n_starts=1, round_clusters=False, assign=_not_asked,
            )  # fmt: skip
            points = Points(embedding.astype(np.float64), weight)
            return Mixture.of_labels(points, start.labels, self.n_clusters)

        return session.once("initial_clusters", found)

    def _embedding(self, X) -> np.ndarray:
        return self._embed_own(X).cpu().numpy()

    def _clusters_of(self, points: Points) -> Mixture:
        return kmeans(points, self.n_clusters, self.n_init)

    @torch.no_grad()
    def _begin(self, start: Mixture) -> None:
        """Put the clusters into the network."""
        self.module_.centers.copy_(torch.from_numpy(start.means))

    def _begin_epoch(self, X, weight: np.ndarray, epoch: int) -> None:
        """Find what an epoch of the clustering phase needs of all samples, where the last is."""


def _not_asked(*arguments: Any) -> Any:
    raise AssertionError("Partitions are compared by neighbours.")
