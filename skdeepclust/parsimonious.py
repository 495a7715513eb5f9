"""Parsimonious representations: k-means as a regulariser of hidden layers.

R. Liao, A. Schwing, R. Zemel, R. Urtasun (2016). Learning Deep Parsimonious Representations.
NeurIPS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from torch import Tensor, nn
from torch.nn import functional

from skdeepclust._compat import Interval, StrOptions
from skdeepclust._engine.global_settings import ordinary_torch
from skdeepclust._estimator import types
from skdeepclust._estimator.base import fit_method, partial_fit_method
from skdeepclust._estimator.classifier import BaseDeepClassifier
from skdeepclust._estimator.dask_answers import by_blocks
from skdeepclust._estimator.inverse_transform import DecodingEstimator
from skdeepclust._estimator.labels import refuse_balanced
from skdeepclust._estimator.parameters import DeclaredParameters, learned, parameter
from skdeepclust._estimator.partial_labels import masked, named, set_classes, split
from skdeepclust._inputs.weights import weights_of
from skdeepclust._training.phase import check_finite, finite_mean
from skdeepclust._training.phase_data import check_number_of_labels
from skdeepclust.losses._clustering import weighted_mean
from skdeepclust.losses._reconstruction import reconstruction_errors
from skdeepclust.networks import MLP, CIFARQuick, ConvAutoencoder, MLPAutoencoder
from skdeepclust.networks._checks import check_autoencoder, check_outputs
from skdeepclust.networks._layers import last_layer_input, layer_output
from skdeepclust.regularizers import ClusteringRegularizer, Regularizer


class ParsimoniousMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DeclaredParameters):
    """The regulariser lambda R of Eq. 1 to 3 among the parameters of an estimator."""

    n_clusters: int = parameter(default=100, allowed=[Interval(Integral, 1, None, closed="left")])
    lam: float = parameter(default=0.01, allowed=[Interval(Real, 0, None, closed="left")])
    clustering: str | Sequence[str] = parameter(
        default="sample", allowed=[StrOptions({"sample", "spatial", "channel"}), list, tuple]
    )
    layers: str | Sequence[str] | Mapping[str, Any] = parameter(
        default="auto", allowed=[StrOptions({"auto"}), list, tuple, dict]
    )
    smoothing: float = parameter(default=0.9, allowed=[Interval(Real, 0, 1, closed="right")])
    center_gradient: str = parameter(default="fixed", allowed=[StrOptions({"fixed", "exact"})])
    image_shape: types.Shape = parameter(default=None, allowed=[None, tuple, list])
    max_epochs: int = parameter(default=50)
    batch_size: int = parameter(default=256)

    _n_features_out: int = learned()

    def _own_regularizers(self) -> list[Regularizer]:
        if self.lam == 0 and not isinstance(self.layers, Mapping):
            return []
        return [
            ClusteringRegularizer(
                self.layers,
                n_clusters=self.n_clusters,
                lam=self.lam,
                clustering=self.clustering,
                smoothing=self.smoothing,
                center_gradient=self.center_gradient,
            )
        ]

    @property
    def regularizer_(self) -> ClusteringRegularizer | Any:
        """The fitted clustering regulariser; `None` if there is none, because of `lam=0`."""
        first = next(iter(self.regularizers_), None)
        return first if isinstance(first, ClusteringRegularizer) else None

    @property
    def cluster_centers_(self) -> dict[str, Any]:
        """Centres (k, dims) by name of the layer."""
        return {} if self.regularizer_ is None else self.regularizer_.cluster_centers_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = [self.dtype]
        return tags


class ParsimoniousClassifier(ParsimoniousMixin, BaseDeepClassifier):
    r"""A classifier whose hidden representations form clusters.

    Cross entropy plus the clustering penalty of Eq. 1, 2 or 3 on hidden layers,

    .. math:: L + \lambda \sum_{layers} \frac{1}{2 N C H W} \sum_i \|X_i - \mu_{z_i}\|^2,

    where X unfolds the layer's output Y (N, C, H, W) into samples, positions or channels.

    Read more in the :doc:`user guide </parsimonious>`.

    Parameters
    ----------
    n_clusters : int, default=100
        Number of centres K of each layer. For sample clustering, at most half of a batch: the
        default takes no more by itself.
    lam : float, default=0.01
        Weight of the penalty. 0: an ordinary network. Worth a search: between 0.001 and 1 for the
        layers of an MLP, between 0.1 and 10 for fully connected layers behind convolutions, a
        hundredth of that for the convolutions.
    clustering : {"sample", "spatial", "channel"} or sequence of these, default="sample"
        What is clustered: samples (Eq. 1), positions of images (Eq. 2) or channels (Eq. 3).
    layers : "auto", sequence of str or dict, default="auto"
        Names of the layers, such as "fc1" or "conv3"; a dict gives options by layer, as in
        :class:`~skdeepclust.regularizers.ClusteringRegularizer`. "auto": all layers
        but the last, fully connected ones for samples, convolutions for positions and channels.
    smoothing : float, default=0.9
        Weight of a batch's mean in the running centres, in (0, 1].
    center_gradient : {"fixed", "exact"}, default="fixed"
        Whether centres are constants to the gradient (Algorithm 1), or move with the batch.
    transform_layer : str, default=None
        Layer whose output `transform` returns; `None`: what enters the last layer.
    image_shape : tuple of int, default=None
        `(height, width)` or `(channels, height, width)` of the images that the rows of a 2-D X
        hold. `None`: X is image-shaped itself, or holds no images.
    class_weight : dict or "balanced", default=None
        Weights of the classes; "balanced": inversely proportional to their frequency.
    early_stopping : bool, default=False
        Whether to hold out a validation part, stop when its cross entropy no longer falls, and
        keep the best epoch's network.
    validation_fraction : float, default=0.1
        Share of the samples, in (0, 1), that early stopping holds out, stratified by class.
    n_iter_no_change : int, default=10
        Epochs without improvement after which early stopping ends.
    module : type, callable or torch.nn.Module, default=None
        Network that returns one number a class: a class or factory that is offered
        `input_shape` and `n_outputs`, or an instance, which is copied. `None`:
        :class:`~skdeepclust.networks.CIFARQuick` for images, :class:`~skdeepclust.networks.MLP`
        otherwise.
    lr : float, default=0.001
        Learning rate.
    max_epochs : int, default=50
        Number of epochs.
    batch_size : int, default=256
        Largest number of samples in a batch.
    <shared parameters>

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    cluster_centers_ : dict of str to ndarray of shape (k, dims)
        Centres by layer; of a layer with several clusterings a dict by clustering.
    regularizer_ : skdeepclust.regularizers.ClusteringRegularizer
        The fitted regulariser, with its `exemplars`; `None` if `lam=0`.
    <shared attributes>
    image_shape_ : tuple of int
        `(channels, height, width)` where X holds images.

    Notes
    -----
    Controls that a gain should be held against: `optimizer__weight_decay=`,
    `module__dropout=`, `n_clusters=1`, and with `lam=0` one of
    `regularizers=[DeCovRegularizer()]` and `regularizers=[ActivationRegularizer()]`.
    The default networks scale their input by the mean and the deviation of all of X.

    References
    ----------
    R. Liao, A. Schwing, R. Zemel, R. Urtasun (2016). Learning Deep Parsimonious
    Representations. NeurIPS. Equations (1) to (3), Algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust import ParsimoniousClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = ParsimoniousClassifier(max_epochs=5, random_state=0).fit(X[:1000], y[:1000])
    >>> classifier.score(X[1000:], y[1000:]) > 0.85
    True
    >>> {name: centers.shape for name, centers in classifier.cluster_centers_.items()}
    {'fc1': (100, 256), 'fc2': (100, 128)}
    """

    transform_layer: str | None = parameter(
        default=None, allowed=[None, str], after="center_gradient"
    )
    early_stopping: bool = parameter(default=False, allowed=["boolean"], after="class_weight")
    validation_fraction: float = parameter(
        default=0.1, allowed=[Interval(Real, 0, 1, closed="neither")]
    )
    n_iter_no_change: int = parameter(
        default=10, allowed=[Interval(Integral, 1, None, closed="left")]
    )

    # -- the network
    def _default_network(self):
        return MLP if self._input.image_shape is None else CIFARQuick

    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        check_outputs(network, arguments["input_shape"], arguments["n_outputs"])
        return network

    def _logits(self, x: Tensor) -> Tensor:
        return self._runner.run(self.module_, x)

    def _features(self, x: Tensor) -> Tensor:
        return self._logits_and_features(x)[1]

    def _logits_and_features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        layer, module = self.transform_layer, self.module_
        with last_layer_input(module) if layer is None else layer_output(module, layer) as kept:
            logits = self._logits(x)
        if not kept:
            raise ValueError(
                f"module={type(module).__name__} runs none of its linear and convolutional layers, "
                "so `transform` has no input of the last one: name a layer as transform_layer."
            )
        return logits, kept[0].flatten(1).to(self._runner.dtype)

    def _served(self, x: Tensor) -> dict[str, Tensor]:
        logits, features = self._logits_and_features(x)
        return {
            "labels": logits.argmax(1),
            "probabilities": logits.softmax(1),
            "embedding": features,
        }

    # -- the objective; the base adds the penalties
    def _loss(
        self,
        x: Tensor,
        idx: Tensor,
        y: Tensor,
        sample_weight: Tensor | None = None,
        labelled: Tensor | None = None,
    ) -> dict[str, Tensor]:
        logits = self._logits(x)
        losses = functional.cross_entropy(logits, y, reduction="none", ignore_index=-1)
        cross_entropy = weighted_mean(losses, masked(sample_weight, labelled))
        correct = (logits.detach().argmax(1) == y).to(logits.dtype)
        accuracy = weighted_mean(correct, labelled)
        return {"loss": cross_entropy, "cross_entropy": cross_entropy, "accuracy": accuracy}

    # -- the schedule
    @fit_method
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network on samples and their labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples; also `(n_samples, height, width)` or
            `(n_samples, channels, height, width)`.
        y : array-like of shape (n_samples,)
            Labels: numbers or strings, -1 where there is none (unless y holds nothing but -1 and
            1). Samples without a label shape the clusters, not the classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; `None` weighs all samples the same.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        warm = bool(self.warm_start and hasattr(self, "module_"))
        X = self._check(X, reset=not warm)
        known = self.classes_ if warm else None
        self.classes_, y = self._index_of(y, X.shape[0], known)
        return self._fit_labels(X, y, sample_weight, warm=warm, epochs=self.max_epochs)

    @partial_fit_method
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go on training with one epoch on these samples.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : array-like of shape (n_samples,)
            Labels, -1 where there is none; a part of the stream may have none at all.
        classes : array-like of shape (n_classes,), default=None
            All labels that may ever come; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; `None` weighs all samples the same.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        warm = hasattr(self, "module_")
        X = self._check(X, reset=not warm)
        set_classes(self, classes)
        refuse_balanced(self.class_weight)
        _, y = self._index_of(y, X.shape[0], self.classes_, required=False)
        return self._fit_labels(X, y, sample_weight, warm=warm, epochs=1, partial=True)

    def _fit_labels(self, X, y, sample_weight, *, warm, epochs, partial=False):
        extra = {"y": y, **self._weights(sample_weight, y, X)}
        n_classes = len(self.classes_)
        with self._fit_scope(X, warm=warm, phases=1, n_outputs=n_classes) as session:
            # before the training, because not every network has the layer
            self._n_features_out = session.runner.infer(self._features, X[:1]).shape[1]
            if not warm:
                session.standardize(X, extra.get("sample_weight"))
            session.y = named(y, self.classes_)
            train, valid = (X, extra), None
            if self.early_stopping and not partial:
                train, valid = split(X, extra, self.validation_fraction)
                valid = (*valid, self.classes_[valid[1]["y"]])
            session.train(
                "classification",
                self._loss,
                *train,
                epochs=epochs,
                y=named(train[1]["y"], self.classes_),
                valid=valid,
                patience=None if valid is None else self.n_iter_no_change,
                monitor="cross_entropy",
            )
            check_finite(lambda x: self._logits(x).softmax(1), session.runner, X, self.lr)
        return self

    # -- inference
    @by_blocks
    def predict(self, X: Any) -> Any:
        """Return the most probable class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            One of `classes_` for each sample.
        """
        X = self._check(X)
        logits = self._runner.infer(self._logits, X)
        return self.classes_[logits.argmax(1).cpu().numpy()]

    @by_blocks
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`; rows sum to 1. A tensor if X is one.
        """
        return self._apply(lambda x: functional.softmax(self._logits(x), dim=1), X)

    @by_blocks
    def transform(self, X: Any) -> Any:
        """Return the representation of each sample in the last hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.

        Returns
        -------
        features : ndarray of shape (n_samples, n_units)
            What enters the last layer, or the flattened output of `transform_layer`. A tensor if
            X is one.
        """
        return self._apply(self._features, X)


class ParsimoniousAutoencoder(ParsimoniousMixin, DecodingEstimator):
    r"""An autoencoder whose hidden representations form clusters.

    The squared error of the reconstruction, as a share of the variance of X, plus the clustering
    penalty of Eq. 1, 2 or 3 on hidden layers,

    .. math:: \frac{\frac1N \sum_n \|x_n - D(E(x_n))\|^2}{n_{features} \operatorname{Var}(X)}
        + \lambda \sum_{layers} \frac{1}{2 N C H W} \sum_i \|X_i - \mu_{z_i}\|^2.

    Read more in the :doc:`user guide </parsimonious>`.

    Parameters
    ----------
    n_components : int, default=30
        Number of units of the code.
    n_clusters : int, default=100
        Number of centres K of each layer. For sample clustering, at most half of a batch: the
        default takes no more by itself.
    lam : float, default=0.0001
        Weight of the penalty. 0: an ordinary autoencoder.
    clustering : {"sample", "spatial", "channel"} or sequence of these, default="sample"
        What is clustered: samples (Eq. 1), positions of images (Eq. 2) or channels (Eq. 3).
    layers : "auto", sequence of str or dict, default="auto"
        Names of the layers, such as "encoder.0"; a dict gives options by layer, as in
        :class:`~skdeepclust.regularizers.ClusteringRegularizer`. "auto": all layers
        but the last, fully connected ones for samples, as in the paper, convolutions for positions
        and channels.
    smoothing : float, default=0.9
        Weight of a batch's mean in the running centres, in (0, 1].
    center_gradient : {"fixed", "exact"}, default="fixed"
        Whether centres are constants to the gradient (Algorithm 1), or move with the batch.
    image_shape : tuple of int, default=None
        `(height, width)` or `(channels, height, width)` of the images that the rows of a 2-D X
        hold. `None`: X is image-shaped itself, or holds no images.
    module : type, callable or torch.nn.Module, default=None
        Autoencoder with methods `encode` and `decode`: a class or factory that is offered
        `input_shape` and `n_components`, or an instance, which is copied. `None`:
        :class:`~skdeepclust.networks.ConvAutoencoder` for images; for rows
        :class:`~skdeepclust.networks.MLPAutoencoder` with hidden layers of 1000, 500 and 250
        units as in the paper, scaled by n_features / 784 where there are fewer features.
    lr : float, default=0.001
        Learning rate.
    max_epochs : int, default=50
        Number of epochs.
    batch_size : int, default=256
        Largest number of samples in a batch.
    <shared parameters>

    Attributes
    ----------
    cluster_centers_ : dict of str to ndarray of shape (k, dims)
        Centres by layer; of a layer with several clusterings a dict by clustering.
    regularizer_ : skdeepclust.regularizers.ClusteringRegularizer
        The fitted regulariser, with its `exemplars`; `None` if `lam=0`.
    reconstruction_err_ : float
        Mean over the training samples of the squared error, summed over features; after
        `partial_fit` over those of its last call.
    <shared attributes>
    image_shape_ : tuple of int
        `(channels, height, width)` where X holds images.

    Notes
    -----
    The paper weighs the penalty against the error summed over the pixels of MNIST. Its `lam` of
    0.01 is 0.00013 here, where the error is a share of the variance.

    References
    ----------
    R. Liao, A. Schwing, R. Zemel, R. Urtasun (2016). Learning Deep Parsimonious
    Representations. NeurIPS. Section 4.1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust import ParsimoniousAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = ParsimoniousAutoencoder(n_components=8, max_epochs=5, random_state=0)
    >>> code = autoencoder.fit_transform(X)
    >>> code.shape, autoencoder.inverse_transform(code).shape
    ((1797, 8), (1797, 64))
    """

    n_components: int = parameter(default=30, allowed=[Interval(Integral, 1, None, closed="left")])
    lam: float = parameter(default=0.0001)

    reconstruction_err_: float = learned()
    # the deviation of X, in which errors are told
    _fit: float = learned()

    # -- the network
    def _default_network(self):
        return MLPAutoencoder if self._input.image_shape is None else ConvAutoencoder

    def _arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {"n_components": self.n_components, "standardize": True}
        arguments["batch_norm"] = False
        if self._input.image_shape is None:
            arguments["hidden"] = _paper_widths(self.n_features_in_, self.n_components)
        return arguments

    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        check_autoencoder(network, arguments["input_shape"])
        return network

    def _embed(self, x: Tensor) -> Tensor:
        return self._runner.run(self.module_.encode, x)

    def _served(self, x: Tensor) -> dict[str, Tensor]:
        return {"embedding": self._embed(x)}

    def _decode_point(self, embedding: Tensor, /) -> Tensor:
        return self._runner.run(self.module_.decode, embedding)

    # -- the objective; the base adds the penalties
    def _loss(self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None):
        error = weighted_mean(self._runner.by_rows(self._relative_errors, x), sample_weight)
        return {"loss": error, "reconstruction": error}

    def _relative_errors(self, x: Tensor) -> Tensor:
        reconstruction = self._decode_point(self._embed(x))
        # before they are squared, which small units would not survive
        return reconstruction_errors(reconstruction / self._fit, x / self._fit)

    # -- the schedule
    @fit_method
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train the autoencoder.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples; also `(n_samples, height, width)` or
            `(n_samples, channels, height, width)`.
        y : array-like of shape (n_samples,), default=None
            Labels for callbacks that score the training; nothing is learned from them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; `None` weighs all samples the same.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        warm = bool(self.warm_start and hasattr(self, "module_"))
        X = self._check(X, reset=not warm)
        return self._fit_samples(X, y, sample_weight, warm=warm, epochs=self.max_epochs)

    @partial_fit_method
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Go on training with one epoch on these samples.

        The samples of the first call say where X lies and how large it is: let them be more than
        a few.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : array-like of shape (n_samples,), default=None
            Labels for callbacks that score the training; nothing is learned from them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; `None` weighs all samples the same.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        warm = hasattr(self, "module_")
        X = self._check(X, reset=not warm)
        return self._fit_samples(X, y, sample_weight, warm=warm, epochs=1, partial=True)

    def _fit_samples(self, X, y, sample_weight, *, warm, epochs, partial=False):
        extra = weights_of(sample_weight, X)
        check_number_of_labels(y, X.shape[0])
        with self._fit_scope(X, warm=warm, phases=1, **self._arguments()) as session:
            session.y = y
            self._fit = session.deviation(X, extra, warm=warm, partial=partial)
            session.train("reconstruction", self._loss, X, extra, epochs=epochs)
        self._n_features_out = self._runner.infer(self._embed, X[:1]).shape[1]
        error = self._mean_error(X, extra.get("sample_weight"))
        self.reconstruction_err_ = finite_mean(error, None, self.lr)
        return self

    def _mean_error(self, X, sample_weight=None) -> float:
        error = self._runner.infer(self._squared_error, X).cpu().double().numpy()
        return float(np.average(error, weights=sample_weight))

    def _squared_error(self, x: Tensor) -> Tensor:
        return (self._decode_point(self._embed(x)) - x).square().flatten(1).sum(1)

    # -- inference
    @by_blocks
    def transform(self, X: Any) -> Any:
        """Return the code of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.

        Returns
        -------
        code : ndarray of shape (n_samples, n_components)
            What the decoder reconstructs from. A tensor if X is one.
        """
        return self._apply(self._embed, X)

    @ordinary_torch()
    def score(self, X: Any, y: Any = None) -> float:
        """Return minus the mean reconstruction error, so that larger is better.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : Ignored
            Present for the API's sake.

        Returns
        -------
        score : float
            `-mean_n |x_n - D(E(x_n))|^2`, in squared units of X.
        """
        return -self._mean_error(self._check(X))


def _paper_widths(n_features: int, n_components: int) -> tuple[int, ...]:
    """Return the paper's 1000, 500, 250 units, fewer where there are fewer than 784 features."""
    scale = min(1.0, n_features / 784)
    return tuple(max(round(scale * width), n_components) for width in (1000, 500, 250))
