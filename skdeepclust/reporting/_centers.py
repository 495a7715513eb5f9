"""Centres of clusters as images, and each less the nearest other one in red and blue."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from skdeepclust.explain import contrast_centers
from skdeepclust.explain._displays import shape_of_images
from skdeepclust.reporting._markup import element
from skdeepclust.reporting._samples import Sprite, own_image_shape, sprite_of

# What a difference of the largest size is shown by; none is white.
MORE, LESS = np.array([178, 24, 43]), np.array([33, 102, 172])


def centers_shown(clusterer: Any, X: Any, n_clusters: int) -> CenterImages | None:
    """Return pictures of centres if X holds images, and there are two clusters to compare."""
    shape = own_image_shape(clusterer, X)
    return None if shape is None or n_clusters < 2 else CenterImages(clusterer, X, shape)


class CenterImages:
    """Two pictures for each cluster: its centre, and what that has more or less of."""

    def __init__(self, clusterer: Any, X: Any, image_shape: tuple[int, ...]) -> None:
        found = contrast_centers(clusterer, X)
        shape = shape_of_images(clusterer, found.centers.shape[1:], image_shape)
        centers = _as_colors(found.centers.reshape(-1, *shape))
        differences = _in_red_and_blue(found.differences.reshape(-1, *shape))
        pictures = np.concatenate([centers, differences])  # (2 * n_clusters, 3, H, W)
        self._number = {int(cluster): row for row, cluster in enumerate(found.clusters)}
        self._nearest = found.nearest
        self._what = "centre" if found.is_decoded else "mean"
        self.sprite: Sprite = sprite_of(lambda rows: pictures[rows], np.arange(len(pictures)))

    def of(self, cluster: int) -> list[Element]:
        """Return the two pictures of a cluster, as entries of its list of samples."""
        row = self._number[cluster]
        less = f"less {self._nearest[row]}"
        return [
            self._entry(row, self._what),
            self._entry(row + len(self._number), less),
        ]

    def _entry(self, place: int, text: str) -> Element:
        picture = element("span", class_="thumbnail center", role="img", aria_label=text)
        picture.set("style", self.sprite.position(place))
        return element("li", picture, element("small", text))


def _as_colors(images: np.ndarray) -> np.ndarray:
    """Return images of any number of channels as bytes of three, all on one scale."""
    low, span = images.min(), np.ptp(images)
    values = (images - low) / (span or 1.0) * 255
    values = values if values.shape[1] == 3 else values.mean(axis=1, keepdims=True)
    return np.repeat(values, 3 // values.shape[1], axis=1).round().astype(np.uint8)


def _in_red_and_blue(differences: np.ndarray) -> np.ndarray:
    part = differences.mean(axis=1, keepdims=True)  # (n_clusters, 1, H, W)
    part = part / (np.abs(part).max() or 1.0)
    ink = np.where(part > 0, MORE[:, None, None], LESS[:, None, None])
    return (255 - np.abs(part) * (255 - ink)).round().astype(np.uint8)
