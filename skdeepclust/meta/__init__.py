"""Clusterers around another one, which answer what is asked of a clustering beside its labels."""

from __future__ import annotations

from skdeepclust.meta._consensus import ConsensusClusterer
from skdeepclust.meta._constrained import ConstrainedClusterer
from skdeepclust.meta._drift import DriftReport
from skdeepclust.meta._hierarchical import HierarchicalClusterer
from skdeepclust.meta._open_set import OpenSetClusterer
from skdeepclust.meta._size_constrained import SizeConstrainedClusterer
from skdeepclust.meta._stream import StreamClusterer

__all__ = [
    "ConsensusClusterer",
    "ConstrainedClusterer",
    "DriftReport",
    "HierarchicalClusterer",
    "OpenSetClusterer",
    "SizeConstrainedClusterer",
    "StreamClusterer",
]
