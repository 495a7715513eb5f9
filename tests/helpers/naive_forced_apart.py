"""The loss of Forced Apart in plain Python loops over float64 numbers, as an oracle."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from skdeepclust.losses import forced_apart_loss

MARGINS = {"kl": 1.5, "js": 0.5, "jeffreys": 1.2, "hellinger": 0.7}


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def integers(n: int, low: int, high: int, seed: int = 0) -> Tensor:
    return torch.randint(low, high, (n,), generator=torch.Generator().manual_seed(seed))


def close(actual: Tensor, expected: object) -> None:
    expected = torch.as_tensor(expected, dtype=actual.dtype)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-15)


def loss_and_gradient(
    activations: Tensor, labels: Tensor | None, divergence: str, weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    leaf = activations.clone().requires_grad_()
    margin = MARGINS[divergence]
    loss = forced_apart_loss(
        leaf, labels, margin=margin, divergence=divergence, sample_weight=weight
    )
    return loss.detach(), torch.autograd.grad(loss, leaf)[0]


def log_softmax(row: Sequence[float]) -> list[float]:
    largest = max(row)
    total = largest + math.log(math.fsum(math.exp(x - largest) for x in row))
    return [x - total for x in row]


def kl(log_p: Sequence[float], log_q: Sequence[float]) -> float:
    return math.fsum(math.exp(a) * (a - b) for a, b in zip(log_p, log_q, strict=True))


def naive_divergence(name: str, log_p: list[float], log_q: list[float]) -> float:
    if name == "kl":
        return kl(log_p, log_q)
    if name == "jeffreys":
        return (kl(log_p, log_q) + kl(log_q, log_p)) / 2
    if name == "hellinger":
        return 1 - math.fsum(math.exp((a + b) / 2) for a, b in zip(log_p, log_q, strict=True))
    mean = [np.logaddexp(a, b) - math.log(2) for a, b in zip(log_p, log_q, strict=True)]
    return (kl(log_p, mean) + kl(log_q, mean)) / 2


def naive_loss(
    activations: Tensor, labels: Sequence[int], divergence: str, weights: Sequence[float]
) -> float:
    """Return Eq. 8 with weights: a double loop for each label, then the mean over labels."""
    rows = [log_softmax(row) for row in activations.flatten(1).tolist()]
    losses = []
    for label in sorted(set(labels)):
        members = [i for i, other in enumerate(labels) if other == label]
        total = math.fsum(weights[i] for i in members)
        if total == 0:
            continue
        terms = []
        for i in members:
            for j in members:
                d = naive_divergence(divergence, rows[i], rows[j])
                terms.append(2 * weights[i] * weights[j] * max(0.0, MARGINS[divergence] - d))
        losses.append(math.fsum(terms) / total**2)
    return math.fsum(losses) / len(losses) if losses else 0.0
