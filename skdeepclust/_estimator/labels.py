"""Labels and their indices, and weights of classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from sklearn import config_context
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from skdeepclust._engine.foreign_arrays import vector
from skdeepclust._estimator.dask_answers import Method
from skdeepclust._inputs.labels import in_any_unit, listed
from skdeepclust._inputs.weights import relative


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
    classes, labels = list(classes), list(labels)
    known = {in_any_unit(label): index for index, label in enumerate(classes)}
    unknown = [label for label in labels if in_any_unit(label) not in known]
    if unknown:
        raise ValueError(f"{problem}: {shorten(unknown)}. Known are {shorten(classes)}.")
    return [known[in_any_unit(label)] for label in labels]


def shorten(labels: Sequence[Any]) -> str:
    """List the first labels, for a message."""
    shown = ", ".join(map(repr, labels[:10]))
    return f"{shown} and {len(labels) - 10} more" if len(labels) > 10 else shown


def check_labels(
    estimator: Any, y: Any, n_samples: int, classes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Validate y.

    Parameters
    ----------
    estimator : estimator
        Whom messages name.
    y : array-like of shape (n_samples,)
        Labels.
    n_samples : int
        Number of samples in X.
    classes : ndarray of shape (n_classes,), default=None
        The labels that there are; `None`: those of y, at least two.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The labels that there are.
    index : ndarray of int64 of shape (n_samples,)
        Index in `classes` of each sample's.
    """
    name = type(estimator).__name__
    if y is None:
        raise ValueError(
            f"This {name} estimator requires y to be passed, but the target y is None."
        )
    y = column_of(vector(y, "y"))
    check_classification_targets(y)
    if len(y) != n_samples:
        raise ValueError(f"y has {len(y)} labels, but X has {n_samples} samples.")
    labels, index = np.unique(y, return_inverse=True)
    if classes is None:
        if len(labels) < 2:
            raise ValueError(
                f"{name} needs samples of at least 2 classes, but y has only "
                f"1 class: {shorten(listed(labels))}."
            )
        classes = labels
    known = positions(listed(labels), listed(classes), problem="y has unknown labels")
    return classes, np.asarray(known, dtype=np.int64)[index]


def column_of(y: Any, name: str = "y") -> np.ndarray:
    """Return labels as a vector, of a column with a warning; refuse NaN."""
    with config_context(array_api_dispatch=False):
        try:
            y = column_or_1d(y, warn=True)
        except ValueError as error:
            raise ValueError(str(error).replace("y should", f"{name} should")) from None
        assert_all_finite(y, input_name=name)
    return y


def refuse_balanced(class_weight: Any) -> None:
    """Refuse in a stream what needs all samples at once."""
    if class_weight == "balanced":
        raise ValueError(
            "class_weight='balanced' needs all samples at once, which partial_fit never sees. "
            "Give the weights as a dict."
        )


def check_labelled_weight(weights: dict[str, np.ndarray], y_index: np.ndarray) -> None:
    """Raise ValueError if no weight is left of samples that have a label."""
    weight = weights.get("sample_weight", np.ones(len(y_index)))[y_index >= 0]
    if len(weight) and not weight.any():
        raise ValueError("sample_weight leaves no labelled sample of y with a positive weight.")


def with_class_weight(
    weights: dict[str, np.ndarray], class_weight: Any, y_index: np.ndarray, classes: np.ndarray
) -> dict[str, np.ndarray]:
    """Return weights of samples times those of their classes, on the scale of `weights_of`.

    Parameters
    ----------
    weights : dict
        What `weights_of` returns.
    class_weight : dict, "balanced" or None
        The parameter of an estimator.
    y_index : ndarray of int of shape (n_samples,)
        Index of each sample's class; -1: it has no label, and the mean weight of those that have.
    classes : ndarray of shape (n_classes,)
        Labels.
    """
    check_labelled_weight(weights, y_index)
    labelled = y_index >= 0
    weight = weights.get("sample_weight", np.ones(len(y_index)))
    if class_weight is None or not labelled.any():
        return weights
    if isinstance(class_weight, str):
        of_class = _balanced(y_index[labelled], weight[labelled], len(classes))
    else:
        of_class = _listed(class_weight, classes)
    factor = of_class[y_index]
    if not labelled.all():
        factor[~labelled] = np.average(factor[labelled], weights=weight[labelled])
    weight = weight * factor
    if not weight[labelled].any():
        raise ValueError(
            f"class_weight={class_weight!r} leaves no sample of y with a positive weight."
        )
    return {"sample_weight": relative(weight)}


def _balanced(y_index: np.ndarray, weight: np.ndarray, n_classes: int) -> np.ndarray:
    """Give each class the same total weight; a sample of weight 0 counts as left out."""
    counted = weight > 0
    y_index, weight = y_index[counted], weight[counted]
    present = np.unique(y_index)
    of_class = np.zeros(n_classes)
    # not by compute_class_weight, which takes weights of samples from scikit-learn 1.7 only
    total = np.bincount(y_index, weights=weight)[present]
    of_class[present] = total.sum() / (len(present) * total)
    return of_class


def _listed(class_weight: dict, classes: np.ndarray) -> np.ndarray:
    """Look up the weights by label; a class that isn't listed has weight 1."""
    # not by compute_class_weight, which takes the label "7" for the number 7
    of_class = np.ones(len(classes))
    found = positions(
        class_weight,
        listed(classes),
        problem="class_weight has labels that no class has",
    )
    of_class[found] = list(class_weight.values())
    if not (of_class >= 0).all():
        raise ValueError(f"class_weight={class_weight!r} must hold non-negative numbers.")
    return of_class


def _knows_labels(estimator: Any) -> bool:
    """Whether there are, or may yet be, labels to predict."""
    if hasattr(estimator, "module_") and not hasattr(estimator, "classes_"):
        raise AttributeError(
            f"This {type(estimator).__name__} was fitted without y and predicts no labels: cluster "
            "what `transform` returns, or fit it with coarse labels."
        )
    return True


def with_labels(method: Method) -> Method:
    """Make a method available where there are labels; to type checkers it stays what it is."""
    return cast("Method", available_if(_knows_labels)(method))
