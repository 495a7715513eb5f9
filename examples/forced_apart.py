"""Ten digits from a network that is only told whether a digit is below five.

    python examples/forced_apart.py                  # digits, 8 x 8
    python examples/forced_apart.py --data mnist     # from local files or OpenML

Trains a network on the coarse label alone, without and with the loss that forces samples of the
same label apart, clusters its code with KMeans, and draws what both have learned.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.model_selection import train_test_split

from skdeepclust import ForcedApartEmbedder
from skdeepclust.datasets import fetch_mnist
from skdeepclust.plotting import (
    ActivationHeatmapDisplay,
    ClusterNumberDisplay,
    LabelledEmbeddingDisplay,
)

# The first is an ordinary network.
NETWORKS = {
    "coarse labels only": {"loss": None, "module__layer_norm": False},
    "forced apart": {},
}


def load(name: str) -> tuple[np.ndarray, np.ndarray, tuple[int, ...] | None]:
    """Return samples, digits, and the shape of an image where a convolutional network is used."""
    if name == "digits":
        return *load_digits(return_X_y=True), None
    X, y = fetch_mnist(return_X_y=True)
    rows = np.random.default_rng(0).choice(len(X), 10_000, replace=False)
    return X[rows], y[rows], (28, 28)


def draw(embedders: dict[str, ForcedApartEmbedder], X, digit, coarse) -> Figure:
    """Draw a column for each network, and the score by the number of clusters below them."""
    figure = Figure(figsize=(6.5, 8.6), layout="constrained")
    panels = figure.add_gridspec(3, 2)
    for column, (name, embedder) in enumerate(embedders.items()):
        pattern, points = (figure.add_subplot(panels[row, column]) for row in range(2))
        ActivationHeatmapDisplay.from_estimator(embedder, X, digit, groups=coarse, ax=pattern)
        pattern.set_title(name, loc="left", fontweight="bold", pad=24)  # above the groups
        LabelledEmbeddingDisplay.from_estimator(
            embedder, X, {"digit": digit}, n_points=1500, axes=[points]
        )
    curves = {**embedders, "pixels": X}
    axes = figure.add_subplot(panels[2, :])
    ClusterNumberDisplay.from_estimators(curves, X, digit, n_clusters=range(5, 31, 5), ax=axes)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path("forced_apart.png"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(min(4, torch.get_num_threads()))

    X, digit, image_shape = load(options.data)
    X, X_test, digit, digit_test = train_test_split(X, digit, stratify=digit, random_state=0)
    print("AMI of KMeans with the digits, accuracy of the coarse label, on test samples:")
    embedders = {}
    for name, parameters in NETWORKS.items():
        embedder = ForcedApartEmbedder(
            **parameters, image_shape=image_shape, max_epochs=options.epochs, random_state=0
        ).fit(X, digit >= 5)
        clusters = KMeans(10, n_init=10, random_state=0).fit_predict(embedder.transform(X_test))
        score = adjusted_mutual_info_score(digit_test, clusters)
        accuracy = embedder.score(X_test, digit_test >= 5)
        print(f"  {name:20s} {score:.3f}  {accuracy:.3f}")
        embedders[name] = embedder

    coarse = np.where(digit_test >= 5, "5 to 9", "0 to 4")
    draw(embedders, X_test, digit_test, coarse).savefig(options.output, dpi=180)
    print(f"figure: {options.output}")


if __name__ == "__main__":
    main()
