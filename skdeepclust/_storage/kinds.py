"""What the writers and readers of single kinds of values are handed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from skdeepclust._storage.trust import Trust


class Writer(Protocol):
    """Turns values into nodes."""

    def node(self, value: Any, path: str) -> Any: ...

    def refuse(self, value: Any, path: str) -> None: ...

    def stored(self, array: np.ndarray) -> str: ...

    def name(self, value: Any, path: str) -> list[str] | None: ...


class Reader(Protocol):
    """Turns nodes into values."""

    arrays: dict[str, np.ndarray]
    trust: Trust

    def value(self, node: Any) -> Any: ...

    def share(self, node: dict, value: Any) -> None: ...


Write = Callable[[Writer, Any, str], Any]
Read = Callable[[Reader, dict], Any]
