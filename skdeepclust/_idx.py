"""Reader of IDX files, the format of MNIST."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE_LIMIT = 1032  # no deflate stream is smaller than 1 / 1032 of its contents


def load_idx(path: str | os.PathLike[str]) -> NDArray:
    """Read an array from an IDX file, the format of MNIST.

    Type, shape and size are checked before memory is taken for the array.

    Parameters
    ----------
    path : str or path-like
        File, plain or compressed by gzip; its contents decide, not its name.

    Returns
    -------
    ndarray
        The array, in the byte order of this machine.

    Raises
    ------
    ValueError
        If the file is not an IDX file, is damaged, or has another length than it declares.

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
    path = Path(path)
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        limit = path.stat().st_size * (_DEFLATE_LIMIT if compressed else 1)
        if not compressed:
            return _read_idx(file, path, limit)
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                return _read_idx(stream, path, limit)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path} is damaged: {error}. Download it again.") from error


def _read_idx(stream: BinaryIO | gzip.GzipFile, path: Path, limit: int) -> NDArray:
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
    data = stream.read(size + 1)  # one more, to notice what does not belong there
    if len(data) != size:
        more = "more" if len(data) > size else f"only {len(data)}"
        raise ValueError(f"{path} declares {size} bytes of data and holds {more}.")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))
