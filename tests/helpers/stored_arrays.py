"""The same samples, stored in each of the ways that the tests of stored arrays go through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import zarr


def memory_map(X: np.ndarray, folder: Path) -> np.memmap:
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def foreign_map(X: np.ndarray, folder: Path) -> np.memmap:
    """Return a map in the byte order of another machine, as that of an IDX file is."""
    return memory_map(X.astype(X.dtype.newbyteorder(">")), folder)


def hdf5(X: np.ndarray, folder: Path) -> h5py.Dataset:
    file = h5py.File(folder / "X.h5", "w")
    return file.create_dataset("X", data=X, chunks=(7, *X.shape[1:]), compression="gzip")


def hdf5_in_one_piece(X: np.ndarray, folder: Path) -> h5py.Dataset:
    return h5py.File(folder / "whole.h5", "w").create_dataset("X", data=X)


def zarr_array(X: np.ndarray, folder: Path) -> zarr.Array:
    array = zarr.open(
        str(folder / "X.zarr"), mode="w", shape=X.shape, chunks=(9, *X.shape[1:]), dtype=X.dtype
    )
    array[:] = X
    return array


def dask_array(X: np.ndarray, folder: Path) -> da.Array:
    """Return an array whose chunks differ in size, and cut the features, too."""
    last = X.shape[-1] // 2
    sizes = (11, 3, len(X) - 14)
    return da.from_array(X, chunks=(sizes, *X.shape[1:-1], last))


FORMS: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "memory map": memory_map,
    "foreign memory map": foreign_map,
    "hdf5": hdf5,
    "hdf5 in one piece": hdf5_in_one_piece,
    "zarr": zarr_array,
    "dask": dask_array,
}


class Counted:
    """An array with chunks that notes how many rows each read takes."""

    def __init__(self, X: np.ndarray, chunk: int):
        self.X, self.shape, self.dtype, self.ndim = X, X.shape, X.dtype, X.ndim
        self.chunks = (chunk, *X.shape[1:])
        self.reads: list[slice] = []

    def __getitem__(self, rows: slice) -> np.ndarray:
        self.reads.append(rows)
        return self.X[rows].copy()

    @property
    def largest(self) -> int:
        return max(rows.stop - rows.start for rows in self.reads)
