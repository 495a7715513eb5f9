"""Files without code: named arrays by safetensors, a tree as JSON, and a checksum of both."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
import torch
from safetensors import SafetensorError
from safetensors.numpy import load

from skdeepclust._storage.replacing import replacing

# More JSON than this is no header of an estimator.
MAX_HEADER_BYTES = 50_000_000
# What the format calls the dtypes of arrays.
DTYPES = {"bool": "BOOL"} | {
    f"{kind}{8 * size}": f"{letter}{8 * size}"
    for kind, letter, sizes in (("float", "F", (2, 4, 8)), ("int", "I", (1, 2, 4, 8)))
    for size in sizes
}
DTYPES |= {f"u{name}": f"U{short[1:]}" for name, short in DTYPES.items() if short[0] == "I"}
# What a file that isn't right may lead to.
FAULTS = (
    SafetensorError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError,
    RecursionError, OverflowError,
)  # fmt: skip


def reason_of(error: Exception) -> str:
    """Say in a message what is wrong with a file."""
    return str(error) if isinstance(error, (ValueError, SafetensorError)) else repr(error)


def versions() -> dict[str, str]:
    """Return the versions that a file names."""
    package = __name__.partition(".")[0]
    own: Any = sys.modules[package]  # which imports this module
    packages = {package: own, "numpy": np, "scipy": scipy, "scikit-learn": sklearn, "torch": torch}
    found = {name: str(package.__version__) for name, package in packages.items()}
    return {**found, "python": platform.python_version()}


def checksum(text: str, arrays: dict[str, np.ndarray]) -> str:
    """Return the checksum of a tree's text and of the arrays."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(array.reshape(-1).view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def write_file(path: Path, tree: Any, arrays: dict[str, np.ndarray]) -> None:
    """Write a file at once or not at all; the same contents give the same bytes."""
    text = json.dumps(tree, allow_nan=False)
    metadata = {"skdeepclust": text, "sha256": checksum(text, arrays)}
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, int(name)))  # aligned
    header = _header({name: arrays[name] for name in names}, metadata)
    if len(header) > MAX_HEADER_BYTES:
        raise ValueError(
            f"{str(path)!r} can't be written: texts, numbers and names need {len(header)} bytes, "
            f"more than the {MAX_HEADER_BYTES} that are read again. Keep long lists as numpy "
            "arrays of numbers, or the estimator with joblib, whose files run code when loaded."
        )
    with replacing(path) as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for name in names:
            file.write(_bytes_of(arrays[name]))


def _header(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """Return the header of the safetensors format, whose own writer shuffles the metadata."""
    entries: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, array in arrays.items():
        start, end = end, end + array.nbytes
        kind = DTYPES[array.dtype.name]
        entries[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [start, end]}
    header = json.dumps(entries, separators=(",", ":")).encode()
    return header + b" " * (-len(header) % 8)


def _bytes_of(array: np.ndarray) -> Any:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return little.reshape(-1).view(np.uint8).data if array.size else b""


def read_file(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the tree and the arrays, after the checks that need no decoding.

    All of it is read into memory: a file that is mapped, and cut short by somebody else in this
    moment, ends the process.
    """
    with path.open("rb") as file:
        start = file.read(8)
        size, length = int.from_bytes(start, "little"), os.fstat(file.fileno()).st_size
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and size > length:
            raise ValueError(
                f"its header should have {size} bytes, more than the file ({length}): it is cut "
                "off, or no file of this library"
            )
        if size > MAX_HEADER_BYTES:
            raise ValueError(
                f"its header should have {size} bytes, more than {MAX_HEADER_BYTES}: it is no file "
                "of this library"
            )
        content = start + file.read()
    metadata, expected = _about(content, size)
    if len(content) < expected:
        raise ValueError(f"it is cut off: it has {len(content)} of {expected} bytes")
    if not {"skdeepclust", "sha256"} <= metadata.keys():
        raise ValueError("it is a safetensors file, but not one of this library")
    arrays = load(content)
    if checksum(metadata["skdeepclust"], arrays) != metadata["sha256"]:
        raise ValueError("its checksum is wrong: it was damaged or altered")
    return json.loads(metadata["skdeepclust"]), arrays


def _about(content: bytes, size: int) -> tuple[dict[str, str], int]:
    """Return the metadata, and how long a file should be."""
    if len(content) < 8 + size:
        raise ValueError(f"it is cut off: it has {len(content)} of at least {8 + size} bytes")
    header = json.loads(content[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    ends = [each["data_offsets"][1] for each in header.values()]
    return metadata, 8 + size + max(ends, default=0)
