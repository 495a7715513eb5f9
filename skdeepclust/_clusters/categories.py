"""Which columns of a table hold categories: values between two of them mean nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from skdeepclust._engine.sparse import is_sparse

# The rarer of two values is found in so many samples at least: a column of word counts in which a
# single sample has another value is no category.
LEAST_SAMPLES = 2
# Most columns show more than two values in so many rows; only the others are looked at as a whole.
FIRST_ROWS = 1_000
# So many columns of a dense X are looked at together.
N_COPIED = 16


def categorical_columns(
    given: Any, X: Any, names: np.ndarray | None, input_shape: tuple[int, ...]
) -> np.ndarray | None:
    """Return the mask of the columns that hold categories, or `None` if none does.

    Parameters
    ----------
    given : {"auto"}, array-like or None
        The parameter of an estimator: "auto" takes the columns of two values; or indices, a mask
        or names of columns.
    X : {ndarray, CSR matrix, tensor} of shape (n_samples, n_features)
        The samples.
    names : ndarray of str of shape (n_features,) or None
        Names of the columns.
    input_shape : tuple of int
        Shape of a sample; images and sequences have no categories.
    """
    if given is None or (isinstance(given, str) and len(input_shape) > 1):
        return None
    if isinstance(given, str):
        mask = two_valued_columns(X)
    elif len(input_shape) > 1:
        raise ValueError(
            "categorical_features names columns of tables; X holds images or sequences here: "
            "leave it at its default."
        )
    else:
        mask = _named_columns(np.asarray(given), X.shape[1], names)
    return mask if mask.any() else None


def two_valued_columns(X: Any) -> np.ndarray:
    """Return the mask of the columns of which at least two samples have either of two values.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor} of shape (n_samples, n_features)
        The samples.
    """
    mask = _two_values(X[:FIRST_ROWS], is_whole=False)
    columns = np.flatnonzero(mask)
    # a sparse X is gone through as a whole; of a dense one no more than a few columns are copied
    size = max(len(columns), 1) if is_sparse(X) else N_COPIED
    for start in range(0, len(columns), size):
        some = columns[start : start + size]
        mask[some] = _two_values(X[:, some], is_whole=True)
    return mask


def _two_values(part: Any, *, is_whole: bool) -> np.ndarray:
    """Tell which columns have two values, or in a part of the rows no more than two."""
    if is_sparse(part):
        return _two_values_of_sparse(part, is_whole=is_whole)
    part = np.asarray(part.detach().cpu() if isinstance(part, torch.Tensor) else part)
    lowest, largest = part.min(0), part.max(0)
    n_low, n_large = (part == lowest).sum(0), (part == largest).sum(0)
    if not is_whole:
        return (lowest == largest) | (n_low + n_large == len(part))
    often = np.minimum(n_low, n_large) >= LEAST_SAMPLES
    return (lowest < largest) & (n_low + n_large == len(part)) & often


def _two_values_of_sparse(part: Any, *, is_whole: bool) -> np.ndarray:
    """Do the same, most often where one of the values is zero."""
    columns = part.tocsc()
    columns.sum_duplicates()
    columns.eliminate_zeros()
    count = np.diff(columns.indptr)
    is_full = count == part.shape[0]  # zero is none of the values
    column = np.repeat(np.arange(len(count)), count)
    first = columns.data[columns.indptr[column]]
    n_others = np.bincount(column[columns.data != first], minlength=len(count))
    found = n_others == 0
    if is_whole:
        found &= np.minimum(count, part.shape[0] - count) >= LEAST_SAMPLES
    found[is_full] = _two_values(columns[:, is_full].toarray(), is_whole=is_whole)
    return found


def _named_columns(given: np.ndarray, n_features: int, names: np.ndarray | None) -> np.ndarray:
    """Return the mask of columns by their indices, mask or names."""
    if given.ndim != 1:
        raise ValueError(
            "categorical_features must be a list of columns' indices or names, or a mask, got an "
            f"array of shape {given.shape}."
        )
    if given.dtype == bool:
        if len(given) != n_features:
            raise ValueError(
                f"categorical_features is a mask of {len(given)} columns, X has {n_features}."
            )
        return given.copy()
    if given.dtype.kind in "OUT":
        given = _indices_of(given, names)
    elif given.size and given.dtype.kind not in "iu":
        raise TypeError(
            "categorical_features must hold indices, names or booleans, got numbers of type "
            f"{given.dtype}."
        )
    outside = [int(each) for each in given if not -n_features <= each < n_features]
    if outside:
        raise ValueError(
            f"categorical_features has the columns {outside}, X has {n_features} columns, from 0."
        )
    mask = np.zeros(n_features, dtype=bool)
    mask[given.astype(np.int64)] = True
    return mask


def _indices_of(given: np.ndarray, names: np.ndarray | None) -> np.ndarray:
    if names is None:
        raise ValueError(
            f"categorical_features has names ({given[0]!r}), but the columns of X have none: "
            "pass a data frame, or indices of columns."
        )
    at = {name: i for i, name in enumerate(names)}
    unknown = [str(name) for name in given if name not in at]
    if unknown:
        raise ValueError(f"categorical_features has names that X doesn't have: {unknown}.")
    return np.array([at[name] for name in given], dtype=np.int64)
