"""Which samples have a label: -1 stands for those that have none; labels that are times."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import numpy as np

UNLABELLED = -1
# Digits of a second that units of NumPy's have.
DIGITS = {"ms": 3, "us": 6, "ns": 9, "ps": 12, "fs": 15, "as": 18}


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


def listed(labels: np.ndarray) -> list[Any]:
    """Return labels as a list: Python's objects, but times as NumPy's.

    Those in nanoseconds would become integers.
    """
    return list(labels) if labels.dtype.kind in "mM" else labels.tolist()


def as_time(label: Any) -> Any:
    """Return a date, a time or a span of time, of Python or pandas, as NumPy's; others stay."""
    for name in ("to_datetime64", "to_timedelta64"):  # of pandas, with nanoseconds
        if hasattr(label, name) and getattr(label, "tzinfo", None) is None:
            return getattr(label, name)()
    if isinstance(label, timedelta):
        return np.timedelta64(label)
    if isinstance(label, date) and getattr(label, "tzinfo", None) is None:
        return np.datetime64(label)
    return label


def in_any_unit(label: Any) -> Any:
    """Return what is equal for equal labels: times that have a unit are told in seconds."""
    time = as_time(label)
    if not isinstance(time, (np.datetime64, np.timedelta64)) or np.isnat(time):
        return label
    kind, (unit, size) = time.dtype.kind, np.datetime_data(time.dtype)
    if unit in DIGITS:
        return kind, Fraction(int(time.astype(np.int64)) * size, 10 ** DIGITS[unit])
    if kind == "m" and unit in ("Y", "M", "generic"):  # of no fixed length
        return kind, unit, int(time.astype(np.int64)) * size
    return kind, Fraction(int(time.astype(f"{kind}8[s]").astype(np.int64)))
