"""Entropy minimisation and maximum margin at extreme inputs, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from helpers.naive_discriminative import close, each_loss, normal, value_and_gradient
from torch import Tensor

from skdeepclust.losses import entropy_minimization_loss, max_margin_loss

# ---------------------------------------------------------------- no weights, one cluster


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@each_loss
def test_without_any_weight_the_loss_is_zero_and_has_a_gradient(
    loss: Any, dtype: torch.dtype, k: int
) -> None:
    logits = normal(4, k, dtype=dtype).requires_grad_()
    value = loss(logits, balance=1.0, sample_weight=torch.zeros(4))
    (1e6 * value).backward()  # scaled, as mixed precision does
    assert value == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros(4, k, dtype=dtype))


@each_loss
def test_one_cluster_costs_nothing(loss: Any) -> None:
    logits = normal(5, 1, dtype=torch.float32)
    value, gradient = value_and_gradient(loss, logits, balance=2.0)
    assert value == 0
    assert gradient.eq(0).all()


# ---------------------------------------------------------------- extreme inputs

EXTREME = [[1e4, -1e4, 0.0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4], [9e3, 1e4, -1e4]]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@each_loss
def test_extreme_logits_have_finite_values_and_gradients(
    loss: Any, dtype: torch.dtype, weighted: bool
) -> None:
    logits = torch.tensor(EXTREME, dtype=dtype)
    weight = torch.tensor([1.0, 0.0, 0.0, 2.0]) if weighted else None
    value, gradient = value_and_gradient(loss, logits, balance=1.0, sample_weight=weight)
    assert value.isfinite()
    assert gradient.isfinite().all()


def test_extreme_logits_have_the_values_of_their_limits() -> None:
    logits, third = torch.tensor(EXTREME, dtype=torch.float64), 1 / 3
    close(entropy_minimization_loss(logits), (math.log(2) + math.log(3)) / 4)
    close(max_margin_loss(logits), (0 + 1 + 1 + 0) / 4)
    shares = [(1 + 0.5 + third) / 4, (0.5 + third + 1) / 4, third / 4]
    balance = sum(share * math.log(share) for share in shares)
    close(max_margin_loss(logits, balance=1.0) - max_margin_loss(logits), balance)


@each_loss
def test_an_empty_cluster_is_called_for_as_long_as_its_share_is_a_number(loss: Any) -> None:
    """Also where log p is far below what the logarithm of a clamped share could tell."""
    far = 80.0
    logits = torch.tensor([[0.0, -far]] * 4)
    value, gradient = value_and_gradient(loss, logits, balance=1.0)
    _, without = value_and_gradient(loss, logits)
    share = math.exp(-far)
    assert value.abs() < 1e-30
    torch.testing.assert_close(
        4 * (gradient - without)[:, 1], torch.full((4,), -far * share), rtol=1e-4, atol=0
    )
    value, gradient = value_and_gradient(loss, 1e4 * logits, balance=1.0)
    assert value == 0
    assert gradient.eq(0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@each_loss
def test_half_precision_and_autocast_are_computed_in_single(loss: Any, dtype: torch.dtype) -> None:
    logits, weight = normal(6, 4).to(dtype), torch.arange(6.0)
    options = {"balance": 1.0, "sample_weight": weight}
    expected = loss(logits.float(), **options)
    actual = loss(logits, **options)
    assert actual.dtype == torch.float32
    assert actual == expected
    assert loss(logits, balance=1.0, sample_weight=weight.to(dtype)) == expected
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss(logits, **options) == expected
        assert loss(logits.double(), **options).dtype == torch.float64


# ---------------------------------------------------------------- refusals

GOOD = torch.zeros(4, 3)
REFUSED: dict[str, tuple[Tensor, dict[str, Any], type[Exception], str]] = {
    "vector": (GOOD[0], {}, ValueError, r"logits must .*shape \(3,\)"),
    "images": (GOOD[None], {}, ValueError, r"logits must .*shape \(1, 4, 3\)"),
    "no rows": (GOOD[:0], {}, ValueError, r"logits must .*at least one.*\(0, 3\)"),
    "no columns": (GOOD[:, :0], {}, ValueError, r"logits must .*at least one.*\(4, 0\)"),
    "negative": (GOOD, {"balance": -0.1}, ValueError, r"balance must .*got -0\.1"),
    "nan": (GOOD, {"balance": math.nan}, ValueError, r"balance must .*finite, got nan"),
    "infinite": (GOOD, {"balance": math.inf}, ValueError, r"balance must .*finite, got inf"),
    "text": (GOOD, {"balance": "1"}, TypeError, r"balance must be a number, got '1'"),
    "bool": (GOOD, {"balance": True}, TypeError, r"balance must be a number, got True"),
    "few weights": (
        GOOD,
        {"sample_weight": torch.ones(3)},
        ValueError,
        r"sample_weight must .*\(4,\), got \(3,\)",
    ),
    "weight matrix": (
        GOOD,
        {"sample_weight": torch.ones(4, 1), "balance": 1.0},
        ValueError,
        r"sample_weight must .*\(4,\), got \(4, 1\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@each_loss
def test_what_makes_no_sense_is_refused(loss: Any, name: str) -> None:
    logits, options, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        loss(logits, **options)


@pytest.mark.parametrize(
    ("margin", "error"), [(-1.0, ValueError), (math.nan, ValueError), (None, TypeError)]
)
def test_a_margin_that_makes_no_sense_is_refused(margin: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"margin must .*got {margin}"):
        max_margin_loss(GOOD, margin=margin)


def test_one_column_does_not_hide_wrong_options() -> None:
    with pytest.raises(ValueError, match="margin must"):
        max_margin_loss(GOOD[:, :1], margin=-1.0)
    with pytest.raises(ValueError, match="sample_weight must"):
        max_margin_loss(GOOD[:, :1], sample_weight=torch.ones(2))
