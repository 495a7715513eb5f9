"""The samples of a phase: what callbacks see of them, and what its batches hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from skorch.dataset import Dataset

from skdeepclust._engine.batches import Batches


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
    """

    def __init__(self, X, extra: Mapping | None = None, y: Any = None, inputs: Any = None):
        self._y = None
        super().__init__(X, y, length=X.shape[0])
        self.extra, self.inputs = extra, X if inputs is None else inputs

    @property
    def y(self) -> np.ndarray | None:
        """The labels, as scorers take them; read only if a callback asks for them."""
        return labels_of(self._y)

    @y.setter
    def y(self, value: Any) -> None:
        self._y = value


def labels_of(y: Any) -> np.ndarray | None:
    """Return labels of any kind as an array, a column as a row of them."""
    if y is None:
        return None
    values = np.asarray(y.detach().cpu() if isinstance(y, torch.Tensor) else y)
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def gather_batches(data: PhaseData, batch_size: int, **options) -> Batches:
    """Stand where skorch expects a `DataLoader`."""
    return Batches(data.inputs, data.extra, batch_size=batch_size, **options)
