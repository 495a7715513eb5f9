"""Algorithm 1 and the penalties in plain Python loops over float64 numbers, as an oracle."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

KINDS = ("sample", "spatial", "channel")

Row = list[float]


def naive_unfold(representation: Tensor, kind: str) -> tuple[list[Row], list[int]]:
    """Return the rows of a representation (N, C[, H[, W]]) and the sample of each."""
    y = representation.double()
    while y.ndim < 4:
        y = y[..., None]
    n_samples, n_channels, height, width = y.shape
    rows: dict[tuple[int, ...], Row] = {}
    for n in range(n_samples):
        for c in range(n_channels):
            for h in range(height):
                for w in range(width):
                    row = {"sample": (n,), "spatial": (n, h, w), "channel": (n, c)}[kind]
                    rows.setdefault(row, []).append(y[n, c, h, w].item())
    return list(rows.values()), [row[0] for row in rows]


def squared_distance(a: Row, b: Row) -> float:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def nearest(row: Row, centers: list[Row]) -> int:
    distances = [squared_distance(row, center) for center in centers]
    return distances.index(min(distances))


def naive_penalty(
    rows: list[Row], centers: list[Row], labels: list[int], weights: list[float]
) -> float:
    """Return the weighted mean over rows of |x - mu|^2 / (2 dims); with weights 1, Eq. 1 to 3."""
    total = 0.0
    for row, label, weight in zip(rows, labels, weights, strict=True):
        total += weight * squared_distance(row, centers[label]) / (2 * len(row))
    return total / sum(weights)


def naive_decov(rows: list[Row], weights: list[float]) -> float:
    total, units = sum(weights), range(len(rows[0]))
    mean = [sum(w * row[i] for row, w in zip(rows, weights, strict=True)) / total for i in units]

    def covariance(i: int, j: int) -> float:
        terms = (
            w * (row[i] - mean[i]) * (row[j] - mean[j])
            for row, w in zip(rows, weights, strict=True)
        )
        return sum(terms) / total

    return sum(covariance(i, j) ** 2 for i in units for j in units if i != j) / 2


class Step(NamedTuple):
    penalty: float
    centers: list[Row]
    labels: list[int]


class NaiveCenters:
    """The centres of one layer."""

    def __init__(self, centers: object, smoothing: float) -> None:
        self.centers: list[Row] = torch.as_tensor(centers, dtype=torch.float64).tolist()
        self.smoothing = smoothing
        self.counts = [0.0] * len(self.centers)

    def step(self, rows: list[Row], weights: list[float]) -> Step:
        """Run lines 6 to 8 on the rows of a batch; return the penalty to the new centres."""
        labels = [nearest(row, self.centers) for row in rows]
        for k, center in enumerate(self.centers):
            members = [i for i, label in enumerate(labels) if label == k]
            count = sum(weights[i] for i in members)
            self.counts[k] += count
            if count > 0:
                for d in range(len(center)):
                    mean = sum(weights[i] * rows[i][d] for i in members) / count
                    center[d] = self.smoothing * mean + (1 - self.smoothing) * center[d]
        return Step(naive_penalty(rows, self.centers, labels, weights), self.centers, labels)

    def starved(self, below: float) -> list[bool]:
        mean = sum(self.counts) / len(self.counts)
        return [count < below * mean for count in self.counts]
