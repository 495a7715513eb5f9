"""What X may look like: arrays, memory maps, sparse, DataFrames, tensors; 2-D or image-shaped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from skdeepclust._engine.sparse import is_sparse
from skdeepclust._engine.stored_arrays import StoredArray, is_stored
from skdeepclust._inputs.containers import gathered, numbers_alone

# Enough to find that X is in a wrong unit, without reading all of a memory map.
N_ROWS_LOOKED_AT = 1000


def split_samples(X):
    """Flatten image-shaped X to 2-D and detach tensors.

    Returns
    -------
    X : array-like of shape (n_samples, n_features)
        A view where there can be one.
    sample_shape : tuple of int
        Shape of one sample as it was given.
    """
    if isinstance(X, torch.Tensor):
        X = X.detach()
        if X.dtype in (torch.bfloat16, torch.float16):
            X = X.float()
    if getattr(X, "ndim", 2) > 2 and hasattr(X, "reshape"):
        return X.reshape(len(X), -1), tuple(X.shape[1:])
    if isinstance(X, (list, tuple)) and np.ndim(X) > 2:
        X = np.asarray(X)
        return X.reshape(len(X), -1), tuple(X.shape[1:])
    return X, (X.shape[1],) if getattr(X, "ndim", 0) == 2 else ()


def resolve_image_shape(image_shape, sample_shape: tuple[int, ...], n_features: int):
    """Return `(channels, height, width)`, or `None` where the samples are no images.

    Parameters
    ----------
    image_shape : None, (height, width) or (channels, height, width)
        What the user says.
    sample_shape : tuple of int
        Shape of one sample of X.
    n_features : int
        Number of features of X.

    Raises
    ------
    ValueError
        If the shapes contradict each other.
    """
    if image_shape is None:
        if len(sample_shape) < 2:
            return None
        shape = sample_shape
    else:
        shape = tuple(image_shape)
    if len(shape) not in (2, 3) or not all(isinstance(s, Integral) and int(s) > 0 for s in shape):
        raise ValueError(
            f"image_shape={image_shape!r} with samples of shape {sample_shape}: an image is "
            "(height, width) or (channels, height, width), all positive."
        )
    if math.prod(shape) != n_features:
        raise ValueError(
            f"image_shape={tuple(shape)} has {math.prod(shape)} values, but X has {n_features} "
            "features a sample. Give the (height, width) or (channels, height, width) of X."
        )
    return (1, *map(int, shape)) if len(shape) == 2 else tuple(map(int, shape))


def _stand_in(stored, at_most: int = 2) -> np.ndarray:
    """Return zeros of the shape and dtype of a stored array, of which nothing is read."""
    n_samples = stored.shape[0] if len(stored.shape) else 0
    if not isinstance(n_samples, Integral):
        raise ValueError(
            f"X has the shape {stored.shape}: its number of samples must be known. Call "
            "compute_chunk_sizes() on a Dask array."
        )
    zero = np.zeros((), stored.dtype)
    return np.broadcast_to(zero, (min(int(n_samples), at_most), *stored.shape[1:]))


@dataclass(frozen=True)
class InputSpec:
    """The shape of samples, learned from the X of a fit.

    Parameters
    ----------
    sample_shape : tuple of int
        Shape of a sample as X holds it.
    input_shape : tuple of int
        Shape of a sample as the network sees it: `(n_features,)`, `(channels, height, width)`, or
        that of a sequence.
    """

    sample_shape: tuple[int, ...]
    input_shape: tuple[int, ...]

    @classmethod
    def learn(cls, sample_shape: tuple[int, ...], n_features: int, image_shape: Any = None) -> Self:
        """Return the specification of samples that are rows or images.

        Parameters
        ----------
        sample_shape : tuple of int
            Shape of a sample as X holds it.
        n_features : int
            Number of features of X as a matrix.
        image_shape : None, (height, width) or (channels, height, width)
            What the user says.
        """
        shape = resolve_image_shape(image_shape, sample_shape, n_features)
        return cls(sample_shape, (n_features,) if shape is None else shape)

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """`(channels, height, width)`, or `None` where the samples are no images."""
        return self.input_shape if len(self.input_shape) == 3 else None

    @property
    def holds_sequences(self) -> bool:
        """Whether samples are sequences."""
        return False

    def check(self, X: Any) -> None:
        """Refuse what of the values of X the shape doesn't tell: a hook."""


@numbers_alone()
def check_samples(estimator: BaseEstimator, X: Any, *, reset: bool) -> tuple[Any, tuple[int, ...]]:
    """Validate X without a copy of it.

    Parameters
    ----------
    estimator : estimator
        Whose number and names of features are compared, or with `reset` set.
    X : {array-like, sparse matrix, tensor, array that is stored elsewhere}
        What the user gives.
    reset : bool
        Whether this is the X of a fit.

    Returns
    -------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples in float or uint8.
    sample_shape : tuple of int
        Shape of a sample as it was given.
    """
    # a hook of estimators of sequences
    X = gathered(X, partial(estimator._pad, reset=reset) if hasattr(estimator, "_pad") else None)
    stored = X if is_stored(X) else None
    X, sample_shape = split_samples(X if stored is None else _stand_in(stored))
    tensor = X if isinstance(X, torch.Tensor) else None
    X = validate_data(
        estimator,
        X if tensor is None else tensor.cpu().numpy(),
        reset=reset,
        accept_sparse="csr",
        dtype=["float32", "float64", "uint8"],
        ensure_min_samples=2 if reset else 1,
    )
    if stored is not None:
        X = stored if isinstance(stored, StoredArray) else StoredArray(stored, X.dtype)
    sample_shape = sample_shape if len(sample_shape) > 1 else (X.shape[1],)
    # what is on an accelerator is gathered there
    return (X if tensor is None or tensor.device.type == "cpu" else tensor), sample_shape


def check_size_of_values(X: Any, dtype: str) -> None:
    """Refuse values whose squares would overflow, by a part of the rows.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples.
    dtype : {"float32", "float64"}
        What the squares are computed in.
    """
    if isinstance(X, StoredArray):
        rows = X.some_rows(N_ROWS_LOOKED_AT)
    else:
        rows = X[:: max(1, X.shape[0] // N_ROWS_LOOKED_AT)]
    rows = rows.cpu() if isinstance(rows, torch.Tensor) else rows
    values = np.asarray(rows.data if is_sparse(rows) else rows)
    largest = float(max(values.max(initial=0), -float(values.min(initial=0))))
    limit = math.sqrt(float(np.finfo(dtype).max) / X.shape[1]) / 1000
    if largest > limit:
        raise ValueError(
            f"X has values of a size of {largest:.2g}, of which squares are computed; with "
            f"dtype={dtype!r} they may be {limit:.2g} at most. Scale X, for instance with "
            "sklearn.preprocessing.MinMaxScaler."
        )
