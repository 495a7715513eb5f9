"""K-means losses and moving centres against naive loops in float64, gradients, special cases."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from skdeepclust import losses

SHAPES = {"n": st.integers(1, 7), "k": st.integers(1, 4), "d": st.integers(1, 5)}
SEEDS = st.integers(0, 2**32 - 1)


def normal(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def squared(a: list[float], b: list[float]) -> float:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def close(actual: Tensor, expected: object) -> None:
    torch.testing.assert_close(
        actual, torch.as_tensor(expected, dtype=actual.dtype), rtol=1e-10, atol=1e-12
    )


def drawn(n: int, k: int, d: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return samples, centres, labels and weights, of which some are 0."""
    weight = normal(n, seed=seed + 2).abs()
    weight[1:] *= normal(n, seed=seed + 3)[1:] > -0.5
    labels = torch.arange(n) % k
    return normal(n, d, seed=seed), normal(k, d, seed=seed + 1), labels, weight


@given(**SHAPES, seed=SEEDS)
def test_kmeans_loss_is_its_formula(n: int, k: int, d: int, seed: int) -> None:
    z, centers, labels, weight = drawn(n, k, d, seed)
    distances = [squared(z[i].tolist(), centers[labels[i]].tolist()) for i in range(n)]
    close(losses.kmeans_loss(z, centers, labels), sum(distances) / n)
    weighted = sum(w * v for w, v in zip(weight.tolist(), distances, strict=True))
    actual = losses.kmeans_loss(z, centers, labels, sample_weight=weight)
    close(actual, weighted / weight.sum().item())


@given(**SHAPES, seed=SEEDS)
def test_centers_move_by_one_over_their_count(n: int, k: int, d: int, seed: int) -> None:
    z, centers, labels, weight = drawn(n, k, d, seed)
    counts = normal(k, seed=seed + 4).abs() * 10 + 1
    moved, total = [row.tolist() for row in centers], counts.tolist()
    for i in range(n):
        j, w = int(labels[i]), weight[i].item()
        total[j] += w
        moved[j] = [
            m + w / total[j] * (v - m) for m, v in zip(moved[j], z[i].tolist(), strict=True)
        ]
    actual = losses.running_centers(centers, counts, z, labels, sample_weight=weight)
    close(actual[0], moved)
    close(actual[1], total)
    ones = losses.running_centers(centers, counts, z, labels, sample_weight=torch.ones(n))
    for one, other in zip(ones, losses.running_centers(centers, counts, z, labels), strict=True):
        close(one, other)


def test_centers_without_counts_become_the_means_of_their_samples() -> None:
    z, labels = normal(6, 2, seed=0), torch.tensor([0, 0, 1, 1, 1, 1])
    centers, counts = losses.running_centers(torch.ones(3, 2).double(), torch.zeros(3), z, labels)
    close(centers, torch.stack([z[:2].mean(0), z[2:].mean(0), torch.ones(2)]))
    assert counts.tolist() == [2, 4, 0]


@given(**SHAPES, seed=SEEDS, alpha=st.sampled_from([0.0, 0.1, 3.0]))
def test_soft_kmeans_is_its_formula(n: int, k: int, d: int, seed: int, alpha: float) -> None:
    z, centers, _, weight = drawn(n, k, d, seed)
    distances = [[squared(row, mu) for mu in centers.tolist()] for row in z.tolist()]
    kernel = [[math.exp(-alpha * v) for v in row] for row in distances]
    soft = [[v / sum(row) for v in row] for row in kernel]
    close(losses.softmax_assignment(z, centers, alpha=alpha), soft)
    rows = [
        sum(g * v for g, v in zip(*pair, strict=True)) for pair in zip(soft, distances, strict=True)
    ]
    close(losses.soft_kmeans_loss(z, centers, alpha=alpha), sum(rows) / n)
    weighted = sum(w * v for w, v in zip(weight.tolist(), rows, strict=True)) / weight.sum().item()
    close(losses.soft_kmeans_loss(z, centers, alpha=alpha, sample_weight=weight), weighted)


@given(**SHAPES, seed=SEEDS)
def test_with_a_large_alpha_soft_kmeans_is_kmeans(n: int, k: int, d: int, seed: int) -> None:
    z, centers, *_ = drawn(n, k, d, seed)
    nearest = losses.pairwise_squared_distances(z, centers).argmin(1)
    hard = losses.kmeans_loss(z, centers, nearest)
    torch.testing.assert_close(
        losses.soft_kmeans_loss(z, centers, alpha=1e6), hard, atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("alpha", [0.1, 2.0])
def test_gradients(alpha: float) -> None:
    z, centers, labels, weight = drawn(5, 3, 2, seed=0)
    inputs = (z.requires_grad_(), centers.requires_grad_())
    assert torch.autograd.gradcheck(
        lambda z, m: losses.soft_kmeans_loss(z, m, alpha=alpha, sample_weight=weight), inputs
    )
    assert torch.autograd.gradcheck(
        lambda z, m: losses.kmeans_loss(z, m, labels, sample_weight=weight), inputs
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_far_from_every_center_stay_finite(dtype: torch.dtype) -> None:
    z = torch.tensor([[1e12, 0.0], [0.0, 0.0]], dtype=dtype, requires_grad=True)
    centers = torch.tensor([[0.0, 0.0], [1.0, 1e6]], dtype=dtype, requires_grad=True)
    assignment = losses.softmax_assignment(z, centers, alpha=1000.0)
    torch.testing.assert_close(assignment.sum(1), torch.ones(2, dtype=dtype))
    losses.soft_kmeans_loss(z, centers, alpha=1000.0).backward()
    assert z.grad.isfinite().all()
    assert centers.grad.isfinite().all()


def test_weights_of_another_length_are_named() -> None:
    z, centers, labels, _ = drawn(4, 2, 3, seed=0)
    for loss in (
        lambda w: losses.kmeans_loss(z, centers, labels, sample_weight=w),
        lambda w: losses.soft_kmeans_loss(z, centers, alpha=1.0, sample_weight=w),
        lambda w: losses.running_centers(centers, torch.ones(2), z, labels, sample_weight=w),
    ):
        with pytest.raises(
            ValueError, match="sample_weight must hold one weight for each of the 4"
        ):
            loss(torch.ones(3))
