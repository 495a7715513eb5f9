"""Entropy minimisation and maximum margin against loops, known optima and invariances."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from helpers.naive_discriminative import (
    LOSSES,
    close,
    each_loss,
    naive_balance,
    naive_entropy,
    naive_hinge,
    normal,
    value_and_gradient,
)
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from skdeepclust.losses import entropy_minimization_loss, information_loss, max_margin_loss

SEEDS = st.integers(0, 2**32 - 1)
ROWS = st.integers(1, 7)
CLUSTERS = st.integers(1, 5)
BALANCES = st.sampled_from([0.0, 0.7, 1.0, 3.0])
MARGINS = st.sampled_from([0.0, 0.3, 1.0, 4.0])


def even(n_per_cluster: int, k: int, scale: float) -> Tensor:
    """Return logits (n, k) of sure assignments to clusters of equal size."""
    return scale * torch.eye(k, dtype=torch.float64).repeat(n_per_cluster, 1)


# ---------------------------------------------------------------- naive loops


@given(n=ROWS, k=CLUSTERS, seed=SEEDS, balance=BALANCES, margin=MARGINS, weighted=st.booleans())
def test_both_losses_are_their_formulas(
    n: int, k: int, seed: int, balance: float, margin: float, weighted: bool
) -> None:
    logits = 2 * normal(n, k, seed=seed)
    weight = normal(n, seed=seed + 1).exp() if weighted else None
    listed = [1.0] * n if weight is None else weight.tolist()
    rows = logits.tolist()
    balancing = balance * naive_balance(rows, listed)

    def mean(values: list[float]) -> float:
        return sum(w * v for w, v in zip(listed, values, strict=True)) / sum(listed)

    options: dict[str, Any] = {"balance": balance, "sample_weight": weight}
    entropy = mean([naive_entropy(row) for row in rows])
    close(entropy_minimization_loss(logits, **options), entropy + balancing)
    hinge = mean([naive_hinge(row, margin) for row in rows])
    close(max_margin_loss(logits, margin=margin, **options), hinge + balancing)


def test_the_defaults_are_the_equations_of_the_paper() -> None:
    rows = normal(6, 4).tolist()
    close(entropy_minimization_loss(normal(6, 4)), sum(map(naive_entropy, rows)) / 6)
    close(max_margin_loss(normal(6, 4)), sum(naive_hinge(row, 1.0) for row in rows) / 6)


@given(n=ROWS, k=CLUSTERS, seed=SEEDS)
def test_entropy_with_balance_1_is_the_negative_information(n: int, k: int, seed: int) -> None:
    logits = 3 * normal(n, k, seed=seed)
    close(entropy_minimization_loss(logits, balance=1.0), information_loss(logits.softmax(1)))


# ---------------------------------------------------------------- gradients


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("balance", [0.0, 0.7])
@each_loss
def test_gradients_are_the_numerical_ones(loss: Any, balance: float, weighted: bool) -> None:
    logits = normal(8, 4).requires_grad_()
    lead = logits.detach().sort(1).values.diff(dim=1)[:, -1]
    assert (lead < 1).any()
    assert (lead > 1).any()
    assert min(lead.min(), (lead - 1).abs().min()) > 1e-3  # away from both kinks
    weight = torch.arange(8.0) if weighted else None
    function = partial(loss, balance=balance, sample_weight=weight)
    assert torch.autograd.gradcheck(function, logits)
    assert torch.autograd.gradgradcheck(function, logits)


def test_the_hinge_moves_the_two_best_clusters_alone() -> None:
    logits = torch.tensor([[3.0, 2.5, 0.0], [0.0, 1.0, 5.0]])
    value, gradient = value_and_gradient(max_margin_loss, logits)
    assert value == 0.25
    assert gradient.tolist() == [[-0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize("margin", [0.5, 1.0])
def test_a_tie_costs_the_margin_and_is_broken(margin: float) -> None:
    logits = torch.tensor([[2.0, 2.0, 0.0]] * 3)
    value, gradient = value_and_gradient(max_margin_loss, logits, margin=margin)
    assert value == margin
    first, second, third = (3 * gradient).unbind(1)
    torch.testing.assert_close(first, -second)
    torch.testing.assert_close(first.abs(), torch.ones(3))
    assert third.tolist() == [0, 0, 0]


def test_a_lead_of_the_margin_is_enough() -> None:
    value, gradient = value_and_gradient(max_margin_loss, torch.tensor([[2.0, 1.0]]))
    assert value == 0
    assert gradient.tolist() == [[0.0, 0.0]]


# ---------------------------------------------------------------- optima and collapse


@pytest.mark.parametrize("balance", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("k", [1, 2, 5])
@each_loss
def test_the_optimum_is_sure_and_even(loss: Any, k: int, balance: float) -> None:
    value, gradient = value_and_gradient(loss, even(3, k, 100.0), balance=balance)
    close(value, -balance * math.log(k))
    close(gradient, torch.zeros(3 * k, k))


@given(n=ROWS, k=CLUSTERS, seed=SEEDS, balance=BALANCES, margin=MARGINS, scale=st.floats(0, 1e3))
def test_both_losses_keep_their_bounds(
    n: int, k: int, seed: int, balance: float, margin: float, scale: float
) -> None:
    logits = scale * normal(n, k, seed=seed)
    least, tolerance = -balance * math.log(k), 1e-12
    entropy = entropy_minimization_loss(logits, balance=balance)
    assert least - tolerance <= entropy <= math.log(k) + tolerance
    hinge = max_margin_loss(logits, margin=margin, balance=balance)
    assert least - tolerance <= hinge <= margin + tolerance
    for loss in LOSSES.values():  # balance never adds to a loss, and never more than its range
        without, difference = loss(logits), loss(logits, balance=1.0) - loss(logits)
        assert without >= 0
        assert -math.log(k) - tolerance <= difference <= tolerance


@each_loss
def test_one_cluster_for_all_is_a_minimum_unless_balanced(loss: Any) -> None:
    collapsed = 100 * torch.eye(4, dtype=torch.float64)[[2] * 8]
    value, gradient = value_and_gradient(loss, collapsed)
    close(value, 0)
    close(gradient, torch.zeros(8, 4))
    close(loss(even(2, 4, 100.0)), 0)  # no better
    assert loss(even(2, 4, 100.0), balance=1.0) < loss(collapsed, balance=1.0) - 1.38


@each_loss
def test_training_ends_in_one_cluster_unless_balanced(loss: Any) -> None:
    """Scores that can move together, as those of a network can, end at one cluster."""
    assert trained_sizes(loss, balance=0.0).amax() >= 0.95
    sizes = trained_sizes(loss, balance=1.0)
    assert sizes.amax() <= 0.75
    assert sizes.amin() > 0


def trained_sizes(loss: Any, balance: float) -> Tensor:
    """Train what the scores of clusters have in common; return the shares of the clusters."""
    scores, offset = normal(60, 3), torch.tensor([0.3, 0.0, -0.3]).double().requires_grad_()
    optimizer = torch.optim.Adam([offset], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss(scores + offset, balance=balance).backward()
        optimizer.step()
    return (scores + offset).argmax(1).bincount(minlength=3) / 60


# ---------------------------------------------------------------- invariances


@given(n=ROWS, k=CLUSTERS, seed=SEEDS, balance=BALANCES)
@each_loss
def test_order_and_a_constant_in_a_row_do_not_matter(
    loss: Any, n: int, k: int, seed: int, balance: float
) -> None:
    rng = torch.Generator().manual_seed(seed)
    rows, columns = torch.randperm(n, generator=rng), torch.randperm(k, generator=rng)
    logits, weight = normal(n, k, seed=seed), normal(n, seed=seed + 1).exp()
    expected, gradient = value_and_gradient(loss, logits, balance=balance, sample_weight=weight)
    moved = (logits + 10 * normal(n, 1, seed=seed + 2))[rows][:, columns]
    options = {"balance": balance, "sample_weight": weight[rows]}
    value, moved_gradient = value_and_gradient(loss, moved, **options)
    close(value, expected)
    close(moved_gradient, gradient[rows][:, columns])
    close(gradient.sum(1), torch.zeros(n))  # what a constant in a row changes


# ---------------------------------------------------------------- weights


@given(
    weights=st.lists(st.integers(0, 3), min_size=1, max_size=7).filter(any),
    seed=SEEDS,
    balance=BALANCES,
)
@each_loss
def test_integer_weights_repeat_rows_and_zero_removes_them(
    loss: Any, weights: list[int], seed: int, balance: float
) -> None:
    logits, weight = normal(len(weights), 3, seed=seed), torch.tensor(weights)
    rows = torch.arange(len(weights)).repeat_interleave(weight)
    options = {"balance": balance, "sample_weight": weight}
    value, gradient = value_and_gradient(loss, logits, **options)
    repeated, of_copies = value_and_gradient(loss, logits[rows], balance=balance)
    close(value, repeated)
    close(gradient, torch.zeros_like(logits).index_add(0, rows, of_copies))
    assert gradient[weight == 0].eq(0).all()


@each_loss
def test_a_row_without_weight_is_removed_also_from_a_cluster_of_its_own(loss: Any) -> None:
    logits = torch.tensor([[0.0, -500.0], [0.0, -600.0], [-1e4, 1e4]], dtype=torch.float64)
    options = {"balance": 1.0, "sample_weight": torch.tensor([1.0, 2.0, 0.0])}
    value, gradient = value_and_gradient(loss, logits, **options)
    options["sample_weight"] = torch.tensor([1.0, 2.0])
    expected, kept = value_and_gradient(loss, logits[:2], **options)
    assert value == expected
    assert torch.equal(gradient[:2], kept)
    assert gradient[2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("scale", [1e-20, 1e20])
@each_loss
def test_only_the_ratios_of_weights_count(loss: Any, scale: float) -> None:
    logits, weight = normal(5, 3, dtype=torch.float32), torch.arange(5.0)
    expected = loss(logits, balance=1.0, sample_weight=weight)
    scaled = loss(logits, balance=1.0, sample_weight=scale * weight)
    torch.testing.assert_close(scaled, expected)
