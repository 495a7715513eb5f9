"""Arrays of other libraries as NumPy's; they are known by what they can do, none is imported."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import torch
from scipy import sparse

# A list of these needs no look at each.
PLAIN = (bool, int, float, complex, str, bytes, type(None))


def in_numpy(values: Any, name: str) -> Any:
    """Return what holds an array as NumPy's or SciPy's; all else, such as a list, as it is.

    Taken are tensors, on any device and with a gradient, NumPy's arrays, columns and tables of
    pandas, polars and pyarrow, nullable ones included, lazy arrays of Dask, and what is a list or
    a tuple of these or of their single values. Of missing values NaN or an object is left.

    Parameters
    ----------
    values : object
        What the user gives.
    name : str
        What messages call it.

    Raises
    ------
    ValueError
        If it is a masked array of which a value is masked.
    """
    if isinstance(values, (list, tuple)):
        return _listed(values, name)
    if isinstance(values, torch.Tensor):
        return array_of_tensor(values)
    if isinstance(values, np.ma.MaskedArray):
        return unmasked(values, name)
    if isinstance(values, np.ndarray):
        # scikit-learn doesn't know NumPy's strings of any length
        return values.astype(object) if values.dtype.kind == "T" else values
    if sparse.issparse(values) or isinstance(values, (*PLAIN, np.generic)):
        return values
    if hasattr(values, "to_numpy") and hasattr(values, "dtype"):  # pandas, polars
        return values.to_numpy()
    if hasattr(values, "to_pandas") or is_dask(values) or hasattr(values, "__array__"):
        return np.asarray(values)
    return values


def readable(X: Any) -> Any:
    """Return samples as scikit-learn reads them: tensors without a gradient, frames as they are."""
    if isinstance(X, torch.Tensor) and X.layout == torch.strided:
        X = X.detach().cpu()
        return X.float() if X.dtype in (torch.bfloat16, torch.float16) else X
    return X if hasattr(X, "columns") else in_numpy(X, "X")


def is_dask(values: Any) -> bool:
    """Tell whether this is one of Dask's collections."""
    return hasattr(values, "dask") and hasattr(values, "compute")


def array_of_tensor(tensor: torch.Tensor) -> Any:
    """Return the values of a tensor, of whatever layout, in memory; half precision as single."""
    tensor = tensor.detach()
    if tensor.layout != torch.strided:
        tensor = tensor.to_sparse_coo().coalesce().cpu()
        values = array_of_tensor(tensor.values())
        rows, columns = tensor.indices().numpy()
        shape = (tensor.shape[0], tensor.shape[1])
        return sparse.coo_array((values, (rows, columns)), shape=shape)
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.float()
    return tensor.cpu().resolve_conj().resolve_neg().numpy()


def unmasked(values: np.ma.MaskedArray, name: str) -> np.ndarray:
    """Return the data of a masked array of which no value is masked."""
    n_masked = int(np.ma.getmaskarray(values).sum())
    if n_masked:
        raise ValueError(
            f"{name} is a masked array with {n_masked} masked values: fill them, for instance with "
            "`.filled(...)`, or leave out their samples."
        )
    return np.ma.getdata(values)


def _listed(values: Any, name: str) -> Any:
    """Return a list of which each foreign value is NumPy's, and single values are Python's."""
    if all(type(value) in PLAIN for value in values):
        return values
    found = [in_numpy(value, name) for value in values]
    return [
        value.item() if isinstance(value, np.ndarray) and not value.ndim else value
        for value in found
    ]


def vector(values: Any, name: str) -> Any:
    """Return a value for each sample as NumPy's, and refuse missing ones.

    Parameters
    ----------
    values : object
        Labels or weights, in whatever form.
    name : str
        What messages call it.

    Raises
    ------
    TypeError
        If it is an iterator or a mapping, whose length and order nobody knows.
    ValueError
        If a value is missing: None, NaN or pandas' NA in an array of objects, or masked.
    """
    values = in_numpy(values, name)
    is_array = hasattr(values, "shape") or isinstance(values, (Sequence, int, float))
    if isinstance(values, (str, bytes)) or not is_array:
        raise TypeError(
            f"{name} is a {type(values).__name__}: give an array or a list with a value for each "
            "sample."
        )
    refuse_missing(values, name)
    return values.item() if isinstance(values, np.ndarray) and not values.ndim else values


def refuse_missing(values: Any, name: str) -> None:
    """Raise ValueError if an object in an array or a list is none; NaN among numbers may stay."""
    if isinstance(values, np.ndarray):
        values = values.tolist() if values.dtype.kind in "OmM" and values.ndim else ()
    rows = values if isinstance(values, (list, tuple)) else ()
    for row, held in enumerate(rows):
        for value in held if isinstance(held, (list, tuple)) else [held]:
            if is_missing(value):
                # as scikit-learn says it
                missing = "NaN" if isinstance(value, float) else repr(value)
                raise ValueError(
                    f"Input {name} contains {missing}, a missing value, in row {row}: fill it or "
                    "leave out the sample."
                )


def is_missing(value: Any) -> bool:
    """Tell whether an object stands for a value that isn't there: None, NaN, NaT or NA."""
    # pandas' NA has no truth value
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, (float, np.generic, date, Decimal)) and bool(value != value)
