"""DEC, IDEC, DCN, DKM and VaDE, where the tree has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import skdeepclust
from same.small import IMAGES, WEIGHT, Scenario, fits

QUICK: Mapping[str, Any] = {
    "n_clusters": 3, "n_components": 4, "module__hidden": (16,), "pretrain_epochs": 2,
    "max_epochs": 2, "n_init": 2, "batch_size": 24, "random_state": 0,
}  # fmt: skip
IMAGE = {name: value for name, value in QUICK.items() if name != "module__hidden"}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "defaults of the short fit": {},
    "a search for the start": {"init": "search"},
    "double precision": {"dtype": "float64"},
    "the best epoch": {"restore_best": True, "max_epochs": 4, "clustering_lr": 0.01},
}
OWN: Mapping[str, Mapping[str, Any]] = {
    "DECClusterer": {"degrees_of_freedom": 3.0},
    "IDECClusterer": {"gamma": 1.0},
    "DCNClusterer": {"lam": 1.0},
    "DKMClusterer": {"lam": 1.0, "alpha": "annealed"},
    "VaDEClusterer": {"likelihood": "gaussian"},
}
THERE = {
    name: getattr(skdeepclust, name)
    for name in OWN
    if name in skdeepclust.__all__  # older trees have none
}
SCENARIOS: dict[str, Scenario] = {
    f"{name}, {title}": fits(estimator, {**QUICK, **options})
    for name, estimator in THERE.items()
    for title, options in {**OPTIONS, "its own options": OWN[name]}.items()
}
for name, estimator in THERE.items():
    SCENARIOS[f"{name}, weights"] = fits(estimator, QUICK, sample_weight=WEIGHT)
    SCENARIOS[f"{name}, images"] = fits(estimator, IMAGE, IMAGES[:40], new=IMAGES[35:60])
