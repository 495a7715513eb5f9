"""Which samples have a label: -1 stands for those that have none."""

from __future__ import annotations

import numpy as np

UNLABELLED = -1


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
