"""Refused samples: how many are more than chance, and which clusters they form."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.streams import Told
from scipy.stats import betabinom

from skdeepclust.meta import StreamClusterer
from skdeepclust.meta._novel import clusters_of_refused, novelty_p_value


@pytest.mark.parametrize("n_calibration", [19, 50])
def test_the_number_of_refused_samples_is_beta_binomial(n_calibration):
    """Scores are ranks: of normal ones, how many are below the r-th of others."""
    rng = np.random.default_rng(0)
    n_new, alpha, rank = 30, 0.1, int(0.1 * (n_calibration + 1))
    known = np.sort(rng.standard_normal((4000, n_calibration)), axis=1)
    refused = (rng.standard_normal((4000, n_new)) < known[:, [rank - 1]]).sum(axis=1)
    for least in (1, 4, 8):
        share = (refused >= least).mean()
        expected = novelty_p_value(least, n_new, n_calibration, alpha)
        assert share == pytest.approx(expected, abs=4 * np.sqrt(expected / 4000))
        terms = betabinom.pmf(np.arange(least), n_new, rank, n_calibration + 1 - rank)
        assert expected == pytest.approx(1 - terms.sum())
    assert novelty_p_value(30, 30, 8, alpha) == 1  # there is no threshold


def test_parts_of_known_kinds_rarely_seem_new():
    """At a significance of a fifth no more than a fifth of the parts is asked for new clusters."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(30):
        X = rng.standard_normal((160, 2))
        model = StreamClusterer(Told((0,) * 9), random_state=0, embedding=lambda m, X: X[:, 1:])
        X[:, 0] = 0
        model.set_params(contamination=0.1, significance=0.2).partial_fit(X[:100])
        found.append(model.partial_fit(X[100:]).report_.p_value < 0.2)
    assert np.mean(found) < 0.2 + 3 * np.sqrt(0.2 * 0.8 / 30)


def test_refused_samples_at_a_border_are_no_cluster():
    rng = np.random.default_rng(0)
    border = rng.normal(0, 1, (60, 2))
    near, far = np.full((60, 5), 1e-3), np.full((60, 5), 50.0)
    assert (clusters_of_refused(border, near, 1.0, 20) == -1).all()
    labels = clusters_of_refused(border, far, 1.0, 20)
    assert set(labels) == {-1, 0} or set(labels) == {0}
    assert (labels == 0).mean() > 0.8
    assert (clusters_of_refused(border[:19], far[:19], 1.0, 20) == -1).all()
    # copies of one sample are a cluster; of different places, several
    assert (clusters_of_refused(np.zeros((60, 2)), far, 0.0, 20) == 0).all()
    two = np.vstack([border[:30], border[:30] + 20])
    assert len(set(clusters_of_refused(two, far, 2.0, 20)) - {-1}) == 2


@pytest.mark.parametrize("n_samples", [60, 150])
def test_one_blob_is_one_cluster(n_samples):
    """Of normal samples in any place HDBSCAN alone finds parts: it knows no single cluster."""
    found = []
    for seed in range(20):
        one = np.random.default_rng(seed).standard_normal((n_samples, 2))
        far = np.full((n_samples, 5), 50.0)
        found.append(clusters_of_refused(one, far, 1.0, 20).max() + 1)
    assert np.mean(np.array(found) == 1) >= 0.95
