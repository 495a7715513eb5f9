"""Negatives of Algorithm 1: which of a batch are far enough away."""

from __future__ import annotations

import numpy as np
import torch

from skdeepclust._clusters.negatives import RunningRadius

CPU = torch.device("cpu")


def test_radius_equals_a_loop_over_samples():
    generator = torch.Generator().manual_seed(0)
    radius = RunningRadius(6, CPU)
    history = {i: [] for i in range(6)}
    for _ in range(5):
        idx = torch.randperm(6, generator=generator)[:4]
        anchor = torch.randn(4, 3, generator=generator)
        positive = anchor + torch.randn(4, 3, generator=generator)
        admissible = radius.admissible(anchor, positive, idx)
        for row, i in enumerate(idx.tolist()):
            mean = square = 0.0
            for distance in history[i]:
                mean += 0.3 * (distance - mean)
                square += 0.3 * (distance**2 - square)
            limit = mean + 2 * np.sqrt(square - mean**2)
            for column in range(4):
                apart = float((anchor[row] - anchor[column]).norm())
                if abs(apart - limit) > 1e-5:
                    assert bool(admissible[row, column]) == (apart > limit)
            history[i].append(float((anchor[row] - positive[row]).norm()))
