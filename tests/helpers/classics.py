"""The classics with networks and epochs that are trained in a moment."""

from __future__ import annotations

from typing import Any

from skdeepclust import (
    DCNClusterer,
    DECClusterer,
    DKMClusterer,
    IDECClusterer,
    VaDEClusterer,
)

CLASSICS: dict[str, type] = {
    "DEC": DECClusterer,
    "IDEC": IDECClusterer,
    "DCN": DCNClusterer,
    "DKM": DKMClusterer,
    "VaDE": VaDEClusterer,
}
SMALL = {"n_components": 4, "pretrain_epochs": 2, "max_epochs": 2, "n_init": 2, "random_state": 0}


def classic(name: str, n_clusters: int = 4, **parameters: Any) -> Any:
    """Return a small clusterer of the method."""
    network = {} if {"module", "image_shape"} & parameters.keys() else {"module__hidden": (16,)}
    return CLASSICS[name](n_clusters, **{**SMALL, **network, **parameters})
