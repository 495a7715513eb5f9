"""Losses of Forced Apart against loops in float64, optima, invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers.naive_forced_apart import (
    MARGINS,
    close,
    integers,
    log_softmax,
    loss_and_gradient,
    naive_divergence,
    naive_loss,
    normal,
)
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from skdeepclust.losses import forced_apart_loss, forced_apart_weight_loss
from skdeepclust.losses._forced_apart import DIVERGENCES, check_margin

SEEDS = st.integers(0, 2**32 - 1)
SETTINGS = st.sampled_from(DIVERGENCES)

# ---------------------------------------------------------------- naive loops


CASES = {
    "no labels": (20, None, 1.0),
    "two labels": (40, (0, 2), 1.0),
    "unlabelled": (40, (-1, 1), 1.0),
    "small groups": (24, (-1, 9), 1.0),
    "every sample its own": (12, (0, 10**6), 1.0),
    "near": (24, (0, 2), 0.05),
    "far": (24, (0, 2), 5.0),
}


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_loss_is_its_formula(divergence: str, case: str, weighted: bool) -> None:
    n, limits, scale = CASES[case]
    h = normal(n, 4, seed=n) * scale
    h[3] = h[4]  # a tie
    labels = None if limits is None else integers(n, *limits)
    weight = normal(n, seed=1).exp() * integers(n, 0, 3) if weighted else None
    actual, gradient = loss_and_gradient(h, labels, divergence, weight)
    listed = [1.0] * n if weight is None else weight.tolist()
    close(actual, naive_loss(h, [0] * n if labels is None else labels.tolist(), divergence, listed))
    assert gradient.isfinite().all()
    assert (gradient.abs().max() > 1e-15) == (case != "every sample its own")


@given(n=st.integers(1, 12), k=st.integers(1, 5), n_labels=st.integers(1, 4), seed=SEEDS)
def test_loss_is_its_formula_for_any_size(n: int, k: int, n_labels: int, seed: int) -> None:
    h, labels = normal(n, k, seed=seed), integers(n, -1, n_labels - 1, seed)
    for divergence in DIVERGENCES:
        actual, _ = loss_and_gradient(h, labels, divergence)
        close(actual, naive_loss(h, labels.tolist(), divergence, [1.0] * n))


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_logits_of_300_are_finite_and_exact(divergence: str) -> None:
    h = 300 * (integers(24 * 4, 0, 3, seed=2).view(24, 4) - 1).double()
    h[:8] += normal(8, 4)
    labels = integers(24, 0, 2)
    actual, gradient = loss_and_gradient(h, labels, divergence)
    close(actual, naive_loss(h, labels.tolist(), divergence, [1.0] * 24))
    assert gradient.isfinite().all()
    single, gradient = loss_and_gradient(h.float(), labels, divergence)
    torch.testing.assert_close(single.double(), actual, rtol=1e-6, atol=0)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_weight_loss_is_its_formula(divergence: str) -> None:
    weight = normal(6, 2, 3)
    rows = [log_softmax(row) for row in weight.flatten(1).tolist()]
    hinges = [
        max(0.0, MARGINS[divergence] - naive_divergence(divergence, rows[i], rows[j]))
        for i in range(6)
        for j in range(6)
        if i != j
    ]
    actual = forced_apart_weight_loss(weight, margin=MARGINS[divergence], divergence=divergence)
    close(actual, math.fsum(hinges) / 30)


# ---------------------------------------------------------------- derivatives


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("limits", [None, (0, 2), (0, 7)], ids=["all", "two", "many"])
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_gradient(divergence: str, limits: tuple[int, int] | None, weighted: bool) -> None:
    h, labels = normal(34, 3), None if limits is None else integers(34, *limits)
    weight = normal(34, seed=1).exp() * integers(34, 0, 3) if weighted else None

    def loss(h: Tensor) -> Tensor:
        return forced_apart_loss(
            h, labels, margin=MARGINS[divergence], divergence=divergence, sample_weight=weight
        )

    assert torch.autograd.gradcheck(loss, h.requires_grad_(), fast_mode=True)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_gradient_of_the_weight_loss(divergence: str) -> None:
    def loss(weight: Tensor) -> Tensor:
        margin = MARGINS[divergence]
        return forced_apart_weight_loss(weight, margin=margin, divergence=divergence)

    assert torch.autograd.gradcheck(loss, normal(5, 2, 2).requires_grad_())


def dense_divergence(name: str, p: Tensor, q: Tensor) -> Tensor:
    """Return D of all pairs from probabilities (n, 1, k) and (1, n, k)."""

    def kl(a: Tensor, b: Tensor) -> Tensor:
        return (a * (a / b).log()).sum(-1)

    if name == "hellinger":
        return 1 - (p * q).sqrt().sum(-1)
    if name == "js":
        return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2
    return kl(p, q) if name == "kl" else (kl(p, q) + kl(q, p)) / 2


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_gradient_is_that_of_the_dense_form(divergence: str) -> None:
    h, labels = normal(50, 6).requires_grad_(), integers(50, 0, 2)
    dense = h.new_zeros(())
    for group in (h[labels == 0], h[labels == 1]):
        p = group.softmax(1)
        hinge = (MARGINS[divergence] - dense_divergence(divergence, p[:, None], p[None])).relu()
        dense = dense + hinge.mean()  # 2 / N_s^2 times the sum, then the mean of two labels
    (expected,) = torch.autograd.grad(3 * dense, h)
    actual, gradient = loss_and_gradient(h.detach(), labels, divergence)
    close(actual, dense.detach())
    torch.testing.assert_close(3 * gradient, expected, rtol=1e-11, atol=1e-15)


def test_it_is_differentiated_once() -> None:
    h = normal(4, 3).requires_grad_()
    loss = forced_apart_loss(h, margin=1.0).square()
    (gradient,) = torch.autograd.grad(loss, h, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


# ---------------------------------------------------------------- optima and invariances


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_the_optimum_and_the_worst(divergence: str) -> None:
    margin, h = MARGINS[divergence], 50 * torch.eye(8, dtype=torch.float64)
    close(loss_and_gradient(h, None, divergence)[0], 2 * margin / 8)  # the diagonal is left
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1])
    close(loss_and_gradient(h, labels, divergence)[0], margin / 6 + margin / 2)
    close(loss_and_gradient(h, torch.arange(8), divergence)[0], 2 * margin)  # one sample each
    equal, gradient = loss_and_gradient(normal(1, 4).expand(20, 4), labels=None, divergence="kl")
    close(equal, 2 * MARGINS["kl"])
    assert gradient.abs().max() < 1e-15
    assert forced_apart_weight_loss(h, margin=margin, divergence=divergence) == 0
    worst = forced_apart_weight_loss(h[:1].expand(3, 8), margin=margin, divergence=divergence)
    close(worst, margin)


@given(divergence=SETTINGS, n=st.integers(2, 40), n_labels=st.integers(1, 3), seed=SEEDS)
def test_what_the_loss_does_not_see(divergence: str, n: int, n_labels: int, seed: int) -> None:
    h, labels = normal(n, 4, seed=seed), integers(n, 0, n_labels, seed)
    value, gradient = loss_and_gradient(h, labels, divergence)
    generator = torch.Generator().manual_seed(seed)
    order, units = torch.randperm(n, generator=generator), torch.randperm(4, generator=generator)
    assert 0 < value <= 2 * MARGINS[divergence] * (1 + 1e-12)
    torch.testing.assert_close(gradient.sum(1), h.new_zeros(n), rtol=0, atol=1e-14)
    for other, other_labels, expected in [
        (h + normal(n, 1, seed=seed + 1), labels, gradient),  # a constant for each sample
        (h[order], labels[order], gradient[order]),
        (h[:, units], labels, gradient[:, units]),
        (h.view(n, 2, 2), labels, gradient.view(n, 2, 2)),
        (h, 7 - 1000 * labels, gradient),
        (h, labels.int(), gradient),
    ]:
        other_value, other_gradient = loss_and_gradient(other, other_labels, divergence)
        torch.testing.assert_close(other_value, value, rtol=1e-12, atol=0)
        torch.testing.assert_close(other_gradient, expected, rtol=1e-11, atol=1e-14)


@given(divergence=SETTINGS, n=st.integers(2, 20), labelled=st.booleans(), seed=SEEDS)
def test_weights_are_repetitions(divergence: str, n: int, labelled: bool, seed: int) -> None:
    h, labels = normal(n, 3, seed=seed), integers(n, 0, 3, seed) if labelled else None
    times = torch.arange(n) % 3  # also 0: such a sample is as good as removed
    value, gradient = loss_and_gradient(h, labels, divergence, 0.3 * times)
    copies = None if labels is None else labels.repeat_interleave(times)
    repeated, of_copies = loss_and_gradient(h.repeat_interleave(times, 0), copies, divergence)
    close(value, repeated)
    index = torch.arange(n).repeat_interleave(times)
    summed = torch.zeros_like(h).index_add_(0, index, of_copies)
    torch.testing.assert_close(gradient, summed, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize("labels", [None, torch.tensor([0, 1, 1, 1])], ids=["all", "two"])
def test_without_any_weight_the_loss_is_zero(labels: Tensor | None, divergence: str) -> None:
    value, gradient = loss_and_gradient(normal(4, 3), labels, divergence, torch.zeros(4))
    assert value == 0
    assert not gradient.any()
    empty = None if labels is None else labels[:0]
    value, gradient = loss_and_gradient(normal(0, 3), empty, divergence)
    assert value == 0
    assert gradient.shape == (0, 3)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("margin", "divergence", "message"),
    [
        (0, "kl", "positive and finite, got 0"),
        (-1.0, "kl", "positive and finite"),
        (math.inf, "kl", "positive and finite"),
        (math.nan, "kl", "positive and finite"),
        (math.log(2), "js", r"less than ln 2 = 0\.6931"),
        (1, "hellinger", "less than 1, the largest value of divergence='hellinger'"),
        (1.0, "l2", "divergence must be one of .*'kl'.*got 'l2'"),
    ],
)
def test_margins_that_are_refused(margin: float, divergence: str, message: str) -> None:
    weight = torch.zeros(2, 2)
    with pytest.raises(ValueError, match=message):
        check_margin(margin, divergence)
    for loss in (forced_apart_loss, forced_apart_weight_loss):
        with pytest.raises(ValueError, match=message):
            loss(weight, margin=margin, divergence=divergence)


@pytest.mark.parametrize("margin", ["1", None, True])
def test_margins_that_are_no_numbers(margin: object) -> None:
    with pytest.raises(TypeError, match="margin must be a number, got"):
        check_margin(margin, "kl")


@pytest.mark.parametrize("margin", [1, 3.0, np.float32(2), np.int64(2)])
def test_margins_that_are_accepted(margin: float) -> None:
    check_margin(margin, "kl")
    close(forced_apart_loss(normal(1, 3), margin=margin), 2 * float(margin))


def test_shapes_that_are_refused() -> None:
    h = torch.zeros(3, 2)
    with pytest.raises(ValueError, match=r"activations must be \(N, C\)"):
        forced_apart_loss(h[0], margin=1.0)
    with pytest.raises(ValueError, match="one label for each of the 3 samples"):
        forced_apart_loss(h, torch.zeros(2, dtype=torch.long), margin=1.0)
    with pytest.raises(TypeError, match=r"integers, got torch\.float32"):
        forced_apart_loss(h, torch.zeros(3), margin=1.0)
    with pytest.raises(ValueError, match="sample_weight must hold one weight"):
        forced_apart_loss(h, margin=1.0, sample_weight=torch.ones(2))
    for weight in (h[:1], h[0]):
        with pytest.raises(ValueError, match="at least two units"):
            forced_apart_weight_loss(weight, margin=1.0)
