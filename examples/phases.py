"""The embedding of digits after each phase of Triplet DEC, and what a mixture finds in it.

    python examples/phases.py
    python examples/phases.py --output elsewhere.png

Draws a map for each phase, and the accuracy against the epochs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE
from sklearn.mixture import GaussianMixture
from skorch.callbacks import Callback
from torch.nn.functional import normalize

from skdeepclust import TripletDECClusterer
from skdeepclust.metrics import clustering_accuracy_score

TITLES = {
    "reconstruction": "1. reconstruction",
    "warmup": "2. warm-up",
    "clustering": "3. clustering",
}
COLORS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip


class KeepEmbeddings(Callback):
    """Keep the embedding of all images after each epoch."""

    def __init__(self, images: torch.Tensor, embeddings: list[np.ndarray]):
        self.images, self.embeddings = images, embeddings

    def __deepcopy__(self, memo: dict) -> KeepEmbeddings:
        return KeepEmbeddings(self.images, self.embeddings)  # each phase has a copy, of one list

    @torch.no_grad()
    def on_epoch_end(self, net, **_):
        network = net.module_.eval()
        code = network.autoencoder.encode(network.standardize(self.images.to(network.centers)))
        network.train()
        self.embeddings.append(normalize(code).cpu().numpy())


def draw_map(ax: Axes, embedding: np.ndarray, y: np.ndarray, title: str) -> None:
    """Draw a t-SNE map with the digits at the medians of their points."""
    places = TSNE(random_state=0).fit_transform(embedding)
    ax.scatter(*places.T, s=5, c=np.array(COLORS)[y], linewidths=0)
    for digit in np.unique(y):
        box = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": COLORS[digit], "alpha": 0.9}
        place = np.median(places[y == digit], axis=0)
        ax.text(*place, str(digit), ha="center", va="center", weight="bold", bbox=box)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_title(title, loc="left", weight="bold")


def draw_accuracies(ax: Axes, phases: Sequence[str], epochs: np.ndarray, scores) -> None:
    """Draw the accuracies of some epochs; a phase ends where the next one begins."""
    ax.plot(epochs + 1, scores, color="#3f90da", marker="o", ms=3)
    starts = [phases.index(phase) for phase in dict.fromkeys(phases)]
    for start in starts[1:]:
        ax.axvline(start + 0.5, color="0.5", lw=0.8, ls="--")
    ax.set(xlabel="epoch", ylabel="accuracy", ylim=(None, 1))
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title("what a mixture finds", loc="left", weight="bold")


def main(arguments: Sequence[str] | None = None, **parameters: Any) -> None:
    """Draw the figure; `parameters` are for the clusterer."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("phases.png"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(min(4, torch.get_num_threads()))

    X, y = load_digits(return_X_y=True)
    embeddings: list[np.ndarray] = []
    images = torch.tensor(X.reshape(-1, 1, 8, 8), dtype=torch.float32)
    clusterer = TripletDECClusterer(
        10,
        image_shape=(8, 8),
        n_starts=1,
        callbacks=[KeepEmbeddings(images, embeddings)],
        random_state=0,
        **parameters,
    ).fit(X)
    phases = [row["phase"] for row in clusterer.history_]
    last = {phase: len(phases) - 1 - phases[::-1].index(phase) for phase in phases}
    epochs = np.unique([*range(0, len(phases), 4), *last.values()])
    mixture = GaussianMixture(10, reg_covar=1e-4, random_state=0)
    found = [mixture.fit_predict(embeddings[epoch].astype(float)) for epoch in epochs]
    scores = [clustering_accuracy_score(y, labels) for labels in found]
    print(
        *(f"{phase:15}{scores[list(epochs).index(end)]:.3f}" for phase, end in last.items()),
        sep="\n",
    )

    figure = Figure(figsize=(6.5, 6), layout="constrained")
    *maps, curve = figure.subplots(2, 2).ravel()
    for ax, (phase, epoch) in zip(maps, last.items(), strict=True):
        draw_map(ax, embeddings[epoch], y, TITLES[phase])
    draw_accuracies(curve, phases, epochs, scores)
    figure.savefig(options.output, dpi=180)
    print(f"figure: {options.output}")


if __name__ == "__main__":
    main()
