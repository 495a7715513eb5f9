"""What the seconds buy: the comparison's methods, and Triplet DEC with other epochs, by time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from benchmarks.common.records import Record
from benchmarks.common.tables import markdown, mean_and_std
from benchmarks.compare.tables import IMAGES, OURS, by_method, label, mean_of

EXPERIMENTS = ("methods", "epochs")


class Cell(NamedTuple):
    """A method on a data set: its runs, mean CPU seconds and mean ACC."""

    data: str
    method: str
    runs: list[Record]
    seconds: float
    accuracy: float


def measured(records: Sequence[Record]) -> list[Cell]:
    """Return what didn't fail, by data set and by seconds."""
    cells = [
        Cell(data, method, runs, mean_of(runs, "cpu_s"), mean_of(runs, "ACC"))
        for name in EXPERIMENTS
        for data, method, runs in by_method(records, name)
        if "error" not in runs[0]
    ]
    order = list(dict.fromkeys(cell.data for cell in cells))
    return sorted(cells, key=lambda cell: (order.index(cell.data), cell.seconds))


def frontier(cells: Sequence[Cell]) -> list[Cell]:
    """Return those than which nothing on the same data is both faster and at least as good."""
    best: dict[str, float] = {}
    kept = []
    for cell in cells:
        if cell.accuracy > best.get(cell.data, 0.0):
            best[cell.data] = cell.accuracy
            kept.append(cell)
    return kept


def rows_of(cells: Sequence[Cell]) -> list[list[object]]:
    return [
        [
            cell.data,
            label(cell.method),
            len(cell.runs),
            f"{cell.seconds:.1f}",
            mean_and_std([run["ACC"] for run in cell.runs]),
        ]
        for cell in cells
    ]


HEADER = ["data", "method", "seeds", "CPU s", "ACC"]


def time(records: Sequence[Record]) -> str:
    """Return the methods that are worth their time."""
    return markdown(HEADER, rows_of(frontier(measured(records))))


def epochs(records: Sequence[Record]) -> str:
    """Return Triplet DEC with fewer and with more epochs, and with its own number."""
    cells = [cell for cell in measured(records) if cell.method.startswith("TripletDEC")]
    compared = {cell.data for cell in cells if "," in cell.method}
    return markdown(HEADER, rows_of([cell for cell in cells if cell.data in compared]))


TABLES: Mapping[str, Callable[[Sequence[Record]], str]] = {
    "compare-time": time,
    "compare-epochs": epochs,
}

# Colours of Okabe and Ito, which all readers can tell apart.
FAMILIES = {
    "TripletDEC": "#d55e00",
    "TAGnet": "#e69f00",
    "UMAP": "#0072b2",
    "ClustPy": "#009e73",
    "EVoC": "#cc79a7",
    "GemClus": "#56b4e9",
}
# Where names stand in turn, so that those of near points don't hide each other.
PLACES = (("left", 5, -9), ("right", -5, 4), ("left", 5, 4), ("right", -5, -9))
ALONG_LINE = (("center", 0, -12), ("center", -6, 5))
SHOWN_SECONDS = 0.01  # KMeans on few samples takes less than a clock shows


def draw_time(records: Sequence[Record], path: Path) -> None:
    """Draw ACC against CPU seconds, a panel for each set of images."""
    cells = [cell for cell in measured(records) if cell.data in IMAGES]
    names = list(dict.fromkeys(cell.data for cell in cells))
    if not names:
        raise SystemExit("No run that was asked for clusters images: there is no time to draw.")
    n_columns = min(len(names), 2)  # more are too small to read on a page
    n_rows = math.ceil(len(names) / n_columns)
    figure = Figure(figsize=(4 * n_columns, 3.6 * n_rows + 0.5), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for unused in panels[len(names) :]:
        unused.remove()
    for axes, data in zip(panels, names, strict=False):
        panel = [cell for cell in cells if cell.data == data]
        for family, color in FAMILIES.items():
            draw_family(axes, [c for c in panel if c.method.startswith(family)], family, color)
        known = (*FAMILIES, *OURS)
        draw_family(
            axes, [c for c in panel if not c.method.startswith(known)], "scikit-learn", "0.5"
        )
        axes.set(title=data, xlabel="CPU seconds", xscale="log", ylim=(0.45, 1.02))
        axes.margins(x=0.2)
        axes.set_ylabel("ACC")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.savefig(path, dpi=150)


def draw_family(axes, cells: Sequence[Cell], family: str, color: str) -> None:
    seconds = [max(cell.seconds, SHOWN_SECONDS) for cell in cells]
    joined = family == "TripletDEC"  # with more and more epochs
    line, places = ("-", ALONG_LINE) if joined else ("none", PLACES)
    axes.plot(
        seconds, [c.accuracy for c in cells], "o", ls=line, color=color, label=family, zorder=3
    )
    for cell, x, (ha, right, up) in zip(cells, seconds, cycle(places), strict=False):
        axes.annotate(
            told(cell.method),
            (x, cell.accuracy),
            xytext=(right, up),
            textcoords="offset points",
            ha=ha,
            fontsize=8,
            color=color,
        )


def told(method: str) -> str:
    """Return what the family's name leaves open."""
    if ", " in method:
        share = method.partition(", ")[2].removesuffix(" the epochs").removesuffix(" of")
        return "2" if share == "twice" else str(Fraction(share))
    name = method.removeprefix("UMAP + ").removeprefix("ClustPy ").removeprefix("PCA + ")
    return {"TripletDECClusterer": "1", "TAGnetClusterer": ""}.get(
        name, name.replace("Clustering", "").replace("GaussianMixture", "mixture")
    )
