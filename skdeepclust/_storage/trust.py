"""Which classes and functions a file may name."""

from __future__ import annotations

import importlib
import re
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from sklearn.base import BaseEstimator
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch.nn.utils import parametrize

from skdeepclust._storage.harmless import HARMLESS, NAMES

PACKAGE = __name__.partition(".")[0]
# What estimators of this library and of scikit-learn hold beside their own classes.
ALWAYS = (NearestNeighbors, parametrize.ParametrizationList)
# Parts of scikit-learn's estimators and of torch's layers that users don't meet: they hold data,
# or functions that the file has to name, too. None of them does anything when it is made.
PARTS = {
    "sklearn.compose._column_transformer": {"_RemainderColsList"},
    "sklearn.metrics._scorer": {
        "_CurveScorer", "_MultimetricScorer", "_PassthroughScorer", "_Scorer",
    },
    "sklearn.model_selection._split": {"_CVIterableWrapper"},
    "sklearn.utils._metadata_requests": {
        "MetadataRequest", "MetadataRouter", "MethodMapping", "MethodMetadataRequest",
    },
    "torch.nn.modules.module": {"_WrappedHook"},
    "torch.nn.utils.parametrizations": {"_OrthMaps", "_Orthogonal", "_SpectralNorm", "_WeightNorm"},
    "torch.nn.utils.spectral_norm": {
        "SpectralNorm", "SpectralNormLoadStateDictPreHook", "SpectralNormStateDictHook",
    },
    "torch.nn.utils.weight_norm": {"WeightNorm"},
}  # fmt: skip
# Modules of this package whose classes older files name, and where these are now.
MOVED = {
    "_affinity": "graph._affinity",
    "_input_graph": "graph._input_graph",
    "_known_samples": "graph._known_samples",
    "_sample_graph": "graph._sample_graph",
    "_graph_branch": "networks._graph_branch",
    "_cluster_heads": "_clusters.heads",
    "_initial_clusters": "_clusters.initial",
    "_initial_dictionary": "_clusters.initial_dictionary",
    "_partitions": "_clusters.partitions",
    "_repair": "_clusters.repair",
    "_stored": "_engine.stored_arrays",
    "networks._triplet_dec": "networks._clustered",
}
# Which part of a node has a name, by its kind, where it isn't its class.
NAMED = {"global": "name"}


class UntrustedError(ValueError):
    """A file names what isn't trusted."""

    def __init__(self, names: list[tuple[str, str]]):
        texts = [f"{module}.{name}" for module, name in names]
        are, them = ("aren't parts", "them") if len(names) > 1 else ("isn't a part", "it")
        listed = ", ".join(texts[:-1]) + " and " * (len(texts) > 1) + texts[-1]
        super().__init__(
            f"it names {listed}, which {are} of {PACKAGE}. If you know {them} and trust {them}, "
            f"import {them} and call load(path, trusted=[{', '.join(n for _, n in names)}])"
        )
        self.names = names


def moved(module: str) -> str:
    """Return where the classes of a module that a file names are now."""
    package, _, rest = module.partition(".")
    return f"{PACKAGE}.{MOVED[rest]}" if package == PACKAGE and rest in MOVED else module


def home_of(value: Any) -> str:
    """Return the module that a file names: the public one that exports a class or function."""
    module, _, private = value.__module__.partition("._")
    public = sys.modules.get(module) if private else None
    return module if getattr(public, value.__qualname__, None) is value else value.__module__


def name_of(value: Any) -> tuple[str, str] | None:
    """Return the module and the name by which a file names a class or function, if it has one."""
    if id(value) in NAMES:
        return NAMES[id(value)]
    owner: Any = getattr(value, "__self__", None)
    if isinstance(value, types.MethodType):
        is_of_class = isinstance(owner, type)  # another way of making its objects
        return (owner.__module__, f"{owner.__qualname__}.{value.__name__}") if is_of_class else None
    if not isinstance(owner, (type, types.ModuleType, types.NoneType)):
        return None  # a compiled method of an object
    if isinstance(value, types.MethodDescriptorType):
        return value.__objclass__.__module__, value.__qualname__
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    return (home_of(value), name) if isinstance(module, str) and isinstance(name, str) else None


class Trust:
    """Finds classes by their name: those of the library, torch's layers, those the caller names.

    Nothing is imported but modules of the library, and those of the parts named above.

    Parameters
    ----------
    named : iterable of class or function
        What is trusted besides.
    """

    def __init__(self, named: Iterable[Any] = ()):
        named = [named] if isinstance(named, str) else [*named]
        for each in named:
            if name_of(each) is None:
                raise TypeError(
                    f"trusted holds {each!r}, but takes classes and functions themselves: import "
                    "them, and call load(path, trusted=[NAME]) with the names unquoted."
                )
        self._by_caller = named
        self.named: dict[tuple[str, str], Any] = {}
        for each in (*ALWAYS, *named):
            module, name = name_of(each) or ("", "")
            self.named |= {(module, name): each, (getattr(each, "__module__", module), name): each}

    def check(self, tree: Any) -> None:
        """Raise UntrustedError with all names of a file that aren't trusted."""
        missing: dict[tuple[str, str], None] = {}
        for node in _nodes(tree):
            key = NAMED.get(node["$"], "class")
            if not isinstance(node.get(key), list):
                continue
            find = self.callable if node["$"] in NAMED else self.instance_class
            try:
                find(*node[key])
            except UntrustedError as error:
                missing |= dict.fromkeys(error.names)
        if missing:
            raise UntrustedError([*missing])

    def instance_class(self, module: str, name: str) -> type:
        """Return a class of which an object may be made from its state."""
        found = self._find(module, name)
        if not isinstance(found, type):
            raise ValueError(f"{module}.{name} is no class")
        return found

    def callable(self, module: str, name: str) -> Any:
        """Return a class or a function that will be called: of the library, networks alone."""
        if (module, name) in HARMLESS:
            return HARMLESS[module, name]
        found = self._find(module, name)
        if self.is_named(found) or found in ALWAYS or _makes_layers(found) or _is_metric(found):
            return found
        raise UntrustedError([(module, name)])

    def is_named(self, value: Any) -> bool:
        """Tell whether the caller has named a class or a function."""
        return any(each == value for each in self._by_caller)

    def _find(self, module: str, name: str) -> Any:
        given = self._given(module, name)
        if given is not None:
            return given
        module, found = moved(module), None
        if name in PARTS.get(module, ()):
            found = _imported(module, name)
            if found is not None:  # other versions may have it elsewhere
                return found
        elif module.startswith(("torch.nn.modules.", "torch.optim.")):
            found = getattr(sys.modules.get(module), name, None)
            found = found if isinstance(found, type) and _makes_layers(found) else None
        elif re.fullmatch(rf"{PACKAGE}(\.\w+)*", module):
            found = _imported(module, name)
        # not what the module has imported from elsewhere
        is_own = isinstance(found, type) and module in (found.__module__, home_of(found))
        if is_own or _is_metric(found):
            return found
        raise UntrustedError([(module, name)])

    def _given(self, module: str, name: str) -> Any:
        """Return what the caller names; a script's and a notebook's own is in no lasting module."""
        if (module, name) in self.named:
            return self.named[module, name]
        if module != "__main__":
            return self.named.get(("__main__", name))
        found = [each for (_, other), each in self.named.items() if other == name]
        return found[0] if found and all(each is found[0] for each in found) else None


def _imported(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError:
        return None


def _nodes(tree: Any) -> Iterator[dict]:
    """Yield each node of a tree, without recursion: a file may be nested without end."""
    left = [tree]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            if isinstance(each.get("$"), str):
                yield each
            left.extend(reversed([*each.values()]))
        elif isinstance(each, list):
            left.extend(reversed(each))


def _makes_layers(found: Any) -> bool:
    makes = isinstance(found, type) and issubclass(found, (nn.Module, torch.optim.Optimizer))
    return makes and not issubclass(found, BaseEstimator)


def _is_metric(found: Any) -> bool:
    return isinstance(found, types.FunctionType) and found.__module__ == f"{PACKAGE}.metrics"
