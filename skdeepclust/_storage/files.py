"""Files without code: named arrays by safetensors, a tree as JSON, and a checksum of both."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

# More JSON than this is no header of an estimator.
MAX_HEADER_BYTES = 50_000_000
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


@contextmanager
def replacing(path: Path, suffix: str = ".part") -> Generator[Path]:
    """Give a file beside `path` to write to, and put it into its place at the end."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}{suffix}")
    part.touch(exist_ok=False)
    mode = part.stat().st_mode
    try:
        yield part
        part.chmod(mode)  # safetensors' files are for their owner alone
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_file(path: Path, tree: Any, arrays: dict[str, np.ndarray]) -> None:
    """Write a file at once or not at all."""
    text = json.dumps(tree, allow_nan=False)
    metadata = {"skdeepclust": text, "sha256": checksum(text, arrays)}
    try:
        with replacing(path) as part:
            save_file(arrays, part, metadata=metadata)
    except SafetensorError as error:
        raise OSError(f"{str(path)!r} can't be written: {error}") from error


def read_file(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the tree and the arrays, after the checks that need no decoding."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
    length = path.stat().st_size
    if size > min(MAX_HEADER_BYTES, length):
        raise ValueError(
            f"its header should have {size} bytes, more than {MAX_HEADER_BYTES} or than the file "
            f"({length}): it is cut off, or no file of this library"
        )
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        if not {"skdeepclust", "sha256"} <= metadata.keys():
            raise ValueError("it is a safetensors file, but not one of this library")
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if checksum(metadata["skdeepclust"], arrays) != metadata["sha256"]:
        raise ValueError("its checksum is wrong: it was damaged or altered")
    return json.loads(metadata["skdeepclust"]), arrays
