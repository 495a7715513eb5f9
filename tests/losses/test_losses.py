"""Losses against naive loops in float64, known optima, invariances and extreme inputs."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from skdeepclust import losses

MARGIN = 0.7
SHAPES = {"n": st.integers(1, 7), "k": st.integers(1, 4), "d": st.integers(1, 5)}
SEEDS = st.integers(0, 2**32 - 1)


def normal(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def probabilities(n: int, k: int, seed: int) -> Tensor:
    return normal(n, k, seed=seed).mul(3).softmax(1)


def pairs(n: int, seed: int) -> Tensor:
    """Return a random boolean matrix with some rows that are empty and some that are not."""
    return (normal(n, n, seed=seed) > 0.3).fill_diagonal_(False)


def unit(n: int, d: int, seed: int) -> Tensor:
    return functional.normalize(normal(n, d, seed=seed), dim=1)


def squared(a: Tensor, b: Tensor) -> float:
    return sum((x - y) ** 2 for x, y in zip(a.tolist(), b.tolist(), strict=True))


def close(actual: Tensor, expected: object) -> None:
    torch.testing.assert_close(
        actual, torch.as_tensor(expected, dtype=actual.dtype), rtol=1e-12, atol=1e-12
    )


# ---------------------------------------------------------------- naive loops


@given(**SHAPES, seed=SEEDS, freedom=st.sampled_from([0.5, 1.0, 31.0]))
def test_student_t_and_target_are_their_formulas(
    n: int, k: int, d: int, seed: int, freedom: float
) -> None:
    z, centers = normal(n, d, seed=seed), normal(k, d, seed=seed + 1)
    kernel = [
        [(1 + 2 * squared(row, mu) / freedom) ** (-(freedom + 1) / 2) for mu in centers]
        for row in z
    ]
    q = [[value / sum(row) for value in row] for row in kernel]
    actual = losses.student_t_assignment(z, centers, degrees_of_freedom=freedom, scale=2.0)
    close(actual, q)
    size = [sum(row[j] for row in q) for j in range(k)]
    sharp = [[row[j] ** 2 / size[j] for j in range(k)] for row in q]
    close(losses.target_distribution(actual), [[v / sum(row) for v in row] for row in sharp])


@given(n=SHAPES["n"], k=SHAPES["k"], seed=SEEDS)
def test_assignment_losses_are_their_formulas(n: int, k: int, seed: int) -> None:
    p, q = probabilities(n, k, seed), probabilities(n, k, seed + 1)
    kl = sum(p[i, j] * math.log(p[i, j] / q[i, j]) for i in range(n) for j in range(k)) / n
    close(losses.assignment_kl(p, q), kl)
    mean = [sum(q[:, j].tolist()) / n for j in range(k)]
    conditional = -sum(v * math.log(v) for v in q.flatten().tolist()) / n
    close(losses.information_loss(q), conditional + sum(m * math.log(m) for m in mean))


@given(n=SHAPES["n"], d=SHAPES["d"], seed=SEEDS)
def test_contrastive_losses_are_their_formulas(n: int, d: int, seed: int) -> None:
    a, p, negative = (unit(n, d, seed + i) for i in range(3))
    admissible = pairs(n, seed)
    gap = [squared(a[i], p[i]) - squared(a[i], negative[i]) + MARGIN for i in range(n)]
    close(losses.triplet_loss(a, p, negative, margin=MARGIN), sum(max(0.0, g) for g in gap) / n)
    allowed = [(i, j) for i in range(n) for j in range(n) if admissible[i, j]]
    excess = [squared(a[i], p[i]) - squared(a[i], a[j]) + MARGIN for i, j in allowed]
    violated = [value for value in excess if value > 0]
    close(
        losses.triplet_matrix_loss(a, p, admissible, margin=MARGIN),
        sum(violated) / max(len(violated), 1),
    )
    total = 0.0
    for i in range(n):
        own = math.exp(a[i] @ p[i] / 0.3)
        others = sum(
            math.exp(a[i] @ b[j] / 0.3) for b in (a, p) for j in range(n) if admissible[i, j]
        )
        total -= math.log(own / (own + others)) / n
    close(losses.masked_info_nce_loss(a, p, admissible, temperature=0.3), total)


# ---------------------------------------------------------------- gradients

GRADIENTS: dict[str, tuple[Callable[..., Tensor], list[Tensor]]] = {
    "distances": (losses.pairwise_squared_distances, [normal(4, 3, seed=0), normal(2, 3, seed=1)]),
    "student_t": (
        lambda z, mu: losses.student_t_assignment(z, mu, degrees_of_freedom=3.0, scale=2.0),
        [normal(4, 3, seed=0), normal(2, 3, seed=1)],
    ),
    "target": (losses.target_distribution, [probabilities(4, 3, 0)]),
    "kl": (losses.assignment_kl, [probabilities(4, 3, 0), probabilities(4, 3, 1)]),
    "information": (losses.information_loss, [probabilities(4, 3, 0)]),
    "triplet": (
        lambda *views: losses.triplet_loss(*views, margin=MARGIN),
        [normal(4, 3, seed=i) for i in range(3)],
    ),
    "triplet_matrix": (
        lambda a, p: losses.triplet_matrix_loss(a, p, pairs(5, 0), margin=MARGIN),
        [normal(5, 3, seed=0), normal(5, 3, seed=1)],
    ),
    "info_nce": (
        lambda a, p: losses.masked_info_nce_loss(a, p, pairs(5, 0)),
        [unit(5, 3, 0), unit(5, 3, 1)],
    ),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_the_numerical_ones(name: str) -> None:
    function, inputs = GRADIENTS[name]
    assert torch.autograd.gradcheck(function, [x.clone().requires_grad_() for x in inputs])


# ---------------------------------------------------------------- weights

WEIGHTED: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]] = {
    "kl": lambda a, p, _, w: losses.assignment_kl(a.softmax(1), p.softmax(1), sample_weight=w),
    "information": lambda a, _p, _m, w: losses.information_loss(a.softmax(1), sample_weight=w),
    "triplet": lambda a, p, _, w: losses.triplet_loss(a, p, a * p, margin=1.0, sample_weight=w),
    "triplet_matrix": lambda a, p, m, w: losses.triplet_matrix_loss(
        a, p, m, margin=1.0, sample_weight=w
    ),
    "info_nce": lambda a, p, m, w: losses.masked_info_nce_loss(a, p, m, sample_weight=w),
}


@pytest.mark.parametrize("name", WEIGHTED)
@given(seed=SEEDS, weights=st.lists(st.integers(0, 3), min_size=2, max_size=7).filter(any))
def test_integer_weights_repeat_rows_and_zero_removes_them(
    name: str, seed: int, weights: list[int]
) -> None:
    n, w = len(weights), torch.tensor(weights)
    a, p, admissible = unit(n, 3, seed), unit(n, 3, seed + 1), pairs(n, seed + 2)
    rows = torch.arange(n).repeat_interleave(w)
    repeated = WEIGHTED[name](a[rows], p[rows], admissible[rows][:, rows], None)
    leaf = a.clone().requires_grad_()
    weighted = WEIGHTED[name](leaf, p, admissible, w)
    close(weighted, repeated)
    weighted.backward()
    assert leaf.grad is not None
    close(leaf.grad[w == 0], torch.zeros(int((w == 0).sum()), 3))
    assert leaf.grad.isfinite().all()


@given(seed=SEEDS, weights=st.lists(st.integers(0, 3), min_size=1, max_size=7).filter(any))
def test_weights_of_the_target_repeat_rows(seed: int, weights: list[int]) -> None:
    q, w = probabilities(len(weights), 3, seed), torch.tensor(weights)
    rows = torch.arange(len(weights)).repeat_interleave(w)
    target = losses.target_distribution(q, sample_weight=w)
    close(target[rows], losses.target_distribution(q[rows]))


@pytest.mark.parametrize("name", WEIGHTED)
def test_without_any_weight_the_loss_is_zero_and_has_a_gradient(name: str) -> None:
    a = unit(4, 3, 0).requires_grad_()
    value = WEIGHTED[name](a, unit(4, 3, 1), pairs(4, 0), torch.zeros(4))
    (1e6 * value).backward()  # scaled, as mixed precision does
    assert value == 0
    assert torch.equal(a.grad, torch.zeros(4, 3, dtype=a.dtype))


# ---------------------------------------------------------------- optima and invariances


@pytest.mark.parametrize("k", [1, 2, 5])
def test_information_is_largest_for_sure_balanced_clusters(k: int) -> None:
    close(losses.information_loss(torch.eye(k, dtype=torch.float64).repeat(3, 1)), -math.log(k))
    close(losses.information_loss(torch.full((6, k), 1 / k, dtype=torch.float64)), 0)


@given(n=SHAPES["n"], k=SHAPES["k"], seed=SEEDS)
def test_divergence_is_zero_only_at_the_target_and_information_is_bounded(
    n: int, k: int, seed: int
) -> None:
    p, q = probabilities(n, k, seed), probabilities(n, k, seed + 1)
    close(losses.assignment_kl(p, p), 0)
    assert losses.assignment_kl(p, q) > 0 or k == 1
    assert -math.log(k) - 1e-12 <= losses.information_loss(q) <= 1e-12


def test_the_target_sharpens_and_one_hot_rows_stay() -> None:
    q = torch.tensor([[0.6, 0.4], [0.4, 0.6]], dtype=torch.float64)
    assert losses.target_distribution(q).amax() > q.amax()
    one_hot = torch.eye(3).repeat(2, 1)[:, :2] * 1.0
    one_hot[2::3, 0] = 1
    assert torch.equal(losses.target_distribution(one_hot), one_hot)


@given(**SHAPES, seed=SEEDS)
def test_the_order_of_rows_and_clusters_does_not_matter(n: int, k: int, d: int, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    rows, columns = torch.randperm(n, generator=rng), torch.randperm(k, generator=rng)
    z, centers = normal(n, d, seed=seed), normal(k, d, seed=seed + 1)
    q, p = losses.student_t_assignment(z, centers), probabilities(n, k, seed)
    shuffled = losses.student_t_assignment(z[rows], centers[columns])
    close(shuffled, q[rows][:, columns])
    target = losses.target_distribution(q)[rows][:, columns]
    close(losses.target_distribution(shuffled), target)
    close(losses.information_loss(shuffled), losses.information_loss(q))
    p_shuffled = p[rows][:, columns]
    close(losses.assignment_kl(p_shuffled, shuffled), losses.assignment_kl(p, q))


@given(n=SHAPES["n"], d=SHAPES["d"], seed=SEEDS)
def test_moving_everything_alike_does_not_matter(n: int, d: int, seed: int) -> None:
    rotation = torch.linalg.qr(normal(d, d, seed=seed)).Q
    views = [normal(n, d, seed=seed + i) for i in range(3)]
    moved = [view @ rotation + normal(d, seed=seed + 3) for view in views]
    admissible = pairs(n, seed)
    for loss in (
        losses.student_t_assignment,
        lambda a, p: losses.triplet_matrix_loss(a, p, admissible, margin=MARGIN),
    ):
        torch.testing.assert_close(loss(*moved[:2]), loss(*views[:2]), rtol=1e-9, atol=1e-9)
    before = losses.triplet_loss(*views, margin=MARGIN)
    torch.testing.assert_close(losses.triplet_loss(*moved, margin=MARGIN), before)


def test_with_one_negative_each_both_triplet_losses_agree() -> None:
    a, p = normal(6, 3, seed=0), normal(6, 3, seed=1)
    negative = torch.roll(torch.arange(6), 1)
    admissible = functional.one_hot(negative, 6).bool()
    expected = losses.triplet_loss(a, p, a[negative], margin=100.0)  # every triplet is violated
    close(losses.triplet_matrix_loss(a, p, admissible, margin=100.0), expected)
    index, found = losses.sample_negatives(admissible)
    assert torch.equal(index, negative)
    assert found.all()


def test_satisfied_triplets_give_zero_and_a_gradient_of_zero() -> None:
    a = (10 * torch.eye(3)).requires_grad_()
    value = losses.triplet_matrix_loss(a, a, ~torch.eye(3, dtype=torch.bool), margin=1.0)
    (1e6 * value).backward()  # scaled, as mixed precision does
    assert value == 0
    assert torch.equal(a.grad, torch.zeros(3, 3))
