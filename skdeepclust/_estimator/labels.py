"""Labels and their indices, missing labels, and weights of classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from skdeepclust._compat import check_partial_fit_first_call
from skdeepclust._engine.stored_arrays import rows_of
from skdeepclust._estimator.dask_answers import Method


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
    y = column_or_1d(y.detach().cpu() if isinstance(y, torch.Tensor) else y, warn=True)
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    if len(y) != n_samples:
        raise ValueError(f"y has {len(y)} labels, but X has {n_samples} samples.")
    labels, index = np.unique(y, return_inverse=True)
    if classes is None:
        if len(labels) < 2:
            raise ValueError(
                f"{name} needs samples of at least 2 classes, but y has only "
                f"1 class: {shorten(labels.tolist())}."
            )
        classes = labels
    known = positions(labels.tolist(), classes.tolist(), problem="y has unknown labels")
    return classes, np.asarray(known, dtype=np.int64)[index]


def set_classes(estimator: Any, classes: Any) -> None:
    """Set `classes_` in the first call of `partial_fit`, and hold it to them in later ones."""
    check_partial_fit_first_call(estimator, classes)
    if len(estimator.classes_) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs at least 2 classes, got classes={classes!r}."
        )


def refuse_balanced(class_weight: Any) -> None:
    """Refuse in a stream what needs all samples at once."""
    if class_weight == "balanced":
        raise ValueError(
            "class_weight='balanced' needs all samples at once, which partial_fit never sees. "
            "Give the weights as a dict."
        )


def split(
    X, extra: dict[str, np.ndarray], fraction: float
) -> tuple[tuple[Any, dict[str, np.ndarray]], tuple[Any, dict[str, np.ndarray]]]:
    """Split samples and what belongs to them into a training and a validation part.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples.
    extra : dict of str to ndarray
        What belongs to them; by "y" they are stratified.
    fraction : float
        Share of the validation part.
    """
    seed = int(torch.randint(2**31 - 1, ()))
    parts = train_test_split(
        np.arange(X.shape[0]), test_size=fraction, stratify=extra["y"], random_state=seed
    )
    train, valid = (
        (rows_of(X, rows), {key: values[rows] for key, values in extra.items()}) for rows in parts
    )
    return train, valid


def with_class_weight(
    weights: dict[str, np.ndarray], class_weight: Any, y_index: np.ndarray, classes: np.ndarray
) -> dict[str, np.ndarray]:
    """Return weights of samples times those of their classes.

    Parameters
    ----------
    weights : dict
        What `weights_of` returns.
    class_weight : dict, "balanced" or None
        The parameter of an estimator.
    y_index : ndarray of int of shape (n_samples,)
        Index of each sample's class.
    classes : ndarray of shape (n_classes,)
        Labels.
    """
    if class_weight is None:
        return weights
    weight = weights.get("sample_weight", np.ones(len(y_index)))
    if isinstance(class_weight, str):
        of_class = _balanced(y_index, weight, len(classes))
    else:
        of_class = _listed(class_weight, classes)
    weight = weight * of_class[y_index]
    if not weight.any():
        raise ValueError(
            f"class_weight={class_weight!r} leaves no sample of y with a positive weight."
        )
    return {"sample_weight": weight}


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
    listed = positions(
        class_weight,
        classes.tolist(),
        problem="class_weight has labels that no class has",
    )
    of_class[listed] = list(class_weight.values())
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


def check_partial_labels(
    estimator: Any,
    y: Any,
    n_samples: int,
    classes: np.ndarray | None = None,
    *,
    required: bool = True,
) -> tuple[np.ndarray | None, np.ndarray]:
    """Do as `check_labels` where labels may be missing, which the index -1 says as well.

    Where y holds nothing but -1 and 1, both are labels, as usual of two classes. `required` says
    whether one label at least must be there.
    """
    known, labelled = partial_labels(y, n_samples, classes, required=required)
    if classes is None and len(set(known.tolist())) == 1:
        raise ValueError(
            f"{type(estimator).__name__} needs samples of at least 2 classes, but y has only 1 "
            f"class: {known.tolist()[0]!r} ({UNLABELLED} means unlabelled). Leave y out to "
            "train without labels."
        )
    index = np.full(n_samples, UNLABELLED)
    if len(known):
        classes, index[labelled] = check_labels(estimator, known, len(known), classes)
    return classes, index


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
