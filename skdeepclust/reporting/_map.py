"""The map's data: where samples lie, in which cluster, and what a hand on them shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._engine.sparse import is_sparse
from skdeepclust.plotting._shared.canvas import draw_rows, map_to_plane
from skdeepclust.reporting._facts import Facts
from skdeepclust.reporting._markup import as_base64
from skdeepclust.reporting._samples import MOST_TEXTS, Sprite

# Matplotlib's petroff10, which other displays take, too; it may be missing here.
PALETTE = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
NO_CLUSTER = "#8a8f98"
FINEST = 2**16 - 1


def color_of(cluster: int) -> str:
    return NO_CLUSTER if cluster < 0 else PALETTE[cluster % len(PALETTE)]


def plane_of(
    embedding: Any, n_points: int, method: str, random_state: Any
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the rows on the map, their places in the unit square, and how they were found."""
    rows = draw_rows(embedding.shape[0], n_points, random_state)
    points = embedding[rows]
    with plain_arrays():
        # ARPACK needs a direction in which samples differ
        is_large = is_sparse(points) and min(points.shape) > 3 and _differ(points)
        if is_large and method == "pca":
            pca = PCA(2, svd_solver="arpack", random_state=0)
            places = pca.fit_transform(points)
            share = np.nan_to_num(pca.explained_variance_ratio_).sum()
            caption = f"PCA of the embedding, {share:.0%} of its variance"
        else:
            points = points.toarray() if is_sparse(points) else points
            places, caption = map_to_plane(points, method, random_state)
    extent = float(np.ptp(places, axis=0).max()) or 1.0
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    return rows, np.clip((places - middle) / extent + 0.5, 0, 1), caption


def _differ(points: Any) -> bool:
    """Tell whether not all samples of a sparse matrix are the same."""
    return bool(np.any(points.max(axis=0).toarray() != points.min(axis=0).toarray()))


def payload(
    facts: Facts,
    rows: np.ndarray,
    places: np.ndarray,
    sprite: Sprite | None,
    texts: list[str] | None,
) -> dict[str, Any]:
    """Return what the script of the map gets, as JSON holds it; y goes up."""
    labels = facts.clustering.labels
    own = labels[rows]
    data: dict[str, Any] = {
        "n_samples": len(labels),
        "rows": as_base64(rows.astype(np.int32)),
        "x": as_base64(np.round(places[:, 0] * FINEST).astype(np.uint16)),
        "y": as_base64(np.round(places[:, 1] * FINEST).astype(np.uint16)),
        "labels": as_base64(own.astype(np.int32)),
        "clusters": [
            _entry(int(cluster), int(size), places[own == cluster])
            for cluster, size in zip(facts.clusters, facts.sizes, strict=True)
        ],
    }
    if facts.n_refused:
        refused = _entry(-1, facts.n_refused, places[own < 0])
        data["clusters"].append({**refused, "place": None})
    if sprite is not None:
        data["thumbnails"] = {
            "columns": sprite.columns,
            "lines": sprite.n_lines,
            "width": sprite.width,
            "height": sprite.height,
            "of": as_base64(sprite.places(len(labels))[rows]),
        }
    if texts is not None:
        data["texts"] = [texts[row] for row in rows[:MOST_TEXTS].tolist()]
    return data


def _entry(cluster: int, size: int, places: np.ndarray) -> dict[str, Any]:
    """Return what is told of a cluster; its number stands on the sample nearest to the median."""
    place = None
    if len(places):
        away = np.linalg.norm(places - np.median(places, axis=0), axis=1)
        place = places[away.argmin()].round(5).tolist()
    return {"number": cluster, "size": size, "color": color_of(cluster), "place": place}
