"""One figure of each display on data that no fit has made, drawn alike on any machine.

`python tests/helpers/figures_of_displays.py` writes them to tests/figures, with which tests compare
what is drawn. Text is left out: its shape depends on the fonts that are installed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.text import Text
from sklearn.datasets import load_digits

from skdeepclust.plotting import (
    ActivationHeatmapDisplay,
    AssignmentDisplay,
    ClusterGalleryDisplay,
    ClusterNumberDisplay,
    CoverageDisplay,
    DendrogramDisplay,
    DictionaryDisplay,
    DriftDisplay,
    EmbeddingDisplay,
    ExemplarDisplay,
    HistoryDisplay,
    LabelledEmbeddingDisplay,
    SweepDisplay,
)

FINENESS = 8
FOLDER = Path(__file__).parents[1] / "figures"
IMAGES = load_digits().images[:12, None] / 16  # (12, 1, 8, 8)
ANGLES = np.arange(60)  # samples on a spiral
SPIRAL = np.column_stack([ANGLES * np.cos(ANGLES / 9), ANGLES * np.sin(ANGLES / 9)])
COUNTS = np.arange(12).reshape(4, 3) ** 2


def activation_heatmap() -> ActivationHeatmapDisplay:
    return ActivationHeatmapDisplay(
        counts=COUNTS, classes=np.array(["a", "b", "c"]), group_of_class=np.array(["x", "x", "y"])
    )


def assignment() -> AssignmentDisplay:
    counts = np.array([[9, 0, 1, 2], [0, 5, 3, 0], [1, 2, 6, 0]])
    return AssignmentDisplay(counts=counts, classes=np.arange(3), clusters=np.arange(4),
                             n_matched=3)  # fmt: skip


def cluster_gallery() -> ClusterGalleryDisplay:
    return ClusterGalleryDisplay(
        centers=IMAGES[:3], members=[IMAGES[3:6], IMAGES[6:9], IMAGES[9:10]],
        member_indices=[np.arange(3)] * 3, cluster_sizes=np.array([7, 5, 1]),
        member_labels=[np.array([0, 0, 1]), np.array([1, 1, 1]), np.array([2])],
        majority_labels=[0, 1, 2], majority_shares=np.array([0.8, 1.0, 1.0]),
    )  # fmt: skip


def cluster_number() -> ClusterNumberDisplay:
    scores = {
        name: np.array([[0.2, 0.6, 0.5], [0.3, 0.7, 0.5]]) / k for k, name in ((1, "a"), (2, "b"))
    }
    return ClusterNumberDisplay(n_clusters=np.array([5, 10, 20]), scores=scores, n_classes=10)


def coverage() -> CoverageDisplay:
    accuracy = np.array([1.0, 1.0, 0.9, 0.85, 0.7])
    return CoverageDisplay(coverage=np.arange(1, 6) / 5, accuracy=accuracy, kept=0.7, name="a")


def dendrogram() -> DendrogramDisplay:
    return DendrogramDisplay(
        children=np.array([[0, 2], [1, 4], [3, 5], [6, 7]]), n_clusters=3,
        distances=np.array([0.1, 0.2, 0.6, 1.0]), leaf_counts=np.array([9, 8, 7, 6, 5]),
    )  # fmt: skip


def dictionary() -> DictionaryDisplay:
    return DictionaryDisplay(atoms=IMAGES[:6] - 0.3, importances=np.array([3, 1, 2, 6, 5, 4]))


def drift() -> DriftDisplay:
    return DriftDisplay(
        numbers=np.array([0, 1, 3, 7]), shares_before=np.array([0.5, 0.3, 0.2, 0.0]),
        shares=np.array([0.3, 0.35, 0.0, 0.35]), shifts=np.array([0.2, 1.1, np.nan, np.nan]),
        novelty=0.3, contamination=0.05, p_value=1e-4, new=(7,), gone=(3,),
    )  # fmt: skip


def embedding() -> EmbeddingDisplay:
    return EmbeddingDisplay(
        coordinates=SPIRAL, labels=ANGLES // 5 - 1, n_clusters=11, misassigned=ANGLES % 9 == 0
    )


def embedding_with_images() -> EmbeddingDisplay:
    return EmbeddingDisplay(
        coordinates=SPIRAL, labels=ANGLES // 20 - 1, n_clusters=2, thumbnails=IMAGES[:3],
        thumbnail_points=np.array([5, 30, 55]),
    )  # fmt: skip


def exemplar() -> ExemplarDisplay:
    return ExemplarDisplay(
        images=[IMAGES[:4], IMAGES[4:7]], clusters=np.array([5, 2]),
        cluster_sizes=np.array([9, 4]), boxes=[np.array([[0, 1, 5, 6]] * 4)] * 2,
    )  # fmt: skip


def gallery_of_originals() -> ClusterGalleryDisplay:
    colors = np.repeat(IMAGES, 3, axis=1) * np.array([1.0, 0.6, 0.2])[:, None, None]
    return ClusterGalleryDisplay(
        centers=None, members=[colors[:4], colors[4:6]], n_noise=3,
        member_indices=[np.arange(4), np.arange(2)], cluster_sizes=np.array([4, 2]),
    )  # fmt: skip


def history() -> HistoryDisplay:
    return HistoryDisplay(
        epochs=np.array([1.0, 2, 3, 4, 5, 4, 5]), runs=np.array([0, 0, 0, 1, 1, 2, 2]),
        values={"loss": np.array([5.0, 3, 2, 4, 3, 4, 2]), "valid_loss": np.arange(7.0)},
        attempts=np.array([-1, -1, -1, 0, 0, 1, 1]), kept_attempt=1,
        phases=[("first", 1.0, 3.0), ("second", 4.0, 5.0)],
        groups={"loss": ["loss", "valid_loss"]},
    )  # fmt: skip


def labelled_embedding() -> LabelledEmbeddingDisplay:
    return LabelledEmbeddingDisplay(coordinates=SPIRAL, labels={"label": ANGLES // 12})


def sweep() -> SweepDisplay:
    scores = {
        name: np.array([[0.2, 0.3], [0.6, 0.8], [0.5, 0.5]]) / k for k, name in ((1, "a"), (2, "b"))
    }
    return SweepDisplay(values=[0.01, 0.1, 1.0], scores=scores, param="lr")


def sweep_of_two() -> SweepDisplay:
    return SweepDisplay(
        values=([1, 2, 3, 4], [0.1, 1.0, 10.0]), scores={"score": COUNTS[..., None] / 121},
        param=("n", "lr"),
    )  # fmt: skip


FIGURES: dict[str, Callable[[], Any]] = {
    each.__name__: each
    for each in (
        activation_heatmap, assignment, cluster_gallery, cluster_number, coverage, dendrogram,
        dictionary, drift, embedding, embedding_with_images, exemplar, gallery_of_originals,
        history, labelled_embedding, sweep, sweep_of_two,
    )
}  # fmt: skip


def draw(display: Any) -> np.ndarray:
    """Return the pixels (height, width, 3) of a display, in axes whose place depends on no text.

    Versions of matplotlib round the edges of images to other pixels. These are drawn eight times as
    fine as they are kept, so that little is left of it.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=(3.2, 2.4), dpi=50 * FINENESS)
        canvas = FigureCanvasAgg(figure)
        display.plot(figure.add_subplot())
        figure.draw_without_rendering()  # ticks are made now
        for text in figure.findobj(Text):
            text.set_visible(False)
        for legend in [ax.get_legend() for ax in figure.axes if ax.get_legend()]:
            legend.set_visible(False)
        canvas.draw()
        fine = np.asarray(canvas.buffer_rgba())[..., :3] / 255
    height, width = np.array(fine.shape[:2]) // FINENESS
    return fine.reshape(height, FINENESS, width, FINENESS, 3).mean(axis=(1, 3))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, make in FIGURES.items():
        imsave(FOLDER / f"{name}.png", draw(make()), metadata={"Software": ""})
