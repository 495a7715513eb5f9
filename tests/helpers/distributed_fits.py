"""Fits that one process and several must end alike; run as a script, it starts several.

`python distributed_fits.py FOLDER` makes them all by two or three processes.
"""

from __future__ import annotations

import math
import os
import pickle
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from sklearn.datasets import load_digits

from helpers import ranks
from skdeepclust import (
    DCNClusterer,
    DKMClusterer,
    ForcedApartEmbedder,
    IDECClusterer,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    VaDEClusterer,
    ZeroShotClassifier,
    tagnet,
)
from skdeepclust._engine import distributed
from skdeepclust.regularizers import (
    ActivationRegularizer,
    ClusteringRegularizer,
    DeCovRegularizer,
    XCovRegularizer,
)
from skdeepclust.triplet_dec import PAPER_SETTINGS

X, DIGIT = load_digits(return_X_y=True)
X, DIGIT = X[:61] / 16, DIGIT[:61]  # batches of odd sizes
IMAGES = X.reshape(-1, 8, 8)
COARSE = DIGIT > 4
WEIGHT = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
EXACT = {"dtype": "float64", "random_state": 0, "max_epochs": 2}
GRAPH = {"n_components": 8, "n_stages": 3, "n_init": 1, **EXACT}
TRIPLET = {"pretrain_epochs": 1, "warmup_epochs": 1, "n_init": 2, "batch_size": 32, **EXACT}
IMAGE = {"image_shape": (8, 8)}
HEAD_STEPS = 5  # as the fixture few_head_steps has it
CLASSIC = {"n_components": 5, "pretrain_epochs": 3, "n_init": 2, "batch_size": 32, **EXACT}
ROWS = {"module__hidden": (16,), **CLASSIC}


class Noisy(torch.nn.Module):
    """A network with normalisation in place, and noise of several kinds."""

    def __init__(self, input_shape, n_outputs):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(input_shape[0], 6, 3),
            torch.nn.BatchNorm2d(6, momentum=None),
            torch.nn.ReLU(inplace=True),
            torch.nn.Dropout2d(0.3),
            torch.nn.Flatten(),
            torch.nn.Linear(216, 16),
            torch.nn.BatchNorm1d(16, affine=False),
            torch.nn.AlphaDropout(0.2),
            torch.nn.RReLU(),
            torch.nn.Linear(16, n_outputs),
        )

    def forward(self, x):
        noise = torch.randn_like(x) if self.training else 0
        x = self.layers[:5](x + 0.1 * noise)
        return self.layers[5:](torch.nn.functional.dropout(x, 0.1, self.training))


class NoisyAutoencoder(torch.nn.Module):
    """An autoencoder with noise of several kinds, of which one sees several rows of an image."""

    def __init__(self, input_shape, n_components):
        super().__init__()
        n_inputs = math.prod(input_shape)
        self.by_lines = torch.nn.Sequential(torch.nn.Linear(input_shape[-1], 5), torch.nn.RReLU())
        self.encoder = torch.nn.Sequential(
            torch.nn.Dropout2d(0.2),
            torch.nn.Conv2d(input_shape[0], 4, 3),
            torch.nn.BatchNorm2d(4),
            torch.nn.RReLU(),
            torch.nn.Flatten(),
            torch.nn.Dropout(0.2),
            torch.nn.LazyLinear(n_components),
        )
        self.decoder = torch.nn.Linear(n_components, n_inputs)
        self.input_shape = input_shape

    def encode(self, x):
        lines = torch.nn.functional.dropout(self.by_lines(x.flatten(0, 2)), 0.1, self.training)
        return self.encoder(lines.unflatten(0, x.shape[:3]))

    def decode(self, embedding):
        return self.decoder(embedding).unflatten(1, self.input_shape)


def shift(x):
    """Change a batch as a whole: draw once for all, and look at other samples."""
    moved = x.roll(int(torch.randint(-1, 2, ())), dims=-1)
    return moved + 0.1 * torch.randn_like(x) + 0.1 * x.mean(0)


def twice(model, *arguments, **options):
    """Fit, and go on from there."""
    return model.fit(*arguments, **options).fit(*arguments, **options)


def in_parts(model):
    for start in range(0, 60, 30):
        rows = slice(start, start + 30)
        model.partial_fit(X[rows], DIGIT[rows], classes=range(10), sample_weight=WEIGHT[rows])
    return model


def going_on(model, *arguments):
    """Take two parts of the samples one after another."""
    for rows in (slice(0, 30), slice(30, 60)):
        model.partial_fit(*(each[rows] for each in arguments))
    return model


def classifier(**options):
    return ParsimoniousClassifier(**{"n_clusters": 5, "batch_size": 40, **EXACT, **options})


def regularizers() -> list:
    return [
        DeCovRegularizer(["fc1"]),
        XCovRegularizer(["fc1"]),
        ActivationRegularizer(["fc2"]),
        ClusteringRegularizer(["fc2"], n_clusters=4, row_fraction=0.5, center_gradient="exact"),
    ]


def autoencoder(**options):
    return ParsimoniousAutoencoder(
        n_components=5, **{"n_clusters": 5, "lam": 0.01, "batch_size": 40, **EXACT, **options}
    )


def embedder(loss: str | None, **options):
    return ForcedApartEmbedder(loss=loss, batch_size=40, **{**EXACT, **options})


LAYERS = {"conv1": "spatial", "conv2": "channel", "fc1": "sample"}

# What is fitted, and by how many processes beside the one.
FITS: dict[str, Callable[[], Any]] = {
    "classifier": lambda: classifier().fit(X, DIGIT),
    "classifier, regularisers": lambda: classifier(
        regularizers=regularizers(), module__dropout=0.3, class_weight="balanced"
    ).fit(X, DIGIT, sample_weight=WEIGHT),
    "classifier, images": lambda: classifier(layers=LAYERS, **IMAGE).fit(X, DIGIT),
    "classifier, noise": lambda: classifier(module=Noisy, lam=0, **IMAGE).fit(X, DIGIT),
    "classifier, early stopping": lambda: classifier(
        early_stopping=True, validation_fraction=0.2, max_epochs=4, n_iter_no_change=1, lr=0.1
    ).fit(X, DIGIT),
    "classifier, parts": lambda: in_parts(classifier()),
    "classifier, warm": lambda: twice(classifier(warm_start=True), X, DIGIT),
    "autoencoder": lambda: autoencoder().fit(X, sample_weight=WEIGHT),
    "autoencoder, warm": lambda: twice(autoencoder(warm_start=True, optimizer="sgd"), X),
    "zero shot": lambda: ZeroShotClassifier(**EXACT).fit(X, DIGIT, sample_weight=WEIGHT),
    "autoencoder, parts": lambda: going_on(autoencoder(), X),
    "zero shot, parts": lambda: going_on(
        ZeroShotClassifier(class_attributes=dict(enumerate(np.eye(10))), **EXACT), X, DIGIT
    ),
    "embedder, parts": lambda: going_on(embedder("multi"), X),
    "zero shot, images": lambda: ZeroShotClassifier(module=Noisy, module__n_outputs=9, **EXACT).fit(
        IMAGES, DIGIT
    ),
    "tagnet": lambda: TAGnetClusterer(3, auxiliary_clusters=[2, None, 4], **GRAPH).fit(X),
    "tagnet, margin": lambda: TAGnetClusterer(
        3, loss="max_margin", auxiliary_clusters=2, **GRAPH
    ).fit(X, sample_weight=WEIGHT),
    "tagnet, batches": lambda: twice(
        TAGnetClusterer(3, batch_size=30, auxiliary_clusters=2, warm_start=True, **GRAPH),
        X,
        sample_weight=WEIGHT,
    ),
    "tagnet, margin in batches": lambda: TAGnetClusterer(
        3, loss="max_margin", batch_size=30, auxiliary_clusters=2, **GRAPH
    ).fit(X),
    "tagnet, targets, best epoch": lambda: TAGnetClusterer(
        3, loss="target", batch_size=30, restore_best=True, **GRAPH
    ).fit(X),
    "tagnet, images, no graph": lambda: TAGnetClusterer(
        3, init="kmeans", graph_weight=0, **GRAPH
    ).fit(IMAGES),
    **{
        f"embedder, {loss}": partial(lambda loss: embedder(loss).fit(X, COARSE), loss)
        for loss in ("multi", "both", None)
    },
    "embedder, weights": lambda: embedder("multi", divergence="js").fit(
        X, np.where(DIGIT > 7, -1, COARSE), sample_weight=WEIGHT
    ),
    "embedder, images": lambda: embedder("both", **IMAGE).fit(X, COARSE),
    "embedder, sequences": lambda: embedder("auto", sequence_shape=(8, 8)).fit(X, COARSE),
    "embedder, no labels": lambda: twice(embedder("multi", warm_start=True), X),
    "idec, images": lambda: IDECClusterer(2, **CLASSIC, **IMAGE).fit(X, sample_weight=WEIGHT),
    "dcn, warm": lambda: twice(DCNClusterer(4, warm_start=True, **ROWS), X, sample_weight=WEIGHT),
    "dkm, best epoch": lambda: DKMClusterer(4, alpha="annealed", restore_best=True, **ROWS).fit(X),
    "vade": lambda: VaDEClusterer(4, **ROWS).fit(X),
    "triplet dec, images": lambda: TripletDECClusterer(4, **TRIPLET, **IMAGE).fit(
        X, sample_weight=WEIGHT
    ),
    "triplet dec, triplets": lambda: TripletDECClusterer(
        2, contrast="triplet", negatives="radius", cluster_prior="estimated", **TRIPLET, **IMAGE
    ).fit(X),
    "triplet dec, noise": lambda: TripletDECClusterer(
        3,
        module=NoisyAutoencoder,
        n_components=6,
        regularizers=[DeCovRegularizer(["autoencoder.encoder.6"])],
        optimizer="sgd",  # Adam makes rounding errors large in a bias ahead of normalisation
        lr=0.005,
        **TRIPLET,
        **IMAGE,
    ).fit(X, sample_weight=WEIGHT),
    "triplet dec, function": lambda: TripletDECClusterer(
        4, augmentation=shift, **TRIPLET, **IMAGE
    ).fit(X),
    "triplet dec, paper": lambda: TripletDECClusterer(
        4, **{**PAPER_SETTINGS, **EXACT, "batch_size": 32, "max_epochs": 1}
    ).fit(IMAGES),
    "triplet dec, best epoch": lambda: TripletDECClusterer(
        4, n_components=5, restore_best=True, **TRIPLET
    ).fit(X),
    "triplet dec, warm": lambda: twice(
        TripletDECClusterer(
            4,
            n_components=5,
            warm_start=True,
            regularizers=[DeCovRegularizer(["autoencoder.encoder.0"])],
            # with seed 0 Adam makes a rounding error large: the gradient of a weight is hardly any
            **{**TRIPLET, "random_state": 1},
        ),
        X,
    ),
}
# Batches of 2 rows, of which one of three processes has none.
THREE = {
    "few rows, images": lambda: autoencoder(batch_size=2, n_clusters=1, max_epochs=1, **IMAGE).fit(
        X[:6]
    ),
    # without batch normalisation, by which two rows make rounding errors large
    "few rows": lambda: TripletDECClusterer(
        2, n_components=3, module__batch_norm=False, **{**TRIPLET, "batch_size": 2}
    ).fit(X[:7]),
    "few rows, augmented images": lambda: TripletDECClusterer(  # few steps, for the same reason
        2, n_components=3, **{**TRIPLET, **IMAGE, "batch_size": 2, "max_epochs": 1}
    ).fit(X[:5]),
}


def numbers(tree: Any, name: str = "") -> dict[str, np.ndarray]:
    """Return all numbers in nested dicts, lists and tensors, by their place."""
    if isinstance(tree, (list, tuple)):
        tree = dict(enumerate(tree))
    if isinstance(tree, dict):
        return {
            key: value
            for k, each in tree.items()
            if k != "seconds"
            for key, value in numbers(each, f"{name}.{k}").items()
        }
    return {} if tree is None or isinstance(tree, str) else {name: np.asarray(tree)}


def outcome(model) -> dict[str, np.ndarray]:
    """Return what a fit has come to: all of its state, and what it says of samples."""
    state = dict(model.__getstate__())
    fitted = {name: state[name] for name in ("module_", "_resume", "history_", "n_iter_")}
    fitted |= {name: state[name] for name in state if name in ("labels_", "attempt_", "coef_")}
    fitted["regularizers"] = [each.__getstate__()["state"] for each in model.regularizers_]
    samples = IMAGES if len(model._input.sample_shape) > 1 else X
    names = ("predict", "transform", "predict_proba", "decision_function")
    fitted |= {name: getattr(model, name)(samples) for name in names if hasattr(model, name)}
    return numbers(fitted)


def take_part(folder: str, names: list[str]) -> None:
    """Make fits as one of several processes, and keep what they have come to."""
    tagnet.HEAD_STEPS = HEAD_STEPS
    size = os.environ["WORLD_SIZE"]
    own = size == "3"
    if own:  # a group that the script has made is used, and left as it is
        dist.init_process_group("gloo")
    both = FITS | THREE
    found = {name: outcome(both[name]()) for name in names}
    if own:
        assert distributed._ours is None
        dist.barrier()
        dist.destroy_process_group()
    path = Path(folder) / f"{os.environ['RANK']} of {size}.pickle"
    path.write_bytes(pickle.dumps(found))


def main(folder: str, *names: str) -> None:
    """Make fits by two and by three processes, copies of this one where there is a fork."""
    if names:
        take_part(folder, [*names])
        return
    if hasattr(os, "fork"):
        FITS["classifier"]()  # so that no copy begins with imports
    for size, fits in ((2, FITS), (3, THREE)):
        if hasattr(os, "fork"):
            ranks.fork(size, take_part, folder, [*fits])
        else:
            ranks.finish(ranks.start(size, __file__, folder, *fits), timeout=900)


if __name__ == "__main__":
    main(*sys.argv[1:])
