"""Signatures, defaults and bases of all public names, of methods and of functions."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import skdeepclust
from same.seen import text_of
from same.small import Scenario


def public_modules() -> list[str]:
    """Return the names of all modules whose names have no underscore, the package first."""
    found = [skdeepclust.__name__]
    for package in found:
        paths = getattr(importlib.import_module(package), "__path__", ())
        names = (each.name for each in pkgutil.iter_modules(paths))
        found += [f"{package}.{name}" for name in names if not name.startswith("_")]
    return found


def public_objects(module: Any) -> dict[str, Any]:
    """Return what a module exports; without `__all__`, what it doesn't import."""
    names = getattr(module, "__all__", None)
    if names is not None:
        return {name: getattr(module, name) for name in names}
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", module.__name__) == module.__name__
        and not inspect.ismodule(value)
        and name != "annotations"
    }


def signature_of(function: Any) -> str:
    """Return names, kinds and defaults of parameters; annotations change no result."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return "no signature"
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
    return text_of(f"({', '.join(f'{each} [{each.kind.description}]' for each in bare)})")


def members(cls: type) -> Iterator[tuple[str, str]]:
    """Yield what users call and read of a class; of its bases, those that others can test for."""
    yield "()", signature_of(cls)
    bases = [base.__name__ for base in cls.__mro__ if is_of_others(base)]
    yield "bases", ", ".join(bases)
    for name in sorted(dir(cls)):
        if name.startswith("_"):
            continue
        member = inspect.getattr_static(cls, name)
        if isinstance(member, property):
            yield name, "property"
        elif callable(value := getattr(cls, name, None)):
            yield name, f"{type(member).__name__} {signature_of(value)}"
        else:
            yield name, type(value).__name__


def is_of_others(base: type) -> bool:
    module = base.__module__
    return not module.startswith(skdeepclust.__name__) and base is not object


def described(value: Any) -> Iterator[tuple[str, Any]]:
    if inspect.isclass(value):
        yield "home", value.__module__
        yield from members(value)
    elif callable(value):
        yield "home", getattr(value, "__module__", "")
        yield "()", signature_of(value)
    else:
        yield "value", text_of(repr(value))


def public_name(module: str, name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    yield from described(public_objects(importlib.import_module(module))[name])


def modules(folder: Path) -> Iterator[tuple[str, Any]]:
    for module in public_modules():
        imported = importlib.import_module(module)
        yield module, sorted(public_objects(imported))
        yield (
            f"names of {module}",
            [name for name in dir(imported) if not name.startswith("_")]
            if hasattr(imported, "__all__")
            else "no __all__",
        )


SCENARIOS: dict[str, Scenario] = {
    "public modules": modules,
    **{
        f"name {module}.{name}": partial(public_name, module, name)
        for module in public_modules()
        for name in public_objects(importlib.import_module(module))
    },
}
