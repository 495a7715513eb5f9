"""What classifiers share: labels and their indices, class weights and sample weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skdeepclust._compat import StrOptions, check_partial_fit_first_call
from skdeepclust._lazy import computed
from skdeepclust._stored import rows_of


def positions(labels: Iterable[Any], classes: Iterable[Any], *, problem: str) -> list[int]:
    """Return the index of each label in `classes`, or raise ValueError that names the others.

    Parameters
    ----------
    labels : iterable of int, str or bool
        Labels to look up.
    classes : iterable of int, str or bool
        Labels that are known, without repetition.
    problem : str
        What an unknown label means, for the message.

    Raises
    ------
    ValueError
        If a label is unknown.
    """
    known = {label: index for index, label in enumerate(classes)}
    labels = list(labels)
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise ValueError(f"{problem}: {shorten(unknown)}. Known are {shorten(list(known))}.")
    return [known[label] for label in labels]


def shorten(labels: Sequence[Any]) -> str:
    """List the first labels, for a message."""
    shown = ", ".join(map(repr, labels[:10]))
    return f"{shown} and {len(labels) - 10} more" if len(labels) > 10 else shown


UNLABELLED = -1  # what stands in y for a label that is missing


class LabelsMixin(ClassifierMixin):
    """Labels and weights of classifiers, which have a parameter `class_weight`.

    It stands left of the base of estimators, and brings the tags of a classifier.
    """

    _parameter_constraints: ClassVar[dict] = {
        "class_weight": [dict, StrOptions({"balanced"}), None]
    }

    class_weight: Any
    validation_fraction: float
    classes_: np.ndarray
    _check_weight: Callable[..., dict[str, np.ndarray]]
    predict: Callable[..., Any]

    def _check_labels(self, y, n_samples: int, *, reset: bool) -> np.ndarray:
        """Validate y and return the index of each label in `classes_`, which `reset` sets."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        y = column_or_1d(y.detach().cpu() if isinstance(y, torch.Tensor) else y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        if len(y) != n_samples:
            raise ValueError(f"y has {len(y)} labels, but X has {n_samples} samples.")
        labels, index = np.unique(y, return_inverse=True)
        if reset:
            if len(labels) < 2:
                raise ValueError(
                    f"{type(self).__name__} needs samples of at least 2 classes, but y has only "
                    f"1 class: {shorten(labels.tolist())}."
                )
            self.classes_ = labels
        known = positions(labels.tolist(), self.classes_.tolist(), problem="y has unknown labels")
        return np.asarray(known, dtype=np.int64)[index]

    def score(self, X, y, sample_weight=None):
        """Return the accuracy.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `fit` takes.
        y : array-like of shape (n_samples,)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            Share of the samples that `predict` labels right.
        """
        predicted = computed(self.predict(X))
        return accuracy_score(computed(y), predicted, sample_weight=sample_weight)

    def _check_classes(self, classes) -> None:
        """Set `classes_` in the first call of `partial_fit`, and hold it to them in later ones."""
        check_partial_fit_first_call(self, classes)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 classes, got classes={classes!r}."
            )
        self._refuse_balanced()

    def _refuse_balanced(self) -> None:
        if getattr(self, "class_weight", None) == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all samples at once, which partial_fit never sees. "
                "Give the weights as a dict."
            )

    def _split(self, X, extra: dict[str, np.ndarray]) -> tuple[tuple, tuple]:
        """Split samples and what belongs to them into a training and a validation part."""
        seed = int(torch.randint(2**31 - 1, ()))
        parts = train_test_split(
            np.arange(X.shape[0]),
            test_size=self.validation_fraction,
            stratify=extra["y"],
            random_state=seed,
        )
        train, valid = (
            (rows_of(X, rows), {key: values[rows] for key, values in extra.items()})
            for rows in parts
        )
        return train, valid

    def _sample_weight_of(self, sample_weight, y_encoded: np.ndarray, X) -> dict[str, np.ndarray]:
        """Return what `_train` takes as `extra`: nothing, or weights of samples times classes."""
        extra = self._check_weight(sample_weight, X)
        if self.class_weight is None:
            return extra
        weight = extra.get("sample_weight", np.ones(len(y_encoded)))
        if isinstance(self.class_weight, str):
            of_class = self._balanced(y_encoded, weight)
        else:
            of_class = self._listed(self.class_weight)
        weight = weight * of_class[y_encoded]
        if not weight.any():
            raise ValueError(
                f"class_weight={self.class_weight!r} leaves no sample of y with a positive weight."
            )
        return {"sample_weight": weight}

    def _balanced(self, y_encoded: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Give each class the same total weight; a sample of weight 0 counts as left out."""
        counted = weight > 0
        y_encoded, weight = y_encoded[counted], weight[counted]
        present = np.unique(y_encoded)
        of_class = np.zeros(len(self.classes_))
        # not by compute_class_weight, which takes weights of samples from scikit-learn 1.7 only
        total = np.bincount(y_encoded, weights=weight)[present]
        of_class[present] = total.sum() / (len(present) * total)
        return of_class

    def _listed(self, class_weight: dict) -> np.ndarray:
        """Look up the weights by label; a class that isn't listed has weight 1."""
        # not by compute_class_weight, which takes the label "7" for the number 7
        of_class = np.ones(len(self.classes_))
        listed = positions(
            class_weight,
            self.classes_.tolist(),
            problem="class_weight has labels that no class has",
        )
        of_class[listed] = list(class_weight.values())
        if not (of_class >= 0).all():
            raise ValueError(f"class_weight={class_weight!r} must hold non-negative numbers.")
        return of_class


class PartialLabelsMixin(LabelsMixin):
    """Labels of which some are missing: -1, as in scikit-learn's semi-supervised estimators.

    Where y holds nothing but -1 and 1, both are labels, as usual of two classes.
    """

    def _check_partial_labels(
        self, y, n_samples: int, *, reset: bool, required: bool = True
    ) -> np.ndarray:
        """Validate y and return the index of each label in `classes_`, -1 where it is missing."""
        known, labelled = partial_labels(
            y, n_samples, None if reset else self.classes_, required=required
        )
        if reset and len(set(known.tolist())) == 1:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes, but y has only 1 "
                f"class: {known.tolist()[0]!r} ({UNLABELLED} means unlabelled). Leave y out to "
                "train without labels."
            )
        index = np.full(n_samples, UNLABELLED)
        if len(known):
            index[labelled] = self._check_labels(known, len(known), reset=reset)
        return index


def partial_labels(
    y: Any, n_samples: int, classes: np.ndarray | None = None, *, required: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels in y without the missing ones, and for which samples there are any.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels, -1 where there is none.
    n_samples : int
        Number of samples in X.
    classes : ndarray of shape (n_classes,), default=None
        The labels that there are, where they are known.
    required : bool, default=True
        Whether one label at least must be there.

    Raises
    ------
    ValueError
        If y is no vector of as many labels, has none but should, holds NaN or mixes strings with
        numbers.
    """
    if isinstance(y, torch.Tensor):
        y = y.detach().cpu()
    elif isinstance(y, (list, tuple)):  # numpy would make strings of all if some are
        y = np.array(y, dtype=object)
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y")
    if len(y) != n_samples:
        raise ValueError(f"y has {len(y)} labels, but X has {n_samples} samples.")
    labelled = is_labelled(y, classes)
    if required and not labelled.any():
        raise ValueError(
            f"All {n_samples} labels in y are {UNLABELLED}, which means unlabelled: leave y out "
            "to train without labels."
        )
    return _of_one_type(y[labelled]), labelled


def _of_one_type(known: np.ndarray) -> np.ndarray:
    """Return labels as numbers, or as strings of which none should have been the number -1."""
    if known.dtype.kind not in "OU":
        return known
    others = [label for label in known.tolist() if not isinstance(label, str)]
    if len(others) == len(known):
        return np.array(others)
    if others:
        raise ValueError(
            f"y mixes strings with {others[0]!r}: only {UNLABELLED}, where there is no label, may "
            "stand among strings."
        )
    if f"{UNLABELLED}" in known and not np.isin(known, [f"{UNLABELLED}", "1"]).all():
        raise ValueError(
            f"y holds the string '{UNLABELLED}' beside other strings. Give a list, or an array of "
            f"dtype object, with the number {UNLABELLED} where there is no label."
        )
    return known


def is_labelled(y: np.ndarray, classes: np.ndarray | None = None) -> np.ndarray:
    """Tell for which samples y holds a label, one of `classes` where they are known."""
    everything = np.ones(len(y), dtype=bool)
    if y.dtype.kind not in "iufO":  # of strings and truth values none is -1
        return everything
    labelled = np.asarray(y != UNLABELLED, dtype=bool)
    if classes is None:
        two_classes = not labelled.all() and labelled.any() and bool(np.all(y[labelled] == 1))
    else:
        two_classes = UNLABELLED in classes.tolist()
    return everything if two_classes else labelled
