"""Figures as Display objects: they hold the data that they show, and draw on demand."""

from __future__ import annotations

from skdeepclust.plotting._activation_heatmap import ActivationHeatmapDisplay
from skdeepclust.plotting._assignment import AssignmentDisplay
from skdeepclust.plotting._cluster_numbers import ClusterNumberDisplay
from skdeepclust.plotting._coverage import CoverageDisplay
from skdeepclust.plotting._dendrogram import DendrogramDisplay
from skdeepclust.plotting._dictionary import DictionaryDisplay
from skdeepclust.plotting._drift import DriftDisplay
from skdeepclust.plotting._embedding import EmbeddingDisplay
from skdeepclust.plotting._exemplars import ExemplarDisplay
from skdeepclust.plotting._gallery import ClusterGalleryDisplay
from skdeepclust.plotting._history import HistoryDisplay
from skdeepclust.plotting._labelled_embedding import LabelledEmbeddingDisplay
from skdeepclust.plotting._sweep import SweepDisplay

__all__ = [
    "ActivationHeatmapDisplay",
    "AssignmentDisplay",
    "ClusterGalleryDisplay",
    "ClusterNumberDisplay",
    "CoverageDisplay",
    "DendrogramDisplay",
    "DictionaryDisplay",
    "DriftDisplay",
    "EmbeddingDisplay",
    "ExemplarDisplay",
    "HistoryDisplay",
    "LabelledEmbeddingDisplay",
    "SweepDisplay",
]
