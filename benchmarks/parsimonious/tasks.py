"""The tasks of the benchmark of parsimonious representations: data, models, scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import train_test_split

from benchmarks.common.data import load
from benchmarks.common.records import Record
from benchmarks.common.selection import Candidates, Parameters, Part, Parts, Task, timed
from benchmarks.parsimonious.settings import (
    AUTOENCODER_CANDIDATES,
    CONVOLUTIONAL,
    CONVOLUTIONAL_CANDIDATES,
    FULLY_CONNECTED_CANDIDATES,
    SETTINGS,
    SHRINKAGE_AND_CLUSTERS,
)
from skdeepclust import ParsimoniousAutoencoder, ParsimoniousClassifier
from skdeepclust.zero_shot import ZeroShotClassifier

MNIST_TRAINING_IMAGES = 60_000
FULLY_CONNECTED = tuple(name for name in SETTINGS if name not in CONVOLUTIONAL)
AUTOENCODER_SETTINGS = ("baseline", "weight decay", *SHRINKAGE_AND_CLUSTERS[1:])


@dataclass(frozen=True)
class ParsimoniousTask(Task):
    """Samples of digits as rows or images; MNIST is tested on its own test images."""

    settings: Sequence[str] = FULLY_CONNECTED
    strengths: Candidates = field(default_factory=lambda: FULLY_CONNECTED_CANDIDATES)
    image: bool = False
    shrink: int = 1  # side of the squares of pixels of images that are averaged

    def candidates(self, setting: str) -> Sequence[float]:
        return self.strengths.get(setting, self.strengths["lam"])

    def parts(self, mnist: str | None) -> Parts:
        """Return pool, validation part and test; pixels between 0 and 1."""
        X, y, image_shape = load(self.data, mnist)
        X = (X / X.max()).astype(np.float32)
        X = averaged(X.reshape(len(X), *image_shape), self.shrink) if self.image else X
        n_known = MNIST_TRAINING_IMAGES if self.data == "mnist" else len(X) - self.n_test
        order = np.random.default_rng(0).permutation(n_known if self.data == "mnist" else len(X))
        valid, pool = np.split(order[:n_known], [self.n_valid])
        test = np.arange(n_known, len(X)) if self.data == "mnist" else order[n_known:]
        return Parts(*(Part(X[rows], y[rows]) for rows in (pool, valid, test)))

    def train(self, pool: Part, seed: int) -> Part:
        """Draw training samples, of each class as many as its share."""
        rows = np.arange(len(pool.y))
        drawn, _ = train_test_split(
            rows, train_size=self.n_train, stratify=pool.y, random_state=seed
        )
        return pool.rows(drawn)

    def model(self, kind: type, changes: Parameters, seed: int) -> Any:
        return kind(**{**self.parameters, **changes}, random_state=seed)


@dataclass(frozen=True)
class Classification(ParsimoniousTask):
    """Accuracy with few labels and with more, and K-means on the representations."""

    experiment = "classification"

    def fitted(self, parts: Parts, changes: Parameters, seed: int) -> tuple[Any, Part, Record]:
        part = self.train(parts.pool, seed)
        model, cost = timed(self.model(ParsimoniousClassifier, changes, seed).fit, *part)
        return model, part, cost

    def select(self, parts: Parts, changes: Parameters, seed: int) -> Record:
        model, _, cost = self.fitted(parts, changes, seed)
        return {"valid": model.score(*parts.valid), **cost}

    def test(self, parts: Parts, changes: Parameters, seed: int) -> Record:
        model, part, cost = self.fitted(parts, changes, seed)
        return {
            "train": model.score(*part),
            "test": model.score(*parts.test),
            "NMI train": clusters_of(model, part, seed),
            "NMI test": clusters_of(model, parts.test, seed),
            **cost,
        }


@dataclass(frozen=True)
class Reconstruction(ParsimoniousTask):
    """Mean squared error, summed over pixels; a seed changes the initial weights only."""

    settings: Sequence[str] = AUTOENCODER_SETTINGS
    strengths: Candidates = field(default_factory=lambda: AUTOENCODER_CANDIDATES)

    experiment = "autoencoder"

    def fitted(self, parts: Parts, changes: Parameters, seed: int) -> tuple[Any, Record]:
        part = self.train(parts.pool, 0)
        return timed(self.model(ParsimoniousAutoencoder, changes, seed).fit, part.X)

    def select(self, parts: Parts, changes: Parameters, seed: int) -> Record:
        model, cost = self.fitted(parts, changes, seed)
        return {"valid": model.score(parts.valid.X), **cost}

    def test(self, parts: Parts, changes: Parameters, seed: int) -> Record:
        model, cost = self.fitted(parts, changes, seed)
        return {"train": model.reconstruction_err_, "test": -model.score(parts.test.X), **cost}


@dataclass(frozen=True)
class ZeroShot(ParsimoniousTask):
    """Digits side by side, some pairs of which are never seen: told by their attributes.

    A class is a pair (left, right), its attributes say which digit is left and which right. The
    features are the last hidden layer of a classifier of the seen pairs.
    """

    settings: Sequence[str] = SHRINKAGE_AND_CLUSTERS
    image: bool = True
    n_each: int = 10  # training images of a pair
    n_unseen: int = 50  # images of a pair of the validation or the test

    experiment = "zero-shot"

    def select(self, parts: Parts, changes: Parameters, seed: int) -> Record:
        score, _, cost = self.unseen(parts, changes, seed, parts.valid, PAIRS[1])
        return {"valid": score, **cost}

    def test(self, parts: Parts, changes: Parameters, seed: int) -> Record:
        score, train, cost = self.unseen(parts, changes, seed, parts.test, PAIRS[2])
        return {"train": train, "test": score, **cost}

    def unseen(
        self, parts: Parts, changes: Parameters, seed: int, source: Part, pairs: np.ndarray
    ) -> tuple[float, float, Record]:
        """Return the accuracy on unseen pairs, that on the training images, and the cost."""
        random = np.random.default_rng(seed)
        train = self.images(self.train(parts.pool, seed), PAIRS[0], self.n_each, random)
        model, cost = timed(self.model(ParsimoniousClassifier, changes, seed).fit, *train)
        attributes = {10 * a + b: np.eye(20)[[a, 10 + b]].sum(0) for a, b in (*PAIRS[0], *pairs)}
        classifier = ZeroShotClassifier(
            class_attributes=attributes, predict_over="unseen", random_state=seed
        )
        classifier.fit(model.transform(train.X), train.y)
        unseen = self.images(source, pairs, self.n_unseen, random)
        return classifier.score(model.transform(unseen.X), unseen.y), model.score(*train), cost

    def images(self, digits: Part, pairs: np.ndarray, n_each: int, random) -> Part:
        """Put `n_each` random digits of each pair side by side."""
        halves = [
            np.concatenate([random.choice(np.flatnonzero(digits.y == d), n_each) for d in side])
            for side in pairs.T
        ]
        X = np.concatenate([digits.X[rows] for rows in halves], axis=2)  # (n, h, 2w)
        return Part(X, np.repeat(pairs @ [10, 1], n_each))


def averaged(images: np.ndarray, side: int) -> np.ndarray:
    """Average squares of pixels, (n, h, w) -> (n, h // side, w // side)."""
    n, height, width = images.shape
    return images.reshape(n, height // side, side, width // side, side).mean((2, 4))


def clusters_of(model: Any, part: Part, seed: int) -> float:
    """Return how well K-means on the last hidden layer finds the classes."""
    k_means = KMeans(len(model.classes_), n_init=3, random_state=seed)
    return normalized_mutual_info_score(part.y, k_means.fit_predict(model.transform(part.X)))


def pairs_of_digits() -> tuple[np.ndarray, ...]:
    """Return 70 seen pairs, 10 of the validation and 20 of the test, the same each time."""
    pairs = np.array(list(product(range(10), repeat=2)))
    return tuple(np.split(np.random.default_rng(0).permutation(pairs), [70, 80]))


PAIRS = pairs_of_digits()

TASKS: dict[str, Task] = {
    "digits, 150 labels": Classification(
        "digits", 150, 300, 797, {"batch_size": 150, "max_epochs": 200}, 3, 10
    ),
    "digits, 1000 labels": Classification(
        "digits", 1000, 250, 447, {"batch_size": 100, "max_epochs": 30}, 2, 10
    ),
    "digits, 150 labels, convolutions": Classification(
        "digits",
        150,
        300,
        797,
        {"batch_size": 150, "max_epochs": 200, "lr": 0.003},
        2,
        10,
        settings=tuple(SETTINGS),
        strengths=CONVOLUTIONAL_CANDIDATES,
        image=True,
    ),
    "MNIST 14 x 14, 1000 labels, convolutions": Classification(
        "mnist",
        1000,
        3000,
        10_000,
        {"batch_size": 100, "max_epochs": 40, "lr": 0.003},
        1,
        4,
        settings=tuple(SETTINGS),
        strengths=CONVOLUTIONAL_CANDIDATES,
        image=True,
        shrink=2,
    ),
    "MNIST, 10000 labels": Classification(
        "mnist",
        10_000,
        5000,
        10_000,
        {"batch_size": 100, "max_epochs": 8},
        1,
        5,
    ),
    "digits": Reconstruction(
        "digits", 1000, 300, 447, {"batch_size": 100, "max_epochs": 100, "n_components": 8}, 2, 5
    ),
    "MNIST, 3000 images": Reconstruction(
        "mnist", 3000, 2000, 10_000, {"batch_size": 100, "max_epochs": 15}, 1, 4
    ),
    "pairs of digits": ZeroShot(
        "digits",
        1000,
        300,
        447,
        {"batch_size": 100, "max_epochs": 50, "lr": 0.003},
        3,
        8,
        strengths=CONVOLUTIONAL_CANDIDATES,
    ),
    "pairs of MNIST 14 x 14": ZeroShot(
        "mnist",
        1400,
        5000,
        10_000,
        {"batch_size": 100, "max_epochs": 100},
        1,
        4,
        strengths=CONVOLUTIONAL_CANDIDATES,
        shrink=2,
    ),
}
