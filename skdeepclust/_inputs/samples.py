"""What X may look like: arrays, memory maps, sparse, DataFrames, tensors; 2-D or image-shaped."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import permutations
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from skdeepclust._engine.stored_arrays import StoredArray, is_stored
from skdeepclust._inputs.containers import gathered, numbers_alone
from skdeepclust._inputs.values import (
    MEANS_APART,
    MEANS_OF_ROWS_APART,
    N_ROWS_COMPARED,
    check_digits,
    check_size_of_values,
    known_of_values,
    some_rows_of,
    warn_of_other_unit,
)

# Of smaller images nobody can tell whether channels come first or last.
SMALLEST_SIDE = 6
# What torch.nn.functional.normalize takes for zeros.
ROUNDING = 1e-12


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
        return X.reshape(len(X), math.prod(X.shape[1:])), tuple(X.shape[1:])
    if isinstance(X, (list, tuple)) and np.ndim(X) > 2:
        X = np.asarray(X)
        return X.reshape(len(X), math.prod(X.shape[1:])), tuple(X.shape[1:])
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
    shape = (1, *map(int, shape)) if len(shape) == 2 else tuple(map(int, shape))
    if len(sample_shape) > 1 and sample_shape not in (shape, shape[1:] if shape[0] == 1 else shape):
        raise ValueError(
            f"image_shape={image_shape!r}, but X holds samples of the shape {sample_shape}: leave "
            "image_shape out where X is image-shaped itself."
        )
    return shape


def check_channels_first(sample_shape: tuple[int, ...], image_shape: Any = None) -> None:
    """Refuse images whose last axis must be that of the channels.

    Parameters
    ----------
    sample_shape : tuple of int
        Shape of one sample of X.
    image_shape : None or tuple of int
        What the user says: the shape of a 4-D X itself says that its order is meant.
    """
    given = image_shape is not None
    shape = tuple(image_shape or ()) if given and len(sample_shape) < 2 else sample_shape
    if len(shape) != 3 or (given and tuple(image_shape) == sample_shape):
        return
    height, width, channels = shape
    if channels in (1, 3, 4) and min(height, width) >= SMALLEST_SIDE:
        shapes = f"({channels}, {height}, {width})"
        mend = "X.transpose(0, 3, 1, 2)"
        if len(sample_shape) < 2:
            mend = f"X.reshape(-1, {height}, {width}, {channels}).transpose(0, 3, 1, 2)"
        raise ValueError(
            f"Images of the shape {tuple(shape)} look like (height, width, channels); they must "
            f"be (channels, height, width), here {shapes}. Give {mend}. If the order is right, "
            f"give a 4-D X and image_shape={tuple(shape)}."
        )


def check_same_shape(
    sample_shape: tuple[int, ...], seen: tuple[int, ...], input_shape: tuple[int, ...]
) -> None:
    """Refuse samples whose axes aren't those that were seen before.

    Rows of images, and images of one channel without its axis, are the same values in the same
    order.

    Parameters
    ----------
    sample_shape : tuple of int
        Shape of a sample of X.
    seen : tuple of int
        Shape of a sample of the fit.
    input_shape : tuple of int
        Shape of a sample as the network sees it.
    """
    known = {seen, input_shape, (math.prod(input_shape),)}
    if len(input_shape) == 3 and input_shape[0] == 1:
        known.add(input_shape[1:])
    if sample_shape in known:
        return
    same_size = len(seen) == len(sample_shape)
    orders = permutations(range(len(seen))) if same_size else ()
    right = [each for each in orders if _in(each, sample_shape) == seen]
    mend = "Give samples of that shape"
    if len(right) == 1:
        axes = ", ".join(str(axis + 1) for axis in right[0])
        mend = f"Their axes are in another order: give X.transpose(0, {axes})"
    elif len(seen) == 1 and math.prod(sample_shape) == seen[0]:
        mend = "Give rows, X.reshape(len(X), -1), if their values are in the same order"
    raise ValueError(
        f"X has samples of the shape {sample_shape}, those of the fit had the shape {seen}. {mend}."
    )


def _in(order: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in order)


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
    value_range : (float, float), default=None
        Between what nearly all values lie; `None`: they are no quantities, or nobody has looked.
    extremes : (float, float), default=None
        The smallest and the largest value.
    origin : ndarray of shape () or (n_features,), default=None
        From where the values are told, before they are rounded; `None` is zero.
    """

    sample_shape: tuple[int, ...]
    input_shape: tuple[int, ...]
    value_range: tuple[float, float] | None = None
    extremes: tuple[float, float] | None = None
    origin: np.ndarray | None = None

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
        check_channels_first(sample_shape, image_shape)
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

    @property
    def rounding(self) -> float:
        """The size of samples that are zeros but for rounding errors: of values of 1, 1e-12."""
        if self.extremes is None:
            return ROUNDING
        low, high = self.extremes
        # a far origin leaves differences
        largest = max(abs(low), abs(high)) if self.origin is None else high - low
        return ROUNDING * (min(largest, 1.0) or 1.0)

    def with_values(self, X: Any, dtype: str, padding: Any = None) -> Self:
        """Return what the values of the X of a fit say beside its shape.

        Parameters
        ----------
        X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
            Samples.
        dtype : {"float32", "float64"}
            What the network computes in.
        padding : Padding, default=None
            What has brought samples to one shape. It knows the origin, and has looked for lost
            digits in what isn't padding.
        """
        apart = MEANS_OF_ROWS_APART if len(self.input_shape) == 1 else MEANS_APART
        return replace(self, **known_of_values(X, dtype, padding, apart))

    def as_it_is(self, X: Any, dtype: str) -> Self:
        """Return the specification for a network that takes the values as they are.

        Parameters
        ----------
        X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
            Samples.
        dtype : {"float32", "float64"}
            What the network computes in.

        Raises
        ------
        ValueError
            If that rounds the differences between the values away.
        """
        rows = some_rows_of(X)
        check_size_of_values(rows, dtype)
        check_digits(rows, np.dtype(dtype), together=True)
        return replace(self, origin=None)

    def check(self, X: Any) -> None:
        """Refuse, or warn of, what of the values of X the shape doesn't tell."""
        if self.value_range is not None:
            rows = some_rows_of(X, N_ROWS_COMPARED)
            warn_of_other_unit(rows, self.value_range, self.extremes)

    def check_shape(self, sample_shape: tuple[int, ...]) -> None:
        """Refuse samples of another shape than those of the fit."""
        check_same_shape(sample_shape, self.sample_shape, self.input_shape)


@numbers_alone()
def check_samples(
    estimator: BaseEstimator, X: Any, *, reset: bool, spec: InputSpec | None = None
) -> tuple[Any, tuple[int, ...], Any]:
    """Validate X without a copy of it.

    Parameters
    ----------
    estimator : estimator
        Whose number and names of features are compared, or with `reset` set.
    X : {array-like, sparse matrix, tensor, array that is stored elsewhere}
        What the user gives.
    reset : bool
        Whether this is the X of a fit.
    spec : InputSpec, default=None
        What samples look like, unless `reset`.

    Returns
    -------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples in float or uint8.
    sample_shape : tuple of int
        Shape of a sample as it was given.
    padding : Padding or None
        What has brought samples to one shape, where they hadn't one.
    """
    # a hook of estimators of sequences
    padding = estimator._padding(reset=reset) if hasattr(estimator, "_padding") else None
    X = gathered(X, padding)
    stored = X if is_stored(X) else None
    X, sample_shape = split_samples(X if stored is None else _stand_in(stored))
    if spec is not None and len(sample_shape) > 1:
        spec.check_shape(sample_shape)
    tensor = X if isinstance(X, torch.Tensor) else None
    # the sum that tells of infinite values may be of very large ones of both signs
    with np.errstate(over="ignore", invalid="ignore"):
        X = validate_data(
            estimator,
            X if tensor is None else tensor.cpu().numpy(),
            reset=reset,
            accept_sparse="csr",
            dtype=_dtypes_for(X),
            ensure_min_samples=2 if reset else 1,
        )
    if stored is not None:
        X = stored if isinstance(stored, StoredArray) else StoredArray(stored, X.dtype)
    sample_shape = sample_shape if len(sample_shape) > 1 else (X.shape[1],)
    # what is on an accelerator is gathered there
    X = X if tensor is None or tensor.device.type == "cpu" else tensor
    return X, sample_shape, padding if padding is not None and padding.used else None


def _dtypes_for(X: Any) -> list[str]:
    """Return the dtypes that X may keep; what has another one becomes of the first."""
    kept = ["float64", "float32", "uint8"]
    dtype = getattr(X, "dtype", None)
    # float32 holds all numbers of two bytes, but not every integer of four, nor those of a list
    small = isinstance(dtype, np.dtype) and dtype.kind in "biuf" and dtype.itemsize <= 2
    return [kept[1], kept[0], kept[2]] if small else kept
