"""Draw the wings of the package and what they import: `python docs/architecture.py`.

The picture is made from the imports alone. A test compares it with today's.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from helpers.source_trees import TREES, imported, resolve  # noqa: E402

# The same picture has the same bytes.
rcParams["svg.hashsalt"] = "skdeepclust"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
# Drawn as one box: files that hold a method each, and files beside them that users call.
TOGETHER = {
    "the methods": {"forced_apart", "parsimonious", "tagnet", "triplet_dec", "zero_shot"},
    "saving, serving": {"persistence", "serving"},
}
LEFT_OUT = {"", "_compat"}  # the lazy face imports everything below it, and _compat nothing
WIDTH, HEIGHT = 1.62, 0.42


def box_of(module: str) -> str:
    """Return the box of a module: its wing, or one that several share."""
    wing = module.partition(".")[2].partition(".")[0]
    return next((name for name, wings in TOGETHER.items() if wing in wings), wing)


def arrows() -> dict[str, set[str]]:
    """Return the boxes that each box imports."""
    found: dict[str, set[str]] = defaultdict(set)
    for module in TREES:
        targets = {box_of(name) for name in map(resolve, imported(module)) if name in TREES}
        found[box_of(module)] |= targets - {box_of(module)} - LEFT_OUT
    return {box: targets for box, targets in found.items() if box not in LEFT_OUT}


def levels(boxes: dict[str, set[str]]) -> dict[str, int]:
    """Return how many steps down each box's imports go."""
    found: dict[str, int] = {}
    for box in TopologicalSorter(boxes).static_order():
        found[box] = 1 + max((found[target] for target in boxes[box]), default=-1)
    return found


def reached(boxes: dict[str, set[str]], box: str) -> set[str]:
    """Return all that a box imports, directly or through others."""
    return boxes[box].union(*(reached(boxes, target) for target in boxes[box]))


def needed(boxes: dict[str, set[str]], box: str) -> set[str]:
    """Return the arrows of a box that don't follow from others."""
    through_others = set().union(*(reached(boxes, target) for target in boxes[box]))
    return boxes[box] - through_others


def as_text(boxes: dict[str, set[str]]) -> str:
    """Return all arrows as words, which the picture holds as its description."""
    return "; ".join(f"{box}: {', '.join(sorted(boxes[box]))}" for box in sorted(boxes))


def places(boxes: dict[str, set[str]]) -> dict[str, tuple[float, float]]:
    """Return the middle of each box, a row a level."""
    rows: dict[int, list[str]] = defaultdict(list)
    for box, level in sorted(levels(boxes).items()):
        rows[level].append(box)
    return {
        box: (2 * (i - (len(row) - 1) / 2), 1.1 * level)
        for level, row in rows.items()
        for i, box in enumerate(row)
    }


def draw() -> Figure:
    """Draw the boxes and the arrows that don't follow from others."""
    boxes = arrows()
    place = places(boxes)
    figure = Figure(figsize=(9, 6.4), facecolor="white", layout="constrained")
    ax = figure.subplots()
    arrow = {"arrowstyle": "-|>", "color": "0.6", "linewidth": 0.8, "shrinkA": 12, "shrinkB": 12}
    for box in boxes:
        for target in sorted(needed(boxes, box)):
            ax.annotate("", place[target], place[box], arrowprops=arrow, zorder=1)
    for box, (x, y) in place.items():
        corner = x - WIDTH / 2, y - HEIGHT / 2
        color = "#dce9f5" if box.startswith("_") else "#fdebd0"
        style = {"boxstyle": "round,pad=0.02", "facecolor": color, "edgecolor": "0.3"}
        ax.add_patch(FancyBboxPatch(corner, WIDTH, HEIGHT, **style, zorder=2))
        ax.text(x, y, box, ha="center", va="center", zorder=3)
    ax.autoscale_view()
    ax.set_axis_off()
    return figure


def main() -> None:
    """Write the picture."""
    metadata = {"Description": as_text(arrows()), "Date": None}
    draw().savefig(PICTURE, metadata=metadata)


if __name__ == "__main__":
    main()
