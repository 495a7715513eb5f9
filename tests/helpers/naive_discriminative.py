"""The losses that make scores decisive: loops over lists, and what their tests have in common."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from skdeepclust.losses import entropy_minimization_loss, max_margin_loss

LOSSES = {"entropy": entropy_minimization_loss, "max_margin": max_margin_loss}
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def close(actual: Tensor, expected: object) -> None:
    torch.testing.assert_close(
        actual, torch.as_tensor(expected, dtype=actual.dtype), rtol=1e-12, atol=1e-12
    )


def value_and_gradient(loss: Any, logits: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, **options)
    return value.detach(), torch.autograd.grad(value, leaf)[0]


def naive_softmax(row: list[float]) -> list[float]:
    powers = [math.exp(value) for value in row]
    return [power / sum(powers) for power in powers]


def naive_balance(rows: list[list[float]], weights: list[float]) -> float:
    assignment = [naive_softmax(row) for row in rows]
    total = 0.0
    for j in range(len(rows[0])):
        size = sum(w * p[j] for w, p in zip(weights, assignment, strict=True)) / sum(weights)
        total += size * math.log(size)
    return total


def naive_entropy(row: list[float]) -> float:
    return -sum(p * math.log(p) for p in naive_softmax(row))


def naive_hinge(row: list[float], margin: float) -> float:
    best = row.index(max(row))
    others = [value for j, value in enumerate(row) if j != best]
    return max(0.0, margin + max(others) - row[best]) if others else 0.0
