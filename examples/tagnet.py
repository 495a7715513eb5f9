"""Ten digits by sparse codes: a dictionary, a graph, and a network that is trained to cluster.

    python examples/tagnet.py                  # digits, 8 x 8
    python examples/tagnet.py --data mnist     # from local files or OpenML

Fits a `TAGnetClusterer`, compares it with KMeans, and draws the atoms, the training, what the
graph does to the codes, and how the accuracy depends on the weight of the graph.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import normalize
from skorch.callbacks import Callback

from skdeepclust import TAGnetClusterer
from skdeepclust.datasets import fetch_mnist
from skdeepclust.graph import NeighborAffinity, laplacian
from skdeepclust.metrics import clustering_accuracy_score
from skdeepclust.networks import TAGnet
from skdeepclust.plotting import DictionaryDisplay, HistoryDisplay, SweepDisplay

# 0 is no graph, 5 the paper's weight; "auto" is near 190 with these dictionaries.
GRAPH_WEIGHTS = (0, 5, 20, 80, 190, 400)
STAGES = (2, 20)
SWEEP_SAMPLES = 800
N_SHOWN = 15  # codes a cluster
N_ATOMS = 60


class Samples:
    """Samples with their graph, which the network needs besides its weights."""

    def __init__(self, X: np.ndarray, y: np.ndarray):
        self.X, self.y = X, y
        self.affinity = NeighborAffinity(edge_weights="self_tuning").fit(X).affinity_matrix_
        self.laplacian = laplacian(self.affinity).astype(np.float32)

    @torch.no_grad()
    def stages(self, network: TAGnet) -> list[np.ndarray]:
        """Return the codes of unit length at all stages."""

        def branch(_, code):
            smoothed = torch.from_numpy(self.laplacian @ code.cpu().numpy())
            return -network.gain * smoothed.to(code)

        codes = network(torch.from_numpy(self.X).to(network.weight), branch)
        return [normalize(code.cpu().numpy()) for code in codes]


class ScoreEpochs(Callback):
    """Cluster all samples after each epoch, and add the scores to the history."""

    def __init__(self, samples: Samples):
        self.samples = samples

    def on_epoch_end(self, net, **_):
        *_, codes = self.samples.stages(net.module_.encoder)
        weights = net.module_.heads[-1].weight.detach().cpu().numpy()
        labels = (codes @ weights.T).argmax(1)
        net.history.record("ACC", clustering_accuracy_score(self.samples.y, labels))
        net.history.record("NMI", normalized_mutual_info_score(self.samples.y, labels))


def load(name: str) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Return samples of unit length, digits, and the shape of an image."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return normalize(X), y, (8, 8)
    X, y = fetch_mnist(return_X_y=True)
    rows = np.random.default_rng(0).choice(len(X), 5000, replace=False)
    return normalize(X[rows].astype(np.float64)), y[rows], (28, 28)


def sweep(X: np.ndarray, y: np.ndarray, n_repeats: int) -> dict[str, np.ndarray]:
    """Return the accuracies (weight, repeat) of the initial partition and after training."""
    scores = {}
    for n_stages in STAGES:
        start, end = np.empty((2, len(GRAPH_WEIGHTS), n_repeats))
        for repeat in range(n_repeats):
            rows = np.random.default_rng(repeat).choice(len(X), SWEEP_SAMPLES, replace=False)
            options = {"n_stages": n_stages, "dictionary": "kmeans", "n_init": 5, "max_epochs": 20}
            for place, weight in enumerate(GRAPH_WEIGHTS):
                clusterer = TAGnetClusterer(10, graph_weight=weight, random_state=repeat, **options)
                clusterer.fit(X[rows])
                start[place, repeat] = clustering_accuracy_score(y[rows], clusterer.initial_labels_)
                end[place, repeat] = clustering_accuracy_score(y[rows], clusterer.labels_)
        scores |= {f"K = {n_stages}, not trained": start, f"K = {n_stages}, trained": end}
    return scores


def draw_codes(ax: Axes, codes: np.ndarray, columns: np.ndarray, names: Sequence[str]) -> None:
    """Draw a column for each sample, as many a cluster, and a row for each atom."""
    table = np.abs(codes[:, columns].T)
    levels = colormaps["bone_r"].resampled(12)  # few colours make a small file
    largest = np.quantile(table, 0.995)
    ax.imshow(table, aspect="auto", interpolation="nearest", cmap=levels, vmax=largest)
    starts = np.arange(len(names)) * len(codes) / len(names) - 0.5
    for start in starts[1:]:
        ax.axvline(start, color="white", lw=1.5)
    ax.set_xticks(starts + len(codes) / len(names) / 2, names)
    ax.set(yticks=[], ylabel="atoms", xlabel="samples by cluster (its digit)")
    ax.tick_params(length=0)


def draw(clusterer: TAGnetClusterer, samples: Samples, image_shape, scores) -> Figure:
    """Draw atoms and training above, the first and the last codes, and the sweep below."""
    figure = Figure(figsize=(6.5, 8.6), layout="constrained")
    rows = figure.add_gridspec(3, 1)
    atoms, history = rows[0].subgridspec(1, 2, width_ratios=(1, 1.4)).subplots()
    weights = figure.add_subplot(rows[2])
    DictionaryDisplay.from_estimator(
        clusterer, samples.X, image_shape=image_shape, order="variance", n_atoms=N_ATOMS, ax=atoms
    )
    atoms.set_xlabel(f"{N_ATOMS} of {clusterer.n_components} atoms", fontsize="small", alpha=0.6)
    display = HistoryDisplay.from_estimator(clusterer, parts=["loss", ("ACC", "NMI")], ax=history)
    SweepDisplay.from_values(
        GRAPH_WEIGHTS, scores, param="weight of the graph α", score_name="ACC", ax=weights
    )
    set_title(atoms, "initial dictionary")
    set_title(display.ax_, "training", pad=20)  # above the names of the phases
    set_title(weights, f"graph, stages K, training ({SWEEP_SAMPLES} samples)")

    first, *_, last = samples.stages(clusterer.module_.encoder)
    members = [np.flatnonzero(clusterer.labels_ == k) for k in range(clusterer.n_clusters)]
    members = [rows for rows in members if len(rows)]
    shown = np.concatenate([np.random.default_rng(0).choice(rows, N_SHOWN) for rows in members])
    share = np.stack([np.abs(last[rows]).mean(0) for rows in members])
    columns = np.lexsort((-share.max(0), share.argmax(0)))  # by the cluster that uses them most
    names = [str(np.bincount(samples.y[rows]).argmax()) for rows in members]
    for ax, codes in zip(rows[1].subgridspec(1, 2).subplots(), (first, last), strict=True):
        draw_codes(ax, codes[shown], columns, names)
        stage = 1 if codes is first else clusterer.n_stages + 1
        set_title(ax, f"codes of stage {stage}")
    return figure


def set_title(ax: Axes, title: str, **options) -> None:
    ax.set_title(title, loc="left", fontweight="bold", **options)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3, help="of each fit of the sweep")
    parser.add_argument("--output", type=Path, default=Path("tagnet.png"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(min(4, torch.get_num_threads()))

    X, y, image_shape = load(options.data)
    samples = Samples(X, y)
    clusterer = TAGnetClusterer(
        10,
        affinity="precomputed",
        max_epochs=options.epochs,
        callbacks=[ScoreEpochs(samples)],
        random_state=0,
    ).fit(X, affinity=samples.affinity)
    kmeans = KMeans(10, n_init=10, random_state=0).fit(X)
    print("                  ACC    NMI")
    for name, labels in {
        "KMeans": kmeans.labels_,
        "codes, partition": clusterer.initial_labels_,
        "TAGnetClusterer": clusterer.labels_,
    }.items():
        accuracy = clustering_accuracy_score(y, labels)
        print(f"{name:16s}  {accuracy:.3f}  {normalized_mutual_info_score(y, labels):.3f}")

    scores = sweep(X, y, options.repeats)
    draw(clusterer, samples, image_shape, scores).savefig(options.output, dpi=180)
    print(f"figure: {options.output}")


if __name__ == "__main__":
    main()
