"""VaDE: the likelihoods, the bound, the mixture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.classics import classic
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn import functional

X = np.random.default_rng(0).random((60, 6))


@pytest.mark.parametrize(
    ("values", "given", "taken"),
    [
        (X, "auto", "bernoulli"),
        (X, "gaussian", "gaussian"),
        ((X > 0.5).astype(np.uint8), "auto", "bernoulli"),
        (2 * X, "auto", "gaussian"),
        (X - 0.5, "auto", "gaussian"),
        (X / 1e6 + 0.5, "bernoulli", "bernoulli"),  # far from zero, in units of the deviation
        (X + 1e6, "auto", "gaussian"),
    ],
)
def test_the_likelihood_follows_the_values(values, given, taken):
    model = classic("VaDE", likelihood=given, dtype="float64").fit(values)
    assert model.likelihood_ == taken
    decoded = model.inverse_transform(model.cluster_centers_)
    if taken == "bernoulli":
        assert 0 <= decoded.min() <= decoded.max() <= 1


def test_samples_of_weight_zero_have_no_say_in_the_likelihood():
    weight = np.ones(60)
    weight[0] = 0
    values = np.where(np.arange(60)[:, None] == 0, 5.0, X)
    model = classic("VaDE").fit(values, sample_weight=weight)
    assert model.likelihood_ == "bernoulli"


def test_values_that_are_no_shares_are_refused():
    with pytest.raises(
        ValueError, match=r'from 0 to 1, but X has some from .* give likelihood="ga'
    ):
        classic("VaDE", likelihood="bernoulli").fit(3 * X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_keeps_the_likelihood():
    shares = classic("VaDE", warm_start=True).fit(X)
    with pytest.raises(ValueError, match=r"aren't from 0 to 1, .* scale X as in the first fit"):
        shares.fit(X - 0.5)
    assert shares.fit(X).likelihood_ == "bernoulli"
    numbers = classic("VaDE", warm_start=True).fit(X - 0.5)
    assert numbers.fit(X).likelihood_ == "gaussian"
    with pytest.raises(ValueError, match="likelihood"):
        numbers.set_params(likelihood="bernoulli").fit(X)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_with_one_cluster_it_is_a_variational_autoencoder(likelihood, monkeypatch):
    model = classic("VaDE", 1, likelihood=likelihood, dtype="float64").fit(X)
    noise = torch.randn(60, 4, dtype=torch.float64)
    monkeypatch.setattr(torch, "randn_like", lambda mean: noise)
    x, module = torch.from_numpy(X), model.module_
    mean = model._embed(x)
    std = module.log_variance(mean).div(2).exp()
    decoded = module.autoencoder.decode(mean + std * noise)
    if likelihood == "bernoulli":
        log_likelihood = Bernoulli(logits=decoded, validate_args=False).log_prob(x)
    else:
        of_half = Normal(decoded, torch.tensor(0.5).sqrt())
        constant = of_half.log_prob(decoded)
        log_likelihood = of_half.log_prob(module.standardize(x)) - constant
    prior = Normal(module.centers, module.log_variances.div(2).exp())
    divergence = kl_divergence(Normal(mean, std), prior).sum(1).mean()
    parts = model._clustering_loss(x, torch.arange(60))
    torch.testing.assert_close(parts["reconstruction"], -log_likelihood.sum(1).mean())
    torch.testing.assert_close(parts["divergence"], divergence)
    torch.testing.assert_close(parts["loss"], parts["reconstruction"] + parts["divergence"])


def test_the_bound_rises(digits):
    model = classic("VaDE", 5, pretrain_epochs=20, max_epochs=8, batch_size=32).fit(
        digits[0][:300] / 16
    )
    losses = [row["loss"] for row in model.history_ if row["phase"] == "clustering"]
    assert losses[-1] < losses[0]


def test_probabilities_are_those_of_the_mixture():
    model = classic("VaDE", dtype="float64").fit(X)
    density = Normal(
        torch.from_numpy(model.cluster_centers_),
        torch.from_numpy(model.cluster_variances_).sqrt(),
    ).log_prob(torch.from_numpy(model.transform(X))[:, None])
    joint = density.sum(2) + torch.from_numpy(model.cluster_weights_).log()
    np.testing.assert_allclose(model.predict_proba(X), functional.softmax(joint, 1), rtol=1e-8)
    assert model.cluster_weights_.sum() == pytest.approx(1)
