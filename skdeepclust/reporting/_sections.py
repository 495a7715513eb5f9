"""The sections of the page, each of what it is told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from skdeepclust.reporting._centers import CenterImages
from skdeepclust.reporting._facts import N_EXEMPLARS, N_NEIGHBORS, Facts
from skdeepclust.reporting._map import color_of
from skdeepclust.reporting._markup import element, table
from skdeepclust.reporting._samples import Sprite

MOST_TEXTS_LISTED = 4  # of a cluster
MOST_MERGERS = 12
BELOW = 0.6  # of which stability a cluster shouldn't be taken for one


class SampleList:
    """Writes samples: their thumbnails, texts, or rows alone."""

    def __init__(self, sprite: Sprite | None, texts: list[str] | None) -> None:
        self._sprite, self._texts = sprite, texts
        self._place = {} if sprite is None else {int(r): i for i, r in enumerate(sprite.rows)}

    @property
    def shows_something(self) -> bool:
        return self._sprite is not None or self._texts is not None

    def thumbnail(self, row: int) -> Element | None:
        sprite = self._sprite
        if sprite is None or row not in self._place:
            return None
        label, style = f"sample {row}", sprite.position(self._place[row])
        return element("span", class_="thumbnail", role="img", aria_label=label, style=style)

    def cell(self, row: int) -> list[Any]:
        """Return what stands for a sample in a table."""
        text = None if self._texts is None else element("q", self._texts[row])
        return [self.thumbnail(row), text]

    def listed(self, rows: np.ndarray, first: Sequence[Element] = ()) -> Element:
        """Return a list of samples, with other entries before them."""
        if self._sprite is None and self._texts is not None:
            known = {self._texts[row]: row for row in rows[::-1].tolist()}  # of texts that repeat
            rows = np.array([r for r in rows if known[self._texts[r]] == r][:MOST_TEXTS_LISTED])
        items = [
            element("li", *self.cell(row), element("small", f"{row}"), title=f"sample {row}")
            for row in rows.tolist()
        ]
        kind = "texts" if self._texts is not None else "thumbnails"
        return element(
            "ul", *first, items, class_=f"samples {kind if self.shows_something else 'rows'}"
        )


def section(name: str, title: str, *children: Any) -> Element:
    heading = element("h2", title, id_=f"{name}-title")
    return element("section", heading, *children, id_=name, aria_labelledby=f"{name}-title")


def beside(blocks: Sequence[Element]) -> Element:
    """Return blocks in columns, as many as there is room for."""
    return element("div", *blocks, class_="side-by-side")


def cluster_name(cluster: int, word: str = "") -> Element:
    """Return the number of a cluster beside its colour."""
    swatch = element("span", class_="swatch", style=f"background:{color_of(cluster)}")
    return element("span", swatch, f"{word}{cluster}", class_="cluster")


def cluster_heading(cluster: int, size: int) -> Element:
    """Return the heading of what is told of one cluster."""
    return element("h3", cluster_name(cluster, "Cluster "), element("small", f"{size:,} samples"))


def share(value: float) -> str:
    return "\N{EN DASH}" if math.isnan(value) else f"{value:.0%}"


def bar(value: float, text: str) -> Element:
    fill = element("span", class_="fill", style=f"width:{100 * value:.1f}%")
    return element(
        "span", element("span", fill, class_="bar", aria_hidden="true"), text, class_="size"
    )


# ---------------------------------------------------------------- clusters


def clusters_section(facts: Facts) -> Element:
    """Return the table of sizes, and of how sure clusters are."""
    n_samples, largest = len(facts.clustering.labels), facts.sizes.max()
    rows = [
        [
            cluster_name(int(cluster)),
            bar(size / largest, f"{size:,}"),
            f"{size / n_samples:.1%}",
            *(_measure(name, values[index]) for name, values in facts.measures.items()),
        ]
        for index, (cluster, size) in enumerate(zip(facts.clusters, facts.sizes, strict=True))
    ]
    remarks = [
        f"Neighbours' agreement is the share of the {N_NEIGHBORS} nearest neighbours in the "
        f"embedding that are in the same cluster, of {facts.n_asked:,} samples.",
    ]
    if "stability" in facts.measures:
        remarks.append(
            "Stability is the mean Jaccard index of a cluster with the one most like it in each "
            f"run; below {BELOW} it shouldn't be taken for a cluster."
        )
    if facts.empty:
        remarks.append("Without a sample: " + ", ".join(map(str, facts.empty)) + ".")
    if facts.n_refused:
        remarks.append(f"{facts.n_refused:,} samples belong to no cluster.")
    head = ["cluster", "samples", "share", *facts.measures]
    sizes = table("Sizes of clusters, and how sure they are", head, rows)
    return section("clusters", "Clusters", sizes, element("p", " ".join(remarks), class_="remark"))


def _measure(name: str, value: float) -> Any:
    if name != "stability":
        return share(value)
    return element("span", f"{value:.2f}", class_="low" if value < BELOW else None)


def exemplars_section(
    facts: Facts, samples: SampleList, centers: CenterImages | None
) -> Element | None:
    """Return the members nearest to each centre."""
    if not samples.shows_something:
        return None
    blocks = [
        element(
            "article",
            cluster_heading(int(cluster), int(size)),
            samples.listed(rows)
            if centers is None
            else samples.listed(rows[: N_EXEMPLARS - 2], centers.of(int(cluster))),
        )
        for cluster, size, rows in zip(facts.clusters, facts.sizes, facts.exemplars, strict=True)
    ]
    text = "The members nearest to the centre of each cluster in the embedding, nearest first."
    if facts.by_probability:
        text = (
            "The most probable members of each cluster; of those alike, the nearest to its centre."
        )
    if centers is not None:
        text += (
            " Before them the centre, and what it has more of (red) and less of (blue) than the "
            "nearest other one."
        )
    return section("exemplars", "Exemplars", element("p", text, class_="remark"), beside(blocks))


def borderline_section(facts: Facts, samples: SampleList) -> Element | None:
    """Return the samples that are nearly in another cluster."""
    rows = facts.borderline.tolist()
    if not rows:
        return None
    measure = "probability of the first less that of the second cluster"
    if not facts.by_probability:
        measure = "1 less the distance to the first centre over that to the second"
    shown = [
        [
            str(row),
            *([samples.cell(row)] if samples.shows_something else []),
            cluster_name(int(facts.clustering.labels[row])),
            cluster_name(int(facts.runner_up[row])),
            f"{round(facts.margin[row], 3) + 0.0:.3f}",  # not -0.000
        ]
        for row in rows
    ]
    head = ["row", *(["sample"] if samples.shows_something else []), "cluster", "second", "margin"]
    text = f"The {len(rows)} samples with the least margin: {measure}."
    found = table("Samples between two clusters", head, shown)
    return section("borderline", "Between two clusters", element("p", text, class_="remark"), found)


def refused_section(facts: Facts, samples: SampleList) -> Element | None:
    """Return the samples that belong to no cluster."""
    if not facts.n_refused:
        return None
    text = f"{facts.n_refused:,} samples, labelled \N{MINUS SIGN}1."
    if facts.n_refused > len(facts.refused):
        text += f" The {len(facts.refused)} farthest from all centres:"
    remark = element("p", text, class_="remark")
    return section("refused", "In no cluster", remark, samples.listed(facts.refused))


def mergers_section(facts: Facts) -> Element:
    """Return the pairs of clusters that may be one."""
    if not facts.mergers:
        text = "None: to merge two of these clusters would cost much."
        return section("mergers", "Suggested mergers", element("p", text, class_="remark"))
    rows = [
        [_names(one), _names(other), f"{distance:.2f}"]
        for one, other, distance in facts.mergers[:MOST_MERGERS]
    ]
    n_left = len(facts.clusters) - len(facts.mergers)
    text = (
        f"Merged along the graph of the {N_NEIGHBORS} nearest neighbours in the embedding, these "
        "may be one. The distance is 0 where a cluster was cut in two by chance, 1 between "
        f"clusters without an edge in common. {n_left} clusters would be left."
    )
    found = table("Clusters that may be one", ["cluster", "with", "distance"], rows)
    return section("mergers", "Suggested mergers", element("p", text, class_="remark"), found)


def _names(clusters: list[int]) -> Element:
    return element("span", [cluster_name(cluster) for cluster in clusters], class_="clusters")


# ---------------------------------------------------------------- fit


def training_section(drawings: Sequence[Element]) -> Element | None:
    """Return the curves of a fit."""
    if not drawings:
        return None
    curves = element("div", *drawings, class_="curves")
    text = "Dotted lines are where a phase begins; several lines in a phase are several attempts."
    return section("training", "Training", element("p", text, class_="remark"), curves)


def parameters_section(clusterer: Any, shorten: Callable[[str], str]) -> Element | None:
    """Return the parameters of the clusterer and of what is inside of it."""
    if not hasattr(clusterer, "get_params"):
        return None
    rows = [[name, element("code", text)] for name, text in _parameters(clusterer, shorten)]
    if not rows:
        return None
    found = table("Parameters", ["name", "value"], rows)
    inside = element("details", element("summary", f"{len(rows)} parameters"), found)
    return section("parameters", "Parameters", inside)


def _parameters(clusterer: Any, shorten: Callable[[str], str]) -> list[tuple[str, str]]:
    made = []
    for name, value in clusterer.get_params(deep=True).items():
        is_part = hasattr(value, "get_params") and not isinstance(value, type)
        if name != "steps":  # which stand there by their names, too
            made.append((name, type(value).__name__ if is_part else shorten(repr(value))))
    return made
