"""Reader of IDX files, the format of MNIST."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE_LIMIT = 1032  # no deflate stream is smaller than 1 / 1032 of its contents


def load_idx(path: str | os.PathLike[str], *, mmap_mode: str | None = None) -> NDArray:
    """Read an array from an IDX file, the format of MNIST.

    Type, shape and size are checked before memory is taken for the array.

    Parameters
    ----------
    path : str or path-like
        File, plain or compressed by gzip; its contents decide, not its name.
    mmap_mode : {"r", "c"} or None, default=None
        "r" leaves the array in the file, as a memory map of which estimators read batches; "c"
        lets it be changed, but not the file. As in `numpy.load`. `None` reads it.

    Returns
    -------
    ndarray or memmap
        The array; in the byte order of this machine, or, if it is a memory map, of the file.

    Raises
    ------
    ValueError
        If the file is not an IDX file, is damaged, or has another length than it declares; or if
        a compressed one should be mapped.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepclust.datasets import load_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     load_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    if mmap_mode not in (None, "r", "c"):
        raise ValueError(f"mmap_mode={mmap_mode!r} should be 'r', 'c' or None.")
    path = Path(path)
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        limit = path.stat().st_size * (_DEFLATE_LIMIT if compressed else 1)
        if mmap_mode is not None:
            return _map_idx(file, path, limit, mmap_mode, compressed)
        if not compressed:
            return _read_idx(file, path, limit)
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                return _read_idx(stream, path, limit)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path} is damaged: {error}. Download it again.") from error


def _map_idx(file: BinaryIO, path: Path, limit: int, mode: Any, compressed: bool) -> NDArray:
    if compressed:
        raise ValueError(
            f"{path} is compressed, and can't be mapped: decompress it with gunzip, or leave out "
            "mmap_mode."
        )
    dtype, shape = _read_header(file, path, limit)
    offset, size = file.tell(), math.prod(shape) * dtype.itemsize
    _check_size(path, size, path.stat().st_size - offset)
    if not size:  # nothing to map
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, mode, offset, shape)


def _read_idx(stream: BinaryIO | gzip.GzipFile, path: Path, limit: int) -> NDArray:
    dtype, shape = _read_header(stream, path, limit)
    size = math.prod(shape) * dtype.itemsize
    data = stream.read(size + 1)  # one more, to notice what does not belong there
    _check_size(path, size, len(data))
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _check_size(path: Path, declared: int, found: int) -> None:
    if found != declared:
        more = "more" if found > declared else f"only {found}"
        raise ValueError(f"{path} declares {declared} bytes of data and holds {more}.")


def _read_header(
    stream: BinaryIO | gzip.GzipFile, path: Path, limit: int
) -> tuple[np.dtype, tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or magic[3] == 0:
        raise ValueError(f"{path} is not an IDX file: it begins with {magic!r}.")
    dtype, n_dims = np.dtype(_IDX_TYPES[magic[2]]), magic[3]
    dimensions = stream.read(4 * n_dims)
    if len(dimensions) < 4 * n_dims:
        raise ValueError(f"{path} ends within its header of {n_dims} dimensions.")
    shape = struct.unpack(f">{n_dims}I", dimensions)
    size = math.prod(shape) * dtype.itemsize
    if size > limit:
        raise ValueError(
            f"{path} declares the shape {shape} ({size} bytes) but can hold no more than {limit} "
            "bytes. Download it again."
        )
    return dtype, shape
