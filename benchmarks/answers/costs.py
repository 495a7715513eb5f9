"""What each estimator around a clusterer costs by itself, beside the fit of that clusterer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin

from benchmarks.answers.settings import MAKE
from benchmarks.common.records import Record
from benchmarks.common.runs import Cost
from benchmarks.compare.samples import Samples
from skdeepclust.meta import (
    ConsensusClusterer,
    ConstrainedClusterer,
    HierarchicalClusterer,
    OpenSetClusterer,
    SizeConstrainedClusterer,
    StreamClusterer,
)
from skdeepclust.meta._base import embedding_of

# Names of their columns; those of parts have a fit before them that isn't counted.
OWN = ("OpenSet", "Consensus", "Hierarchical", "SizeConstrained", "Constrained", "Stream, a part")


class Ready(ClusterMixin, BaseEstimator):
    """A clusterer that was fitted before: its fits cost nothing."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __sklearn_clone__(self) -> Ready:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: np.ndarray, y: Any = None) -> Ready:
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.model.predict(X)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(X)

    def transform(self, X: np.ndarray) -> np.ndarray:
        return embedding_of(self.model, X, "auto")


def own_costs(samples: Samples, setting: str, seed: int) -> Record:
    """Fit a clusterer once, and time what stands around it; a vote is one of five."""
    X, mean = samples.X, len(samples.y) // samples.n_classes
    model = MAKE[setting](samples, samples.n_classes, seed)
    with Cost() as fit:
        model.fit(X)
    ready = Ready(model)
    known = np.where(np.arange(len(X)) % (len(X) // 100), -1, samples.y)
    bounds = {"min_cluster_size": int(0.9 * mean), "max_cluster_size": int(1.1 * mean) + 1}
    stream = StreamClusterer(ready, random_state=seed).fit(X)
    calls: dict[str, Callable[[], Any]] = dict(
        zip(
            OWN,
            (
                lambda: OpenSetClusterer(ready, random_state=seed).fit(X),
                lambda: ConsensusClusterer(ready, n_runs=5, random_state=seed).fit(X),
                lambda: HierarchicalClusterer(ready).fit(X),
                lambda: SizeConstrainedClusterer(ready, **bounds).fit(X),
                lambda: ConstrainedClusterer(ready).fit(X, known_labels=known),
                lambda: stream.partial_fit(X),
            ),
            strict=True,
        )
    )
    record: Record = {"fit_s": fit.record["cpu_s"], **fit.record}
    for name, call in calls.items():
        with Cost() as cost:
            call()
        record[name] = cost.record["cpu_s"]
    return record
