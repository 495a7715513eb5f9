"""Numbers of something that are arguments of functions and methods: integers, not too small."""

from __future__ import annotations

from numbers import Integral
from typing import Any


def check_integer(name: str, value: Any) -> None:
    """Raise TypeError, which names the argument, unless a value is an integer."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}.")


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Raise TypeError unless a value is an integer, and ValueError if it is below `least`."""
    check_integer(name, value)
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}.")


def checked_shape(name: str, shape: Any) -> tuple[int, ...]:
    """Return a shape as a tuple; its sides must be integers, and at least 1."""
    if isinstance(shape, (str, bytes)) or not hasattr(shape, "__iter__"):
        raise TypeError(f"{name} must be a tuple of integers, such as (8, 8), got {shape!r}.")
    sides = tuple(shape)
    for side in sides:
        check_count(f"each side of {name}", side)
    return tuple(map(int, sides))
