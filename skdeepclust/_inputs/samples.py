"""What X may look like: arrays, memory maps, sparse, DataFrames, tensors; 2-D or image-shaped."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted, validate_data

from skdeepclust._compat import check_sample_weight
from skdeepclust._engine.sparse import is_sparse
from skdeepclust._engine.stored_arrays import StoredArray, is_stored
from skdeepclust.networks import Standardize

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


class InputMixin:
    """Validation of X and of sample weights; image estimators have a parameter `image_shape`."""

    dtype: str
    n_features_in_: int
    feature_names_in_: np.ndarray
    module_: torch.nn.Module
    _infer: Callable[..., torch.Tensor]
    _resume: dict[str, Any]

    def _check(self, X, *, reset: bool = False):
        """Validate X and return it as 2-D array or CSR matrix, float or uint8, without a copy."""
        if not reset:
            check_is_fitted(self)
        stored = X if is_stored(X) else None
        X, sample_shape = split_samples(X if stored is None else _stand_in(stored))
        tensor = X if isinstance(X, torch.Tensor) else None
        X = validate_data(
            self,
            X if tensor is None else tensor.cpu().numpy(),
            reset=reset,
            accept_sparse="csr",
            dtype=["float32", "float64", "uint8"],
            ensure_min_samples=2 if reset else 1,
        )
        if stored is not None:
            X = stored if isinstance(stored, StoredArray) else StoredArray(stored, X.dtype)
        if reset:
            self._check_size_of_values(X)
            self._sample_shape = sample_shape if len(sample_shape) > 1 else (X.shape[1],)
            self._input_shape = self._resolve_input_shape()
        # what is on an accelerator is gathered there
        return X if tensor is None or tensor.device.type == "cpu" else tensor

    def _check_size_of_values(self, X) -> None:
        """Refuse values whose squares would overflow, by a part of the rows."""
        if isinstance(X, StoredArray):
            rows = X.some_rows(N_ROWS_LOOKED_AT)
        else:
            rows = X[:: max(1, X.shape[0] // N_ROWS_LOOKED_AT)]
        values = np.asarray(rows.data if is_sparse(rows) else rows)
        largest = float(max(values.max(initial=0), -float(values.min(initial=0))))
        limit = math.sqrt(float(np.finfo(self.dtype).max) / X.shape[1]) / 1000
        if largest > limit:
            raise ValueError(
                f"X has values of a size of {largest:.2g}, of which squares are computed; with "
                f"dtype={self.dtype!r} they may be {limit:.2g} at most. Scale X, for instance with "
                "sklearn.preprocessing.MinMaxScaler."
            )

    def _resolve_input_shape(self) -> tuple[int, ...]:
        """Shape of a sample as the network sees it; image estimators set `image_shape_` too."""
        image_shape = resolve_image_shape(
            getattr(self, "image_shape", None), self._sample_shape, self.n_features_in_
        )
        if image_shape is None:
            self.__dict__.pop("image_shape_", None)
            return (self.n_features_in_,)
        self.image_shape_ = image_shape
        return image_shape

    def _check_weight(self, sample_weight, X) -> dict[str, np.ndarray]:
        """Return what `_train` takes as `extra`: nothing, or the weights."""
        if sample_weight is None:
            return {}
        weight = check_sample_weight(
            sample_weight, _stand_in(X, X.shape[0]) if isinstance(X, StoredArray) else X
        )
        return {"sample_weight": weight}

    def _standardize(self, X, weight: np.ndarray | None, *, keep: bool = False) -> float:
        """Set the network's layer `standardize`, if it has one; return the deviation of X."""
        weight = np.ones(X.shape[0]) if weight is None else weight
        mean, std = self._mean_and_std(X, weight)
        layer = getattr(self.module_, "standardize", None)
        if isinstance(layer, Standardize) and not keep:
            layer.set_(mean, std)
        return std or 1.0

    def _deviation(self, X, extra: dict, *, warm: bool, partial: bool) -> float:
        """Standardise, and return the deviation of X; in a stream, that of its first part."""
        if not (warm and partial and "deviation" in self._resume):
            deviation = self._standardize(X, extra.get("sample_weight"), keep=warm)
            self._resume["deviation"] = deviation
        return self._resume["deviation"]

    def _mean_and_std(self, X, weight: np.ndarray) -> tuple[float, float]:
        """Return mean and deviation over all features of X, by batches."""

        def moments(x: torch.Tensor) -> torch.Tensor:
            return torch.stack(torch.var_mean(x.flatten(1), dim=1, correction=0), dim=1)

        variance, mean = self._infer(moments, X).cpu().double().numpy().T
        overall = np.average(mean, weights=weight)
        # law of total variance: no difference of large squares
        total = np.average(variance + np.square(mean - overall), weights=weight)
        return float(overall), math.sqrt(total)
