"""Meta-estimators around small clusterers."""

from __future__ import annotations

from typing import Any

from sklearn.cluster import KMeans

from skdeepclust import meta

# So that as many samples as that are enough for a threshold.
OPTIONS: dict[str, dict[str, Any]] = {
    "OpenSetClusterer": {"contamination": 0.3, "calibration": 0.3},
    "StreamClusterer": {"contamination": 0.3, "calibration": 0.3},
    "ConsensusClusterer": {"n_runs": 2},
}
NAMES = [name for name in meta.__all__ if hasattr(getattr(meta, name), "fit")]
KMEANS = KMeans(3, n_init=2, random_state=0)


def around(name: str, estimator: Any = KMEANS, **options: Any) -> Any:
    """Return the meta-estimator of a name around a clusterer."""
    return getattr(meta, name)(estimator, **{**OPTIONS.get(name, {}), **options})
