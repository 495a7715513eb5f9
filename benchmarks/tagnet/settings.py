"""What the benchmark of TAGnet compares: peers, baselines, losses, sweeps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import numpy as np
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.preprocessing import normalize
from torch import nn

from benchmarks.common.data import load
from benchmarks.common.records import Record
from skdeepclust import TAGnetClusterer, TripletDECClusterer
from skdeepclust.graph import NeighborAffinity
from skdeepclust.metrics import clustering_accuracy_score
from skdeepclust.tagnet import PAPER_SETTINGS

# The spectral embedding of more samples, and 200 stages of them, take too long.
MAX_SAMPLES = 20_000


@dataclass(frozen=True)
class Samples:
    """Pixels (n_samples, n_features) between 0 and 1, classes, the shape of an image."""

    X: np.ndarray
    y: np.ndarray
    image_shape: tuple[int, ...]
    attributes: np.ndarray | None = None  # (n_samples, 2), other labels of the same samples

    @property
    def n_clusters(self) -> int:
        return len(np.unique(self.y))

    def noisy(self, deviation: float, seed: int) -> Samples:
        noise = np.random.default_rng(seed).normal(scale=deviation, size=self.X.shape)
        return replace(self, X=(self.X + noise).astype(np.float32))

    def with_missing(self, share: float, seed: int) -> Samples:
        kept = np.random.default_rng(seed).random(self.X.shape) >= share
        return replace(self, X=self.X * kept)

    def of_classes(self, n_classes: int, seed: int) -> Samples:
        classes = np.unique(self.y)
        some = np.random.default_rng(seed).choice(classes, n_classes, replace=False)
        rows = np.isin(self.y, some)
        return replace(self, X=self.X[rows], y=self.y[rows])


def load_samples(name: str, mnist: str | None = None) -> Samples:
    """Load a data set of `_common.load`, or one with several labels of the same samples."""
    attributed = name.partition("-")[0]
    if attributed in ATTRIBUTED:
        return _load_attributed(attributed, name)
    X, y, image_shape = load(name, mnist)
    return Samples((X / X.max()).astype(np.float32), y, image_shape)


# File in the package clustpy, its number of labels, and the shape of an image. Of the stick
# figures the posture of arms and legs together is the class, and each alone an attribute; of the
# letters, the letter is, and the attributes are its colour and the corner with a spot.
ATTRIBUTED = {
    "stickfigures": ("stickfigures.data", 2, (20, 20)),
    "nrletters": ("nrLetters.data", 3, (9, 7, 3)),
}


def _load_attributed(attributed: str, name: str) -> Samples:
    file, n_labels, image_shape = ATTRIBUTED[attributed]
    try:  # the file alone: the package asks for torchvision when it is imported
        package = metadata.distribution("clustpy")
    except metadata.PackageNotFoundError as error:
        raise SystemExit(f"{attributed} comes with: pip install --no-deps clustpy") from error
    table = np.loadtxt(package.locate_file(f"clustpy/data/datasets/{file}"), delimiter=",")
    if name != attributed:
        n_samples = int(name.partition("-")[2])
        table = table[np.random.default_rng(0).choice(len(table), n_samples, replace=False)]
    labels, X = table[:, :n_labels].astype(int), table[:, n_labels:]
    y, attributes = labels[:, 0], labels[:, 1:]
    if n_labels == 2:
        y, attributes = np.unique(labels, axis=0, return_inverse=True)[1], labels
    return Samples((X / X.max()).astype(np.float32), y, image_shape, attributes)


# Labels of the samples, and what else there is to tell.
Method = Callable[[Samples, int], tuple[np.ndarray, Record]]


# ---------------------------------------------------------------- peers


def kmeans(unit_length: bool) -> Method:
    def method(samples: Samples, seed: int):
        X = normalize(samples.X) if unit_length else samples.X
        return KMeans(samples.n_clusters, n_init=10, random_state=seed).fit_predict(X), {}

    return method


def spectral(samples: Samples, seed: int):
    model = SpectralClustering(
        samples.n_clusters, affinity="nearest_neighbors", n_neighbors=10, random_state=seed
    )
    return model.fit_predict(samples.X), {}


# ---------------------------------------------------------------- this library


def tagnet(**parameters: Any) -> Method:
    """The clusterer: `parameters` are those that differ from the defaults."""

    def method(samples: Samples, seed: int):
        model = TAGnetClusterer(samples.n_clusters, **parameters, random_state=seed)
        return model.fit_predict(samples.X), told(model, samples)

    return method


def told(model: TAGnetClusterer, samples: Samples) -> Record:
    """Return what a fitted clusterer tells beside its labels."""
    seconds: dict[str, float] = {}
    for row in model.history_:
        seconds[row["phase"]] = seconds.get(row["phase"], 0) + row["seconds"]
    return {
        "score": model.score(samples.X),
        "start_ACC": clustering_accuracy_score(samples.y, model.initial_labels_),
        "graph_gain": model.graph_gain_,
        "loss": model.history_[-1]["loss"] if model.history_ else None,
        "phase_s": {phase: round(value, 3) for phase, value in seconds.items()},
    }


def codes_and(cluster: Callable[[int, int], Any], **parameters: Any) -> Method:
    """Codes of an untrained network, which a clusterer of scikit-learn then clusters."""
    untrained = {"max_epochs": 0, "init": "kmeans", "n_init": 1, **parameters}

    def method(samples: Samples, seed: int):
        model = TAGnetClusterer(samples.n_clusters, **untrained, random_state=seed)
        codes = model.fit_transform(samples.X)
        return cluster(samples.n_clusters, seed).fit_predict(codes), {}

    return method


def on_triplet_dec_graph(samples: Samples, seed: int):
    """The clusterer with neighbours in the embedding of another estimator."""
    other = TripletDECClusterer(
        samples.n_clusters, image_shape=samples.image_shape, random_state=seed
    )
    embedding = other.fit_transform(samples.X)
    model = TAGnetClusterer(samples.n_clusters, random_state=seed)
    labels = model.fit_predict(samples.X, affinity=embedding)
    other_accuracy = clustering_accuracy_score(samples.y, other.labels_)
    return labels, {"triplet_dec_ACC": other_accuracy, **told(model, samples)}


class PlainNetwork(nn.Sequential):
    """The paper's baseline encoder: three hidden layers of rectified linear units."""

    def __init__(self, input_shape, n_components):
        sizes = [int(np.prod(input_shape)), *[n_components] * 3]
        pairs = itertools.pairwise(sizes)
        super().__init__(
            nn.Flatten(),
            *(layer for m, p in pairs for layer in (nn.Linear(m, p), nn.ReLU())),
        )


def k_means(n_clusters: int, seed: int) -> KMeans:
    return KMeans(n_clusters, n_init=10, random_state=seed)


def k_nearest(n_clusters: int, seed: int) -> SpectralClustering:
    return SpectralClustering(
        n_clusters, affinity="nearest_neighbors", n_neighbors=10, random_state=seed
    )


def settled_graph(samples: Samples, seed: int):
    """The partition of the graph alone: spectral clustering of the clusterer's own graph."""
    affinity = NeighborAffinity(10, edge_weights="self_tuning").fit(normalize(samples.X))
    model = SpectralClustering(samples.n_clusters, affinity="precomputed", random_state=seed)
    return model.fit_predict(affinity.affinity_matrix_), {}


MARGIN = {"loss": "max_margin"}
CONVERGED = {"n_stages": 200}
PLAIN = {"module": PlainNetwork, "graph_weight": 0.0, "init": "kmeans"}
BALANCED_PAPER = {**PAPER_SETTINGS, "balance": 1.0}


def on_stages(first: int | None, second: int | None) -> list[int | None]:
    """Numbers of clusters of auxiliary tasks in the middle of 20 stages."""
    tasks: list[int | None] = [None] * 20
    tasks[FIRST_TASK], tasks[SECOND_TASK] = first, second
    return tasks


def with_attributes(first: int | None, second: int | None, **parameters: Any) -> Method:
    """The clusterer with auxiliary tasks that are meant to find attributes of the samples."""
    tasks = on_stages(first, second)

    def method(samples: Samples, seed: int):
        given = tasks if first or second else None
        model = TAGnetClusterer(
            samples.n_clusters, auxiliary_clusters=given, **parameters, random_state=seed
        )
        labels = model.fit_predict(samples.X)
        found = {
            f"ACC_{i + 1}": clustering_accuracy_score(
                samples.attributes[:, i], model.auxiliary_labels_[stage]
            )
            for i, stage in enumerate((FIRST_TASK, SECOND_TASK))
            if tasks[stage]
        }
        return labels, {**found, **told(model, samples)}

    return method


FIRST_TASK, SECOND_TASK = 9, 14  # stages, counted from 0
AUXILIARY = on_stages(20, 5)

SETTINGS: Mapping[str, Method] = {
    "KMeans": kmeans(unit_length=False),
    "KMeans, unit length": kmeans(unit_length=True),
    "SpectralClustering": spectral,
    "SpectralClustering, self-tuning": settled_graph,
    "SC + KMeans": codes_and(k_means, **CONVERGED, graph_weight=0.0),
    "SC + spectral": codes_and(k_nearest, **CONVERGED, graph_weight=0.0),
    "SC with graph + KMeans": codes_and(k_means, **CONVERGED),
    "NJ": tagnet(max_epochs=0),
    "NJ, max_margin": tagnet(max_epochs=0, **MARGIN),
    "BE": tagnet(**PLAIN),
    "BE, max_margin": tagnet(**PLAIN, **MARGIN),
    "TAGnet": tagnet(),
    "TAGnet, max_margin": tagnet(**MARGIN),
    "TAGnet, target": tagnet(loss="target"),
    "DTAGnet": tagnet(auxiliary_clusters=AUXILIARY),
    "DTAGnet, max_margin": tagnet(auxiliary_clusters=AUXILIARY, **MARGIN),
    "TAGnet, no graph": tagnet(graph_weight=0.0),
    "TAGnet, no balance": tagnet(balance=0.0),
    "TAGnet, ksvd": tagnet(dictionary="ksvd"),
    "TAGnet, kmeans": tagnet(init="kmeans"),
    "TAGnet, Gaussian edges": tagnet(edge_weights="gaussian"),
    "paper": tagnet(**PAPER_SETTINGS),
    "paper, max_margin": tagnet(**PAPER_SETTINGS, **MARGIN),
    "paper + balance": tagnet(**BALANCED_PAPER),
    "paper + balance, max_margin": tagnet(**BALANCED_PAPER, **MARGIN),
    "TAGnet, Triplet DEC graph": on_triplet_dec_graph,
}
# What takes too long, or too much memory, with many samples.
SMALL_ONLY = ("SpectralClustering", "SC with graph", "SC + spectral")

GRAPH_WEIGHTS = (0.0, 5.0, 20.0, 50.0, 200.0, 1000.0)
STAGES = (0, 2, 5, 10, 20, 40)
LEVELS = (0.1, 0.3, 0.5)
LOSSES = {"entropy": {}, "max_margin": MARGIN}
# Of both auxiliary tasks, whatever the classes are (Table 3).
NUMBERS_OF_CLUSTERS = (4, 8, 12, 20)
ROBUST = ("TAGnet", "TAGnet, max_margin", "NJ", "KMeans", "SpectralClustering")
