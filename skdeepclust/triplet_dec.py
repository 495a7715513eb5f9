"""Triplet DEC: an autoencoder, DEC's sharpened targets, triplets and an entropy term.

D. Das, R. Ghosh, B. Bhowmick (2019). Deep Representation Learning Characterized by
Inter-class Separation for Image Clustering. WACV.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skdeepclust._clusters.initial import Start, initial_clusters
from skdeepclust._clusters.judge import Judge
from skdeepclust._clusters.known.links import NOTHING, Links
from skdeepclust._clusters.negatives import RunningRadius
from skdeepclust._clusters.partitions import Clusters, check_init, is_gmm, softened
from skdeepclust._clusters.positives import (
    Positives,
    mixes_neighbors,
    positives_of,
    two_views,
)
from skdeepclust._clusters.prior import prior_of_partition
from skdeepclust._clusters.repair import revive
from skdeepclust._compat import HasMethods, Interval, StrOptions
from skdeepclust._engine.captured import InPlace, renewed
from skdeepclust._estimator import types
from skdeepclust._estimator.inverse_transform import DecodingEstimator
from skdeepclust._estimator.linked_clusterer import BaseDeepLinkedClusterer
from skdeepclust._estimator.parameters import learned, parameter
from skdeepclust._inputs.samples import InputSpec
from skdeepclust._inputs.sequences import rows_images_or_sequences
from skdeepclust._training.attempts import best_attempt, say_what_was_added
from skdeepclust._training.epoch_watch import EpochWatch
from skdeepclust._training.epochs import (
    AUTOMATIC_EPOCHS,
    WARMUP,
    clustering_lr_factor,
    epochs_of_warmup,
    number_of_epochs,
)
from skdeepclust._training.session import Session
from skdeepclust.losses import (
    assignment_kl,
    information_loss,
    masked_info_nce_loss,
    sample_negatives,
    student_t_assignment,
    target_distribution,
    triplet_loss,
)
from skdeepclust.losses._clustering import weighted_mean
from skdeepclust.losses._reconstruction import leading_rows, reconstruction_errors
from skdeepclust.networks._autoencoders import AUTOENCODERS
from skdeepclust.networks._checks import check_autoencoder
from skdeepclust.networks._clustered import TripletDECNetwork

PAPER_SETTINGS: Mapping[str, Any] = MappingProxyType({
    "n_components": 10, "margin": 0.24, "contrast": "triplet", "negatives": "radius",
    "target_view": "clean", "metric": "euclidean", "normalize": False, "degrees_of_freedom": 1.0,
    "init": "kmeans", "n_starts": 1, "n_neighbors": 0, "pretrain_epochs": 3, "warmup_epochs": 0,
    "reconstruction_weight": 1.0, "clustering_weight": 1.0, "triplet_weight": 1.0,
    "entropy_weight": 1.0, "cluster_prior": "uniform",
})  # fmt: skip


@dataclass
class _Fit:
    """What a fit needs.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    positives : Positives or None
        Make the positive of a sample.
    radius : RunningRadius
        Algorithm 1's.
    judge : Judge
        Values partitions; has the neighbours of the samples in the input.
    prior : Tensor of shape (n_clusters,) or None
        Shares that clusters are expected to have.
    target : Tensor of shape (n_samples, n_clusters) or None
        P of Eq. 3.
    """

    weight: np.ndarray
    positives: Positives | None
    radius: RunningRadius
    judge: Judge
    prior: Tensor | None = None
    target: Any = None


class TripletDECClusterer(DecodingEstimator, BaseDeepLinkedClusterer):
    r"""Deep embedded clustering with triplets and an entropy term.

    An autoencoder E, D is trained in three phases: reconstruction; a contrastive warm-up that
    draws each sample to its augmented copy and pushes it away from samples outside Algorithm 1's
    radius; and clustering, which minimises

    .. math:: L = w_{rec} L_{rec} + w_{clu} KL(P \| Q) + w_{tri} L_{tri} - w_{ent} L_{ent}

    (Eq. 7). Its parts are the reconstruction error (Eq. 1), the divergence of the Student-t
    assignment Q (Eq. 2) from its sharpened form P (Eq. 3, 4), the triplet loss (Eq. 5) and the
    information H(mean q) - mean H(q) (Eq. 6).

    Read more in the :doc:`user guide </triplet_dec>`.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    n_components : int, default=32
        Number of components of the embedding.
    image_shape : tuple of int, default=None
        `(height, width)` or `(channels, height, width)` of the images that the rows of a 2-D X
        hold; at least 8 x 8. `None`: X is image-shaped itself, or holds no images.
    sequence_shape : tuple of int, default=None
        `(steps, features)` of the sequences of one length that the rows of a 2-D X hold, or a 3-D
        X; the autoencoder has convolutions along the steps then. `None`: X holds no sequences.
    margin : float, default=1.0
        Margin of the triplet loss in squared distance; without effect if
        `contrast="info_nce"`.
    reconstruction_weight : float, default=1.0
        Weight of the reconstruction error, in the warm-up too. Beside other terms it is estimated
        by a quarter of each batch.
    clustering_weight : float, default=1.0
        Weight of KL(P || Q).
    triplet_weight : float, default=0.2
        Weight of the contrastive term, in the warm-up too.
    entropy_weight : float, default=1.0
        Weight of the information that the assignment carries.
    cluster_prior : {"auto", "uniform", "estimated"} or array of shape (n_clusters,), default="auto"
        Shares of the samples that clusters are expected to have, in the targets (Eq. 3) and in
        the information (Eq. 6): those of the initial clusters ("auto", "estimated"); all the
        same; or positive numbers, of which the largest goes to the largest initial cluster, and
        so on. "estimated" ranks initial clusters by the share of their entropy that neighbours
        tell, which finds a few small clusters beside large ones; the others by what they tell.
    augmentation : {"auto"}, callable or None, default="auto"
        What makes the positive of a sample: a callable on a batch of tensors that keeps its
        shape. "auto" takes :class:`~skdeepclust.augmentation.ImageAugmentation` for images, and
        points between a sample and its neighbours otherwise; with `n_neighbors=0`
        :class:`~skdeepclust.augmentation.FeatureAugmentation`. `None` leaves out the warm-up and
        the triplets, and so does "auto" for more than 256 MiB of rows that are on a disk.
    categorical_features : {"auto"}, array-like of int, bool or str, or None, default="auto"
        Columns of a table that hold categories: indices, a mask, or names of the columns of a data
        frame. "auto" takes those of two values, as one-hot encoders make them. A point between a
        sample and its neighbour has all categories of the nearer one, none between them. Without
        effect if `augmentation` isn't "auto".
    pretrain_epochs : "auto", int or float, default="auto"
        Epochs of reconstruction; "auto" is `15000 / n_samples`, at most 30, and 3 less before a
        warm-up that reconstructs too: 6 for 1,800 samples, none from 5,000 on; a float in (0, 1] is
        a share of that.
    warmup_epochs : "auto", int or float, default="auto"
        Epochs of the warm-up, each of at most 50,000 samples, drawn at random; "auto" is
        `(20000 / n_samples) ** 1.3`, rounded, from 1 to 100: 23 for 1,800 samples, 6 for 5,000; a
        float in (0, 1] is a share of that. With neighbours as positives "auto" is 0: they are alike
        before it, and it would drive apart what is.
    init : {"gmm", "kmeans"}, array of shape (n_clusters, n_components) or callable, default="gmm"
        Initial centres in the embedding; a callable is called as
        `init(embedding, n_clusters, random_state)`.
    n_init : int, default=15
        Number of candidates for the initial clusters if `init` is random. They are ranked by the
        mutual information between the clusters of samples and of their neighbours. With
        `init="gmm"` the start is what the better half agrees upon by a vote, unless `cluster_prior`
        is "estimated"; beside it stands a partition of the samples themselves, in their principal
        components by KMeans and mixtures. Without a warm-up there is that alone, or one of samples
        smoothed over their neighbours, where these tell clearly more of it.
    n_starts : int, default=2
        The clustering phase is run at most this many times: from the start that candidates agree
        upon, or from candidates that differ from each other. The best result is kept: that with
        the largest information (Eq. 6) plus mutual information between neighbours. If there were
        fewer starts and all results agree clearly less with the neighbours than the best start
        did, it is run once more with the targets of that.
    n_neighbors : int, default=10
        Number of nearest neighbours in the input (in 50 principal components) by which clusters
        are compared, and over which assignments are smoothed before the targets P are computed
        from them. 0 leaves the neighbours out: clusters are compared by their information. Of
        more than 100,000 samples, so many are drawn, among which the neighbours of all are.
    neighbors : transformer or None, default=None
        What finds these neighbours: a transformer like
        `sklearn.neighbors.KNeighborsTransformer(mode="distance")`, whose `fit_transform` gets
        the principal components of all samples and returns a sparse matrix of distances, such as
        that of an approximate index. It is cloned. `None`: an exact search with the Euclidean
        distance.
    degrees_of_freedom : float, default=31.0
        Degrees of freedom of the Student-t assignment.
    metric : {"within_cluster", "euclidean"}, default="within_cluster"
        Metric of the Student-t assignment: one in which the initial clusters are round on
        average, with a mean squared distance of 5 to their centre; or that of the paper.
    normalize : bool, default=True
        Whether embeddings have unit length.
    contrast : {"info_nce", "triplet"}, default="info_nce"
        Contrastive term: all admissible negatives of the batch in a softmax, or the triplet
        loss with one of them at random.
    negatives : {"cluster", "radius"}, default="cluster"
        Which samples are admissible negatives in the clustering phase: those of other clusters,
        or those outside Algorithm 1's radius, as in the warm-up.
    target_view : {"augmented", "clean"}, default="augmented"
        Whether the targets P of the samples are met by the assignment of their augmented copies
        (and information is taken over both), or by their own.
    module : type, callable or torch.nn.Module, default=None
        Autoencoder with methods `encode` and `decode`: a class or factory that is offered
        `input_shape` and `n_components`, or an instance, which is copied. `None`:
        :class:`~skdeepclust.networks.ConvAutoencoder` for images,
        :class:`~skdeepclust.networks.SequenceAutoencoder` for sequences,
        :class:`~skdeepclust.networks.MLPAutoencoder` otherwise.
    lr : float, default=0.001
        Learning rate; three times as large in the warm-up, and up to six times in the clustering
        phase after one (a tenth of the number of its steps, at least once). In the clustering phase
        it falls to 0 along a cosine.
    max_epochs : "auto", int or float, default="auto"
        Epochs of the clustering phase; "auto" is `2.5 + 15000 / n_samples`, at most 25, and half of
        that after a warm-up: 6 for 1,800 samples, 2 for 70,000; a float in (0, 1] is a share of
        that.
    batch_size : int, default=128
        Largest number of samples in a batch.
    <shared parameters>

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each sample.
    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Centres in the embedding.
    initial_labels_ : ndarray of shape (n_samples,)
        The partition from which the clustering phase that was kept has started.
    attempt_ : int
        Which run of the clustering phase was kept; rows of `history_` name theirs.
    <shared attributes>
    image_shape_ : tuple of int
        `(channels, height, width)` where X holds images.

    Notes
    -----
    The paper has no warm-up, an isotropic assignment of raw embeddings and one random negative;
    `TripletDECClusterer(10, **PAPER_SETTINGS)` is that method.

    References
    ----------
    D. Das, R. Ghosh, B. Bhowmick (2019). Deep Representation Learning Characterized by
    Inter-class Separation for Image Clustering. WACV. Its formulas are reconstructed from its
    prose and the works that it cites.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust import TripletDECClusterer
    >>> X, _ = load_digits(return_X_y=True)
    >>> clusterer = TripletDECClusterer(
    ...     10, image_shape=(8, 8), warmup_epochs=2, max_epochs=1, n_init=1, random_state=0
    ... )
    >>> clusterer.fit_predict(X).shape
    (1797,)
    >>> clusterer.transform(X).shape
    (1797, 32)
    """

    n_components: int = parameter(default=32, allowed=[Interval(Integral, 1, None, closed="left")])
    image_shape: types.Shape = parameter(default=None, allowed=[None, tuple, list])
    sequence_shape: types.Shape = parameter(default=None, allowed=[None, tuple, list])
    margin: float = parameter(default=1.0, allowed=[Interval(Real, 0, None, closed="left")])
    reconstruction_weight: float = parameter(
        default=1.0, allowed=[Interval(Real, 0, None, closed="left")]
    )
    clustering_weight: float = parameter(
        default=1.0, allowed=[Interval(Real, 0, None, closed="left")]
    )
    triplet_weight: float = parameter(default=0.2, allowed=[Interval(Real, 0, None, closed="left")])
    entropy_weight: float = parameter(default=1.0, allowed=[Interval(Real, 0, None, closed="left")])
    cluster_prior: str | types.ArrayLike = parameter(
        default="auto", allowed=[StrOptions({"auto", "uniform", "estimated"}), "array-like"]
    )
    augmentation: types.Augmentation = parameter(
        default="auto", allowed=[StrOptions({"auto"}), callable, None]
    )
    categorical_features: types.Columns = parameter(
        default="auto", allowed=[StrOptions({"auto"}), "array-like", None]
    )
    pretrain_epochs: int | float | str = parameter(default="auto", allowed=AUTOMATIC_EPOCHS)
    warmup_epochs: int | float | str = parameter(default="auto", allowed=AUTOMATIC_EPOCHS)
    init: types.Start = parameter(
        default="gmm", allowed=[StrOptions({"gmm", "kmeans"}), callable, "array-like"]
    )
    n_init: int = parameter(default=15, allowed=[Interval(Integral, 1, None, closed="left")])
    n_starts: int = parameter(default=2, allowed=[Interval(Integral, 1, None, closed="left")])
    n_neighbors: int = parameter(default=10, allowed=[Interval(Integral, 0, None, closed="left")])
    neighbors: Any = parameter(default=None, allowed=[None, HasMethods("fit_transform")])
    degrees_of_freedom: float = parameter(
        default=31.0, allowed=[Interval(Real, 0, None, closed="neither")]
    )
    metric: str = parameter(
        default="within_cluster", allowed=[StrOptions({"within_cluster", "euclidean"})]
    )
    normalize: bool = parameter(default=True, allowed=["boolean"])
    contrast: str = parameter(default="info_nce", allowed=[StrOptions({"info_nce", "triplet"})])
    negatives: str = parameter(default="cluster", allowed=[StrOptions({"cluster", "radius"})])
    target_view: str = parameter(default="augmented", allowed=[StrOptions({"augmented", "clean"})])
    max_epochs: int | float | str = parameter(default="auto", allowed=AUTOMATIC_EPOCHS)
    batch_size: int = parameter(default=128)

    module_: TripletDECNetwork = learned()
    initial_labels_: np.ndarray = learned()
    attempt_: int = learned()
    cluster_centers_: np.ndarray = learned()
    _fit: _Fit = learned()

    # -- the network
    def _learn_input(self, sample_shape: tuple[int, ...]) -> InputSpec:
        shapes = self.image_shape, self.sequence_shape
        return rows_images_or_sequences(sample_shape, self.n_features_in_, *shapes)

    def _default_network(self):
        return AUTOENCODERS[len(self._input.input_shape)]

    def _arguments(self) -> dict[str, Any]:
        return {"n_components": self.n_components, "n_clusters": self.n_clusters}

    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        n_components = check_autoencoder(network, arguments["input_shape"])
        return TripletDECNetwork(network, n_components, arguments["n_clusters"])

    def _embed(self, x: Tensor) -> Tensor:
        embedding = self._runner.run(self.module_.autoencoder.encode, self.module_.standardize(x))
        return functional.normalize(embedding, dim=1) if self.normalize else embedding

    def _decode(self, embedding: Tensor) -> Tensor:
        return self._runner.run(self.module_.autoencoder.decode, embedding)

    def _assign(self, embedding: Tensor) -> Tensor:
        return student_t_assignment(
            embedding @ self.module_.metric,
            self.module_.centers,
            degrees_of_freedom=self.degrees_of_freedom,
        )

    # -- the objective
    def _reconstruct(self, x: Tensor, embedding: Tensor, sample_weight: Tensor | None) -> Tensor:
        def errors(x: Tensor, embedding: Tensor) -> Tensor:
            return reconstruction_errors(self._decode(embedding), self.module_.standardize(x))

        return weighted_mean(self._runner.by_rows(errors, x, embedding), sample_weight)

    def _reconstruction_loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        return {"loss": self._reconstruct(x, self._embed(x), sample_weight)}

    def _two_views(self, x: Tensor, idx: Tensor) -> tuple[Tensor, Tensor]:
        return two_views(self._runner, self._embed, self._fit.positives, x, idx)

    def _contrast(self, anchor: Tensor, positive: Tensor, admissible: Tensor, weight) -> Tensor:
        if self.contrast == "info_nce":
            return masked_info_nce_loss(anchor, positive, admissible, sample_weight=weight)
        negative, found = sample_negatives(admissible)
        weight = found.to(anchor.dtype) * (1 if weight is None else weight)
        return triplet_loss(
            anchor, positive, anchor[negative], margin=self.margin, sample_weight=weight
        )

    def _warmup_loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        anchor, positive = self._two_views(x, idx)
        admissible = self._fit.radius.admissible(anchor, positive, idx)
        parts = {"triplet": self._contrast(anchor, positive, admissible, sample_weight)}
        if self.reconstruction_weight:
            rows = leading_rows(len(self._fit.weight), x, anchor, sample_weight)
            parts["reconstruction"] = self._reconstruct(*rows)
        return self._weigh(parts)

    def _clustering_loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        anchor, positive = self._two_views(x, idx)
        target = self._fit.target[idx]
        q_anchor, q_positive = self._assign(anchor), self._assign(positive)
        views = [q_anchor] if self.target_view == "clean" else [q_anchor, q_positive]
        weight = None if sample_weight is None else sample_weight.repeat(len(views))
        parts = {
            "clustering": assignment_kl(target, views[-1], sample_weight=sample_weight),
            "information": -information_loss(
                torch.cat(views), sample_weight=weight, cluster_prior=self._fit.prior
            ),
        }
        if self.reconstruction_weight:
            rows = leading_rows(len(self._fit.weight), x, anchor, sample_weight)
            parts["reconstruction"] = self._reconstruct(*rows)
        if self.triplet_weight and self._fit.positives is not None:
            if self.negatives == "cluster":
                label = target.argmax(1)
                admissible = label[:, None] != label
            else:
                admissible = self._fit.radius.admissible(anchor, positive, idx)
            parts["triplet"] = self._contrast(anchor, positive, admissible, sample_weight)
        return self._weigh(parts)

    def _weigh(self, parts: dict[str, Tensor]) -> dict[str, Tensor]:
        """Eq. 7 over the parts that there are."""
        weights = {
            "reconstruction": self.reconstruction_weight,
            "clustering": self.clustering_weight,
            "triplet": self.triplet_weight,
            "information": -self.entropy_weight,
        }
        total = torch.stack([weights[k] * part for k, part in parts.items()]).sum()
        return {"loss": total, **parts}

    # -- the schedule
    def _schedule(self, n_samples: int, warm: bool) -> dict[str, int]:
        pretrain, clustering = min(15_000 / n_samples, 30), min(2.5 + 15_000 / n_samples, 25)
        mixed = self.n_neighbors > 0 and mixes_neighbors(self.augmentation, self._input.input_shape)
        unasked = mixed and isinstance(self.warmup_epochs, str)
        has_warmup = not (warm or unasked or self.augmentation is None or self.triplet_weight == 0)
        warmup = epochs_of_warmup(self.warmup_epochs, n_samples) if has_warmup else 0
        if warmup:  # larger steps follow it, and it reconstructs too
            pretrain = max(pretrain - 3 * bool(self.reconstruction_weight), 0)
            clustering /= 2
        first = {"reconstruction": number_of_epochs(self.pretrain_epochs, pretrain)}
        first = {} if warm else {**first, "warmup": warmup}
        return {**first, "clustering": number_of_epochs(self.max_epochs, clustering)}

    def _n_phases(self, schedule: dict[str, int]) -> int:
        return super()._n_phases(schedule) + (self.n_starts - 1) * (len(schedule) > 1)

    def _fit_phases(self, session: Session, X, extra, schedule, links: Links = NOTHING) -> None:
        self._fit = self._begun(session, X, extra, links)
        train = self._train_anew if "reconstruction" in schedule else self._train_clustering
        train(session, X, extra, schedule)
        centers = self.module_.centers.detach() @ torch.linalg.inv(self.module_.metric)
        self.cluster_centers_ = centers.cpu().numpy()

    def _begun(self, session: Session, X, extra, links: Links) -> _Fit:
        """Check what was given, and find the neighbours."""
        check_init(self.init, *self.module_.centers.shape)
        radius = RunningRadius(X.shape[0], session.runner.device, links=links)
        session.carried.append(radius)
        judge = Judge.learn(
            session.runner, X, self.n_clusters, self.cluster_prior,
            self.n_neighbors, self.neighbors, session.once, links,
        )  # fmt: skip
        kind = self.categorical_features, getattr(self, "feature_names_in_", None)
        positives = positives_of(self.augmentation, session.runner, X, judge.neighbors, links, kind)
        return _Fit(extra.get("sample_weight", np.ones(X.shape[0])), positives, radius, judge)

    def _train_anew(self, session: Session, X, extra, schedule) -> None:
        """Run all phases, and that of clustering from each start; the best result is kept."""
        session.standardize(X, self._fit.weight)
        first, warmup = schedule["reconstruction"], schedule["warmup"]
        session.train("reconstruction", self._reconstruction_loss, X, extra, epochs=first)
        session.train("warmup", self._warmup_loss, X, extra, epochs=warmup, **WARMUP)
        starts = session.once("initial_clusters", lambda: self._starts(X, warmup > 0))
        cluster = partial(self._train_clustering, session, X, extra, schedule)
        worth, share = partial(session.worth, lambda: self._criterion(X)), None
        if schedule["clustering"] and self._fit.judge.n_neighbors:
            share = lambda start: self._fit.judge.share_of(start.labels, self._hard_own(X))  # noqa: E731
        self.attempt_, start = best_attempt(session, cluster, starts, worth, share, self.n_starts)
        self.initial_labels_ = start.labels
        if not warmup:
            say_what_was_added(start.labels, lambda: self._hard_own(X))

    def _starts(self, X, is_learned: bool) -> list[Start]:
        def assign(points: np.ndarray, clusters: Clusters) -> Tensor:
            self.module_.set_clusters(clusters.centers, clusters.metric)
            return self._assign(torch.from_numpy(points).to(self.module_.metric))

        return initial_clusters(
            lambda: self._embed_own(X).cpu().numpy(),
            self._fit.judge,
            is_learned=is_learned,
            sample_weight=self._fit.weight,
            init=self.init,
            n_init=self.n_init,
            n_starts=self.n_starts,
            round_clusters=self.metric == "within_cluster",
            assign=assign,
        )

    def _train_clustering(
        self, session: Session, X, extra, schedule, start: Start | None = None, is_fixed=False
    ) -> None:
        """Train from a start, or go on; the targets stay those of the start if `is_fixed`."""
        watch = self._watch(X)
        partition = start.labels if start is not None and is_gmm(self.init) else None
        self._set_prior((lambda: self._hard_own(X)) if start is None else lambda: start.labels)
        if start is not None:
            self.module_.set_clusters(start.clusters.centers, start.clusters.metric)
        session.train(
            "clustering", self._clustering_loss, X, extra, epochs=schedule["clustering"],
            on_epoch_begin=InPlace(lambda epoch: self._update_target(
                X, partition if epoch == 1 or is_fixed else None, watch
            )),
            lr_factor=clustering_lr_factor(schedule, -(-X.shape[0] // self.batch_size)),
            decay_lr=True, watch=watch,
        )  # fmt: skip

    def _watch(self, X) -> EpochWatch:
        return EpochWatch(lambda: self._criterion(X), keep_best=self.restore_best)

    def _criterion(self, X) -> float:
        return self._fit.judge.criterion(self._assign_own(X))

    def _set_prior(self, labels: Callable[[], np.ndarray]) -> None:
        """Bring the expected shares to the device once, not with each batch."""
        prior = prior_of_partition(self.cluster_prior, labels, self._fit.weight, self.n_clusters)
        self._fit.prior = None if prior is None else self.module_.centers.new_tensor(prior)

    def _update_target(self, X, partition: np.ndarray | None, watch: EpochWatch) -> None:
        """P of Eq. 3, from assignments that are smoothed over the neighbours in the input.

        At first P is the initial partition: q, with one metric for all clusters, doesn't hold
        all that a mixture with one for each has found.
        """
        fit = self._fit
        if partition is not None:
            watch.note(lambda: self._criterion(X))
            target = softened(partition, self.n_clusters).to(self.module_.centers)
            fit.target = renewed(fit.target, target)
            return
        assignment = self._assign_own(X)
        watch.note(lambda: fit.judge.criterion(assignment))
        weight = torch.from_numpy(fit.weight).to(assignment)
        revived = revive(
            assignment, lambda: self._embed_own(X), self._assign, weight,
            centers=self.module_.centers, metric=self.module_.metric, prior=fit.prior,
        )  # fmt: skip
        smooth = fit.judge.smoothed(revived)
        target = target_distribution(smooth, sample_weight=weight, cluster_prior=fit.prior)
        fit.target = renewed(fit.target, fit.judge.links.targets(target))

    def _decode_point(self, embedding: Tensor, /) -> Tensor:
        if self.normalize:
            embedding = functional.normalize(embedding, dim=1)
        return self.module_.standardize.inverse(self._decode(embedding))
