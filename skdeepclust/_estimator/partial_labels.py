"""Labels of which some are missing: -1 stands for them in y, and in indices of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn import config_context
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.utils import get_tags

from skdeepclust._compat import check_partial_fit_first_call
from skdeepclust._engine.foreign_arrays import vector
from skdeepclust._engine.stored_arrays import rows_of
from skdeepclust._estimator.labels import check_labels, column_of
from skdeepclust._inputs.labels import UNLABELLED, is_labelled, listed
from skdeepclust._inputs.weights import checked_weight


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
    known, labelled = partial_labels(y, n_samples, classes)
    advice = "Leave y out to train without labels."
    if get_tags(estimator).target_tags.required:
        advice = "Give labels of at least 2 classes."
    if required and not labelled.any():
        raise ValueError(
            f"All {n_samples} labels in y are {UNLABELLED}, which means unlabelled. {advice}"
        )
    if classes is None and len(set(known.tolist())) == 1:
        raise ValueError(
            f"{type(estimator).__name__} needs samples of at least 2 classes, but y has only 1 "
            f"class: {listed(known)[0]!r} ({UNLABELLED} means unlabelled). {advice}"
        )
    index = np.full(n_samples, UNLABELLED)
    if len(known):
        classes, index[labelled] = check_labels(estimator, known, len(known), classes)
    return classes, index


def partial_labels(
    y: Any, n_samples: int, classes: np.ndarray | None = None, name: str = "y"
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
    name : str, default="y"
        What messages call y.

    Raises
    ------
    ValueError
        If y is no vector of as many labels, holds NaN or None, or mixes strings with numbers.
    """
    y = vector(y, name)
    if isinstance(y, (list, tuple)):  # numpy would make strings of all if some are
        y = np.array(y, dtype=object)
    y = column_of(y, name)
    if len(y) != n_samples:
        raise ValueError(f"{name} has {len(y)} labels, but X has {n_samples} samples.")
    labelled = is_labelled(y, classes)
    return _of_one_type(y[labelled], name), labelled


def _of_one_type(known: np.ndarray, name: str = "y") -> np.ndarray:
    """Return labels as numbers, or as strings of which none should have been the number -1."""
    if known.dtype.kind not in "OU":
        return known
    others = [label for label in known.tolist() if not isinstance(label, str)]
    if len(others) == len(known):
        return np.array(others)
    if others:
        raise ValueError(
            f"{name} mixes strings with {others[0]!r}: only {UNLABELLED}, where there is no label, "
            "may stand among strings."
        )
    if f"{UNLABELLED}" in known and not np.isin(known, [f"{UNLABELLED}", "1"]).all():
        raise ValueError(
            f"{name} holds the string '{UNLABELLED}' beside other strings. Give a list, or an "
            f"array of dtype object, with the number {UNLABELLED} where there is no label."
        )
    return known


def set_classes(estimator: Any, classes: Any) -> None:
    """Set `classes_` in the first call of `partial_fit`, and hold it to them in later ones."""
    check_partial_fit_first_call(estimator, None if classes is None else named_classes(classes))
    if len(estimator.classes_) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs at least 2 classes, got classes={classes!r} "
            f"({UNLABELLED} means unlabelled)."
        )


def named_classes(classes: Any) -> Any:
    """Return the labels that may ever come, without the -1 of those that are missing."""
    classes = vector(classes, "classes")
    labels = np.array(classes, dtype=object) if isinstance(classes, list) else np.asarray(classes)
    labelled = is_labelled(labels)
    return classes if labelled.all() else _of_one_type(labels[labelled])


def named(index: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the labels that indices of classes stand for, and -1 for the index -1."""
    labelled = index != UNLABELLED
    if labelled.all():
        return classes[index]
    dtype = np.result_type(classes, np.int8) if classes.dtype.kind in "iuf" else object
    held = np.empty(len(classes), dtype=dtype)
    held[:] = listed(classes)
    y = np.full(len(index), UNLABELLED, dtype=dtype)
    y[labelled] = held[index[labelled]]
    return y


def mask_of(index: np.ndarray) -> dict[str, np.ndarray]:
    """Return what supervised losses take of labels: nothing where all are there, or a mask."""
    labelled = index != UNLABELLED
    return {} if labelled.all() else {"labelled": labelled.astype(np.float64)}


def masked(
    sample_weight: torch.Tensor | None, labelled: torch.Tensor | None
) -> torch.Tensor | None:
    """Return the weights of samples in a supervised loss: 0 for those without a label."""
    if sample_weight is None or labelled is None:
        return sample_weight if labelled is None else labelled
    return sample_weight * labelled


def scored(
    y: Any, predicted: np.ndarray, classes: np.ndarray, sample_weight: Any = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return labels, predictions and weights of the samples that have a label."""
    known, labelled = partial_labels(y, len(predicted), classes)
    if not labelled.any():
        raise ValueError(
            f"All {len(labelled)} labels in y are {UNLABELLED}, which means unlabelled: there is "
            "nothing to compare with. Give the labels of some of the samples."
        )
    if sample_weight is not None:
        sample_weight = checked_weight(sample_weight, len(labelled))[labelled]
        if not sample_weight.any():
            raise ValueError("sample_weight leaves no labelled sample of y with a positive weight.")
    return known, predicted[labelled], sample_weight


def accuracy(
    y: Any, predicted: np.ndarray, classes: np.ndarray, sample_weight: Any = None
) -> float:
    """Return the share of the samples with a label that are predicted right."""
    y, predicted, weight = scored(y, predicted, classes, sample_weight)
    with config_context(array_api_dispatch=False):
        return accuracy_score(y, predicted, sample_weight=weight)


def split(
    X, extra: dict[str, np.ndarray], fraction: float
) -> tuple[tuple[Any, dict[str, np.ndarray]], tuple[Any, dict[str, np.ndarray]]]:
    """Split samples and what belongs to them into a training and a validation part.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples.
    extra : dict of str to ndarray
        What belongs to them; by "y" they are stratified. Samples without a label are trained on.
    fraction : float
        Share of the validation part, of the samples that have a label.
    """
    seed = int(torch.randint(2**31 - 1, ()))
    labelled = extra["y"] != UNLABELLED
    rows = np.flatnonzero(labelled)
    try:
        for_training, for_validation = train_test_split(
            rows, test_size=fraction, stratify=extra["y"][rows], random_state=seed
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True holds out validation_fraction={fraction:g} of the {len(rows)} "
            f"samples with a label, too few of the classes ({error}). Give more labels, another "
            "validation_fraction, or early_stopping=False."
        ) from error
    parts = np.append(for_training, np.flatnonzero(~labelled)), for_validation
    train, valid = (
        (rows_of(X, rows), {key: values[rows] for key, values in extra.items()}) for rows in parts
    )
    return train, valid
