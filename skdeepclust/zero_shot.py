"""Zero-shot classification: samples and classes meet in a bilinear score, Eq. 5.

R. Liao, A. Schwing, R. Zemel, R. Urtasun (2016). Learning Deep Parsimonious Representations.
NeurIPS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn import config_context
from sklearn.metrics import recall_score
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from skdeepclust._compat import StrOptions
from skdeepclust._engine.global_settings import ordinary_torch
from skdeepclust._estimator import types
from skdeepclust._estimator.base import fit_method, partial_fit_method
from skdeepclust._estimator.class_attributes import resolve_class_attributes
from skdeepclust._estimator.classifier import BaseDeepClassifier
from skdeepclust._estimator.dask_answers import by_blocks, computed
from skdeepclust._estimator.labels import positions, refuse_balanced, shorten
from skdeepclust._estimator.parameters import learned, parameter
from skdeepclust._estimator.partial_labels import (
    UNLABELLED,
    is_labelled,
    masked,
    named,
    named_classes,
    scored,
)
from skdeepclust._estimator.structure import check_unchanged
from skdeepclust._inputs.labels import listed
from skdeepclust._training.phase import check_finite
from skdeepclust._training.session import Session
from skdeepclust.losses import structured_hinge_loss
from skdeepclust.losses._clustering import product
from skdeepclust.networks import Standardize
from skdeepclust.networks._layers import evaluation_mode, module_device_and_dtype

# One step of Adam moves each weight by the learning rate, and so a score by the learning rate times
# the sum of the features' sizes. That sum is scaled to about this number, however many features
# there are: one learning rate then serves 10 of them and 10,000.
SUM_OF_FEATURES = 300


class ScaledFeatures(nn.Module):
    """The features as they are, but for one shift and one scale: ``(x - mean) / std``.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of a sample.
    """

    def __init__(self, input_shape: Sequence[int]) -> None:
        super().__init__()
        self.standardize = Standardize()
        self.n_features = math.prod(input_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of a batch, (n, ...) -> (n, n_features)."""
        return self.standardize(x).flatten(1)


class AttributeNetwork(nn.Module):
    """Features and a linear map of them to attributes: x -> g (W^T h(x) + b), (n, n_attributes).

    The gain g is 300 / n_features; W and b start from zero.

    Parameters
    ----------
    features : torch.nn.Module
        Network h that makes features (n, n_features) of samples.
    n_features : int
        Number of features.
    n_attributes : int
        Number of attributes.
    fit_intercept : bool
        Whether there is a b.
    """

    features: Any

    def __init__(
        self, features: nn.Module, n_features: int, n_attributes: int, fit_intercept: bool
    ) -> None:
        super().__init__()
        self.features = features
        self.linear = nn.Linear(n_features, n_attributes, bias=fit_intercept)
        for each in self.linear.parameters():
            nn.init.zeros_(each)
        self.gain = SUM_OF_FEATURES / n_features

    @property
    def standardize(self) -> nn.Module | None:
        """The layer of `features` that scales the input, if there is one."""
        return getattr(self.features, "standardize", None)

    def forward(self, x: Tensor) -> Tensor:
        """Return how much of each attribute is in the samples of a batch, (n, n_attributes)."""
        return self.gain * self.linear(self.features(x).flatten(1))

    @torch.no_grad()
    def linear_map(self) -> tuple[Tensor, Tensor]:
        """Return coefficients (n_features, n_attributes) and intercept where h is but a scale."""
        scale = self.features.standardize
        mean, std = scale.mean.cpu().double(), scale.std.cpu().double()
        coef = self.gain * self.linear.weight.cpu().double().T / std
        intercept = -mean * coef.sum(0)
        if self.linear.bias is not None:
            intercept = intercept + self.gain * self.linear.bias.cpu()
        return coef, intercept


class ZeroShotClassifier(BaseDeepClassifier):
    r"""A classifier of classes by their attributes, also of classes that have no samples.

    A sample x and a class c with attributes :math:`\phi(c)` score
    :math:`F(x, c) = x^\top W \phi(c)`. W is learned from the classes that have samples, the seen
    ones, by the structured hinge loss

    .. math:: \frac1N \sum_n \max_{c \in seen}
        \left(\Delta(y_n, c) + F(x_n, c) - F(x_n, y_n)\right),

    and any class with attributes can then be predicted.

    Read more in the :doc:`user guide </parsimonious>`.

    Parameters
    ----------
    class_attributes : DataFrame, dict or array-like, default=None
        Attributes of all classes, seen or not: a DataFrame with the labels as its index, a dict
        of label to vector, or an array of shape `(n_classes, n_attributes)` whose rows describe
        the sorted labels of y if they are as many, otherwise the labels 0, 1, 2 and so on. Rows
        are scaled to length 1. `None`: an attribute for each label of y, which makes an ordinary
        multi-class linear classifier with hinge loss.
    fit_intercept : bool, default=True
        Whether :math:`F(x, c) = (x^\top W + b^\top) \phi(c)`. The paper has no b.
    predict_over : {"all", "seen", "unseen"}, default="all"
        Which classes `predict`, `decision_function` and `score` choose from if they aren't told.
    image_shape : tuple of int, default=None
        `(height, width)` or `(channels, height, width)` of the images that the rows of a 2-D X
        hold. `None`: X is image-shaped itself, or holds no images.
    class_weight : dict or "balanced", default=None
        Weights of the classes; "balanced": inversely proportional to their frequency.
    module : type, callable or torch.nn.Module, default=None
        Network that makes the features of which F is a bilinear function, trained with W: a class
        or factory that is offered `input_shape`, or an instance, which is copied. `None`: the
        features of X.
    lr : float, default=0.001
        Learning rate; falls to 0 along a cosine. One that suits few features suits many, because
        scores are scaled by their number.
    max_epochs : int, default=30
        Number of epochs.
    batch_size : int, default=64
        Largest number of samples in a batch.
    <shared parameters>

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        All labels with attributes, sorted.
    seen_classes_ : ndarray of shape (n_seen,)
        Labels that had samples in `fit`.
    unseen_classes_ : ndarray of shape (n_classes - n_seen,)
        Labels that had none.
    class_attributes_ : ndarray of shape (n_classes, n_attributes)
        Attributes of `classes_`, scaled to length 1: the scores of X are
        `(X @ coef_ + intercept_) @ class_attributes_.T`.
    coef_ : ndarray of shape (n_features, n_attributes)
        W. Only where `module=None`.
    intercept_ : ndarray of shape (n_attributes,)
        b; zeros if there is none. Only where `module=None`.
    <shared attributes>
    image_shape_ : tuple of int
        `(channels, height, width)` where X holds images.

    Notes
    -----
    Seen classes score higher than unseen ones, which were never pushed up: accuracy on unseen
    classes is lower when all classes compete ("generalised" zero-shot learning) than with
    `predict_over="unseen"`, as in the paper. `warm_start` keeps the attributes; classes with
    samples in any of the fits count as seen.

    The paper's features are those of a trained network. The loss of a `module` that starts from
    nothing may stand at 1, where all classes score the same, for many epochs before it falls.
    Its input is scaled only if it has a layer `standardize`, a
    :class:`~skdeepclust.networks.Standardize`.

    References
    ----------
    R. Liao, A. Schwing, R. Zemel, R. Urtasun (2016). Learning Deep Parsimonious
    Representations. NeurIPS. Section 4.4, Equation (5).

    Z. Akata, S. Reed, D. Walter, H. Lee, B. Schiele (2015). Evaluation of Output Embeddings for
    Fine-Grained Image Classification. CVPR.

    Examples
    --------
    Four classes of two attributes, one of them without samples:

    >>> import numpy as np
    >>> from skdeepclust import ZeroShotClassifier
    >>> attributes = {"plain": [0, 0, 1], "red": [1, 0, 1], "round": [0, 1, 1], "cherry": [1, 1, 1]}
    >>> X = np.repeat([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], 20, axis=0)
    >>> y = np.repeat(["plain", "red", "round"], 20)
    >>> classifier = ZeroShotClassifier(class_attributes=attributes, random_state=0).fit(X, y)
    >>> classifier.unseen_classes_
    array(['cherry'], dtype='<U6')
    >>> classifier.predict([[1.0, 0.0], [1.0, 1.0]])
    array(['red', 'cherry'], dtype='<U6')
    """

    class_attributes: Any = parameter(default=None, allowed=[None, dict, "array-like"])
    fit_intercept: bool = parameter(default=True, allowed=["boolean"])
    predict_over: str = parameter(default="all", allowed=[StrOptions({"all", "seen", "unseen"})])
    image_shape: types.Shape = parameter(default=None, allowed=[None, tuple, list])
    max_epochs: int = parameter(default=30)
    batch_size: int = parameter(default=64)

    module_: AttributeNetwork = learned()
    class_attributes_: np.ndarray = learned()
    seen_classes_: np.ndarray = learned()
    unseen_classes_: np.ndarray = learned()
    coef_: np.ndarray = learned()
    intercept_: np.ndarray = learned()
    _seen: np.ndarray = learned()
    # phi of the seen classes
    _fit: Tensor = learned()

    # -- the network
    def _default_network(self):
        return ScaledFeatures

    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        n_features = n_features_of(network, arguments["input_shape"])
        return AttributeNetwork(
            network, n_features, arguments["n_attributes"], arguments["fit_intercept"]
        )

    def _scores(self, x: Tensor, attributes: Tensor) -> Tensor:
        """F of each sample of a batch and each class of which the attributes are given."""
        return product(self._runner.run(self.module_, x), attributes)

    def _served(self, x: Tensor) -> dict[str, Tensor]:
        scores = self._scores(x, self._attributes_of(self._candidates(None)))
        return {"labels": scores.argmax(1), "scores": scores}

    def _served_classes(self) -> list:
        return listed(self.classes_[self._candidates(None)])

    def _attributes_of(self, chosen: np.ndarray) -> Tensor:
        runner = self._runner
        return torch.as_tensor(
            self.class_attributes_[chosen], dtype=runner.dtype, device=runner.device
        )

    # -- the objective
    def _loss(
        self,
        x: Tensor,
        idx: Tensor,
        target: Tensor,
        sample_weight: Tensor | None = None,
        labelled: Tensor | None = None,
    ) -> dict[str, Tensor]:
        scores = self._scores(x, self._fit)
        weight = masked(sample_weight, labelled)
        hinge = structured_hinge_loss(scores, target, sample_weight=weight)
        return {"loss": hinge, "hinge": hinge}

    # -- the schedule
    @fit_method
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn W from samples of the seen classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples; also `(n_samples, height, width)` or
            `(n_samples, channels, height, width)`.
        y : array-like of shape (n_samples,)
            Labels: numbers or strings, of at least two classes; -1 where there is none (unless y
            holds nothing but -1 and 1). Samples without a label count for the scale of X, and for
            `regularizers`.
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
        self.classes_, target = self._index_of(y, X.shape[0], known)
        if warm:
            self._check_attributes()
        else:
            target = np.append(self._describe_classes(), UNLABELLED)[target]
        return self._fit_labels(X, target, sample_weight, warm=warm, epochs=self.max_epochs)

    @partial_fit_method
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go on training with one epoch on these samples, whose classes count as seen from now on.

        The learning rate stays as it is, and the samples of the first call say how large X is.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : array-like of shape (n_samples,)
            Labels, -1 where there is none; all but the first part of the stream may have none at
            all.
        classes : array-like of shape (n_classes,), default=None
            All labels that may ever come; needed in the first call, unless `class_attributes` has
            labels: a dict or a DataFrame.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; `None` weighs all samples the same.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        warm = hasattr(self, "module_")
        X = self._check(X, reset=not warm)
        refuse_balanced(self.class_weight)
        self._know_classes(classes, warm)
        _, target = self._index_of(y, X.shape[0], self.classes_, required=not warm)
        return self._fit_labels(X, target, sample_weight, warm=warm, epochs=1, partial=True)

    def _know_classes(self, classes, warm: bool) -> None:
        """Set the labels in the first call of `partial_fit`; in later ones there are no others."""
        if warm:
            self._check_attributes()
            given = [] if classes is None else listed(np.asarray(named_classes(classes)))
            positions(given, listed(self.classes_), problem="classes has unknown labels")
            return
        if classes is None:
            attributes: Any = self.class_attributes
            if not hasattr(attributes, "keys"):  # of a dict or a DataFrame
                raise ValueError("classes must be passed on the first call to partial_fit.")
            classes = list(getattr(attributes, "index", attributes))
        self.classes_ = np.unique(named_classes(classes))
        self._describe_classes()

    def _fit_labels(self, X, target, sample_weight, *, warm, epochs, partial=False):
        self._set_seen(target, warm)
        extra = {
            # 0 in place of a label that is missing
            "target": np.searchsorted(np.flatnonzero(self._seen), target),
            **self._weights(sample_weight, target, X),
        }
        arguments = {
            "n_attributes": self.class_attributes_.shape[1],
            "fit_intercept": self.fit_intercept,
        }
        with self._fit_scope(X, warm=warm, phases=1, **arguments) as session:
            if not warm and self.module_.standardize is not None:
                self._scale_input(session, X, extra.get("sample_weight"))
            self._fit = self._attributes_of(self._seen)
            session.y = named(target, self.classes_)
            session.train("hinge", self._loss, X, extra, epochs=epochs, decay_lr=not partial)
            check_finite(lambda x: self._scores(x, self._fit), session.runner, X, self.lr)
        self._set_linear_map()
        return self

    def _describe_classes(self) -> np.ndarray:
        """Add the classes without samples, and return where the others are in `classes_` now."""
        seen = self.classes_
        self.classes_, self.class_attributes_ = resolve_class_attributes(
            self.class_attributes, seen
        )
        if not is_labelled(self.classes_).all():
            raise ValueError(
                f"class_attributes describes a class {UNLABELLED}, which in y means unlabelled: "
                "name that class otherwise."
            )
        return np.array(positions(listed(seen), listed(self.classes_), problem="y"))

    def _check_attributes(self) -> None:
        """Refuse other attributes than those with which the network was trained."""
        labels, attributes = resolve_class_attributes(self.class_attributes, self.classes_)
        same = [np.array_equal(labels, self.classes_)]
        same.append(np.array_equal(attributes, self.class_attributes_))
        check_unchanged([] if all(same) else ["class_attributes"], self.get_params(deep=False))

    def _set_seen(self, target: np.ndarray, warm: bool) -> None:
        labelled = target[target != UNLABELLED]
        seen = np.bincount(labelled, minlength=len(self.classes_)) > 0
        self._seen = seen | self._seen if warm else seen
        self.seen_classes_ = self.classes_[self._seen]
        self.unseen_classes_ = self.classes_[~self._seen]
        self._candidates(None)  # so that predict_over="unseen" fails before the training

    def _scale_input(self, session: Session, X, weight: np.ndarray | None) -> None:
        session.standardize(X, weight)
        features = self.module_.features
        if isinstance(features, ScaledFeatures) and not self.fit_intercept:
            # a shift would be an intercept: the root mean square in place of the deviation
            layer = features.standardize
            layer.set_(0.0, torch.hypot(layer.mean, layer.std))

    def _takes_origin_off(self, module: nn.Module) -> bool:
        """Tell whether values may be told from another origin: without intercept it is zero."""
        return self.fit_intercept and super()._takes_origin_off(module)

    def _set_linear_map(self) -> None:
        for name in ("coef_", "intercept_"):
            self.__dict__.pop(name, None)
        if isinstance(self.module_.features, ScaledFeatures):
            coef, intercept = (part.cpu().numpy() for part in self.module_.linear_map())
            if self._input.origin is not None:
                intercept = intercept - np.broadcast_to(self._input.origin, len(coef)) @ coef
            self.coef_, self.intercept_ = coef.astype(self.dtype), intercept.astype(self.dtype)

    # -- inference
    def _candidates(self, classes) -> np.ndarray:
        """Return the indices in `classes_` of the classes to choose from."""
        classes = self.predict_over if classes is None else classes
        if not isinstance(classes, str):
            return self._named_candidates(np.asarray(classes))
        named = {"all": np.ones_like(self._seen), "seen": self._seen, "unseen": ~self._seen}
        if classes not in named:
            raise ValueError(
                f"classes={classes!r} should be 'all', 'seen', 'unseen' or an array of labels."
            )
        if not named[classes].any():
            raise ValueError(
                f"There is no unseen class to choose from ({classes!r}): each class in "
                "class_attributes has samples in y. Give attributes of other classes, too."
            )
        return np.flatnonzero(named[classes])

    def _named_candidates(self, labels: np.ndarray) -> np.ndarray:
        if labels.ndim != 1 or len(labels) == 0 or len(np.unique(labels)) < len(labels):
            raise ValueError(
                "classes should be a 1-d array of at least one label, each but once, got "
                f"{shorten(listed(labels.ravel())) or 'none'}."
            )
        problem = "classes has labels without attributes"
        return np.array(positions(listed(labels), listed(self.classes_), problem=problem))

    @by_blocks
    def decision_function(self, X: Any, classes: Any = None) -> Any:
        """Return the score F of each sample and class.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        classes : {"all", "seen", "unseen"} or array-like of labels, default=None
            Classes to choose from; `None`: those of `predict_over`.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_candidates) or (n_samples,)
            Columns in the order of `classes_`, or of `classes` if that is an array. Of two
            classes, the score of the second minus that of the first. A tensor if X is one.
        """
        check_is_fitted(self)
        attributes = self._attributes_of(self._candidates(classes))
        scores = self._apply(lambda x: self._scores(x, attributes), X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    @by_blocks
    def predict(self, X: Any, classes: Any = None) -> Any:
        """Return the class of the highest score for each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        classes : {"all", "seen", "unseen"} or array-like of labels, default=None
            Classes to choose from; `None`: those of `predict_over`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            One of the candidates for each sample.
        """
        check_is_fitted(self)
        chosen = self._candidates(classes)
        attributes = self._attributes_of(chosen)
        X = self._check(X)
        best = self._runner.infer(lambda x: self._scores(x, attributes).argmax(1), X)
        return self.classes_[chosen[best.cpu().numpy()]]

    @ordinary_torch()
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy averaged over classes, as is usual in zero-shot learning.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : array-like of shape (n_samples,)
            True labels; samples labelled -1 don't count. `predict_over` says which classes
            compete with them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples within their class.

        Returns
        -------
        score : float
            Mean over the classes in y of the share of their samples that is predicted right.
        """
        y, predicted, weight = scored(y, computed(self.predict(X)), self.classes_, sample_weight)
        with config_context(array_api_dispatch=False):
            share = recall_score(
                y,
                predicted,
                labels=np.unique(y),
                average="macro",
                sample_weight=weight,
                zero_division=np.nan,  # a class without weight doesn't count
            )
        return float(share)


def n_features_of(network: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Return how many features a network makes of a sample of `input_shape`.

    Parameters
    ----------
    network : torch.nn.Module
        Network that makes features (n, n_features) of samples.
    input_shape : tuple of int
        Shape of a sample.

    Returns
    -------
    int
        Number of features.

    Raises
    ------
    ValueError
        If it doesn't make a row of features of each sample.
    """
    if isinstance(network, ScaledFeatures):
        return network.n_features
    device, dtype = module_device_and_dtype(network)
    x = torch.zeros(2, *input_shape, dtype=dtype, device=device)
    with evaluation_mode(network), torch.no_grad():  # zeros shouldn't enter batch statistics
        features = network(x)
    if not isinstance(features, Tensor) or features.ndim < 2 or len(features) != len(x):
        raise ValueError(
            f"module={type(network).__name__} should make a tensor (n, n_features) of a batch of "
            f"shape {tuple(x.shape)}, got {getattr(features, 'shape', type(features).__name__)}."
        )
    return features.flatten(1).shape[1]
