"""The structured hinge loss against a naive loop, numerical gradients, bounds and invariances."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from skdeepclust.losses import structured_hinge_loss

SHAPES = {"n": st.integers(1, 6), "k": st.integers(1, 5), "seed": st.integers(0, 2**32 - 1)}


def draw(n: int, k: int, seed: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, k, generator=rng, dtype=torch.float64)
    return scores, torch.randint(k, (n,), generator=rng)


def naive(scores: Tensor, target: Tensor) -> list[float]:
    """Eq. 5 sample by sample and class by class, with the 0 that it takes the maximum with."""
    values = []
    for row, own in zip(scores.tolist(), target.tolist(), strict=True):
        terms = [float(c != own) + row[c] - row[own] for c in range(len(row))]
        values.append(max([0.0, *terms]))
    return values


def close(actual: Tensor, expected: object) -> None:
    expected = torch.as_tensor(expected, dtype=actual.dtype)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


@given(**SHAPES)
def test_it_is_the_formula(n: int, k: int, seed: int) -> None:
    scores, target = draw(n, k, seed)
    close(structured_hinge_loss(scores, target), sum(naive(scores, target)) / n)
    close(structured_hinge_loss(scores, target.int()), sum(naive(scores, target)) / n)


@given(**SHAPES)
def test_weights_weigh_the_mean(n: int, k: int, seed: int) -> None:
    scores, target = draw(n, k, seed)
    weight = torch.arange(1, n + 1)
    terms = [w * value for w, value in zip(weight.tolist(), naive(scores, target), strict=True)]
    actual = structured_hinge_loss(scores, target, sample_weight=weight)
    close(actual, sum(terms) / int(weight.sum()))


def test_the_gradient_is_the_numerical_one() -> None:
    scores, target = draw(7, 4, seed=0)
    weight = torch.arange(7.0)
    assert torch.autograd.gradcheck(
        lambda s: structured_hinge_loss(s, target, sample_weight=weight), scores.requires_grad_()
    )


def test_classes_that_share_the_maximum_share_its_gradient() -> None:
    scores = torch.zeros(1, 3, requires_grad=True)
    value = structured_hinge_loss(scores, torch.tensor([1]))
    value.backward()
    assert value == 1
    assert scores.grad is not None
    close(scores.grad, [[0.5, -1.0, 0.5]])


@given(**SHAPES)
def test_a_constant_for_each_sample_and_the_order_of_classes_do_not_matter(
    n: int, k: int, seed: int
) -> None:
    scores, target = draw(n, k, seed)
    expected = structured_hinge_loss(scores, target)
    close(structured_hinge_loss(scores + scores[:, :1] + 3, target), expected)
    order = torch.randperm(k, generator=torch.Generator().manual_seed(seed))
    close(structured_hinge_loss(scores[:, order], order.argsort()[target]), expected)


@given(**SHAPES)
def test_it_is_convex_and_not_below_the_share_of_errors(n: int, k: int, seed: int) -> None:
    scores, target = draw(n, k, seed)
    other, _ = draw(n, k, seed + 1)
    ends = [structured_hinge_loss(each, target) for each in (scores, other)]
    assert structured_hinge_loss((scores + other) / 2, target) <= sum(ends) / 2 + 1e-12
    assert ends[0] >= (scores.argmax(1) != target).double().mean() - 1e-12


def test_met_margins_give_zero_and_a_gradient_of_zero() -> None:
    scores, target = torch.tensor([[2.0, 1.0, -5.0], [0.0, 0.0, 1.0]]), torch.tensor([0, 2])
    assert structured_hinge_loss(scores, target) == 0
    assert structured_hinge_loss(scores, target.flip(0)) > 0
    further = (2 * scores).requires_grad_()
    (1e6 * structured_hinge_loss(further, target)).backward()  # scaled, as mixed precision does
    assert further.grad is not None
    assert torch.equal(further.grad, torch.zeros(2, 3))


def test_half_precision_is_computed_in_single() -> None:
    scores, target = draw(50, 4, seed=0)
    half = scores.to(torch.bfloat16)
    actual = structured_hinge_loss(half, target)
    assert actual.dtype == torch.float32
    torch.testing.assert_close(actual, structured_hinge_loss(half.float(), target))


@pytest.mark.parametrize(
    ("scores", "target", "error", "match"),
    [
        (torch.zeros(3), torch.zeros(3).long(), ValueError, r"\(3,\) and \(3,\)"),
        (torch.zeros(3, 2), torch.zeros(2).long(), ValueError, r"\(3, 2\) and \(2,\)"),
        (torch.zeros(3, 2), torch.zeros(3), TypeError, "indices of classes, got torch.float32"),
        (torch.zeros(3, 2), torch.zeros(3).bool(), TypeError, "torch.bool"),
    ],
    ids=["1-d scores", "short target", "float target", "bool target"],
)
def test_wrong_arguments(scores, target, error, match) -> None:
    with pytest.raises(error, match=match):
        structured_hinge_loss(scores, target)


def test_a_weight_for_each_sample() -> None:
    with pytest.raises(ValueError, match="sample_weight must hold one weight"):
        structured_hinge_loss(*draw(3, 2, seed=0), sample_weight=torch.ones(2))
