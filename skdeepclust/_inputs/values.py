"""Where the values of X lie: how large they are, between what, and how far from zero."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from skdeepclust._engine.sparse import is_sparse
from skdeepclust._engine.stored_arrays import StoredArray, in_blocks

# Enough to find that X is in a wrong unit, without reading all of it: so many rows, fewer where
# they have more than so many values together.
N_ROWS_LOOKED_AT = 1000
N_VALUES_LOOKED_AT = 500_000
MIN_ROWS_LOOKED_AT = 20
# Of CSR matrices so many rows at a time are copied.
ROWS_OF_A_BLOCK = 10_000
# Predictions look at no more rows than these.
N_ROWS_COMPARED = 200
# Values are told from another origin than zero if their mean is larger than so many deviations:
# where all are on one side of zero, from the smallest one, else from the mean ...
FAR_ON_ONE_SIDE, FAR = 2.0, 5.0
# ... and each feature from its own mean if the means make all of X vary so much more than the
# features do. Of images and sequences these are pixels and steps, whose contrast says something.
# Of rows, means of measured quantities make them vary 2.5 times more (wine of scikit-learn). Below
# the limit an offset of one feature isn't taken off, and enlarges the scale of all of them.
MEANS_APART, MEANS_OF_ROWS_APART = 10.0, 3.0
# Rounding that is larger than the deviation by this factor has lost what X says.
MIN_STEPS_A_DEVIATION = 2.0
# Of a feature that is rounded by a smaller part of the deviation of all, nobody sees it: one that
# is constant but for rounding errors, such as a sum of shares, is as good as constant.
SMALL_STEPS = 0.01
# Values are said to be in another unit if their range is so many times larger or smaller, or lies
# so many ranges away. That it is smaller, a few samples, or equal values, don't tell.
OTHER_UNIT = 10.0
OTHER_PLACE = 3.0
MIN_ROWS_OF_A_RANGE = 10


def known_of_values(X: Any, dtype: str, padding: Any, means_apart: float) -> dict[str, Any]:
    """Return what the values of the X of a fit say: `origin`, `value_range` and `extremes`.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples.
    dtype : {"float32", "float64"}
        What the network computes in.
    padding : Padding or None
        What has brought samples to one shape. It knows the origin, and has looked for lost digits
        in what isn't padding.
    means_apart : float
        From what ratio of deviations on each feature is told from its own mean.

    Raises
    ------
    ValueError
        If the network can't compute with them.
    """
    rows = some_rows_of(X)
    if not has_squares(rows):  # in any dtype, nor what is computed below
        check_size_of_values(rows, dtype)
    if padding is None:
        check_digits(rows, rows.dtype)
    origin = origin_of(rows, means_apart) if padding is None else padding.origin
    check_size_of_values(rows, dtype, origin)
    check_differences(X, rows, dtype)
    return {"origin": origin, "value_range": value_range_of(rows), "extremes": extremes_of(X)}


def some_rows_of(X: Any, at_most: int = N_ROWS_LOOKED_AT) -> Any:
    """Return some rows of X, evenly spaced, as ndarray or CSR matrix, each entry of which is one.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples.
    at_most : int, default=N_ROWS_LOOKED_AT
        About how many.
    """
    n_rows = min(at_most, N_VALUES_LOOKED_AT // X.shape[1])
    n_rows = max(n_rows, MIN_ROWS_LOOKED_AT)
    if isinstance(X, StoredArray):
        return X.some_rows(n_rows)
    rows = X[:: -(-X.shape[0] // n_rows)]
    if is_sparse(rows):
        return _summed_up(rows)
    return rows.cpu().numpy() if isinstance(rows, torch.Tensor) else rows


def blocks_of(X: Any) -> Iterator[Any]:
    """Yield X by blocks of rows where it is stored or sparse, else as it is.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples.
    """
    if not is_sparse(X):
        yield from in_blocks(X)
        return
    for start in range(0, X.shape[0], ROWS_OF_A_BLOCK):
        yield _summed_up(X[start : start + ROWS_OF_A_BLOCK])


def _summed_up(rows: Any) -> Any:
    """Return a CSR matrix whose entries are sorted, one of each index.

    SciPy sums duplicates up in place before it looks for the smallest value: a slice may hold the
    very arrays of the user.
    """
    rows = rows.copy()
    rows.sum_duplicates()
    return rows


def check_size_of_values(rows: Any, dtype: str, origin: np.ndarray | None = None) -> None:
    """Refuse values whose squares would overflow.

    Parameters
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_features)
        Some rows of X.
    dtype : {"float32", "float64"}
        What the squares are computed in.
    origin : ndarray of shape () or (n_features,), default=None
        From where the values are told; `None` is zero.
    """
    what = "have a size of" if origin is None else "differ from each other by"
    largest, limit = _largest(rows, origin), _limit(rows, dtype)
    if largest > limit:
        raise ValueError(
            f"Values of X {what} {largest:.2g}, of which squares are computed; with "
            f"dtype={dtype!r} they may be {limit:.2g} at most. Scale X, for instance with "
            "sklearn.preprocessing.MinMaxScaler."
        )


def check_differences(X: Any, rows: Any, dtype: str) -> None:
    """Refuse values that differ by so little that squares of it would underflow.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples, which are looked at as a whole only if some rows are so much alike.
    rows : {ndarray, CSR matrix} of shape (n, n_features)
        Some rows of X.
    dtype : {"float32", "float64"}
        What the squares are computed in.
    """
    limit, largest = math.sqrt(float(np.finfo(dtype).tiny)), _spread([rows])
    if 0 < largest < limit and not isinstance(X, StoredArray):
        largest = _spread(blocks_of(X))
    if 0 < largest < limit:
        # MinMaxScaler takes what is as small for a constant
        raise ValueError(
            f"Values of X differ from each other by {largest:.2g} at most, of which squares are "
            f"computed; with dtype={dtype!r} some have to differ by {limit:.2g}. Scale X, for "
            f"instance by X * 1e{min(300, round(-math.log10(largest)))}."
        )


def _spread(blocks: Iterable[Any]) -> float:
    """Return the largest difference between values of the same feature."""
    limits = []
    for block in blocks:
        block = block.cpu().numpy() if isinstance(block, torch.Tensor) else block
        ends = [block.min(axis=0), block.max(axis=0)]
        limits.append([end.toarray().ravel() if is_sparse(end) else end for end in ends])
    lowest, highest = (np.asarray(each, np.float64) for each in zip(*limits, strict=True))
    return float((highest.max(axis=0) - lowest.min(axis=0)).max(initial=0))


def has_squares(rows: Any) -> bool:
    """Tell whether values are finite and float64 can hold the sum of their squares.

    Parameters
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_features)
        Some rows of X.
    """
    return _largest(rows) <= _limit(rows, "float64")


def _largest(rows: Any, origin: np.ndarray | None = None) -> float:
    values = np.asarray(rows.data if is_sparse(rows) else rows)
    if origin is not None:
        values = values - origin
    return float(np.maximum(values.max(initial=0), -float(values.min(initial=0))))


def _limit(rows: Any, dtype: str) -> float:
    return math.sqrt(float(np.finfo(dtype).max) / rows.shape[1]) / 1000


def check_digits(rows: Any, dtype: Any, *, together: bool = False) -> None:
    """Refuse values of a feature that a dtype rounds by more than they differ.

    Parameters
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_features)
        Some rows of X.
    dtype : dtype
        What holds the values.
    together : bool, default=False
        Whether features are added up before a mean is taken off: the largest one rounds all.
    """
    if is_sparse(rows) or not np.issubdtype(dtype, np.floating):
        return
    low, high = rows.min(axis=0), rows.max(axis=0)
    sizes = np.maximum(np.abs(low), np.abs(high)).astype(np.float64)
    variances = np.where(low < high, rows.var(axis=0, dtype=np.float64), 0.0)
    deviations, deviation = np.sqrt(variances), math.sqrt(float(variances.mean()))
    if together:
        sizes, deviations = sizes.max(keepdims=True), np.asarray([deviation])
    steps = np.spacing(sizes.astype(dtype)).astype(np.float64)
    lost = (deviations > 0) & (deviations < MIN_STEPS_A_DEVIATION * steps)
    lost &= steps > SMALL_STEPS * deviation
    if lost.any():
        worst = int(np.argmax(np.where(lost, steps, 0)))
        raise ValueError(
            f"X has values of a size of {sizes[worst]:.3g}, which {np.dtype(dtype).name} rounds to "
            f"multiples of {steps[worst]:.2g}, and they differ by {deviations[worst]:.2g} only. "
            "Subtract their mean in float64, for instance with "
            "sklearn.preprocessing.StandardScaler."
        )


def origin_of(rows: Any, means_apart: float = MEANS_APART) -> np.ndarray | None:
    """Return from where the values of X are told, in float64: a number, or one for each feature.

    `None` is zero, for all values that lie about as far from it as they differ. Otherwise
    differences would drown in what is common to all, and in the rounding of it. Images whose
    darkest value isn't zero get it there, so that zero is dark for augmentations.

    Parameters
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_features)
        Some rows of X. Sparse ones are told from zero.
    means_apart : float, default=MEANS_APART
        From what ratio of deviations on each feature is told from its own mean.
    """
    if is_sparse(rows):
        return None
    means = rows.mean(axis=0, dtype=np.float64)
    within = float(rows.var(axis=0, dtype=np.float64).mean())
    mean, deviation = float(means.mean()), math.sqrt(within + float(means.var()))
    if within == 0:
        return None
    if deviation > means_apart * math.sqrt(within):
        return means
    low, high = float(rows.min()), float(rows.max())
    if (low > 0 or high < 0) and abs(mean) > FAR_ON_ONE_SIDE * deviation:
        return np.asarray(low)
    return np.asarray(mean) if abs(mean) > FAR * deviation else None


def value_range_of(rows: Any) -> tuple[float, float]:
    """Return between what the values of nearly all rows lie.

    Parameters
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_features)
        Some rows of X.
    """
    lowest, highest = rows.min(axis=1), rows.max(axis=1)
    if is_sparse(rows):
        lowest, highest = lowest.toarray(), highest.toarray()
    return float(np.quantile(lowest, 0.05)), float(np.quantile(highest, 0.95))


def users_stacklevel() -> int:
    """Return how many frames up from its caller the user's line is."""
    inside, frame, level = {"skdeepclust", "sklearn", "contextlib"}, sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals["__name__"].split(".")[0] in inside:
        frame, level = frame.f_back, level + 1
    return level


def extremes_of(X: Any) -> tuple[float, float]:
    """Return the smallest and the largest value of X; where it is stored, of some rows.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples.
    """
    blocks = [some_rows_of(X)] if isinstance(X, StoredArray) else blocks_of(X)
    lowest, highest = zip(*((float(each.min()), float(each.max())) for each in blocks), strict=True)
    return min(lowest), max(highest)


def warn_of_other_unit(
    rows: Any, value_range: tuple[float, float], extremes: tuple[float, float] | None = None
) -> None:
    """Warn of values that lie far from those of the fit, or between much closer limits.

    Parameters
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_features)
        Some rows of X.
    value_range : (float, float)
        What `value_range_of` has returned for the X of the fit.
    extremes : (float, float), default=None
        What `extremes_of` has, which a few samples of a rare kind may reach; `None`: the same.
    """
    lowest, highest = value_range if extremes is None else extremes
    (low, high), (new_low, new_high) = value_range, value_range_of(rows)
    width, new_width = high - low, new_high - new_low
    smaller = rows.shape[0] >= MIN_ROWS_OF_A_RANGE and 0 < new_width * OTHER_UNIT < width
    reach = OTHER_PLACE * width
    elsewhere = new_low > highest + reach or new_high < lowest - reach
    wider = new_width > OTHER_UNIT * max(width, highest - lowest)
    if width > 0 and (smaller or wider or elsewhere):
        warnings.warn(
            f"X has values from {new_low:.3g} to {new_high:.3g}, the X of the fit had some from "
            f"{low:.3g} to {high:.3g}. Scale both in the same way, for instance in a pipeline.",
            UserWarning,
            stacklevel=users_stacklevel(),
        )
