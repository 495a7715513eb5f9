"""Networks, augmentation, regularisers, graphs, metrics, displays."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.neighbors import KNeighborsTransformer
from torch import Tensor, nn

from same.models import MODELS
from same.seen import answer, error_of, fitted
from same.small import ALL, COLOURS, DIGIT, IMAGES, KNOWN, NEW, Scenario, Y, drawn, shares, texts
from skdeepclust import augmentation, graph, metrics, networks, plotting, regularizers
from skdeepclust.datasets import fetch_mnist, load_idx

# ---------------------------------------------------------------- networks

NETWORKS: Mapping[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "ConvAutoencoder": (lambda: networks.ConvAutoencoder((3, 8, 9), 4), drawn(5, 3, 8, 9)),
    "MLPAutoencoder": (lambda: networks.MLPAutoencoder((64,), 4), drawn(5, 64)),
    "MLP": (lambda: networks.MLP((64,), 3, dropout=0.5), drawn(5, 64)),
    "CIFARQuick": (lambda: networks.CIFARQuick((3, 16, 16), 3), drawn(5, 3, 16, 16)),
    "BottleneckMLP": (lambda: networks.BottleneckMLP((64,), 3), drawn(5, 64)),
    "BottleneckCNN": (lambda: networks.BottleneckCNN((1, 8, 8), 3), drawn(5, 1, 8, 8)),
    "BottleneckRNN": (lambda: networks.BottleneckRNN((9, 4), 3, n_layers=2), drawn(5, 9, 4)),
    "BottleneckRNN of words": (
        lambda: networks.BottleneckRNN((7,), 3, vocabulary_size=30, cell="lstm"),
        torch.from_numpy(texts()[:5]),
    ),
    "TAGnet": (lambda: networks.TAGnet(input_shape=(64,), n_components=6), drawn(5, 64)),
    "Standardize": (lambda: networks.Standardize(0.5, 2.0), drawn(5, 64)),
}


def network(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Weights as they are drawn, and outputs."""
    make, x = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        module = make()
        yield "module", copy.deepcopy(module)
        yield "output", answer(module, x)
        yield "output in evaluation", answer(module.eval(), x)
        if hasattr(module, "encode"):
            yield "code", module.encode(x)
        convolutions = [n for n, each in module.named_modules() if isinstance(each, nn.Conv2d)]
        if convolutions:
            field = answer(networks.receptive_field, module, convolutions[-1], x[:1])
            yield "receptive field", vars(field) if hasattr(field, "__dict__") else field


def refused_networks(folder: Path) -> Iterator[tuple[str, Any]]:
    for name in ("ConvAutoencoder", "MLPAutoencoder", "MLP", "CIFARQuick", "BottleneckMLP",
                 "BottleneckCNN", "BottleneckRNN"):  # fmt: skip
        make = getattr(networks, name)
        for shape in ((0,), (3, 3), (1, 4, 4), (-1, 8, 8), (5,), (1, 2, 3, 4)):
            for size in (3, 0):
                yield f"{name} {shape} {size}", error_of(make, shape, size)


# ---------------------------------------------------------------- augmentation, regularisers


def copies(folder: Path) -> Iterator[tuple[str, Any]]:
    """Copies of images and rows."""
    images = torch.tensor(COLOURS[:6], dtype=torch.float32)
    for made in (
        augmentation.ImageAugmentation(), augmentation.FeatureAugmentation(),
        augmentation.resolve_augmentation("auto", (3, 8, 8)),
        augmentation.resolve_augmentation("auto", (64,)),
    ):  # fmt: skip
        with torch.random.fork_rng():
            torch.manual_seed(4)
            x = images if "Image" in type(made).__name__ else images.flatten(1)
            yield f"{made!r}", made(x)
            if hasattr(made, "draw"):
                yield f"{made!r} of drawn numbers", made.apply_drawn(x, *made.draw(x))
    yield "another", answer(augmentation.resolve_augmentation, "nonsense", (64,))
    yield "refused", error_of(augmentation.check_augmentation, lambda x: x[:, 1:], images)


def penalties(folder: Path) -> Iterator[tuple[str, Any]]:
    """Regularisers in a loop of one's own."""
    made = [
        regularizers.ClusteringRegularizer(["fc1"], n_clusters=3, row_fraction=0.5),
        regularizers.ClusteringRegularizer("auto", n_clusters=2, center_gradient="exact"),
        regularizers.DeCovRegularizer(), regularizers.ActivationRegularizer(["fc2"], lam=0.1),
        regularizers.ForcedApartRegularizer(["fc1"]),
        regularizers.ForcedApartWeightRegularizer(["fc2"]),
        regularizers.XCovRegularizer(["fc1"]),
    ]  # fmt: skip
    x = torch.tensor(ALL, dtype=torch.float32)
    for number, regularizer in enumerate(made):
        with torch.random.fork_rng():
            torch.manual_seed(6)
            module = networks.MLP((64,), 3, hidden=(6, 4))
            for rows in (slice(0, 30), slice(30, 60)):
                with regularizer.watch(module):
                    module(x[rows])
                value = regularizer.penalty(labels=torch.from_numpy(DIGIT[rows] % 3))
                value.backward()
                yield f"{number} {rows}", value
                yield f"{number} {rows}: gradient", module.fc1.weight.grad
            regularizer.end_epoch()
            yield f"{number}: text and state", regularizer
    yield "unknown layer", error_of(regularizers.DeCovRegularizer(["fc9"]).attach, module)
    yield "a name", error_of(regularizers.DeCovRegularizer, "fc9")


# ---------------------------------------------------------------- graphs, metrics, files, displays


def graphs(folder: Path) -> Iterator[tuple[str, Any]]:
    """Functions of `graph`."""
    neighbors = graph.nearest_neighbors(KNOWN, 5)
    yield "neighbors", neighbors
    search = KNeighborsTransformer(n_neighbors=3, mode="distance")
    yield "by a transformer", graph.nearest_neighbors(KNOWN, 5, neighbors=search)
    yield "candidates", graph.nearest_neighbors(KNOWN, 2, candidates=np.arange(5, 30))
    yield "smooth", graph.smooth_over_graph(shares(60, 3), torch.from_numpy(neighbors))
    yield "information", graph.neighbor_information(Y, neighbors)
    yield "edges", graph.count_edges(Y, neighbors)
    affinity = graph.NeighborAffinity(4).fit(KNOWN).affinity_matrix_
    for normalized in (True, False):
        matrix = graph.laplacian(affinity, normalized=normalized)
        yield f"laplacian {normalized}", matrix
        yield f"bound {normalized}", graph.largest_eigenvalue_bound(matrix)
    for title, given in (
        ("shape", KNOWN),
        ("negative", -np.eye(60)),
        ("NaN", np.full((60, 60), np.nan)),
    ):
        yield title, answer(graph.check_affinity, given, 60)
    yield "not symmetric", graph.check_affinity(np.triu(np.ones((6, 6))), 6)


def scores(folder: Path) -> Iterator[tuple[str, Any]]:
    """Metrics, and files of images."""
    found = (7 * Y + 3) % 8
    yield "accuracy", metrics.clustering_accuracy_score(Y, found)
    yield "matched", metrics.match_labels(Y, found)
    yield "matched texts", metrics.match_labels(Y.astype(str), found)
    make, arguments, _ = MODELS["triplet DEC"]
    model = fitted(make(), *arguments)
    yield "accuracy scorer", metrics.clustering_accuracy_scorer(model, KNOWN, Y)
    yield "silhouette", answer(metrics.embedding_silhouette_scorer, model, KNOWN, Y)
    yield "lengths", error_of(metrics.clustering_accuracy_score, Y, Y[1:])
    path = folder / "images-idx3-ubyte"
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (2, 3, 4))
    path.write_bytes(header + bytes(range(24)))
    yield "images", load_idx(path)
    path.write_bytes(header)
    yield "cut", error_of(load_idx, path)
    yield "no folder", error_of(fetch_mnist, folder=folder / "nowhere")


# Of each display its model, what beside this is shown, and options.
DISPLAYS: Mapping[str, tuple[str, tuple[Any, ...], Mapping[str, Any]]] = {
    "ActivationHeatmapDisplay": ("embedder", (KNOWN, Y), {}),
    "AssignmentDisplay": ("triplet DEC", (KNOWN, Y), {}),
    "ClusterGalleryDisplay": ("triplet DEC of images", (IMAGES[:40], Y[:40]), {}),
    "DictionaryDisplay": ("TAGnet", (KNOWN,), {"image_shape": (8, 8)}),
    "EmbeddingDisplay": ("TAGnet", (NEW,), {}),
    "ExemplarDisplay": ("classifier of images", (IMAGES[:60], "conv2"), {}),
    "HistoryDisplay": ("triplet DEC from three starts", (), {}),
    "LabelledEmbeddingDisplay": ("embedder", (KNOWN, {"digit": Y}), {}),
}


def display(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """What a display holds, and its pixels."""
    title, shown_with, options = DISPLAYS[name]
    make, data, _ = MODELS[title]
    model = fitted(make(), *data)
    figure = Figure(figsize=(4, 3), dpi=50)
    show = getattr(plotting, name).from_estimator
    shown = show(model, *shown_with, ax=figure.add_subplot(), **options)
    yield "held", {key: part for key, part in vars(shown).items() if not key.endswith("_")}
    yield "drawn", sorted(key for key in vars(shown) if key.endswith("_"))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    yield "pixels", np.asarray(canvas.buffer_rgba())


SCENARIOS: dict[str, Scenario] = {
    **{f"network, {name}": partial(network, name) for name in NETWORKS},
    "refused shapes of networks": refused_networks,
    "copies of samples": copies,
    "penalties": penalties,
    "functions of graphs": graphs,
    "metrics and files of images": scores,
    **{f"display, {name}": partial(display, name) for name in DISPLAYS},
}
