"""Training curves as small drawings, one for each part of the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from skdeepclust.explain._answers import layers
from skdeepclust.plotting._shared.history_rows import find_parts, lay_out, select_phases, to_number
from skdeepclust.reporting._markup import element

WIDTH, HEIGHT = 320, 130
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 10, 22  # margins
MOST_POINTS = 400  # of a line; more can't be told apart


def history_of(clusterer: Any) -> list[dict[str, Any]]:
    """Return the history of a clusterer, or of the one inside of it; empty without any."""
    found = (getattr(each, "history_", None) for each in layers(clusterer, deep=True))
    history = next((each for each in found if each is not None), [])
    try:
        return select_phases(history, None) if len(history) else []
    except (TypeError, ValueError):  # something else of that name
        return []


def curves(clusterer: Any) -> list[Element]:
    """Draw each part of a history against the epoch."""
    rows = history_of(clusterer)
    parts = find_parts(rows, repeated=False)
    if not parts:
        return []
    placed = lay_out(rows)
    drawn = [
        _curve(name, np.array([to_number(r.get(name)) for r in rows]), placed) for name in parts
    ]
    return [each for each in drawn if each is not None]


def _curve(name: str, values: np.ndarray, placed: dict[str, Any]) -> Element | None:
    epochs, runs = placed["epochs"], placed["runs"]
    known = np.isfinite(values)
    if not known.any():
        return None
    low, high = values[known].min(), values[known].max()
    first, last = epochs.min(), epochs.max()
    x = LEFT + (epochs - first) / max(last - first, 1) * (WIDTH - LEFT - RIGHT)
    span = high - low or 1.0
    y = HEIGHT - BOTTOM - (values - low) / span * (HEIGHT - TOP - BOTTOM)
    lines = [
        _line(x[own], y[own]) for own in (known & (runs == run) for run in np.unique(runs[known]))
    ]
    text = f"{name}: from {values[known][0]:.3g} to {values[known][-1]:.3g} in {int(last)} epochs"
    drawing = element(
        "svg", element("title", text), *_frame(low, high, first, last),
        *_phases(placed, first, last), *lines,
        viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=text,
    )  # fmt: skip
    return element("figure", drawing, element("figcaption", name.replace("_", " ")))


def _line(x: np.ndarray, y: np.ndarray) -> Element:
    if len(x) > MOST_POINTS:
        kept = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).astype(int))
        x, y = x[kept], y[kept]
    points = " L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
    if len(x) == 1:  # a single epoch is a dot
        return element("circle", cx=f"{x[0]:.1f}", cy=f"{y[0]:.1f}", r=2.5, class_="dot")
    return element("path", d=f"M{points}", class_="line")


def _frame(low: float, high: float, first: float, last: float) -> Sequence[Element]:
    bottom = HEIGHT - BOTTOM
    return [
        element("path", d=f"M{LEFT} {TOP} V{bottom} H{WIDTH - RIGHT}", class_="axis"),
        element("text", f"{high:.3g}", x=LEFT - 5, y=TOP + 5, text_anchor="end"),
        element("text", f"{low:.3g}", x=LEFT - 5, y=bottom, text_anchor="end"),
        element("text", f"{first:.0f}", x=LEFT, y=HEIGHT - 6),
        element("text", f"epoch {last:.0f}", x=WIDTH - RIGHT, y=HEIGHT - 6, text_anchor="end"),
    ]


def _phases(placed: dict[str, Any], first: float, last: float) -> list[Element]:
    """Draw where phases begin, with their names for who rests on the line."""
    made = []
    for name, start, _ in placed["phases"][1:]:
        x = LEFT + (start - 0.5 - first) / max(last - first, 1) * (WIDTH - LEFT - RIGHT)
        path = element("path", element("title", name), d=f"M{x:.1f} {TOP} V{HEIGHT - BOTTOM}")
        path.set("class", "phase")
        made.append(path)
    return made
