"""Objects as a tree for JSON and a dict of arrays, and back without running any code from a file.

What JSON has no word for is a dict with the key "$", which names its kind; dicts of Python are
such a kind themselves, so that no data can be taken for one.
"""

from __future__ import annotations

import math
import types
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import nn

from skdeepclust._compat import NeighborsBase
from skdeepclust._storage.trust import Trust, home_of

# Of numpy; what has another dtype is written item by item, or not at all.
NUMERIC = {"bool", "float16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


class Encoder:
    """Turns an object into a tree for JSON; `arrays` collects what has bytes.

    Parameters
    ----------
    hint : str
        What to do with an object that can't be written, for the error.
    """

    def __init__(self, hint: str):
        self.hint = hint
        self.arrays: dict[str, np.ndarray] = {}
        self._names: dict[int, tuple[str, Any]] = {}  # and the array, so that its id stays its own

    def encode(self, value: Any, path: str) -> Any:
        """Return the tree of `value`, which `path` names in errors."""
        if value is None or isinstance(value, (bool, str)) or type(value) is int:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"$": "float", "value": str(value)}
        if type(value) is list:
            return [self.encode(each, f"{path}[{i}]") for i, each in enumerate(value)]
        for kinds, method in ENCODERS:
            if isinstance(value, kinds):
                return method(self, value, path)
        return self._object(value, path)

    def refuse(self, value: Any, path: str):
        """Raise the error for what can't be written."""
        text = f"{value!r:.60}".replace("\n", " ")
        raise TypeError(
            f"{path} is {text} ({type(value).__module__}.{type(value).__qualname__}), which a file "
            f"that holds no code can't hold. {self.hint}"
        )

    # ------------------------------------------------------------ numbers

    def _array(self, value: np.ndarray, path: str) -> Any:
        if value.dtype.name not in NUMERIC or type(value) is not np.ndarray:
            if value.dtype.kind not in "UO":
                self.refuse(value, path)
            items = self.encode(value.ravel().tolist(), path)
            return {"$": "objects", "dtype": str(value.dtype), "shape": value.shape, "items": items}
        if id(value) not in self._names:
            name = str(len(self._names))
            self._names[id(value)] = name, value
            native = value.astype(value.dtype.newbyteorder("="), copy=False)
            self.arrays[name] = np.ascontiguousarray(native).reshape(value.shape)
        return {"$": "array", "name": self._names[id(value)][0]}

    def _map(self, value: np.memmap, path: str) -> Any:
        return self._array(np.asarray(value), path)

    def _scalar(self, value: np.generic, path: str) -> Any:
        return {"$": "scalar", "array": self._array(np.asarray(value), path)}

    def _tensor(self, value: torch.Tensor, path: str) -> Any:
        plain = value.detach().cpu()
        if plain.dtype == torch.bfloat16 or plain.layout != torch.strided:
            self.refuse(value, path)
        kind = "parameter" if isinstance(value, nn.Parameter) else "tensor"
        array = self._array(plain.numpy(), path)
        return {"$": kind, "array": array, "requires_grad": value.requires_grad}

    def _sparse(self, value: Any, path: str) -> Any:
        if value.format not in ("csr", "csc"):
            self.refuse(value, path)
        parts = {k: self._array(getattr(value, k), path) for k in ("data", "indices", "indptr")}
        return {"$": "sparse", "class": type(value).__name__, "shape": list(value.shape), **parts}

    def _random_state(self, value: np.random.RandomState, path: str) -> Any:
        state = self.encode(value.get_state(legacy=False), path)
        return {"$": "random_state", "state": state}

    # ------------------------------------------------------------ containers

    def _dict(self, value: dict, path: str) -> Any:
        if type(value) not in (dict, OrderedDict):
            self.refuse(value, path)
        items = [
            [self.encode(key, path), self.encode(each, f"{path}.{key}")]
            for key, each in value.items()
        ]
        return {"$": type(value).__name__, "items": items}

    def _sequence(self, value: tuple | set, path: str) -> Any:
        items = self.encode(list(value), path)
        if hasattr(value, "_fields"):
            return {"$": "namedtuple", "class": self._name(type(value), path), "items": items}
        if type(value) not in (tuple, set):
            self.refuse(value, path)
        return {"$": type(value).__name__, "items": items}

    # ------------------------------------------------------------ names and objects

    def _name(self, value: Any, path: str) -> list[str]:
        module, name = getattr(value, "__module__", None), value.__qualname__
        if module in (None, "__main__") or "<" in name:
            self.refuse(value, path)
        return [home_of(value), name]

    def _global(self, value: Any, path: str) -> Any:
        return {"$": "global", "name": self._name(value, path)}

    def _word(self, value: Any, path: str) -> Any:
        kind = next(kind for kind, cls in WORDS.items() if isinstance(value, cls))
        return {"$": kind, "value": str(value).removeprefix("torch.")}

    def _path(self, value: PurePath, path: str) -> Any:
        return {"$": "path", "value": str(value)}

    def _search(self, value: NeighborsBase, path: str) -> Any:
        """Encode a search by its samples: its tree is made anew, out of nothing but numbers."""
        if hasattr(value, "_y"):  # a classifier or regressor, which is more than its samples
            self.refuse(value, path)
        params = self.encode(value.get_params(deep=False), path)
        fitted = self.encode(getattr(value, "_fit_X", None), path)
        return {
            "$": "search",
            "class": self._name(type(value), path),
            "params": params,
            "X": fitted,
        }

    def _object(self, value: Any, path: str) -> Any:
        state = value.__getstate__() if hasattr(value, "__dict__") else None
        if not isinstance(state, dict):
            self.refuse(value, path)
        name = self._name(type(value), path)
        return {"$": "object", "class": name, "state": self._dict(dict(state), path)}


WORDS = {"device": torch.device, "dtype": torch.dtype, "numpy dtype": np.dtype}
ENCODERS: list[tuple[Any, Callable[[Encoder, Any, str], Any]]] = [
    (np.memmap, Encoder._map),
    (np.ndarray, Encoder._array),
    (np.generic, Encoder._scalar),
    (torch.Tensor, Encoder._tensor),
    ((sparse.sparray, sparse.spmatrix), Encoder._sparse),
    (np.random.RandomState, Encoder._random_state),
    (PurePath, Encoder._path),
    (dict, Encoder._dict),
    ((tuple, set), Encoder._sequence),
    ((type, types.FunctionType, types.BuiltinFunctionType), Encoder._global),
    (tuple(WORDS.values()), Encoder._word),
    (NeighborsBase, Encoder._search),
]


class Decoder:
    """Makes an object from a tree and arrays; of classes, those that are trusted alone.

    Parameters
    ----------
    arrays : dict of str to ndarray
        What the encoder has collected.
    trust : Trust
        Finds classes and functions by name.
    """

    def __init__(self, arrays: dict[str, np.ndarray], trust: Trust):
        self.arrays, self.trust = arrays, trust

    def decode(self, node: Any) -> Any:
        """Return the object of a tree."""
        if isinstance(node, list):
            return [self.decode(each) for each in node]
        if not isinstance(node, dict):
            return node
        kind = node.get("$")
        if not isinstance(kind, str) or kind not in DECODERS:
            raise ValueError(f"it holds something of the unknown kind {kind!r}")
        return DECODERS[kind](self, node)

    def _float(self, node: dict) -> float:
        return float(node["value"])

    def _array(self, node: dict) -> np.ndarray:
        return self.arrays[node["name"]]

    def _scalar(self, node: dict) -> np.generic:
        return self.decode(node["array"])[()]

    def _objects(self, node: dict) -> np.ndarray:
        dtype = np.dtype(node["dtype"])
        if dtype.kind not in "UO":
            raise ValueError(f"it holds objects of the dtype {dtype}")
        array = np.empty(len(node["items"]), dtype)
        array[:] = self.decode(node["items"])
        return array.reshape(node["shape"])

    def _tensor(self, node: dict) -> torch.Tensor:
        tensor = torch.from_numpy(self.decode(node["array"]).copy())
        return tensor.requires_grad_(node["requires_grad"] and tensor.is_floating_point())

    def _parameter(self, node: dict) -> nn.Parameter:
        return nn.Parameter(self._tensor(node).detach(), requires_grad=node["requires_grad"])

    def _sparse(self, node: dict) -> Any:
        cls = {c.__name__: c for c in SPARSE}[node["class"]]
        parts = tuple(self.decode(node[k]) for k in ("data", "indices", "indptr"))
        matrix = cls(parts, shape=tuple(node["shape"]))
        matrix.check_format(full_check=True)  # compiled code would trust the indices
        return matrix

    def _random_state(self, node: dict) -> np.random.RandomState:
        state = np.random.RandomState(0)
        state.set_state(self.decode(node["state"]))
        return state

    def _dict(self, node: dict) -> dict:
        return {self.decode(key): self.decode(value) for key, value in node["items"]}

    def _ordered_dict(self, node: dict) -> OrderedDict:
        return OrderedDict(self._dict(node))

    def _tuple(self, node: dict) -> tuple:
        return tuple(self.decode(node["items"]))

    def _set(self, node: dict) -> set:
        return set(self.decode(node["items"]))

    def _device(self, node: dict) -> torch.device:
        return torch.device(node["value"])

    def _dtype(self, node: dict) -> torch.dtype:
        dtype = getattr(torch, node["value"])
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"it holds the dtype {node['value']!r}")
        return dtype

    def _numpy_dtype(self, node: dict) -> np.dtype:
        return np.dtype(node["value"])

    def _path(self, node: dict) -> Path:
        return Path(node["value"])

    def _global(self, node: dict) -> Any:
        return self.trust.callable(*node["name"])

    def _namedtuple(self, node: dict) -> tuple:
        cls = self.trust.instance_class(*node["class"])
        if not (issubclass(cls, tuple) and hasattr(cls, "_make")):
            raise ValueError(f"{node['class']} is no named tuple")
        return cls._make(self.decode(node["items"]))

    def _search(self, node: dict) -> NeighborsBase:
        cls = self.trust.instance_class(*node["class"])
        if not issubclass(cls, NeighborsBase):
            raise ValueError(f"{node['class']} is no search for neighbours")
        search, X = cls(**self.decode(node["params"])), self.decode(node["X"])
        return search if X is None else search.fit(X)

    def _object(self, node: dict) -> Any:
        cls: Any = self.trust.instance_class(*node["class"])
        state = self.decode(node["state"])
        if not isinstance(state, dict):
            raise ValueError(f"the state of {node['class']} is no dict")
        new = cls.__new__(cls)
        new.__setstate__(state) if hasattr(new, "__setstate__") else new.__dict__.update(state)
        return new


SPARSE = (sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.csc_matrix)
DECODERS: dict[str, Callable[[Decoder, dict], Any]] = {
    "float": Decoder._float,
    "array": Decoder._array,
    "scalar": Decoder._scalar,
    "objects": Decoder._objects,
    "tensor": Decoder._tensor,
    "parameter": Decoder._parameter,
    "sparse": Decoder._sparse,
    "random_state": Decoder._random_state,
    "path": Decoder._path,
    "dict": Decoder._dict,
    "OrderedDict": Decoder._ordered_dict,
    "tuple": Decoder._tuple,
    "set": Decoder._set,
    "device": Decoder._device,
    "dtype": Decoder._dtype,
    "numpy dtype": Decoder._numpy_dtype,
    "global": Decoder._global,
    "namedtuple": Decoder._namedtuple,
    "search": Decoder._search,
    "object": Decoder._object,
}
