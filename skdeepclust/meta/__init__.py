"""Clusterers around another one, which answer what is asked of a clustering beside its labels."""

from __future__ import annotations

from skdeepclust.meta._consensus import ConsensusClusterer
from skdeepclust.meta._open_set import OpenSetClusterer

__all__ = ["ConsensusClusterer", "OpenSetClusterer"]
