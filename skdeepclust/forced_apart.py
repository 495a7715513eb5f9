"""Forced Apart: codes in which hidden classes lie apart, from coarse labels or none.

Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
Labels. Under review at ICLR.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from torch import Tensor, nn
from torch.nn import functional

from skdeepclust._compat import Interval, StrOptions
from skdeepclust._engine.global_settings import ordinary_torch
from skdeepclust._estimator import types
from skdeepclust._estimator.base import BaseDeepEstimator, fit_method, partial_fit_method
from skdeepclust._estimator.dask_answers import by_blocks, computed
from skdeepclust._estimator.labels import check_labelled_weight, with_labels
from skdeepclust._estimator.parameters import learned, parameter
from skdeepclust._estimator.partial_labels import accuracy, check_partial_labels, named, set_classes
from skdeepclust._inputs.sequences import Padding, SequenceSpec
from skdeepclust._inputs.weights import weights_of
from skdeepclust._training.phase import check_finite, finite_mean
from skdeepclust._training.session import Session
from skdeepclust.losses._clustering import weighted_mean
from skdeepclust.networks import BottleneckCNN, BottleneckMLP, BottleneckRNN, Standardize
from skdeepclust.networks._checks import check_outputs
from skdeepclust.networks._layers import find_layer, hidden_linear_layers, layer_output
from skdeepclust.regularizers import (
    DeCovRegularizer,
    ForcedApartRegularizer,
    ForcedApartWeightRegularizer,
    Regularizer,
    XCovRegularizer,
)

# The parts of each `loss`.
LOSSES = {
    "multi": ("multi",),
    "single": ("single",),
    "both": ("multi", "single"),
    "decov": ("decov",),
    "xcov": ("xcov",),
    None: (),
}
# What "auto" stands for, by part; a divergence other than KL has other units.
MARGINS = {
    "kl": {"multi": 3.0, "single": 5.0},
    "jeffreys": {"multi": 3.0, "single": 5.0},
    "js": {"multi": 0.5, "single": 0.5},
    "hellinger": {"multi": 0.7, "single": 0.7},
}
WEIGHTS = {"multi": 0.1, "single": 10.0, "decov": 0.01, "xcov": 1.0}
DECODER_HIDDEN = (128,)


def _resolved(name: str, value: Any, part: str, auto: Mapping[str, float]) -> float:
    """Look up what a parameter that may be a number, a dict by part or "auto" says of a part."""
    if isinstance(value, Mapping):
        unknown = sorted(set(value) - set(auto))
        if unknown:
            raise ValueError(f"{name}={value!r} names {unknown}; parts are {sorted(auto)}.")
        value = value.get(part, "auto")
    return auto[part] if isinstance(value, str) and value == "auto" else value


def _weights_of(module: nn.Module, layer: str) -> str:
    """Return the name of the last fully connected layer in a layer, such as that before a norm."""
    inside = [
        f"{layer}.{name}" if name else layer
        for name, each in find_layer(module, layer).named_modules()
        if isinstance(each, nn.Linear)
    ]
    return inside[-1] if inside else layer


class ForcedApartEmbedder(
    ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseDeepEstimator
):
    r"""A network whose code has clusters that its coarse labels don't tell apart.

    A classifier of coarse labels, or an autoencoder where there are none, with one of the losses
    of Forced Apart on a narrow layer h, the code:

    .. math::
        L_{multi} &= \sum_{i, j: y_i = y_j} \frac{2}{N_s^2} f(h_i, h_j), \quad
        L_{single} = \frac{1}{k (k - 1)} \sum_{i \ne j} f(W_i, W_j), \\
        f(a, b) &= \max(0, m - D(\operatorname{softmax}(a) \| \operatorname{softmax}(b))).

    The first, averaged over the labels of a batch, acts on all layers up to the code, the second
    on the weights W of the code's layer alone. Feed the code to
    :class:`~sklearn.cluster.KMeans`.

    Read more in the :doc:`user guide </forced_apart>`.

    Parameters
    ----------
    n_components : int, default=15
        Units of the code. By one alone, nothing can be forced apart.
    loss : {"auto", "multi", "single", "both", "decov", "xcov"} or None, default="auto"
        What forces apart: "multi" (Eq. 8; without labels Eq. 10), "single" (Eq. 5) or "both";
        "decov" and "xcov" are the regularisers that the paper compares with. `None`: nothing.
        "auto": "single" for recurrent networks, "multi" for others.
    margin : float, dict or "auto", default="auto"
        Divergence m > 0 that pairs are forced to; a dict has that of "multi" and of "single".
        Must stay below log 2 for "js" and below 1 for "hellinger". "auto": 3 for "multi" and 5
        for "single" with "kl" and "jeffreys", .5 for both with "js", .7 with "hellinger"; for
        "multi" without labels a tenth of that.
    lam : float, dict or "auto", default="auto"
        Weight of the loss beside the cross entropy, or beside the reconstruction error as a share
        of the variance of X; a dict has that of each part. "auto": .1 for "multi", 10 for
        "single", .01 for "decov", 1 for "xcov".
    divergence : {"kl", "js", "jeffreys", "hellinger"}, default="kl"
        Divergence D: Kullback-Leibler, Jensen-Shannon, Jeffreys, or squared Hellinger.
    code_layer : str, default=None
        Layer of `module` that makes the code, best before its ReLU. `None`: the layer `code`, or
        else, of a classifier, the last fully connected layer but one.
    image_shape : tuple of int, default=None
        `(height, width)` or `(channels, height, width)` of the images that X holds. `None`: only
        a 4-D X holds images.
    sequence_shape : tuple of int, default=None
        `(steps, features)` of the sequences that the rows of a 2-D X hold. `None`: a 3-D X
        holds sequences, unless `image_shape` is given.
    vocabulary_size : int, default=None
        Number of words, where X holds the index of a word at each step, 0 being padding.
        `None`: X holds features.
    module : type, callable or torch.nn.Module, default=None
        Network that returns one number a label, or without labels one a feature, standardised
        where it has a layer `standardize`: a class or factory that is offered `input_shape`,
        `n_outputs`, `n_components`, `vocabulary_size` and, without labels, `output_hidden`; or
        an instance, which is copied. `None`:
        :class:`~skdeepclust.networks.BottleneckRNN` for sequences,
        :class:`~skdeepclust.networks.BottleneckCNN` for images, otherwise
        :class:`~skdeepclust.networks.BottleneckMLP`.
    lr : float, default=0.001
        Learning rate.
    max_epochs : int, default=20
        Number of epochs.
    batch_size : int, default=128
        Largest number of samples in a batch. Pairs are those within a batch.
    <shared parameters>

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Coarse labels, after a fit with y.
    reconstruction_err_ : float
        After a fit without y: mean over the training samples of the squared error, summed over
        features; after `partial_fit` over those of its last call.
    <shared attributes>
    image_shape_ : tuple of int
        `(channels, height, width)` where X holds images.

    Notes
    -----
    Equation (11) weighs the reconstruction by :math:`1 - \alpha` and the loss by
    :math:`\alpha`, which is `lam` = :math:`\alpha / (1 - \alpha)`, divided by the variance of X
    summed over its features.

    References
    ----------
    Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
    Labels. Under review at ICLR.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.metrics import adjusted_mutual_info_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeepclust import ForcedApartEmbedder
    >>> X, digit = load_digits(return_X_y=True)
    >>> embedder = ForcedApartEmbedder(max_epochs=10, random_state=0)
    >>> pipeline = make_pipeline(embedder, KMeans(10, random_state=0))
    >>> clusters = pipeline.fit(X, digit >= 5).predict(X)  # digits 0 to 4 against 5 to 9
    >>> adjusted_mutual_info_score(digit, clusters) > 0.5
    True
    """

    n_components: int = parameter(default=15, allowed=[Interval(Integral, 1, None, closed="left")])
    loss: str | None = parameter(
        default="auto", allowed=[StrOptions({"auto", *filter(None, LOSSES)}), None]
    )
    margin: float | str | Mapping[str, Any] = parameter(
        default="auto",
        allowed=[Interval(Real, 0, None, closed="neither"), StrOptions({"auto"}), dict],
    )
    lam: float | str | Mapping[str, Any] = parameter(
        default="auto", allowed=[Interval(Real, 0, None, closed="left"), StrOptions({"auto"}), dict]
    )
    divergence: str = parameter(default="kl", allowed=[StrOptions(set(MARGINS))])
    code_layer: str | None = parameter(default=None, allowed=[str, None])
    image_shape: types.Shape = parameter(default=None, allowed=[None, tuple, list])
    sequence_shape: types.Shape = parameter(default=None, allowed=[None, tuple, list])
    vocabulary_size: int | None = parameter(
        default=None, allowed=[None, Interval(Integral, 2, None, closed="left")]
    )
    max_epochs: int = parameter(default=20)
    batch_size: int = parameter(default=128)

    reconstruction_err_: float = learned()
    _n_features_out: int = learned()
    _input_class = SequenceSpec
    # the deviation of X, in which errors of reconstructions are told
    _fit: float = learned()

    def _learn_input(self, sample_shape: tuple[int, ...]) -> SequenceSpec:
        return SequenceSpec.learn(
            sample_shape,
            self.n_features_in_,
            self.image_shape,
            sequence_shape=self.sequence_shape,
            vocabulary_size=self.vocabulary_size,
        )

    def _padding(self, *, reset: bool) -> Padding:
        shapes = self.image_shape, self.sequence_shape, self.vocabulary_size
        return Padding(None if reset else self._input, *shapes)

    # -- the network
    def _default_network(self):
        if self._input.holds_sequences:
            return BottleneckRNN
        return BottleneckMLP if self._input.image_shape is None else BottleneckCNN

    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        check_outputs(network, arguments["input_shape"], arguments["n_outputs"])
        return network

    def _outputs(self, x: Tensor) -> Tensor:
        """Return the logits of the labels, or the reconstruction."""
        return self._runner.run(self.module_, x)

    def _code(self, x: Tensor) -> Tensor:
        return self._outputs_and_code(x)[1]

    def _outputs_and_code(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with layer_output(self.module_, self._code_layer()) as kept:
            outputs = self._outputs(x)
        return outputs, kept[0].flatten(1).to(self._runner.dtype)

    def _served(self, x: Tensor) -> dict[str, Tensor]:
        outputs, code = self._outputs_and_code(x)
        known = {"labels": outputs.argmax(1), "probabilities": outputs.softmax(1)}
        return {**(known if hasattr(self, "classes_") else {}), "embedding": code}

    def _code_layer(self) -> str:
        """Return the name of FC1, whose output is the code (Fig. 1)."""
        if self.code_layer is not None:
            return self.code_layer
        if isinstance(getattr(self.module_, "code", None), nn.Module):
            return "code"
        layers = hidden_linear_layers(self.module_)
        if not layers or not hasattr(self, "classes_"):  # a decoder has layers of its own
            raise ValueError(
                f"module={type(self.module_).__name__} has no layer 'code', and no fully connected "
                "layer before its last one that must be it: name the layer that makes the code as "
                "code_layer."
            )
        return layers[-1]

    # -- the objective; the base adds the losses of Forced Apart, which are regularisers
    def _own_regularizers(self) -> list[Regularizer]:
        layer = self._code_layer()
        find_layer(self.module_, layer)
        return [self._regularizer(part, layer) for part in LOSSES[self._loss_name()]]

    def _loss_name(self) -> str | None:
        if self.loss != "auto":
            return self.loss
        recurrent = any(isinstance(layer, nn.RNNBase) for layer in self.module_.modules())
        return "single" if recurrent else "multi"

    def _regularizer(self, part: str, layer: str) -> Regularizer:
        lam = _resolved("lam", self.lam, part, WEIGHTS)
        if part == "decov":
            return DeCovRegularizer([layer], lam=lam)
        if part == "xcov":
            return XCovRegularizer([layer], lam=lam, softmax=hasattr(self, "classes_"))
        margins = MARGINS[self.divergence]
        if not hasattr(self, "classes_"):  # what is to be reconstructed keeps samples apart
            margins = {**margins, "multi": margins["multi"] / 10}
        margin = _resolved("margin", self.margin, part, margins)
        options = {"lam": lam, "margin": margin, "divergence": self.divergence}
        if part == "multi":
            return ForcedApartRegularizer([layer], **options)
        return ForcedApartWeightRegularizer([_weights_of(self.module_, layer)], **options)

    def _classification_loss(
        self, x: Tensor, idx: Tensor, y: Tensor, sample_weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        logits = self._outputs(x)
        labelled = (y >= 0).to(logits.dtype)
        weight = labelled if sample_weight is None else labelled * sample_weight
        losses = functional.cross_entropy(logits, y, reduction="none", ignore_index=-1)
        cross_entropy = weighted_mean(losses, weight)
        correct = (logits.detach().argmax(1) == y).to(logits.dtype)
        share = weighted_mean(correct, weight)
        return {"loss": cross_entropy, "cross_entropy": cross_entropy, "accuracy": share}

    def _reconstruction_loss(
        self, x: Tensor, idx: Tensor, sample_weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        error = weighted_mean(self._runner.by_rows(self._relative_errors, x), sample_weight)
        return {"loss": error, "reconstruction": error}

    def _relative_errors(self, x: Tensor) -> Tensor:
        return (self._residual(x) / self._fit).square().mean(1)

    def _residual(self, x: Tensor) -> Tensor:
        """Return what the reconstruction is off by, in the units of X, (n, n_features)."""
        outputs, layer = self._outputs(x), getattr(self.module_, "standardize", None)
        if isinstance(layer, Standardize):
            # what it makes of x is reconstructed: no output has to grow to the scale of X
            return (outputs - layer(x).flatten(1)) * layer.std
        return outputs - x.flatten(1)

    # -- the schedule
    @fit_method
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train the network: to predict coarse labels, or without them to reconstruct X.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples; also sequences `(n_samples, steps, features)`, padded with steps of
            zeros at their end, and images `(n_samples, channels, height, width)`.
        y : array-like of shape (n_samples,), default=None
            Coarse labels: numbers or strings, -1 where there is none (unless y holds nothing but
            -1 and 1). Samples without a label are forced apart among each other. `None`: the
            network is an autoencoder.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; `None` weighs all samples the same.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        warm = bool(self.warm_start and hasattr(self, "module_"))
        self._check_same_task(y, warm)
        X = self._check(X, reset=not warm)
        extra = weights_of(sample_weight, X)
        if y is None:
            return self._fit_autoencoder(X, extra, warm=warm, epochs=self.max_epochs)
        known = self.classes_ if warm else None
        self.classes_, extra["y"] = check_partial_labels(self, y, X.shape[0], known)
        check_labelled_weight(extra, extra["y"])
        return self._fit_labels(X, extra, warm=warm, epochs=self.max_epochs)

    @partial_fit_method
    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Go on training with one epoch on these samples.

        The samples of the first call say where X lies and how large it is: let them be more than
        a few.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : array-like of shape (n_samples,), default=None
            Coarse labels, -1 where there is none; a part of the stream may have none at all.
            `None`, in all calls: the network is an autoencoder.
        classes : array-like of shape (n_classes,), default=None
            All coarse labels that may ever come; needed in the first call with y.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; `None` weighs all samples the same.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        warm = hasattr(self, "module_")
        self._check_same_task(y, warm)
        X = self._check(X, reset=not warm)
        extra = weights_of(sample_weight, X)
        if y is None:
            return self._fit_autoencoder(X, extra, warm=warm, epochs=1, partial=True)
        set_classes(self, classes)
        _, extra["y"] = check_partial_labels(self, y, X.shape[0], self.classes_, required=False)
        return self._fit_labels(X, extra, warm=warm, epochs=1)

    def _check_same_task(self, y, warm: bool) -> None:
        if warm and hasattr(self, "classes_") != (y is not None):
            raise ValueError(
                "The network of the last fit, with which warm_start and partial_fit go on, was "
                "trained with y and this one isn't, or the other way round. Set warm_start=False "
                "and call fit."
            )

    def _fit_labels(self, X, extra, *, warm: bool, epochs: int):
        options = self._sizes(len(self.classes_))
        with self._fit_scope(X, warm=warm, phases=1, **options) as session:
            self._prepare(session, X, extra, warm=warm)
            session.y = named(extra["y"], self.classes_)
            session.train("classification", self._classification_loss, X, extra, epochs=epochs)
            check_finite(lambda x: self._outputs(x).softmax(1), session.runner, X, self.lr)
        self.__dict__.pop("reconstruction_err_", None)
        return self

    def _fit_autoencoder(self, X, extra, *, warm: bool, epochs: int, partial: bool = False):
        if self.vocabulary_size is not None:
            raise ValueError(
                "Indices of words can't be reconstructed by their squared error: give coarse "
                "labels y, or features of the texts (TruncatedSVD) without vocabulary_size."
            )
        self.__dict__.pop("classes_", None)
        options = self._sizes(self.n_features_in_) | {"output_hidden": DECODER_HIDDEN}
        with self._fit_scope(X, warm=warm, phases=1, **options) as session:
            self._fit = self._prepare(session, X, extra, warm=warm, partial=partial)
            session.train("reconstruction", self._reconstruction_loss, X, extra, epochs=epochs)
        error = self._runner.infer(self._squared_error, X).cpu().double().numpy()
        self.reconstruction_err_ = finite_mean(error, extra.get("sample_weight"), self.lr)
        return self

    def _prepare(self, session: Session, X, extra, *, warm: bool, partial: bool = False) -> float:
        """Look at the code, before the training; standardise, and return the deviation of X."""
        self._n_features_out = session.runner.infer(self._code, X[:1]).shape[1]
        return session.deviation(X, extra, warm=warm, partial=partial)

    def _sizes(self, n_outputs: int) -> dict[str, int]:
        """Return what the networks are offered beside the shape of a sample."""
        sizes = {"n_outputs": n_outputs, "n_components": self.n_components}
        if self.vocabulary_size is not None:
            sizes["vocabulary_size"] = self.vocabulary_size
        return sizes

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
            What clusters. A tensor if X is one.
        """
        return self._apply(self._code, X)

    @with_labels
    @by_blocks
    def predict(self, X: Any) -> Any:
        """Return the most probable coarse label of each sample, after a fit with y.

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
        logits = self._runner.infer(self._outputs, X)
        return self.classes_[logits.argmax(1).cpu().numpy()]

    @with_labels
    @by_blocks
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each coarse label, after a fit with y.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`; rows sum to 1. A tensor if X is one.
        """
        return self._apply(lambda x: functional.softmax(self._outputs(x), dim=1), X)

    @ordinary_torch()
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the coarse accuracy; after a fit without y minus the reconstruction error.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : array-like of shape (n_samples,), default=None
            Coarse labels; samples labelled -1 don't count. Ignored after a fit without y.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            Share of right labels, or minus the mean over samples of the squared error, summed
            over features.
        """
        if not hasattr(self, "classes_"):
            X = self._check(X)
            error = self._runner.infer(self._squared_error, X).cpu().double().numpy()
            weight = weights_of(sample_weight, X).get("sample_weight")
            return -float(np.average(error, weights=weight))
        if y is None:
            raise ValueError("score needs the coarse labels y after a fit with y.")
        return accuracy(y, computed(self.predict(X)), self.classes_, sample_weight)

    def _squared_error(self, x: Tensor) -> Tensor:
        return self._residual(x).square().sum(1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = [self.dtype]
        return tags
