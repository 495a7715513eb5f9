"""Small data of all kinds, and the usual scenario: fit a model, and look at it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.datasets import load_digits
from torch import Tensor

from same.seen import fitted, of_model

Scenario = Callable[[Path], Iterable[tuple[str, Any]]]

ALL, DIGIT = load_digits(return_X_y=True)
ALL, DIGIT = ALL[:90] / 16, DIGIT[:90]
KNOWN, NEW = ALL[:60], ALL[50:]  # some of the latter are known, too
Y, COARSE = DIGIT[:60], DIGIT[:60] > 4
PARTIAL = np.where(np.arange(60) % 3, Y, -1)
WEIGHT = np.arange(60) % 4 / 2  # some are 0
NAMES = [f"pixel {i}" for i in range(64)]
IMAGES = ALL.reshape(-1, 8, 8)
COLOURS = np.stack([IMAGES, IMAGES[:, ::-1], 1 - IMAGES], axis=1)
BYTES = (ALL * 255).astype(np.uint8)


def sequences() -> np.ndarray:
    """Return sequences (90, 9, 4) that differ in length, with zeros behind their end."""
    values = np.random.default_rng(0).normal(DIGIT[:, None, None] > 4, 1, (90, 9, 4))
    for row, length in zip(values, 3 + np.arange(90) % 7, strict=True):
        row[length:] = 0
    return values.astype(np.float32)


def texts() -> np.ndarray:
    """Return indices of words (90, 7), 0 behind the end of a text."""
    rng = np.random.default_rng(0)
    words = rng.integers(1, 20, (90, 7)) + 10 * (DIGIT[:, None] > 4)
    return np.where(np.arange(7) < 2 + np.arange(90)[:, None] % 6, words, 0)


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def shares(*shape: int, seed: int = 0) -> Tensor:
    return drawn(*shape, seed=seed).softmax(1)


# ---------------------------------------------------------------- forms


def _memory_map(X: np.ndarray, folder: Path) -> np.ndarray:
    path = folder / f"{len(X)}.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def _foreign_map(X: np.ndarray, folder: Path) -> np.ndarray:
    return _memory_map(X.astype(X.dtype.newbyteorder(">")), folder)


def _hdf5(X: np.ndarray, folder: Path) -> Any:
    import h5py

    file = h5py.File(folder / f"{len(X)}.h5", "w")
    return file.create_dataset("X", data=X, chunks=(7, *X.shape[1:]), compression="gzip")


def _zarr(X: np.ndarray, folder: Path) -> Any:
    import zarr

    path, chunks = str(folder / f"{len(X)}.zarr"), (9, *X.shape[1:])
    array = zarr.open(path, mode="w", shape=X.shape, chunks=chunks, dtype=X.dtype)
    array[:] = X
    return array


def _dask(X: np.ndarray, folder: Path) -> Any:
    import dask.array as da

    return da.from_array(X, chunks=((11, 3, len(X) - 14), *X.shape[1:]))


FORMS: Mapping[str, Callable[[np.ndarray, Path], Any]] = {
    "single precision": lambda X, _: X.astype(np.float32),
    "column by column": lambda X, _: np.asfortranarray(X),
    "a view": lambda X, _: np.repeat(X, 2, axis=1)[:, ::2],
    "bytes": lambda X, _: (X * 255).astype(np.uint8),
    "integers": lambda X, _: (X * 16).astype(int),
    "lists": lambda X, _: X.tolist(),
    "CSR": lambda X, _: sparse.csr_array(X),
    "CSC": lambda X, _: sparse.csc_matrix(X),
    "DataFrame": lambda X, _: pd.DataFrame(X, columns=NAMES[: X.shape[1]]),
    "tensor": lambda X, _: torch.tensor(X, dtype=torch.float32),
    "tensor of half precision": lambda X, _: torch.tensor(X, dtype=torch.bfloat16),
    "memory map": _memory_map,
    "foreign memory map": _foreign_map,
}
STORED: Mapping[str, Callable[[np.ndarray, Path], Any]] = {
    name: form
    for package, name, form in (
        ("h5py", "HDF5", _hdf5), ("zarr", "zarr", _zarr), ("dask", "Dask", _dask)
    )
    if importlib.util.find_spec(package)
}  # fmt: skip


# ---------------------------------------------------------------- the usual scenario


def fits(
    estimator: type,
    params: Mapping[str, Any],
    X: Any = KNOWN,
    y: Any = None,
    new: Any = NEW,
    *,
    known: Mapping[str, Any] | None = None,
    **more: Any,
) -> Scenario:
    """Return a scenario: fit, and look at the model and its answers.

    `known` are arguments of the predictions of known samples, `more` those of the fit. Where a
    parameter or X is made by the folder of the scenario, it is a `partial`.
    """

    def scenario(folder: Path) -> Iterable[tuple[str, Any]]:
        made = {name: of_folder(value, folder) for name, value in params.items()}
        samples, others = of_folder(X, folder), of_folder(new, folder)
        labels = [] if y is None else [y]
        model = fitted(estimator(**made), samples, *labels, **more)
        return of_model(model, samples, others, y, **(known or {}))

    return scenario


def of_folder(value: Any, folder: Path) -> Any:
    return value(folder) if isinstance(value, partial) else value


def in_forms(
    title: str, estimator: type, params: Mapping[str, Any], y: Any = None, **forms: Any
) -> dict[str, Scenario]:
    """Return a scenario for each form in which X may be."""
    return {
        f"{title}, X as {name}": fits(
            estimator, params, partial(form, KNOWN), y, partial(form, NEW)
        )
        for name, form in {**FORMS, **STORED, **forms}.items()
    }
