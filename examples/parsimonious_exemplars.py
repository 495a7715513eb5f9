"""What the clusters of a network's layers stand for: parts of images, and whole images.

    python examples/parsimonious_exemplars.py                  # digits, 8 x 8
    python examples/parsimonious_exemplars.py --data mnist     # from local files or OpenML

Trains a small convolutional classifier in which one convolution clusters positions and the fully
connected layer clusters samples, and draws the exemplars of the largest clusters of both.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeepclust import ParsimoniousClassifier
from skdeepclust.datasets import fetch_mnist
from skdeepclust.plotting import ExemplarDisplay


def load(name: str) -> tuple[np.ndarray, np.ndarray, tuple[int, int], str]:
    """Return images as rows, labels, the shape of an image, and the layer to show parts of."""
    if name == "digits":
        return *load_digits(return_X_y=True), (8, 8), "conv1"
    X, y = fetch_mnist(return_X_y=True)
    rows = np.random.default_rng(0).choice(len(X), 5000, replace=False)
    return X[rows], y[rows], (28, 28), "conv2"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--output", type=Path, default=Path("exemplars.png"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(min(4, torch.get_num_threads()))

    X, y, image_shape, convolution = load(options.data)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    classifier = ParsimoniousClassifier(
        layers={convolution: {"clustering": "spatial", "lam": 0.01}, "fc1": "sample"},
        n_clusters=30,
        lam=1.0,
        image_shape=image_shape,
        max_epochs=options.epochs,
        random_state=0,
    ).fit(X_train, y_train)
    print(f"accuracy on images that it hasn't seen: {classifier.score(X_test, y_test):.3f}")

    figure = Figure(figsize=(6.5, 4.4), layout="constrained")
    for ax, layer in zip(figure.subplots(1, 2), (convolution, "fc1"), strict=True):
        ExemplarDisplay.from_estimator(classifier, X_test, layer, n_exemplars=5, ax=ax)
    figure.savefig(options.output, dpi=180)
    print(f"figure: {options.output}")


if __name__ == "__main__":
    main()
