"""What the seconds buy: the comparison's methods, and Triplet DEC with other epochs, by time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

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
# Where a name may stand beside its point, the best place first.
PLACES = [
    (side, sideways, up)
    for up in (-3, 5, -11, 13, -19)
    for side, sideways in (("left", 6), ("right", -6), ("center", 0))
    if up != -3 or sideways  # not on the point itself
]
SHOWN_SECONDS = 0.01  # KMeans on few samples takes less than a clock shows


def draw_time(records: Sequence[Record], path: Path) -> None:
    """Draw ACC against CPU seconds, a panel for each set of images."""
    cells = [cell for cell in measured(records) if cell.data in IMAGES]
    names = list(dict.fromkeys(cell.data for cell in cells))
    if not names:
        raise SystemExit("No run that was asked for clusters images: there is no time to draw.")
    n_columns = min(len(names), 2)  # more are too small to read on a page
    n_rows = math.ceil(len(names) / n_columns)
    figure = Figure(figsize=(3.25 * n_columns, 3.3 * n_rows + 0.5), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for unused in panels[len(names) :]:
        unused.axis("off")
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
    entries = panels[0].get_legend_handles_labels()
    if len(names) < len(panels):
        panels[-1].legend(*entries, loc="center")
    else:
        figure.legend(*entries, loc="outside lower center", ncols=3)
    figure.draw_without_rendering()  # now it is known where points are
    for axes in panels[: len(names)]:
        spread_names(axes)
    figure.savefig(path, dpi=180)


def draw_family(axes, cells: Sequence[Cell], family: str, color: str) -> None:
    seconds = [max(cell.seconds, SHOWN_SECONDS) for cell in cells]
    line = "-" if family == "TripletDEC" else "none"  # with more and more epochs
    axes.plot(
        seconds, [c.accuracy for c in cells], "o", ls=line, color=color, label=family, zorder=3
    )
    for cell, x in zip(cells, seconds, strict=True):
        axes.annotate(
            told(cell.method),
            (x, cell.accuracy),
            xytext=PLACES[0][1:],
            textcoords="offset points",
            fontsize=8,
            color=color,
        )


def spread_names(axes) -> None:
    """Move each name to where it hides the least of the points, of others and of the frame."""
    points = [axes.transData.transform(name.xy) for name in axes.texts]
    taken = [Bbox.from_extents(*(point - 4), *(point + 4)) for point in points]
    frame = axes.get_window_extent()

    def hidden(box: Bbox) -> float:
        shared = (Bbox.intersection(box, other) for other in taken)
        inside = Bbox.intersection(box, frame)
        outside = area(box) - (area(inside) if inside else 0)
        return outside + sum(area(each) for each in shared if each)

    for name in axes.texts:
        boxes = {}
        for place in PLACES:
            move(name, place)
            boxes[place] = name.get_window_extent()
        best = min(PLACES, key=lambda place: hidden(boxes[place]))
        move(name, best)
        taken.append(boxes[best])


def move(name, place: tuple[str, float, float]) -> None:
    side, *offset = place
    name.set(ha=side, position=offset)


def area(box: Bbox) -> float:
    return box.width * box.height


def told(method: str) -> str:
    """Return what the family's name leaves open."""
    if ", " in method:
        share = method.partition(", ")[2].removesuffix(" the epochs").removesuffix(" of")
        return "2" if share == "twice" else str(Fraction(share))
    name = method.removeprefix("UMAP + ").removeprefix("ClustPy ").removeprefix("PCA + ")
    return {"TripletDECClusterer": "1", "TAGnetClusterer": ""}.get(
        name, name.replace("Clustering", "").replace("GaussianMixture", "mixture")
    )
