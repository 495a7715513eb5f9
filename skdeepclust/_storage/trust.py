"""Which classes and functions a file may name."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable
from typing import Any

import torch
from sklearn.base import BaseEstimator
from sklearn.neighbors import NearestNeighbors
from torch import nn

PACKAGE = __name__.partition(".")[0]
# What estimators of this library hold beside its own classes.
ALWAYS = (NearestNeighbors,)
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
}


def moved(module: str) -> str:
    """Return where the classes of a module that a file names are now."""
    package, _, rest = module.partition(".")
    return f"{PACKAGE}.{MOVED[rest]}" if package == PACKAGE and rest in MOVED else module


def home_of(value: Any) -> str:
    """Return the module that a file names: the public one that exports a class of this package."""
    module, _, private = value.__module__.partition("._")
    public = sys.modules.get(module) if private and module.startswith(PACKAGE) else None
    return module if getattr(public, value.__qualname__, None) is value else value.__module__


class Trust:
    """Finds classes by their name: those of the library, torch's layers, those the caller names.

    Nothing is imported but modules of the library.

    Parameters
    ----------
    named : iterable of class or function
        What is trusted besides.
    """

    def __init__(self, named: Iterable[Any] = ()):
        named = [named] if isinstance(named, str) else [*named]
        for each in named:
            if not hasattr(each, "__qualname__"):
                raise TypeError(
                    f"trusted holds {each!r}, but takes classes and functions themselves: import "
                    "them, and call load(path, trusted=[NAME]) with the names unquoted."
                )
        self.named = {(each.__module__, each.__qualname__): each for each in (*ALWAYS, *named)}

    def instance_class(self, module: str, name: str) -> type:
        """Return a class of which an object may be made from its state."""
        found = self._find(module, name)
        if not isinstance(found, type):
            raise ValueError(f"{module}.{name} is no class")
        return found

    def callable(self, module: str, name: str) -> Any:
        """Return a class or a function that will be called: of the library, networks alone."""
        found = self._find(module, name)
        if (module, name) in self.named or _makes_layers(found):
            return found
        raise self._error(module, name)

    def _find(self, module: str, name: str) -> Any:
        if (module, name) in self.named:
            return self.named[module, name]
        module, found = moved(module), None
        if module.startswith(("torch.nn.modules.", "torch.optim.")):
            space = torch.nn if module.startswith("torch.nn.") else torch.optim
            found = getattr(space, name, None)
        elif re.fullmatch(rf"{PACKAGE}(\.\w+)*", module):
            try:
                found = getattr(importlib.import_module(module), name, None)
            except ModuleNotFoundError:
                found = None
        # not what the module has imported from elsewhere
        if isinstance(found, type) and module in (found.__module__, home_of(found)):
            return found
        raise self._error(module, name)

    def _error(self, module: str, name: str) -> ValueError:
        return ValueError(
            f"it names {module}.{name}, which isn't a part of {PACKAGE}. If you know it and trust "
            f"it, import it and call load(path, trusted=[{name}])"
        )


def _makes_layers(found: type) -> bool:
    return issubclass(found, (nn.Module, torch.optim.Optimizer)) and not issubclass(
        found, BaseEstimator
    )
