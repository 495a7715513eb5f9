"""Arrays that stay where they are stored: memory maps, HDF5, zarr and Dask, read as needed."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils import assert_all_finite

# Chunks of fewer bytes are read together: each read costs something.
BLOCK_BYTES = 2**22
# Blocks are held, and mixed by a shuffle, up to so many bytes ...
BUFFER_BYTES = 2**28
# ... but so many of them at least, however large: one alone would not be mixed.
MIN_BLOCKS = 4


def is_stored(X: Any) -> bool:
    """Tell whether X is read from elsewhere: a memory map, or an array that knows `chunks`."""
    if isinstance(X, np.ndarray):
        return _is_mapped(X)
    return all(hasattr(X, name) for name in ("shape", "dtype", "chunks", "__getitem__"))


def _is_mapped(array: Any) -> bool:
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def rows_of(X, rows: np.ndarray):
    """Return some rows of X: a copy of those in memory, a view of those that are stored."""
    return X.view(rows) if isinstance(X, StoredArray) else X[rows]


def in_blocks(X) -> Iterator:
    """Yield X by blocks of rows where it is stored, else as it is."""
    if not isinstance(X, StoredArray):
        yield X
        return
    step = max(1, BLOCK_BYTES // max(1, X.shape[1] * X.dtype.itemsize))
    for start in range(0, len(X), step):
        yield X[start : start + step]


class BlockReader:
    """Rows of an array with chunks, of which whole blocks are read, and the last ones kept.

    Parameters
    ----------
    source : array of shape (n_samples, ...)
        With `shape`, `dtype`, `chunks`, which may be `None`, and slices of rows that
        `numpy.asarray` reads.
    """

    def __init__(self, source: Any):
        self.source = source
        self.n_features = math.prod(source.shape[1:])
        self.row_bytes = max(1, self.n_features * source.dtype.itemsize)
        self.bounds = self._bounds()
        largest = int(np.diff(self.bounds).max(initial=1)) * self.row_bytes
        self.capacity = max(MIN_BLOCKS, BUFFER_BYTES // largest)
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()

    def _bounds(self) -> np.ndarray:
        """Return where blocks begin and the last one ends, (n_blocks + 1,): at ends of chunks."""
        n_samples = self.source.shape[0]
        enough = max(1, BLOCK_BYTES // self.row_bytes)
        chunk = self.source.chunks[0] if self.source.chunks else enough
        if isinstance(chunk, Integral):
            step = int(chunk) * max(1, enough // int(chunk))
            return np.append(np.arange(0, n_samples, step), n_samples)
        bounds = [0]
        for end in np.cumsum(chunk).tolist():
            if end - bounds[-1] >= enough:
                bounds.append(end)
        return np.array(bounds if bounds[-1] == n_samples else [*bounds, n_samples])

    def block_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the number of the block in which each row lies."""
        return np.searchsorted(self.bounds, rows, side="right") - 1

    def read_into(self, out: np.ndarray, rows: np.ndarray) -> None:
        """Write rows into `out` (n_rows, n_features); each block is read once at most."""
        block_of = self.block_of(rows)
        order = np.argsort(block_of, kind="stable")
        blocks, starts = np.unique(block_of[order], return_index=True)
        parts = list(zip(blocks.tolist(), np.split(order, starts[1:]), strict=True))
        # those at hand first: reading the others pushes them out
        for block, here in sorted(parts, key=lambda part: part[0] not in self._kept):
            out[here] = self._block(block)[rows[here] - self.bounds[block]]

    def _block(self, number: int) -> np.ndarray:
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        while len(self._kept) >= self.capacity:
            self._kept.popitem(last=False)
        block = np.asarray(self.source[self.bounds[number] : self.bounds[number + 1]])
        self._kept[number] = block.reshape(len(block), self.n_features)
        return self._kept[number]


class MapReader:
    """Rows of a memory map, of which single rows can be read."""

    def __init__(self, source: np.ndarray):
        self.source = np.asarray(source)
        self.n_features = math.prod(source.shape[1:])

    def read_into(self, out: np.ndarray, rows: np.ndarray) -> None:
        """Write rows into `out` (n_rows, n_features)."""
        out[:] = self.source[rows].reshape(len(rows), self.n_features)


class StoredArray:
    """A stored X as a matrix, of which `X[rows]` reads rows and checks them for NaN and infinity.

    Parameters
    ----------
    source : array of shape (n_samples, ...)
        What `is_stored` tells to be one.
    dtype : dtype
        Dtype of the rows that are read.
    """

    ndim = 2

    def __init__(self, source: Any, dtype: np.dtype):
        self.reader = (MapReader if isinstance(source, np.ndarray) else BlockReader)(source)
        self.rows = np.arange(source.shape[0])
        self.dtype = np.dtype(dtype)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.reader.n_features

    @property
    def chunks(self) -> None:
        """Let this pass for a stored array, as which it is handed to callbacks."""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows) -> np.ndarray:
        rows = np.atleast_1d(self.rows[rows])
        out = np.empty((len(rows), self.reader.n_features), self.dtype)
        self.reader.read_into(out, rows)
        try:
            assert_all_finite(out, input_name="X")
        except ValueError as error:
            bad = rows[~np.isfinite(out).all(1)]
            raise ValueError(f"{error}\nIt is in row {bad[0]} of X.") from None
        return out

    def view(self, rows: np.ndarray) -> StoredArray:
        """Return some rows as a stored array, of which nothing is read yet."""
        new = object.__new__(StoredArray)
        new.reader, new.rows, new.dtype = self.reader, self.rows[rows], self.dtype
        return new

    def some_rows(self, n_rows: int) -> np.ndarray:
        """Read about `n_rows` rows, evenly spaced in a few blocks."""
        rows = np.arange(len(self))
        if isinstance(self.reader, BlockReader):
            blocks = self.reader.block_of(self.rows)
            used = np.unique(blocks)
            few = used[np.linspace(0, len(used) - 1, MIN_BLOCKS).astype(int)]
            rows = np.flatnonzero(np.isin(blocks, few))
        return self[rows[:: max(1, len(rows) // n_rows)]]

    @property
    def is_mixed_in_parts(self) -> bool:
        """Whether there are more blocks than are held: a random order mixes some at a time."""
        if not isinstance(self.reader, BlockReader):
            return False
        return len(np.unique(self.reader.block_of(self.rows))) > self.reader.capacity

    def shuffled(self, generator: torch.Generator) -> torch.Tensor:
        """Return all rows in a random order, in which each block is read once.

        Blocks come in a random order; the rows of as many as are held at a time are mixed. Where
        that is all of them, the order is any order, as that of an array in memory is.
        """
        if not isinstance(self.reader, BlockReader) or not self.is_mixed_in_parts:
            return torch.randperm(len(self), generator=generator)
        block_of = self.reader.block_of(self.rows)
        order = np.argsort(block_of, kind="stable")
        blocks = np.split(order, np.flatnonzero(np.diff(block_of[order])) + 1)
        parts = []
        for group in torch.randperm(len(blocks), generator=generator).split(self.reader.capacity):
            rows = torch.from_numpy(np.concatenate([blocks[number] for number in group.tolist()]))
            parts.append(rows[torch.randperm(len(rows), generator=generator)])
        return torch.cat(parts)
