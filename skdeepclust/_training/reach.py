"""What a class or a function that makes networks can reach of modules and tensors."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn


def within_reach(given: Callable[..., Any], arguments: Mapping[str, Any]) -> list[Any]:
    """Return modules, with all of their parts, and tensors that a call may put into its result.

    Parameters
    ----------
    given : callable
        A class, or a function.
    arguments : mapping of str to object
        What it is called with.

    Returns
    -------
    list of torch.nn.Module or Tensor
        Those among its arguments, in variables around it, and in lists, tuples and dicts of them.
    """
    values = [*arguments.values()]
    function: Any = given
    while isinstance(function, functools.partial):
        values += [*function.args, *function.keywords.values()]
        function = function.func
    values += [getattr(function, "__self__", None), *_variables(function)]
    return [part for value in values for part in _parts(value)]


def _variables(function: Any) -> Iterator[Any]:
    """Yield the defaults of a function, or of a class's constructor, and variables around it."""
    functions = [function]
    if isinstance(function, type):
        functions = [vars(cls)["__init__"] for cls in function.__mro__ if "__init__" in vars(cls)]
    for each in functions:
        try:
            around = inspect.getclosurevars(each)
        except (TypeError, ValueError):  # not written in Python, or not yet complete
            continue
        yield from around.nonlocals.values()
        yield from around.globals.values()
        yield from getattr(each, "__defaults__", None) or ()
        yield from (getattr(each, "__kwdefaults__", None) or {}).values()


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, nn.Module):
        yield from value.modules()
        yield from value.parameters()
        yield from value.buffers()
    elif isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _parts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _parts(each)
