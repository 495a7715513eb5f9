"""How far a shallow tree stands for a clustering, and what explanations and a report cost."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.answers.settings import MAKE
from benchmarks.common.records import Record
from benchmarks.common.runs import Cost
from benchmarks.compare.samples import Samples
from skdeepclust import report
from skdeepclust.explain import (
    contrast_centers,
    distinguishing_features,
    nearest_members,
    surrogate_tree,
)

DEPTHS = (3, 4, 5)


def explained(samples: Samples, setting: str, seed: int) -> Record:
    """Fit a clusterer, put trees in its place, and time all that explains it."""
    X = samples.X
    model = MAKE[setting](samples, samples.n_classes, seed)
    with Cost() as fit:
        model.fit(X)
    record: Record = {"fit_s": fit.record["cpu_s"], **fit.record}
    for depth in DEPTHS:
        tree = surrogate_tree(model, X, max_depth=depth, random_state=seed)
        record[f"fidelity, depth {depth}"] = tree.fidelity
        record[f"held back, depth {depth}"] = float(np.mean(tree.cv_fidelity))
        record["baseline"] = tree.baseline
    best = distinguishing_features(model, X, n_features=1)
    record["score of best"] = float(np.mean([each[0].score for each in best.values() if each]))
    return record | costs(model, X, samples.image_shape)


def costs(model: Any, X: np.ndarray, image_shape: tuple[int, ...] | None) -> Record:
    """Return the seconds of each explanation and of a report, and the bytes of that."""
    shows_itself = image_shape is None or hasattr(model, "image_shape_")
    images = None if shows_itself else X.reshape(-1, *image_shape)
    record: Record = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.html")
        for name, call in {
            "tree": lambda: surrogate_tree(model, X),
            "features": lambda: distinguishing_features(model, X),
            "centres": lambda: contrast_centers(model, X),
            "members": lambda: nearest_members(model, X),
            "report": lambda: report(model, X, images=images, path=path),
        }.items():
            with Cost() as cost:
                call()
            record[f"{name}_s"] = cost.record["cpu_s"]
        record["bytes"] = path.stat().st_size
    return record
