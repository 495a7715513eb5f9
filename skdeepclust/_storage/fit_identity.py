"""What a fit is: its class, parameters and data, as hashes and as texts for messages."""

from __future__ import annotations

import math
import re
import reprlib
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from joblib.hashing import NumpyHasher

from skdeepclust._engine.distributed import strategy
from skdeepclust._engine.sparse import is_sparse
from skdeepclust._engine.stored_arrays import StoredArray, is_stored

# They change what is seen of a fit, or where it runs, but not what comes out of it.
WITHOUT_EFFECT = {"callbacks", "checkpoint", "device", "verbose"}
# Arrays that don't lie in one piece are read for hashing, at most so many bytes at a time.
BLOCK_BYTES = 2**26
# What the processes of one fit may disagree on.
LOCAL = {"random_state", *WITHOUT_EFFECT}
# Rows of X that they compare: enough to find another order, without reading all of a memory map.
N_ROWS_COMPARED = 1000
ADVICE = (
    "Each process needs all of the samples and what is known of them, in the same order, and takes "
    "its share of each batch by itself: load and split them in the same way, with fixed seeds."
)
# How values look in messages.
SHORT = reprlib.Repr()
SHORT.maxother = SHORT.maxstring = 100


class Hasher(NumpyHasher):
    """joblib's hash of objects, which also knows tensors, sparse matrices and any function.

    Arrays that are stored elsewhere, such as in HDF5, are read by blocks.
    """

    def save(self, obj: Any) -> None:
        if isinstance(obj, torch.Tensor):
            tensor = obj.detach().cpu().contiguous()
            obj = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        elif is_sparse(obj):
            matrix: Any = obj if obj.format in ("csr", "csc") else obj.tocsr()
            obj = (matrix.format, matrix.shape, matrix.data, matrix.indices, matrix.indptr)
        elif isinstance(obj, types.FunctionType):
            code = obj.__code__
            plain = [each for each in code.co_consts if isinstance(each, (int, float, str))]
            obj = (obj.__module__, obj.__qualname__, code.co_code, plain)
        elif isinstance(obj, type):
            obj = (obj.__module__, obj.__qualname__)
        elif is_stored(obj) and not isinstance(obj, np.ndarray) and obj.shape:
            obj = self._in_blocks(obj)
        if isinstance(obj, np.ndarray) and not obj.dtype.hasobject and obj.ndim:
            obj = self._in_one_piece(obj)
        super().save(obj)

    def _in_one_piece(self, array: np.ndarray) -> Any:
        if array.flags.c_contiguous or array.flags.f_contiguous:
            return array
        return self._in_blocks(array)

    def _in_blocks(self, array: Any) -> Any:
        row_bytes = math.prod(array.shape[1:]) * array.dtype.itemsize
        n_rows = max(1, BLOCK_BYTES // max(1, row_bytes))
        for start in range(0, array.shape[0], n_rows):
            self._hash.update(np.asarray(array[start : start + n_rows]).tobytes())
        return ("blocks", array.dtype.str, array.shape)


def hash_of(value: Any) -> str:
    """Return a hash that is the same in another process; memory maps are read, not loaded."""
    return str(Hasher("sha1", coerce_mmap=True).hash(value))


def describe(value: Any) -> str:
    """Describe a value in a message: arrays by dtype and shape, others as they print."""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is not None and shape:
        return f"{str(dtype).removeprefix('torch.')} of shape {tuple(shape)}"
    return re.sub(r" at 0x[0-9a-f]+", "", SHORT.repr(value)).replace("\n", " ")


def identity_of(estimator: Any, arguments: Mapping[str, Any], fitted: Any) -> dict[str, Any]:
    """Describe a fit by its class, its parameters and its data.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    arguments : mapping of str to object
        What `fit` was given.
    fitted : object
        The state from which a warm start goes on, or `None`.

    Returns
    -------
    dict
        `class`, a name; `parameters` and `data`, dicts of `[text, hash]` by name.

    Raises
    ------
    TypeError
        If a parameter can't be told from another one.
    """
    parameters = estimator.get_params(deep=False)
    data = {**arguments, "fitted state": fitted}
    return {
        "class": f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        "parameters": {
            name: _entry(name, value)
            for name, value in parameters.items()
            if name not in WITHOUT_EFFECT
        },
        "data": {name: _entry(name, value) for name, value in data.items() if value is not None},
    }


def _entry(name: str, value: Any) -> list[str]:
    try:
        return [describe(value), hash_of(value)]
    except Exception as error:  # whatever an object of a user's raises when it is pickled
        raise TypeError(
            f"checkpoint can't be used with {name}={describe(value)}: it has to recognise the fit "
            f"that it belongs to, and this object can't be hashed ({error}). Give a class or a "
            "function of a module, or leave out checkpoint."
        ) from error


def check_arguments_alike(arguments: Callable[[], dict[str, Any]]) -> None:
    """Raise ValueError unless the processes of a fit were given the same beside the samples.

    Of X, which the fit compares once it has checked it, the shape is compared: of samples that
    aren't as many all else differs, too.

    Parameters
    ----------
    arguments : callable
        Returns what `fit` was given, by name.
    """

    def compared() -> dict[str, Any]:
        given = {name: value for name, value in arguments().items() if value is not None}
        told: dict[str, Any] = {"the shape of X": getattr(given.pop("X", None), "shape", None)}
        for name, value in given.items():
            told |= {name: describe(value), f"the hash of {name}": _hash_or_none(value)}
        return told

    strategy().check_alike(compared, ADVICE)


def _hash_or_none(value: Any) -> str | None:
    if getattr(value, "nbytes", 0) > BLOCK_BYTES:
        value = value[:: max(1, value.shape[0] // N_ROWS_COMPARED)]
    try:
        return hash_of(value)
    except Exception:  # the fit says what is wrong with it
        return None


def check_alike(estimator: Any, X: Any) -> None:
    """Raise ValueError unless the processes of a fit have the same parameters and samples.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        The samples, of which a part is compared.
    """

    def compared() -> dict[str, Any]:
        parameters = estimator.get_params(deep=False)
        plain = (int, float, str, tuple)
        told = {k: repr(v) for k, v in parameters.items() if isinstance(v, plain)}
        if isinstance(X, StoredArray):
            some = X.some_rows(N_ROWS_COMPARED)
        else:
            some = X[:: max(1, X.shape[0] // N_ROWS_COMPARED)]
        return {
            "the class": type(estimator).__qualname__,
            **{name: value for name, value in told.items() if name not in LOCAL},
            "the shape of X": tuple(X.shape),
            "the hash of X": hash_of(some),
        }

    strategy().check_alike(compared, ADVICE)


def name_of(identity: Mapping[str, Any]) -> str:
    """Return a short name for what `identity_of` describes; texts don't count."""
    hashes = {
        part: {name: entry[1] for name, entry in identity[part].items()}
        for part in ("parameters", "data")
    }
    return f"{identity['class'].rpartition('.')[2]}-{hash_of([identity['class'], hashes])[:16]}"


def differences(given: Mapping[str, Any], kept: Mapping[str, Any]) -> list[str]:
    """Say in which parameters and in which data two fits differ, for messages."""
    found = []
    for part in ("parameters", "data"):
        here, there = given[part], kept[part]
        for name in sorted(here.keys() | there.keys()):
            one, other = here.get(name, ["None", ""]), there.get(name, ["None", ""])
            if one[1] == other[1]:
                continue
            same = one[0] == other[0]
            texts = "other contents" if same else f"{one[0]} now, {other[0]} then"
            found.append(f"{name} ({texts})")
    if given["class"] != kept["class"]:
        found.insert(0, f"the class ({given['class']} now, {kept['class']} then)")
    return found
