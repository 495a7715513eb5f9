"""Each of the classics where it is something simpler, and the pieces of its schedule."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.classics import CLASSICS, classic
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from skdeepclust._clusters.weighted import Mixture, Points, gaussian_mixture, kmeans
from skdeepclust.classics import dcn, dec, dkm, idec, vade
from skdeepclust.classics.dkm import annealed_alphas

EXACT = {"dtype": "float64", "optimizer": "sgd", "lr": 0.05, "clustering_lr": 0.05}


@pytest.fixture(scope="module")
def X(digits) -> np.ndarray:
    return digits[0][:150] / 16


@pytest.mark.parametrize(("name", "weight"), [("IDEC", "gamma"), ("DCN", "lam"), ("DKM", "lam")])
def test_without_its_clustering_term_it_goes_on_reconstructing(name, weight, X):
    # the steps of plain gradients know nothing of those before them
    scale = 1 if name == "IDEC" else X.shape[1]
    options = {**EXACT, weight: 0.0, "batch_size": 32}
    rate = options.pop("clustering_lr") / scale
    model = classic(name, pretrain_epochs=3, max_epochs=2, clustering_lr=rate, **options).fit(X)
    plain = classic(name, pretrain_epochs=5, max_epochs=0, **options).fit(X)
    np.testing.assert_allclose(model.transform(X), plain.transform(X), rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in CLASSICS if name != "VaDE"])
def test_without_epochs_it_is_kmeans_in_the_embedding(name, X):
    # groups that are apart: K-means has one optimum
    X = X[:4][np.arange(160) % 4] + 0.05 * np.random.default_rng(0).normal(size=(160, 64))
    model = classic(name, max_epochs=0, n_init=10).fit(X)
    z = model.transform(X)
    kmeans = KMeans(4, n_init=10, random_state=1).fit(z)
    assert adjusted_rand_score(kmeans.labels_, model.labels_) == 1
    inertia = np.square(z - model.cluster_centers_[model.labels_]).sum()
    assert inertia == pytest.approx(kmeans.inertia_, rel=1e-4)


def test_targets_of_dec_are_equation_3(X):
    q = classic("DEC", max_epochs=0, dtype="float64").fit(X).predict_proba(X)
    model, seen = classic("DEC", max_epochs=1, dtype="float64"), []

    class Seeing(type(model)):
        def _begin_epoch(self, *args):
            super()._begin_epoch(*args)
            seen.append(self._fit.numpy())

    Seeing(**model.get_params()).fit(X)
    sharp = np.square(q) / q.sum(0)
    np.testing.assert_allclose(seen[0], sharp / sharp.sum(1, keepdims=True), rtol=1e-9)


def test_degrees_of_freedom_are_those_of_the_assignment(X):
    model = classic("DEC", degrees_of_freedom=3.0, dtype="float64").fit(X)
    distance = np.square(model.transform(X)[:, None] - model.cluster_centers_).sum(2)
    kernel = (1 + distance / 3) ** -2.0
    np.testing.assert_allclose(model.predict_proba(X), kernel / kernel.sum(1, keepdims=True))


@pytest.mark.parametrize("name", ["IDEC", "DCN", "DKM"])
def test_history_holds_the_parts_of_the_loss(name, X):
    factor = {"IDEC": 0.3, "DCN": 0.15, "DKM": 0.3}[name]
    model = classic(name, **{"gamma" if name == "IDEC" else "lam": 0.3}).fit(X)
    rows = [row for row in model.history_ if row["phase"] == "clustering"]
    for row in rows:
        expected = row["reconstruction"] + factor * row["clustering"]
        assert row["loss"] == pytest.approx(expected, rel=1e-4)


def test_centers_of_dcn_follow_their_samples(X):
    model = classic("DCN", max_epochs=3, lr=0.01, clustering_lr=0.01).fit(X)
    # all samples of K-means, and those of three epochs
    assert model.module_.counts.sum().item() == pytest.approx(4 * len(X))
    assert not model.module_.centers.requires_grad


def test_dkm_anneals_over_its_epochs(X):
    model, seen = classic("DKM", max_epochs=8, alpha="annealed"), []

    class Seeing(type(model)):
        def _begin_epoch(self, *args):
            super()._begin_epoch(*args)
            seen.append(self.module_.alpha.item())

    Seeing(**model.get_params()).fit(X)
    np.testing.assert_allclose(seen, annealed_alphas()[::5])
    expected = 0.1
    for n, alpha in enumerate(annealed_alphas(), 1):
        expected *= 2 ** (1 / np.log(n) ** 2) if n > 1 else 1
        assert alpha == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("DEC", dec.PAPER_SETTINGS),
        ("IDEC", idec.PAPER_SETTINGS),
        ("DCN", dcn.PAPER_SETTINGS),
        ("DKM", dkm.PAPER_SETTINGS),
        ("DKM", dkm.ANNEALED_SETTINGS),
        ("VaDE", vade.PAPER_SETTINGS),
    ],
)
def test_papers_settings_are_parameters(name, settings, X):
    model = CLASSICS[name](4, **{**settings, "pretrain_epochs": 1, "max_epochs": 1, "n_init": 1})
    model.set_params(module__hidden=(16,), random_state=0)
    assert len(model.fit(X).history_) == 2


# ---------------------------------------------------------------- clusters of weighted points


def test_weights_of_equal_points_add_up():
    points = np.array([[1.0, 2.0], [0.0, 5.0], [1.0, 2.0 + 1e-12], [7.0, 7.0]])
    found = Points.distinct(points, np.array([1.0, 2.0, 0.5, 0.0]))
    np.testing.assert_allclose(found.points, [[0, 5], [1, 2]])
    np.testing.assert_allclose(found.weight, [2, 1.5])


@pytest.mark.parametrize("find", [kmeans, gaussian_mixture])
@pytest.mark.parametrize("rounding", [0, 1e-7])
def test_fewer_points_than_clusters_are_centers_of_several(find, rounding):
    # a network gives equal samples points that aren't quite
    noise = rounding * np.random.default_rng(0).normal(size=(20, 2))
    points = Points.distinct(np.eye(2).repeat(10, axis=0) + noise, np.ones(20))
    torch.manual_seed(0)
    found = find(points, 5, n_init=2)
    assert found.means.shape == found.variances.shape == (5, 2)
    # spare ones begin beside those with points, and never are the nearest
    np.testing.assert_allclose(found.sizes, [10, 10, 5, 5, 2.5])
    order = found.means[:2, 0].argsort()
    np.testing.assert_allclose(found.means[order], [[0, 1], [1, 0]], atol=1e-6)
    apart = np.abs(found.means[2:] - found.means[[0, 1, 0]])
    assert (apart > 1e-3).all()
    assert (apart < 0.05).all()
    assert (found.variances > 0).all()


def test_a_partition_has_weighted_moments_and_no_empty_cluster():
    rng = np.random.default_rng(0)
    rows, weight, labels = rng.normal(5, 1, (30, 2)), rng.random(30), np.arange(30) % 3
    weight[labels == 1] = 0
    found = Mixture.of_labels(Points(rows, weight), labels, 3)
    for k, label in enumerate((0, 2)):
        own, share = rows[labels == label], weight[labels == label]
        assert found.sizes[k] == pytest.approx(share.sum())
        np.testing.assert_allclose(found.means[k], np.average(own, weights=share, axis=0))
        spread = np.average(np.square(own - found.means[k]), weights=share, axis=0)
        np.testing.assert_allclose(found.variances[k], spread, atol=0.01)
    # the third is the first once more, smaller and aside
    assert found.sizes[2] == found.sizes[0] / 2
    np.testing.assert_allclose(found.means[2], found.means[0] + 0.1 * found.variances[0] ** 0.5)


def test_a_mixture_has_the_weighted_moments_of_its_parts():
    rng = np.random.default_rng(0)
    rows = np.vstack([rng.normal(0, 0.1, (50, 2)), rng.normal(5, 0.3, (50, 2))])
    weight = rng.random(100)
    torch.manual_seed(0)
    found = gaussian_mixture(Points.distinct(rows, weight), 2, n_init=3)
    for k in np.argsort(found.means[:, 0]):
        part = slice(0, 50) if found.means[k, 0] < 1 else slice(50, 100)
        share = weight[part] / weight.sum()
        assert found.sizes[k] == pytest.approx(weight[part].sum())
        mean = np.average(rows[part], weights=share, axis=0)
        np.testing.assert_allclose(found.means[k], mean)
        spread = np.average(np.square(rows[part] - mean), weights=share, axis=0)
        np.testing.assert_allclose(found.variances[k], spread, atol=0.01)


def test_a_mixture_of_one_point_has_a_width():
    torch.manual_seed(0)
    found = gaussian_mixture(Points(np.ones((1, 2)), np.ones(1)), 3, n_init=2)
    assert (found.variances > 0).all()
