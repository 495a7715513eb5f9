"""What clusterers share: fitting by phases, soft and hard assignment, a score without labels."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import ClassifierTags

from skdeepclust._compat import Interval
from skdeepclust._engine.global_settings import ordinary_torch
from skdeepclust._engine.runner import like
from skdeepclust._estimator.base import BaseDeepEstimator, fit_method
from skdeepclust._estimator.dask_answers import by_blocks
from skdeepclust._estimator.parameters import learned, parameter
from skdeepclust._inputs.weights import weights_of
from skdeepclust._training.epoch_watch import EpochWatch
from skdeepclust._training.phase_data import check_number_of_labels
from skdeepclust._training.session import Session
from skdeepclust.losses import information_loss


class BaseDeepClusterer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseDeepEstimator
):
    """Base of clusterers with an embedding: a method gives its network, losses and phases.

    The last phase of its schedule is watched by a criterion, `score` unless the method has another
    one: that is what `restore_best` goes by, and what a warning follows from.
    """

    n_clusters: int = parameter(
        default=8, allowed=[Interval(Integral, 1, None, closed="left")], kw_only=False
    )
    restore_best: bool = parameter(
        default=False,
        allowed=["boolean"],
        after="callbacks",
        doc="""bool
        Whether to keep, of the clustering phase, the network of the epoch after which `criterion`
        in `history_` was largest, or that from before the phase, instead of the last epoch's. The
        criterion needs no labels.""",
    )

    best_epoch_: int = learned(
        doc="""int
        Epoch of the clustering phase whose network was kept; 0: that from before it. There with
        `restore_best=True`."""
    )
    labels_: np.ndarray = learned()
    _n_features_out: int = learned()

    # -- the hooks of a method
    @abstractmethod
    def _schedule(self, n_samples: int, warm: bool) -> dict[str, int]:
        """Return the number of epochs of each phase, in order."""

    def _n_phases(self, schedule: dict[str, int]) -> int:
        """Return how many phases a progress bar should expect at most."""
        return sum(epochs > 0 for epochs in schedule.values())

    def _arguments(self) -> dict[str, Any]:
        """Return what the network is built with, beside `input_shape`."""
        return {"n_clusters": self.n_clusters}

    @abstractmethod
    def _fit_phases(
        self, session: Session, X, extra: dict[str, np.ndarray], schedule: dict[str, int]
    ) -> None:
        """Train the phases of `schedule` on validated X; metadata of `fit` are keywords."""

    def _metadata_of_fit(self, X, extra: dict[str, np.ndarray], **metadata) -> dict[str, Any]:
        """Check what else `fit` was given, and return what `_fit_phases` takes of it."""
        return metadata

    @abstractmethod
    def _embed(self, x: torch.Tensor) -> torch.Tensor:
        """Return the embedding (n, n_components) of a batch."""

    @abstractmethod
    def _assign(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return the probability (n, n_clusters) of each cluster."""

    def __sklearn_tags__(self):
        # not in the base, whose super() doesn't see the tags of the mixins left of it
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = [self.dtype]
        # scikit-learn's checks of sparse input ask these of whatever has predict_proba
        tags.classifier_tags = ClassifierTags(multi_class=self.n_clusters != 2)
        return tags

    @fit_method
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the embedding and the clusters of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples; also `(n_samples, height, width)` or
            `(n_samples, channels, height, width)` where the estimator takes images.
        y : array-like of shape (n_samples,), default=None
            Labels for callbacks that score the training; nothing is learned from them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; `None` weighs all samples the same.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit_samples(X, sample_weight, y)

    def fit_predict(self, X: Any, y: Any = None, **kwargs: Any) -> np.ndarray:
        """Do what `fit` does, and return the clusters of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,), default=None
            Labels for callbacks that score the training; nothing is learned from them.
        **kwargs : dict
            What else `fit` takes.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each sample.
        """
        # scikit-learn's keeps y to itself
        return self.fit(X, y, **kwargs).labels_

    def _fit_samples(self, X, sample_weight, y=None, **metadata):
        """Fit as `fit` says."""
        warm = bool(self.warm_start and hasattr(self, "module_"))
        X = self._check(X, reset=not warm)
        if X.shape[0] < self.n_clusters:
            raise ValueError(f"n_samples={X.shape[0]} should be >= n_clusters={self.n_clusters}.")
        extra = weights_of(sample_weight, X)
        check_number_of_labels(y, X.shape[0])
        self._check_method(X)
        self._check_counted(self._number_counted(X, extra))
        metadata = self._metadata_of_fit(X, extra, **metadata)
        self.__dict__.pop("best_epoch_", None)
        schedule = self._schedule(X.shape[0], warm)
        phases = self._n_phases(schedule)
        with self._fit_scope(X, warm=warm, phases=phases, **self._arguments()) as session:
            session.y = y
            # the last phase
            session.watches = {phase: lambda: self._watch(X) for phase in [*schedule][-1:]}
            self._fit_phases(session, X, extra, schedule, **metadata)
            watch = session.outcome.watch
            message = None if watch is None else watch.warning()
            if message is not None:
                warnings.warn(message, ConvergenceWarning, stacklevel=2)
        self.labels_ = self._labels_of_fit(X, **metadata)
        self._n_features_out = self._embed_samples(X[:1]).shape[1]
        self._warn_of_collapse()
        return self

    def _check_method(self, X) -> None:
        """Refuse, before any training, what only the method can know to be wrong."""

    def _check_counted(self, n_counted: int) -> None:
        """Refuse what so many samples are too few for: those of weight 0 are left out."""

    def _number_counted(self, X, extra: dict[str, np.ndarray]) -> int:
        """Return how many samples have a positive weight, or refuse too few of them."""
        if not extra:
            return X.shape[0]
        n_counted = int((extra["sample_weight"] > 0).sum())
        if n_counted < max(self.n_clusters, 2):
            raise ValueError(
                f"sample_weight is positive for {n_counted} of the samples; at least 2, and "
                f"n_clusters={self.n_clusters}, should have a positive one: samples of weight 0 "
                "count as left out."
            )
        return n_counted

    def _watch(self, X) -> EpochWatch:
        """Follow the score of the training samples from epoch to epoch."""
        return EpochWatch(
            lambda: self._information_share(self._assign_own(X)),
            keep_best=self.restore_best,
            each_epoch=True,
        )

    def _warn_of_collapse(self) -> None:
        n_used = len(np.unique(self.labels_))
        if n_used < self.n_clusters:
            warnings.warn(
                f"{n_used} of n_clusters={self.n_clusters} clusters have samples at the end of "
                "the fit. Try another random_state, more n_init, or fewer clusters.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _labels_of_fit(self, X, **metadata) -> np.ndarray:
        """Return the cluster of each training sample."""
        return self._hard_own(X)

    def _soft(self, x: torch.Tensor) -> torch.Tensor:
        return self._assign(self._embed(x))

    def _served(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        embedding = self._embed(x)
        assignment = self._assign(embedding)
        return {
            "labels": assignment.argmax(1), "probabilities": assignment, "embedding": embedding
        }  # fmt: skip

    def _embed_samples(self, X, **metadata) -> torch.Tensor:
        return self._runner.infer(self._embed, X)

    def _assign_samples(self, X, **metadata) -> torch.Tensor:
        return self._assign_embedded(self._embed_samples(X, **metadata))

    def _assign_embedded(self, embedding: torch.Tensor) -> torch.Tensor:
        return self._runner.infer(self._assign, embedding, sample_shape=(embedding.shape[1],))

    def _embed_own(self, X) -> torch.Tensor:
        """Return the embedding of the samples of a fit, which is kept for it: not to be changed."""
        return self._runner.recall(self._embed, X)

    def _assign_own(self, X) -> torch.Tensor:
        return self._assign_embedded(self._embed_own(X))

    def _hard_own(self, X) -> np.ndarray:
        return self._assign_own(X).argmax(1).cpu().numpy()

    def _hard(self, X, **metadata) -> np.ndarray:
        return self._assign_samples(X, **metadata).argmax(1).cpu().numpy()

    @by_blocks
    def predict(self, X: Any) -> Any:
        """Return the most probable cluster of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Index of the cluster.
        """
        return self._hard(self._check(X))

    @by_blocks
    def predict_proba(self, X: Any) -> Any:
        """Return the soft assignment q of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.

        Returns
        -------
        assignment : ndarray of shape (n_samples, n_clusters)
            Rows sum to 1. A tensor if X is one.
        """
        return like(X, self._assign_samples(self._check(X)))

    @by_blocks
    def transform(self, X: Any) -> Any:
        """Return the embedding of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_components)
            What the clusters live in. A tensor if X is one.
        """
        return like(X, self._embed_samples(self._check(X)))

    @ordinary_torch()
    def score(self, X: Any, y: Any = None) -> float:
        """Return the information that the assignment carries, which needs no labels.

        ``(H(mean_i q_i) - mean_i H(q_i)) / log(n_clusters)``: 1 where every sample belongs to one
        cluster with certainty and all clusters are of the same size, 0 where the assignment says
        nothing. It prefers clusters of equal size.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : Ignored
            Present for the API's sake.

        Returns
        -------
        score : float
            In [0, 1]; 0 if there is only one cluster.
        """
        return self._information_share(self._assign_samples(self._check(X)))

    @staticmethod
    def _information_share(assignment: torch.Tensor) -> float:
        assignment = assignment.cpu().double()
        n_clusters = assignment.shape[1]
        if n_clusters == 1:
            return 0.0
        share = float(-information_loss(assignment)) / math.log(n_clusters)
        return min(max(share, 0.0), 1.0)  # rounding
