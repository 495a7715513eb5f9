"""Fitted estimators as one file without code: arrays by safetensors, the rest as JSON."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from skdeepclust._encoding import Decoder, Encoder
from skdeepclust._trust import Trust

__all__ = ["load", "save"]

# Of what is written; a file of a later one is refused.
FORMAT_VERSION = 1
# More JSON than this is no header of an estimator.
MAX_HEADER_BYTES = 50_000_000
# What a file that isn't right may lead to.
FAULTS = (
    SafetensorError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError,
    RecursionError, OverflowError,
)  # fmt: skip
HINT = (
    "Give a class or a function of a module instead of an object, a lambda or a local function, or "
    "keep the estimator with joblib, whose files run code when they are loaded."
)


def save(estimator: Any, path: str | os.PathLike) -> None:
    """Write a fitted estimator into one file that holds no code.

    The file is in the safetensors format: the weights and all other arrays, and beside them, as
    JSON, parameters, fitted attributes, the versions of the packages, and a checksum of it all. It
    appears under its name only when it is complete.

    Parameters
    ----------
    estimator : estimator
        An estimator of this library, fitted or not, or one of scikit-learn that holds some, such
        as a pipeline.
    path : str or path-like
        File to write. One that is there is replaced.

    Raises
    ------
    TypeError
        If the estimator holds something that such a file can't, such as a lambda function.
    OSError
        If the file can't be written; what was there before is as it was.

    See Also
    --------
    load : The way back.

    Notes
    -----
    Left out are `net_`, the net of skorch, and what estimators leave out of their pickles.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import skdeepclust
    >>> from skdeepclust.dictionary import KSVD
    >>> X = np.random.default_rng(0).normal(size=(20, 4))
    >>> model = KSVD(3, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     skdeepclust.save(model, path)
    ...     again = skdeepclust.load(path)
    >>> bool((again.transform(X) == model.transform(X)).all())
    True
    """
    encoder = Encoder(HINT)
    header = {
        "format": FORMAT_VERSION,
        "class": f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        "versions": _versions(),
        "estimator": encoder.encode(estimator, type(estimator).__name__),
    }
    text = json.dumps(header, allow_nan=False)
    metadata = {"skdeepclust": text, "sha256": _checksum(text, encoder.arrays)}
    _write(Path(path), encoder.arrays, metadata)


def load(path: str | os.PathLike, *, trusted: Iterable[Any] = ()) -> Any:
    """Read an estimator that :func:`save` has written, without running code from the file.

    Parameters
    ----------
    path : str or path-like
        File.
    trusted : iterable of class or function, default=()
        What the file may name besides classes of this library and torch's layers and optimizers:
        networks, functions and scikit-learn's estimators that were a part of what was saved. Only
        these objects are taken, whatever a module of that name holds.

    Returns
    -------
    estimator
        It predicts as the one that was saved, on the device that its parameter `device` finds.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it isn't a file of this library, is cut off or altered, of a later version, or names a
        class that isn't trusted.

    See Also
    --------
    save : Writes such a file.

    Notes
    -----
    The checksum tells damage, not intent: who can alter a file can alter the checksum. What such a
    file can do is limited by what `load` makes of it: objects of the classes named above from
    numbers, texts and lists. It can't run code, but its numbers may be anything, and their size may
    be that of the file.

    Examples
    --------
    See :func:`save`.
    """
    path = Path(path)
    try:
        text, arrays = _read(path)
        header = json.loads(text)
        if header["format"] > FORMAT_VERSION:
            raise ValueError(
                f"it was written in the format {header['format']} by version "
                f"{header['versions']['skdeepclust']}; this version, "
                f"{_versions()['skdeepclust']}, knows formats up to {FORMAT_VERSION}: upgrade"
            )
        return Decoder(arrays, Trust(trusted)).decode(header["estimator"])
    except FAULTS as error:
        reason = str(error) if isinstance(error, (ValueError, SafetensorError)) else repr(error)
        raise ValueError(f"{str(path)!r} can't be loaded: {reason}.") from error


def _versions() -> dict[str, str]:
    import skdeepclust  # which imports this module

    packages = {"skdeepclust": skdeepclust, "numpy": np, "scipy": scipy}
    packages |= {"scikit-learn": sklearn, "torch": torch}
    versions = {name: str(package.__version__) for name, package in packages.items()}
    return {**versions, "python": platform.python_version()}


def _checksum(text: str, arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(array.reshape(-1).view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def _write(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write beside the file and put it into its place at the end."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    part.touch(exist_ok=False)
    mode = part.stat().st_mode
    try:
        save_file(arrays, part, metadata=metadata)
        part.chmod(mode)  # safetensors' files are for their owner alone
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except SafetensorError as error:
        raise OSError(f"{str(path)!r} can't be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """Return the JSON text and the arrays, after the checks that need no decoding."""
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
    if _checksum(metadata["skdeepclust"], arrays) != metadata["sha256"]:
        raise ValueError("its checksum is wrong: it was damaged or altered")
    return metadata["skdeepclust"], arrays
