"""Clustering quality of TripletDECClusterer: defaults, ablations, the paper's settings, controls.

    python -m benchmarks.triplet_dec.run                             # digits, MNIST-5k, defaults
    python -m benchmarks.triplet_dec.run --settings all              # and every ablation
    python -m benchmarks.triplet_dec.run --data mnist --seeds 0 1 2  # 70,000 images: hours
    python -m benchmarks.triplet_dec.run --set max_epochs=30         # a variation by its own name
    python -m benchmarks.triplet_dec.run --table                     # the table of what was run

Each run is one JSON line in --out. A run that is there already is not repeated, so that the same
command goes on where it was cut off; --fresh repeats it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from benchmarks.common.data import load
from benchmarks.common.options import add_options, variation
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.runs import Cost, Job, results, scores
from benchmarks.common.surroundings import changed_parameters
from benchmarks.common.tables import grouped
from benchmarks.triplet_dec.tables import table
from skdeepclust import TripletDECClusterer
from skdeepclust.triplet_dec import PAPER_SETTINGS

# What each setting changes in the defaults.
ABLATIONS: dict[str, Mapping[str, Any]] = {
    "no-reconstruction": {"reconstruction_weight": 0, "pretrain_epochs": 0},
    "no-clustering": {"clustering_weight": 0},
    "no-triplets": {"triplet_weight": 0},  # in the warm-up, which it leaves out, and after it
    "no-warmup": {"warmup_epochs": 0},
    "no-entropy": {"entropy_weight": 0},
    "euclidean": {"metric": "euclidean"},
    "kmeans": {"init": "kmeans"},
    "one-init": {"n_init": 1},
    "one-start": {"n_starts": 1},
    "large-batches": {"batch_size": 256},
    "no-neighbors": {"n_neighbors": 0},
    "one-degree-of-freedom": {"degrees_of_freedom": 1.0},
    "no-normalization": {"normalize": False},
    "triplet-loss": {"contrast": "triplet"},
    "radius-negatives": {"negatives": "radius"},
    "clean-target": {"target_view": "clean"},
    "paper": PAPER_SETTINGS,
}
SETTINGS: dict[str, Mapping[str, Any]] = {"default": {}, **ABLATIONS}

# Plain methods on pixels between 0 and 1.
CONTROLS: dict[str, Callable[[int, int], Any]] = {
    "KMeans": lambda k, seed: KMeans(k, n_init=10, random_state=seed),
    "SpectralClustering": lambda k, seed: SpectralClustering(
        k, affinity="nearest_neighbors", n_neighbors=10, random_state=seed
    ),
    "PCA + GaussianMixture": lambda k, seed: make_pipeline(
        PCA(30, random_state=seed), GaussianMixture(k, reg_covar=1e-3, random_state=seed)
    ),
}
# The spectral embedding of so many samples takes too long.
LARGE = ("mnist",)
GROUPS = {
    "controls": [*CONTROLS],
    "ablations": [*ABLATIONS],
    "all": ["default", *ABLATIONS, *CONTROLS],
}


# ---------------------------------------------------------------- one run


def run(model, X: np.ndarray, y: np.ndarray) -> Record:
    """Fit a clusterer and return what is to be told of it."""
    with Cost() as cost:
        labels = model.fit_predict(X)
    deep = isinstance(model, TripletDECClusterer)
    phases = grouped(model.history_ if deep else [], lambda row: row["phase"])
    return {
        "parameters": changed_parameters(model),
        "n_samples": len(X),
        **scores(y, labels),
        "score": model.score(X) if deep else None,
        "phase_s": {k: round(sum(r["seconds"] for r in rows), 3) for k, rows in phases.items()},
        "phase_epochs": {phase: len(rows) for phase, rows in phases.items()},
        **cost.record,
    }


def make_model(setting: str, n_clusters: int, image_shape, seed: int, changes: Mapping[str, Any]):
    """Return the clusterer of a setting; `changes` are for those of `TripletDECClusterer`."""
    if setting in CONTROLS:
        return CONTROLS[setting](n_clusters, seed)
    parameters = {"image_shape": image_shape, **SETTINGS[setting], **changes}
    return TripletDECClusterer(n_clusters, **{"random_state": seed, **parameters})


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    """Yield the runs; a control has no variation."""
    changes = dict(options.set)
    variation = "".join(f", {name}={value!r}" for name, value in changes.items())
    for data in options.data:
        samples = cache(partial(load, data, options.mnist))
        for seed in options.seeds:
            for setting in options.settings:
                name = setting if setting in CONTROLS else setting + variation
                measure = partial(measured, setting, samples, seed, changes)
                if not (setting == "SpectralClustering" and data in LARGE):
                    yield Job("triplet_dec", data, name, seed, measure)


def measured(setting: str, samples: Callable, seed: int, changes: Mapping[str, Any]) -> Record:
    X, y, image_shape = samples()
    model = make_model(setting, len(np.unique(y)), image_shape, seed, changes)
    return run(model, (X / X.max()).astype(np.float32) if setting in CONTROLS else X, y)


# ---------------------------------------------------------------- command line


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", nargs="+", default=["digits", "mnist-5k"])
    parser.add_argument(
        "--settings",
        nargs="+",
        default=["default", "controls"],
        choices=[*SETTINGS, *CONTROLS, *GROUPS],
        metavar="NAME",
        help="%(choices)s (default: default controls)",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--set",
        nargs="+",
        type=variation,
        default=[],
        metavar="NAME=VALUE",
        help="parameters to change in all settings but the controls",
    )
    add_options(parser, "triplet_dec.jsonl")
    options = parse_options(parser, arguments)
    names = [name for group in options.settings for name in GROUPS.get(group, [group])]
    options.settings = list(dict.fromkeys(names))
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    print(table(results(options, jobs(options))))


if __name__ == "__main__":
    main()
