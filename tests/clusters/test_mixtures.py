"""Mixtures side by side are scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from skdeepclust._clusters.mixtures import gaussians
from skdeepclust._clusters.mixtures.gaussians import (
    TOLERANCE,
    Mixtures,
    Samples,
    mixture_partitions,
)
from skdeepclust._clusters.partitions import candidate_partitions

RIDGE = 1e-3


@pytest.fixture
def X() -> np.ndarray:
    rng = np.random.default_rng(0)
    centers = 2 * rng.normal(size=(4, 5))
    return centers[rng.integers(4, size=300)] + rng.normal(size=(300, 5)) * [2, 1, 1, 0.5, 0.1]


@pytest.fixture
def starts() -> np.ndarray:
    return np.random.default_rng(1).integers(4, size=(3, 300))


def samples_of(X: np.ndarray) -> Samples:
    return Samples(torch.from_numpy(X), torch.from_numpy(X.mean(0)), 12)


def peer(X: np.ndarray, labels: np.ndarray, tolerance: float) -> GaussianMixture:
    parts = [X[labels == k] for k in range(4)]
    return GaussianMixture(
        4,
        reg_covar=RIDGE,
        tol=tolerance,
        weights_init=[len(part) / len(X) for part in parts],
        means_init=[part.mean(0) for part in parts],
        precisions_init=[
            np.linalg.inv(np.cov(part.T, bias=True) + RIDGE * np.eye(5)) for part in parts
        ],
    ).fit(X)


@pytest.mark.parametrize("tolerance", [TOLERANCE, 1e-2])
@pytest.mark.parametrize("offset", [0, 1e5])
def test_what_is_found_is_what_scikit_learn_finds_from_the_same_start(X, starts, offset, tolerance):
    X = X + offset
    samples, ridge = samples_of(X), torch.full((3,), RIDGE, dtype=torch.float64)
    start = Mixtures.of_labels(samples, torch.from_numpy(starts), 4, ridge)
    weights, means, covariances = start.fitted(samples, ridge, tolerance)
    peers = [peer(X, labels, tolerance) for labels in starts]
    assert len({each.n_iter_ for each in peers}) > 1  # each one stops by itself
    for i, each in enumerate(peers):
        np.testing.assert_allclose(weights[i], each.weights_, atol=1e-6)
        np.testing.assert_allclose(means[i] + samples.origin, each.means_, atol=1e-6, rtol=1e-9)
        np.testing.assert_allclose(covariances[i], each.covariances_, atol=1e-6)


def test_the_log_likelihood_is_that_of_normal_densities(X, starts):
    samples, ridge = samples_of(X), torch.full((3,), RIDGE, dtype=torch.float64)
    mixtures = Mixtures.of_labels(samples, torch.from_numpy(starts), 4, ridge)
    _, found = mixtures.step(samples, ridge)
    for weights, means, covariances, value in zip(*mixtures, found, strict=True):
        normal = torch.distributions.MultivariateNormal(means + samples.origin, covariances)
        density = normal.log_prob(samples.points[:, None]).exp() @ weights
        assert float(value) == pytest.approx(float(density.log().mean()))


@pytest.mark.parametrize(
    "limits",
    [{"BLOCK_SIZE": {"cpu": 1}}, {"GROUP_SIZE": {"cpu": 1}}, {"KEPT_SIZE": 0}],
    ids=lambda limits: next(iter(limits)),
)
def test_partitions_depend_on_no_block(X, starts, limits, monkeypatch):
    options = [torch.arange(0, 300, 2), torch.from_numpy(starts[:, ::2].copy()), 4]
    ridge = torch.tensor([1e-3, 1e-2, 1e-4], dtype=torch.float64)
    expected = mixture_partitions(torch.from_numpy(X), *options, ridge)
    for name, value in limits.items():
        monkeypatch.setattr(gaussians, name, value)
    torch.testing.assert_close(mixture_partitions(torch.from_numpy(X), *options, ridge), expected)
    for labels, start, of_start in zip(expected, starts, ridge, strict=True):
        (alone,) = mixture_partitions(
            torch.from_numpy(X),
            options[0],
            torch.from_numpy(start[None, ::2].copy()),
            4,
            of_start[None],
        )
        torch.testing.assert_close(alone, labels)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random_from_data"])
def test_candidates_are_the_partitions_of_scikit_learns_mixtures(X, init_params):
    kinds = ["kmeans", "k-means++", "random_from_data"]
    found = [
        *candidate_partitions(
            X.astype(np.float32), 4, rows=np.arange(300), init="gmm", n_init=3, random_state=5
        )
    ]
    i = kinds.index(init_params)
    mixture = GaussianMixture(
        4, reg_covar=(1e-3, 3e-3, 3e-4)[i], init_params=init_params, random_state=5 + i
    )
    np.testing.assert_array_equal(found[i], mixture.fit_predict(X.astype(np.float32).astype(float)))


def test_blocks_are_small_where_components_are_many():
    (block, *_) = Samples(torch.zeros(5_000, 2), torch.zeros(2).double(), 1_000).blocks()
    assert block.shape == (6, gaussians.BLOCK_SIZE["cpu"] // 1_000)


def test_a_covariance_that_rounding_has_spoilt_is_named(X, starts):
    X = X * [1e12, 1, 1, 1, 1] + X[:, :1] * 1e12  # all columns are one
    with pytest.raises(ValueError, match=r"isn't positive definite.*init='kmeans'"):
        mixture_partitions(
            torch.from_numpy(X),
            torch.arange(300),
            torch.from_numpy(starts[:1]),
            4,
            torch.tensor([1e-3], dtype=torch.float64),
        )


@pytest.mark.parametrize("init", ["gmm", "kmeans"])
@pytest.mark.parametrize("device", ["cpu", *(["cuda"] * torch.cuda.is_available())])
def test_partitions_are_the_same_on_every_device(X, device, init):
    options = {"rows": np.arange(300), "init": init, "n_init": 5, "random_state": 0}
    found = [*candidate_partitions(X, 4, **options, device=torch.device(device))]
    np.testing.assert_array_equal(found, [*candidate_partitions(X, 4, **options)])
