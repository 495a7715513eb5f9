"""The tasks of the benchmark of Forced Apart: data with hidden classes, networks, scores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics import (
    adjusted_mutual_info_score,
    normalized_mutual_info_score,
    silhouette_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, normalize

from benchmarks.common.data import BESIDE, load
from benchmarks.common.records import Record
from benchmarks.common.selection import Candidates, Parameters, Part, Parts, Task, timed
from benchmarks.forced_apart.settings import (
    AUTOENCODER_CANDIDATES,
    CANDIDATES,
    RAW,
    RECURRENT,
    SETTINGS,
)
from skdeepclust import ForcedApartEmbedder

VOCABULARY_SIZE = 4000
AMI = partial(adjusted_mutual_info_score, average_method="max")
NMI = partial(normalized_mutual_info_score, average_method="geometric")


# ---------------------------------------------------------------- data


class Source(NamedTuple):
    """Samples and hidden classes; the first `n_known` may be trained on, `None` for any."""

    X: np.ndarray
    y: np.ndarray
    n_known: int | None


def mnist_digits(folder: str | None) -> Source:
    X, y, _ = load("mnist", folder)
    return Source(X, y, 60_000)


def small_digits(folder: str | None) -> Source:
    X, y, _ = load("digits")
    return Source(X, y, None)


def archive(name: str) -> dict[str, np.ndarray]:
    """Read a file of arrays from the folder that holds the data."""
    path = Path(os.environ.get("SKDEEPCLUST_DATA", BESIDE.parent), name)
    if not path.is_file():
        raise SystemExit(f"There is no {path}: name the folder of {name} by SKDEEPCLUST_DATA.")
    with np.load(path) as arrays:
        return dict(arrays)


def strokes(folder: str | None) -> Source:
    """Return pen strokes of digits: offsets, whether the pen lifts, whether the digit ends."""
    arrays = archive("strokes.npz")
    return Source(arrays["X"], arrays["y"], int(arrays["n_train"]))


def texts(folder: str | None) -> Source:
    """Return indices of the words of descriptions of software, 0 being padding, by section."""
    arrays = archive("debian14.npz")
    return Source(arrays["X"].astype(np.int64), arrays["y"], None)


SOURCES: dict[str, Callable[[str | None], Source]] = {
    "digits": small_digits,
    "mnist": mnist_digits,
    "strokes": strokes,
    "texts": texts,
}


def word_counts(X: np.ndarray) -> sparse.csr_matrix:
    """Count the words of texts: indices (n, steps) -> counts (n, VOCABULARY_SIZE - 1)."""
    rows = np.repeat(np.arange(len(X)), X.shape[1])
    entries = (np.ones(X.size, dtype=np.float32), (rows, X.ravel()))
    return sparse.csr_matrix(entries, shape=(len(X), VOCABULARY_SIZE))[:, 1:]  # 0 is padding


def flattened(X: np.ndarray) -> np.ndarray:
    return X.reshape(len(X), -1)


# ---------------------------------------------------------------- task


@dataclass(frozen=True)
class ForcedApartTask(Task):
    """Train on whether a class is in the first or the second half, look for all classes.

    With `n_test` samples that no seed trains on; `shape` is that of a sample. Without `coarse`
    labels the network is an autoencoder.
    """

    settings: Sequence[str] = tuple(SETTINGS)
    strengths: Candidates = field(default_factory=lambda: CANDIDATES)
    shape: Sequence[int] = (-1,)
    n_topics: int | None = None  # components of tf-idf that words are turned into
    coarse: bool = True

    experiment = "forced apart"

    def candidates(self, setting: str) -> Sequence[Parameters]:
        return self.strengths[setting]

    # -- samples
    def parts(self, mnist: str | None) -> Parts:
        """Return pool, validation part and test, the last two the same for all seeds."""
        X, y, n_known = SOURCES[self.data](mnist)
        random = np.random.default_rng(0)
        if n_known is None:
            known, test = np.split(random.permutation(len(X)), [len(X) - self.n_test])
        else:
            known = random.permutation(n_known)
            test = n_known + random.permutation(len(X) - n_known)[: self.n_test]
        valid, pool = np.split(known, [self.n_valid])
        rows = (pool, valid, test)
        samples = self.features([X[each] for each in rows])
        return Parts(*(Part(*part) for part in zip(samples, [y[r] for r in rows], strict=True)))

    def features(self, samples: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return what the network gets of pool, validation part and test.

        The estimator itself shifts and scales all numbers alike, which changes no clusters.
        """
        if self.n_topics is not None:
            counts = [word_counts(X) for X in samples]
            topics = TruncatedSVD(self.n_topics, random_state=0)
            model = make_pipeline(TfidfTransformer(sublinear_tf=True), topics, Normalizer())
            model.fit(counts[0])
            samples = [model.transform(each) for each in counts]
        dtype = np.int64 if self.of_words else np.float32
        return [X.reshape(len(X), *self.shape).astype(dtype) for X in samples]

    @property
    def of_words(self) -> bool:
        return "vocabulary_size" in self.parameters

    def train(self, pool: Part, seed: int) -> Part:
        """Draw training samples; of a pool that has no more, only their order changes."""
        random = np.random.default_rng(seed)
        return pool.rows(random.choice(len(pool.y), self.n_train, replace=False))

    # -- runs
    def select(self, parts: Parts, changes: Parameters, seed: int) -> Record:
        scores = self.run(parts, changes, seed, parts.valid)
        return {"valid": scores.pop("AMI"), **scores}

    def test(self, parts: Parts, changes: Parameters, seed: int) -> Record:
        return self.run(parts, changes, seed, parts.test)

    def run(self, parts: Parts, changes: Parameters, seed: int, part: Part) -> Record:
        """Train on the pool, and compare K-means on the code of a part with its classes."""
        train = self.train(parts.pool, seed)
        n_classes = 1 + int(parts.pool.y.max())
        model = self.model(changes, seed)
        try:
            labels = train.y >= n_classes // 2 if self.coarse else None
            model, cost = timed(model.fit, train.X, labels)
        except ValueError as error:
            if "non-finite" not in str(error):
                raise
            return {"AMI": 0.0, "NMI": 0.0, "error": str(error)}  # a network that has no code
        k_means = KMeans(n_classes, n_init=10, random_state=seed)
        code = model.transform(part.X)
        clusters = k_means.fit_predict(code)
        scores = {"AMI": AMI(part.y, clusters), "NMI": NMI(part.y, clusters)}
        scores["silhouette"] = silhouette_score(code, clusters, sample_size=2000, random_state=seed)
        scores["AMI_normalized"] = AMI(part.y, k_means.fit_predict(normalize(code)))
        if hasattr(model, "predict"):
            scores["accuracy"] = model.score(part.X, part.y >= n_classes // 2)
        scores = {name: float(score) for name, score in scores.items()}
        return {**scores, "n_epochs": getattr(model, "n_iter_", 0), **cost}

    def model(self, changes: Parameters, seed: int) -> Any:
        if RAW in changes:
            return FunctionTransformer(word_counts if self.of_words else flattened)
        return ForcedApartEmbedder(**{**self.parameters, **changes}, random_state=seed)


def recurrent(
    data: str, sizes: Sequence[int], parameters: Parameters, **options: Any
) -> ForcedApartTask:
    """Return a task of sequences, which take long: one seed to choose by, fewer settings."""
    return ForcedApartTask(data, *sizes, parameters, 1, settings=RECURRENT, **options)


TASKS: dict[str, ForcedApartTask] = {
    "digits, MLP": ForcedApartTask("digits", 1000, 300, 497, {"max_epochs": 30}, 3),
    "MNIST, MLP": ForcedApartTask("mnist", 6000, 3000, 5000, {"max_epochs": 30}, 2),
    "MNIST, CNN": ForcedApartTask(
        "mnist", 6000, 2000, 4000, {"max_epochs": 12}, 1, shape=(1, 28, 28)
    ),
    "MNIST rows, GRU": recurrent("mnist", (6000, 2000, 4000), {"max_epochs": 15}, shape=(28, 28)),
    "strokes, GRU": recurrent("strokes", (6000, 2000, 4000), {"max_epochs": 15}, shape=(48, 4)),
    "text, tf-idf + MLP": ForcedApartTask(
        "texts", 8000, 2500, 2985, {"max_epochs": 30}, 2, n_topics=100
    ),
    "text, GRU": recurrent(
        "texts", (8000, 2500, 2985), {"max_epochs": 10, "vocabulary_size": VOCABULARY_SIZE}
    ),
    "MNIST, autoencoder": ForcedApartTask(
        "mnist",
        *(6000, 3000, 5000),
        {"max_epochs": 30},
        1,
        strengths=AUTOENCODER_CANDIDATES,
        coarse=False,
    ),
    "strokes, autoencoder": recurrent(
        "strokes",
        (6000, 2000, 4000),
        {"max_epochs": 15},
        strengths=AUTOENCODER_CANDIDATES,
        shape=(48, 4),
        coarse=False,
    ),
}
