"""Cluster scikit-learn's handwritten digits and compare with three plain methods.

    python examples/demo.py
    python examples/demo.py --seed 1 --output elsewhere.png

Prints a table, and draws the clusters and the embedding into one figure.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from skdeepclust import TripletDECClusterer
from skdeepclust.metrics import clustering_accuracy_score
from skdeepclust.plotting import ClusterGalleryDisplay, EmbeddingDisplay

try:
    from sklearn.callback import ProgressBar
except ImportError:  # scikit-learn before 1.9 has no callbacks
    ProgressBar = None

SCORES = {
    "ACC": clustering_accuracy_score,
    "NMI": normalized_mutual_info_score,
    "ARI": adjusted_rand_score,
}


def deep_method(seed: int, **parameters: Any) -> TripletDECClusterer:
    """Return the clusterer of this library, at its defaults."""
    return TripletDECClusterer(10, image_shape=(8, 8), random_state=seed, **parameters)


def plain_methods(seed: int) -> dict[str, Any]:
    """Return what scikit-learn has for the same task."""
    return {
        "KMeans": KMeans(10, n_init=10, random_state=seed),
        "SpectralClustering": SpectralClustering(
            10, affinity="nearest_neighbors", n_neighbors=10, random_state=seed
        ),
        "PCA + GaussianMixture": make_pipeline(
            PCA(30, random_state=seed), GaussianMixture(10, random_state=seed)
        ),
    }


def compare(models: Mapping[str, Any], X: np.ndarray, y: np.ndarray) -> list[str]:
    """Fit the models and return the lines of a table."""
    lines = [f"{'':21}" + "".join(f"{name:>7}" for name in SCORES) + "  seconds"]
    for name, model in models.items():
        start = time.perf_counter()
        labels = model.fit_predict(X)
        seconds = time.perf_counter() - start
        scores = "".join(f"{score(y, labels):7.3f}" for score in SCORES.values())
        lines.append(f"{name:21}{scores}{seconds:9.1f}")
    return lines


def draw(clusterer: TripletDECClusterer, X: np.ndarray, y: np.ndarray) -> Figure:
    """Draw the members nearest to each decoded centre, and a map of the embedding."""
    figure = Figure(figsize=(6.5, 3.9), layout="constrained")  # 624 pixels with text of 10 points
    left, right = figure.subplots(1, 2)
    gallery = ClusterGalleryDisplay.from_estimator(clusterer, X, y, n_members=4, ax=left)
    EmbeddingDisplay.from_estimator(clusterer, X, y, method="tsne", ax=right)
    title = {"loc": "left", "fontsize": "medium", "fontweight": "bold", "pad": 18}
    left.set_title(f"{len(gallery.centers)} clusters without labels", **title)
    right.set_title(f"{len(X):,} embedded images", **title)
    return figure


def main(arguments: Sequence[str] | None = None, **parameters: Any) -> None:
    """Run the demonstration; `parameters` are for the clusterer."""
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("digits.png"))
    options = parser.parse_args(arguments)

    X, y = load_digits(return_X_y=True)
    clusterer = deep_method(options.seed, **parameters)
    if ProgressBar is not None:
        clusterer.set_callbacks(ProgressBar())
    models = {"TripletDECClusterer": clusterer, **plain_methods(options.seed)}
    print(f"Clustering {len(X):,} images of digits, 8 x 8 pixels, without their labels\n")
    print("", *compare(models, X, y), sep="\n")
    print("\nDrawing ...", end=" ", flush=True)
    draw(clusterer, X, y).savefig(options.output, dpi=180)
    print(f"the clusters and the embedding are in {options.output}")


if __name__ == "__main__":
    # images this small gain little from several threads, which a busy machine slows down
    torch.set_num_threads(1)
    with threadpool_limits(1):
        main()
