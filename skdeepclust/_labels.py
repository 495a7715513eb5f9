"""What classifiers share: labels and their indices, class weights and sample weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from skdeepclust._compat import StrOptions, check_partial_fit_first_call


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

    def _check_classes(self, classes) -> None:
        """Set `classes_` in the first call of `partial_fit`, and hold it to them in later ones."""
        check_partial_fit_first_call(self, classes)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 classes, got classes={classes!r}."
            )
        if self.class_weight == "balanced":
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
            (X[rows], {key: values[rows] for key, values in extra.items()}) for rows in parts
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
        of_class[present] = compute_class_weight(
            "balanced", classes=present, y=y_encoded, sample_weight=weight
        )
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
