"""Fits that succeed as a whole or change nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def all_or_nothing(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method of an object, which stays as it was where the method fails.

    What the method sees, and callbacks do, is what is being fitted. Attributes are to be replaced,
    not changed in place.
    """

    @functools.wraps(method)
    def whole(self, *args: Any, **kwargs: Any) -> Any:
        before = vars(self)
        self.__dict__ = dict(before)
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            self.__dict__ = before
            raise

    return whole
