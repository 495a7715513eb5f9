"""Objects as a tree for JSON and a dict of arrays, and back without running any code from a file.

What JSON has no word for is a dict with the key "$", which names its kind; dicts of Python are
such a kind themselves, so that no data can be taken for one. What stands in several places is
written once: the first one has an "id", the others are of the kind "same".
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.neighbors import BallTree, KDTree

from skdeepclust._compat import NeighborsBase
from skdeepclust._storage import frames, layers, numbers, values
from skdeepclust._storage.fit_identity import describe
from skdeepclust._storage.kinds import Read, Reader, Write, Writer
from skdeepclust._storage.trust import Trust, name_of

TREES: dict[str, Any] = {"ball_tree": BallTree, "kd_tree": KDTree}
# How Python makes an object again that has nothing but a state.
BY_STATE: Any = object().__reduce_ex__(2)[0]
# How Cython's classes are made again.
OF_CYTHON = "__pyx_unpickle_"
# Objects that are the same one where they stand twice; what else there is has no state of its own.
SHARED = (
    torch.Tensor, torch.Generator, np.random.RandomState, np.random.Generator,
    sparse.sparray, sparse.spmatrix,
)  # fmt: skip


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
        self._refused: dict[str, str] = {}
        # with the objects, so that their ids stay their own
        self._names: dict[int, tuple[str, np.ndarray]] = {}
        self._nodes: dict[int, tuple[dict, Any]] = {}
        self._n_shared = 0

    def encode(self, value: Any, path: str) -> Any:
        """Return the tree of `value`, which `path` names in errors."""
        try:
            tree = self.node(value, path)
        except RecursionError as error:
            raise TypeError(
                f"{path} is nested too deep for a file, or a list or dict in it holds itself. "
                f"{self.hint}"
            ) from error
        if self._refused:
            several = len(self._refused) > 1
            listed = "; ".join(f"{where} is {what}" for where, what in self._refused.items())
            which = "all of which" if several else "which"
            raise TypeError(f"{listed}, {which} a file that holds no code can't hold. {self.hint}")
        return tree

    def refuse(self, value: Any, path: str) -> None:
        """Note what can't be written, for the error that names it all."""
        cls = type(value)
        self._refused[path] = f"{describe(value)} ({cls.__module__}.{cls.__qualname__})"

    def node(self, value: Any, path: str) -> Any:
        """Return the tree of a part."""
        if value is None or isinstance(value, bool) or type(value) is str:
            return value
        if type(value) is float:
            return values.write_float(value)
        if type(value) is int:
            return values.write_int(value)
        if type(value) is list:
            return [self.node(each, f"{path}[{i}]") for i, each in enumerate(value)]
        if type(value) in (dict, OrderedDict):
            return values.write_dict(self, value, path)
        known = values.write_exactly(self, value, path) or frames.write_pandas(self, value, path)
        if known is not None:
            return known
        write = next((write for types, write in WRITERS if isinstance(value, types)), write_object)
        shares = write in OBJECTS or isinstance(value, SHARED)
        return self._shared(write, value, path) if shares else write(self, value, path)

    def _shared(self, write: Write, value: Any, path: str) -> dict:
        if id(value) not in self._nodes:
            node: dict[str, Any] = {}
            self._nodes[id(value)] = node, value
            node.update(write(self, value, path) or {})
            return node
        node, _ = self._nodes[id(value)]
        if "id" not in node:
            node["id"] = self._n_shared
            self._n_shared += 1
        return {"$": "same", "id": node["id"]}

    def stored(self, array: np.ndarray) -> str:
        """Keep an array; return its name in the file."""
        if id(array) not in self._names:
            name = str(len(self._names))
            self._names[id(array)] = name, array
            native = array.astype(array.dtype.newbyteorder("="), copy=False)
            self.arrays[name] = np.ascontiguousarray(native).reshape(array.shape)
        return self._names[id(array)][0]

    def name(self, value: Any, path: str) -> list[str] | None:
        """Return the module and the name of a class or function."""
        name = name_of(value)
        if name is None or "<" in name[1]:
            return self.refuse(value, path)
        return [*name]


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
        self._shared: dict[int, Any] = {}

    def decode(self, tree: Any) -> Any:
        """Return the object of a tree, of which all names are trusted."""
        self.trust.check(tree)
        return self.value(tree)

    def value(self, node: Any) -> Any:
        """Return the object of a part."""
        if isinstance(node, list):
            return [self.value(each) for each in node]
        if not isinstance(node, dict):
            return node
        kind = node.get("$")
        if kind == "same":
            return self._shared[node["id"]]
        if not isinstance(kind, str) or kind not in READERS:
            raise ValueError(f"it holds something of the unknown kind {kind!r}")
        value = READERS[kind](self, node)
        self.share(node, value)
        return value

    def share(self, node: dict, value: Any) -> None:
        """Remember an object that stands in several places."""
        if "id" in node:
            self._shared[node["id"]] = value


# ---------------------------------------------------------------- objects


def write_object(writer: Writer, value: Any, path: str) -> Any:
    """Write an object by its state, as `copy` and `pickle` know it."""
    cls = type(value)
    if isinstance(value, str):  # of a class of its own
        return str(value)
    try:
        made, arguments, *rest = value.__reduce_ex__(2)
    except Exception:  # whatever an object of a user's raises
        return writer.refuse(value, path)
    state, items, entries = [*rest, None, None, None][:3]
    node = {"$": "object", "class": writer.name(cls, path)}
    if made is cls:
        node |= {"$": "made", "arguments": writer.node(list(arguments), path)}
    elif getattr(made, "__name__", "") == f"{OF_CYTHON}{cls.__name__}" and arguments[0] is cls:
        node |= {"$": "made", "of cython": writer.node(list(arguments[1:]), path)}
    elif not _is_by_state(made) or arguments != (cls,) or cls.__module__ == "builtins":
        return writer.refuse(value, path)
    if items is not None:
        node["items"] = writer.node(list(items), path)
    if entries is not None:
        node["entries"] = writer.node(dict(entries), path)
    return node | {"state": writer.node(_plain(state), path)}


def _is_by_state(made: Any) -> bool:
    """Tell whether an object is made out of nothing: by Python, or as scikit-learn's trees are."""
    return made is BY_STATE or getattr(made, "__name__", "") == "newObj"


def _plain(state: Any) -> Any:
    """Leave out what differs from process to process: the order of attributes, and addresses."""
    if not isinstance(state, dict):
        return state
    addresses = {id(value) for value in state.values()}
    return {
        key: state[key]
        for key in sorted(state, key=str)
        if not (type(state[key]) is int and state[key] in addresses)
    }


def read_object(reader: Reader, node: dict) -> Any:
    cls: Any = reader.trust.instance_class(*node["class"])
    new = cls.__new__(cls)
    reader.share(node, new)
    if "items" in node:
        list.extend(new, reader.value(node["items"]))
    if "entries" in node:
        dict.update(new, reader.value(node["entries"]))
    _set_state(new, reader.value(node["state"]))
    return new


def read_made(reader: Reader, node: dict) -> Any:
    """Make an object by its class: of those alone that the caller has named."""
    cls = reader.trust.instance_class(*node["class"])
    if not reader.trust.is_named(cls):
        raise ValueError(f"it calls {'.'.join(node['class'])}, which the caller hasn't named")
    if "of cython" in node:  # which makes nothing but objects of this class
        make = getattr(sys.modules[cls.__module__], f"{OF_CYTHON}{cls.__name__}")
        new = make(cls, *reader.value(node["of cython"]))
    else:
        new = cls(*reader.value(node["arguments"]))
    reader.share(node, new)
    _set_state(new, reader.value(node["state"]))
    return new


def _set_state(new: Any, state: Any) -> None:
    if state is None:
        return
    if hasattr(new, "__setstate__"):
        new.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    if attributes:
        new.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        object.__setattr__(new, name, value)


def write_search(writer: Writer, value: NeighborsBase, path: str) -> Any:
    """Write a search without its tree, which is made anew, out of nothing but numbers."""
    state: Any = value.__getstate__()
    if state.get("_fit_method") in TREES:
        state = {**state, "_tree": None, "_fit_X": np.asarray(state["_fit_X"])}
    name = writer.name(type(value), path)
    return {"$": "neighbors", "class": name, "state": writer.node(state, path)}


def read_search(reader: Reader, node: dict) -> NeighborsBase:
    cls: Any = reader.trust.instance_class(*node["class"])
    if not issubclass(cls, NeighborsBase):
        raise ValueError(f"{node['class']} is no search for neighbours")
    if node["$"] == "search":  # of earlier versions
        search, X = cls(**reader.value(node["params"])), reader.value(node["X"])
        return search if X is None else search.fit(X)
    found: Any = object.__new__(cls)
    reader.share(node, found)
    found.__setstate__(reader.value(node["state"]))
    if getattr(found, "_fit_method", None) in TREES:
        metric, options = found.effective_metric_, found.effective_metric_params_
        tree = TREES[found._fit_method]
        found._tree = tree(found._fit_X, found.leaf_size, metric=metric, **options)
    return found


OBJECTS = (write_object, write_search, layers.write_layer)
WRITERS: list[tuple[Any, Write]] = [
    *layers.WRITERS,
    *numbers.WRITERS,
    *values.WRITERS,
    (NeighborsBase, write_search),
]
READERS: dict[str, Read] = {
    **layers.READERS,
    **numbers.READERS,
    **values.READERS,
    **frames.READERS,
    "neighbors": read_search,
    "search": read_search,
    "object": read_object,
    "made": read_made,
}
