"""The samples of a phase: what callbacks see of them, and what its batches hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
import torch
from skorch.dataset import Dataset

from skdeepclust._engine.stored_arrays import rows_of
from skdeepclust._inputs.labels import is_labelled


class PhaseData(Dataset):
    """Samples with what belongs to them; a skorch dataset, which `EpochScoring` asks for.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples as the estimator takes them: what callbacks see.
    extra : mapping of str to ndarray, default=None
        What the loss takes of each sample.
    y : array-like of shape (n_samples,), default=None
        Labels for callbacks.
    inputs : same as X, default=None
        What the batches hold; `None`: X.
    classes : ndarray of shape (n_classes,), default=None
        The labels that there are, where they are known.
    """

    def __init__(
        self,
        X,
        extra: Mapping | None = None,
        y: Any = None,
        inputs: Any = None,
        classes: np.ndarray | None = None,
    ):
        super().__init__(X, length=X.shape[0])  # skorch's would look into y
        self._y = y
        self.extra, self.inputs = extra, X if inputs is None else inputs
        self.classes = classes

    @property
    def y(self) -> np.ndarray | None:
        """The labels, as scorers take them; read only if a callback asks for them."""
        return labels_of(self._y)

    @y.setter
    def y(self, value: Any) -> None:
        self._y = value

    @cached_property
    def labelled(self) -> PhaseData | None:
        """The samples that have a label, which scores count: `None` where all of y says no."""
        # a list may hold strings and the number -1, of which an array would make a string
        is_list = isinstance(self._y, (list, tuple))
        y = np.array(self._y, dtype=object) if is_list else self.y
        if y is None or y.ndim != 1:
            return self
        rows = np.flatnonzero(is_labelled(y, self.classes))
        if len(rows) == len(y):
            return self
        if not len(rows):
            return None
        known = np.array(y[rows].tolist()) if y.dtype == object else y[rows]
        return PhaseData(rows_of(self.X, rows), y=known)

    def for_tasks(self) -> dict[str, Any]:
        """Return X and y for callbacks of scikit-learn, which read them if they take them."""

        def samples() -> PhaseData:
            return self if self.labelled is None else self.labelled

        return {
            "X": lambda: samples().X,
            "y": lambda: None if self.labelled is None else samples().y,
        }


def labels_of(y: Any) -> np.ndarray | None:
    """Return labels of any kind as an array, a column as a row of them."""
    if y is None:
        return None
    values = np.asarray(y.detach().cpu() if isinstance(y, torch.Tensor) else y)
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def check_number_of_labels(y: Any, n_samples: int) -> None:
    """Refuse labels for callbacks that aren't as many as the samples; none is read."""
    shape = getattr(y, "shape", None)
    number = shape[0] if shape else len(y) if hasattr(y, "__len__") else None
    if isinstance(number, Integral) and number != n_samples:
        raise ValueError(f"y has {number} labels, but X has {n_samples} samples.")
