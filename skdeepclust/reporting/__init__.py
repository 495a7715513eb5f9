"""One page to show of a clustering."""

from __future__ import annotations

from skdeepclust.reporting._report import report

__all__ = ["report"]
