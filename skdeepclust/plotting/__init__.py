"""Figures as Display objects: they hold the data that they show, and draw on demand."""

from __future__ import annotations

from skdeepclust.plotting._embedding import EmbeddingDisplay
from skdeepclust.plotting._exemplars import ExemplarDisplay
from skdeepclust.plotting._gallery import ClusterGalleryDisplay

__all__ = ["ClusterGalleryDisplay", "EmbeddingDisplay", "ExemplarDisplay"]
