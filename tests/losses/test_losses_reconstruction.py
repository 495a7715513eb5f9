"""The reconstruction error, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli

from skdeepclust.losses import reconstruction_loss
from skdeepclust.losses._reconstruction import bernoulli_errors, leading_rows

RNG = np.random.default_rng(0)


def naive(reconstruction, target, weight) -> float:
    """Average over samples, by weight, of the mean over a sample's numbers."""
    total = 0.0
    for w, one, other in zip(weight, reconstruction, target, strict=True):
        pairs = list(zip(np.ravel(one), np.ravel(other), strict=True))
        total += w * sum((a - b) ** 2 for a, b in pairs) / len(pairs)
    return total / sum(weight)


@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 3, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_mean_squared_error(shape, weighted):
    reconstruction, target = RNG.normal(size=(2, *shape))
    weight = RNG.uniform(0, 2, shape[0]) if weighted else np.ones(shape[0])
    found = reconstruction_loss(
        torch.from_numpy(reconstruction),
        torch.from_numpy(target),
        sample_weight=torch.from_numpy(weight) if weighted else None,
    )
    assert found.ndim == 0
    assert found.item() == pytest.approx(naive(reconstruction, target, weight), rel=1e-12)


def test_a_weight_of_zero_leaves_a_sample_out():
    reconstruction, target = torch.from_numpy(RNG.normal(size=(2, 4, 3)))
    weight = torch.tensor([1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    kept = reconstruction_loss(reconstruction, target, sample_weight=weight)
    without = reconstruction_loss(reconstruction[weight > 0], target[weight > 0])
    assert kept.item() == pytest.approx(without.item(), rel=1e-12)


def test_other_shapes_are_refused_by_name():
    with pytest.raises(ValueError, match="reconstruction and target must have the same shape"):
        reconstruction_loss(torch.ones(3, 2), torch.ones(3, 3))


def test_a_term_is_estimated_on_the_first_rows_of_a_batch():
    x, z, weight = torch.arange(400.0).view(400, 1), torch.zeros(400, 2), torch.ones(400)
    for n_rows, n_taken in ((400, 100), (128, 32), (100, 32), (20, 20)):
        taken = leading_rows(1000, x[:n_rows], z[:n_rows], weight[:n_rows])
        assert [len(each) for each in taken] == 3 * [n_taken]
        assert torch.equal(taken[0], x[:n_taken])
    assert leading_rows(1000, x, z, None)[2] is None
    assert len(leading_rows(400, x, z, weight)[0]) == 400  # all samples in a batch


def test_bernoulli_errors_are_those_of_the_distribution() -> None:
    logits = torch.from_numpy(RNG.normal(size=(3, 2, 4)))
    drawn = torch.from_numpy(RNG.integers(0, 2, (3, 2, 4)).astype(float))
    expected = -Bernoulli(logits=logits).log_prob(drawn).sum((1, 2))
    torch.testing.assert_close(bernoulli_errors(logits, drawn), expected)
    with pytest.raises(ValueError, match="must have the same shape"):
        bernoulli_errors(logits, drawn[:, :1])
