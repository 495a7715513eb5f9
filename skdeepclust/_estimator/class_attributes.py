"""Classes described by attributes: from a DataFrame, a dict or an array to labels and rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_array

from skdeepclust._engine.foreign_arrays import in_numpy
from skdeepclust._estimator.labels import positions, shorten
from skdeepclust._inputs.labels import as_time, listed


def resolve_class_attributes(class_attributes, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all labels, sorted, and their attributes, phi, as rows of unit length.

    Parameters
    ----------
    class_attributes : None, DataFrame, dict or array-like of shape (n_classes, n_attributes)
        What the user gives; `None` gives each label an attribute of its own.
    seen : ndarray of shape (n_seen,)
        Labels that have samples, sorted.

    Returns
    -------
    labels : ndarray of shape (n_classes,)
        All labels, those without samples among them.
    attributes : ndarray of shape (n_classes, n_attributes)
        Their attributes.

    Raises
    ------
    ValueError
        If the attributes are malformed, or a label of `seen` has none.
    """
    if class_attributes is None:
        return seen, np.eye(len(seen))
    labels, rows = _labels_and_rows(class_attributes, seen)
    if len({isinstance(label, str) for label in labels}) > 1:
        raise ValueError("The labels of class_attributes must be all numbers or all strings.")
    attributes = _checked(rows, labels)
    problem = "y has labels without a row in class_attributes"
    positions(listed(seen), labels, problem=problem)
    times = seen.dtype.kind in "mM"
    named = np.asarray([as_time(label) for label in labels] if times else labels)
    unique, first = np.unique(named, return_index=True)
    if len(unique) < len(labels):
        twice = [label for label in unique.tolist() if labels.count(label) > 1]
        raise ValueError(f"class_attributes describes labels more than once: {shorten(twice)}.")
    like_y = unique.astype(seen.dtype)
    return like_y if np.array_equal(like_y, unique) else unique, attributes[first]


def _labels_and_rows(class_attributes, seen: np.ndarray) -> tuple[list[Any], Any]:
    if isinstance(class_attributes, Mapping):
        rows = [np.ravel(row) for row in class_attributes.values()]
        labels = list(class_attributes)
        lengths = {len(row): label for label, row in zip(labels, rows, strict=True)}
        if len(lengths) > 1:
            given = ", ".join(f"{n} for {label!r}" for n, label in lengths.items())
            raise ValueError(
                f"class_attributes must have as many attributes for each label, got {given}."
            )
        return labels, rows
    if hasattr(class_attributes, "index") and hasattr(class_attributes, "to_numpy"):
        return class_attributes.index.tolist(), class_attributes.to_numpy()
    return _labels_of_rows(np.shape(class_attributes)[0], seen), class_attributes


def _labels_of_rows(n_rows: int, seen: np.ndarray) -> list[Any]:
    """Name the rows of a bare array: by the labels of y if they are as many, or by 0, 1, ..."""
    if n_rows == len(seen):
        return listed(seen)
    if seen.dtype.kind in "iuf" and seen[0] >= 0:
        return list(range(n_rows))
    raise ValueError(
        f"class_attributes is an array of {n_rows} rows, but y has {len(seen)} labels, which are "
        f"not numbers of rows: {shorten(listed(seen))}. Give a DataFrame with the labels as its "
        "index, or a dict of label to vector."
    )


def _checked(rows, labels: list[Any]) -> np.ndarray:
    rows = in_numpy(rows, "class_attributes")
    attributes = check_array(rows, dtype=np.float64, input_name="class_attributes")
    length = np.linalg.norm(attributes, axis=1, keepdims=True)
    zero = [label for label, norm in zip(labels, length[:, 0], strict=True) if norm == 0]
    if zero:
        raise ValueError(
            f"class_attributes is zero in all attributes of {shorten(zero)}: such a class has the "
            "same score for every sample. Give it an attribute."
        )
    return attributes / length
