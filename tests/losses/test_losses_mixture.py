"""The prior of VaDE against naive loops in float64, torch's distributions, gradients, extremes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal, kl_divergence

from skdeepclust import losses

SHAPES = {"n": st.integers(1, 5), "k": st.integers(1, 4), "d": st.integers(1, 4)}
SEEDS = st.integers(0, 2**32 - 1)


def normal(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def close(actual: Tensor, expected: object) -> None:
    torch.testing.assert_close(
        actual, torch.as_tensor(expected, dtype=actual.dtype), rtol=1e-10, atol=1e-12
    )


def drawn(n: int, k: int, d: int, seed: int) -> tuple[Tensor, ...]:
    """Return means and log variances of posteriors; logits, means, log variances of clusters."""
    shapes = ((n, d), (n, d), (k,), (k, d), (k, d))
    return tuple(normal(*shape, seed=seed + i) for i, shape in enumerate(shapes))


@given(**SHAPES, seed=SEEDS)
def test_assignment_is_bayes_rule(n: int, k: int, d: int, seed: int) -> None:
    z, _, logits, centers, log_variances = drawn(n, k, d, seed)
    pi = [math.exp(v) for v in logits.tolist()]
    for row, found in zip(
        z.tolist(), losses.mixture_assignment(z, logits, centers, log_variances), strict=True
    ):
        joint = list(pi)
        for c in range(k):
            for j in range(d):
                variance = math.exp(log_variances[c, j].item())
                exponent = -((row[j] - centers[c, j].item()) ** 2) / (2 * variance)
                joint[c] *= math.exp(exponent) / math.sqrt(2 * math.pi * variance)
        close(found, [v / sum(joint) for v in joint])


@given(**SHAPES, seed=SEEDS)
def test_divergence_is_its_formula(n: int, k: int, d: int, seed: int) -> None:
    mean, log_variance, logits, centers, log_variances = drawn(n, k, d, seed)
    gamma, weight = normal(n, k, seed=seed + 9).softmax(1), normal(n, seed=seed + 8).abs()
    pi, rows = logits.softmax(0).tolist(), []
    for i in range(n):
        value = 0.0
        for c in range(k):
            g = gamma[i, c].item()
            for j in range(d):
                prior = log_variances[c, j].item()
                square = (mean[i, j] - centers[c, j]).item() ** 2
                posterior = math.exp(log_variance[i, j].item())
                value += g / 2 * (prior + (posterior + square) / math.exp(prior))
            value += g * math.log(g / pi[c])
        rows.append(value - sum(1 + v for v in log_variance[i].tolist()) / 2)
    arguments = (mean, log_variance, gamma, logits, centers, log_variances)
    close(losses.mixture_kl(*arguments), sum(rows) / n)
    expected = sum(w * v for w, v in zip(weight.tolist(), rows, strict=True)) / weight.sum().item()
    close(losses.mixture_kl(*arguments, sample_weight=weight), expected)


@given(n=SHAPES["n"], d=SHAPES["d"], seed=SEEDS)
def test_one_cluster_is_the_divergence_of_a_variational_autoencoder(
    n: int, d: int, seed: int
) -> None:
    mean, log_variance, logits, centers, log_variances = drawn(n, 1, d, seed)
    posterior = Normal(mean, log_variance.div(2).exp())
    prior = Normal(centers, log_variances.div(2).exp())
    expected = kl_divergence(posterior, prior).sum(1).mean()
    one = torch.ones(n, 1, dtype=torch.float64)
    close(losses.mixture_kl(mean, log_variance, one, logits, centers, log_variances), expected)


def test_the_bound_is_below_the_evidence() -> None:
    # E log q(z) - log p(z) <= E KL with any assignment, and close to it with narrow posteriors
    mean, _, logits, centers, log_variances = drawn(6, 3, 2, seed=0)
    log_variance = torch.full_like(mean, -12.0)
    parts = Normal(centers[:, :1], log_variances[:, :1].div(2).exp())
    one = MixtureSameFamily(Categorical(logits=logits), _independent(parts))
    z, narrow, wide = mean[:, :1], log_variance[:, :1], log_variances[:, :1]
    gamma = losses.mixture_assignment(z, logits, centers[:, :1], wide)
    found = losses.mixture_kl(z, narrow, gamma, logits, centers[:, :1], wide)
    entropy = Normal(z, narrow.div(2).exp()).entropy().sum(1)
    expected = (-entropy - one.log_prob(z)).mean()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    worse = losses.mixture_kl(z, narrow, gamma.flip(1), logits, centers[:, :1], wide)
    assert worse > found


def _independent(parts: Normal) -> torch.distributions.Independent:
    return torch.distributions.Independent(parts, 1)


def test_gradients() -> None:
    inputs = tuple(each.requires_grad_() for each in drawn(4, 3, 2, seed=0))
    weight = torch.tensor([1.0, 2.0, 0.0, 0.5], dtype=torch.float64)

    def bound(mean, log_variance, *mixture):
        gamma = losses.mixture_assignment(mean, *mixture)
        return losses.mixture_kl(mean, log_variance, gamma, *mixture, sample_weight=weight)

    assert torch.autograd.gradcheck(bound, inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_far_from_every_cluster_stay_finite(dtype: torch.dtype) -> None:
    z = torch.tensor([[1e9, 0.0], [0.0, 0.0]], dtype=dtype, requires_grad=True)
    centers = torch.tensor([[0.0, 0.0], [1.0, 1e6]], dtype=dtype, requires_grad=True)
    log_variances = torch.full((2, 2), -10.0, dtype=dtype)
    logits = torch.tensor([0.0, -1e4], dtype=dtype, requires_grad=True)
    gamma = losses.mixture_assignment(z, logits, centers, log_variances)
    torch.testing.assert_close(gamma.sum(1), torch.ones(2, dtype=dtype))
    kl = losses.mixture_kl(z, torch.zeros_like(z), gamma, logits, centers, log_variances)
    kl.backward()
    assert kl.isfinite()
    for each in (z, centers, logits):
        assert each.grad.isfinite().all()
