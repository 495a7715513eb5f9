"""The contrastive warm-up of the classics: what it adds, and what it leaves as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.classics import classic
from helpers.stopped_fits import after_an_epoch, assert_same_result, fitted_with_stops, result

from skdeepclust._clusters import positives
from skdeepclust._clusters.negatives import RunningRadius
from skdeepclust.classics._warmup import CONTRAST_WEIGHT, ContrastiveWarmup
from skdeepclust.metrics import clustering_accuracy_score

# The others weigh the errors of reconstruction as DEC does.
each = pytest.mark.parametrize("name", ["DEC", "VaDE"])


@each
def test_images_have_better_clusters(name, digits):
    X, y = (part[:500] for part in digits)
    options = {"pretrain_epochs": 4, "max_epochs": 1, "batch_size": 64, "n_components": 8}
    plain, warm = (
        classic(name, 10, image_shape=(8, 8), warmup=warmup, warmup_epochs=12, **options).fit(X)
        for warmup in (None, "contrastive")
    )
    found, better = (clustering_accuracy_score(y, each.labels_) for each in (plain, warm))
    assert better > found + 0.05


@each
def test_without_epochs_it_is_none(name, digits):
    X = digits[0][:100] / 16
    warm = classic(name, warmup="contrastive", warmup_epochs=0).fit(X)
    plain = classic(name).fit(X)
    np.testing.assert_array_equal(warm.predict_proba(X), plain.predict_proba(X))
    assert {row["phase"] for row in warm.history_} == {"reconstruction", "clustering"}


class Shifted:
    """Positives of samples, which are shifted."""

    def draw(self, x, idx):
        return (torch.full((len(x),), 0.3),)

    def apply_drawn(self, x, shift):
        return x + shift[:, None]


class Alone:
    """Runs a batch as a whole."""

    def by_rows(self, function, *rows, n_views):
        return function(*rows)


def naive_contrast(rows: np.ndarray, positives: np.ndarray, weight: np.ndarray, radius: float):
    """InfoNCE at the temperature 0.2 of directions, those within the radius left out."""
    rows, positives = (each / np.linalg.norm(each, axis=1)[:, None] for each in (rows, positives))
    contrast = 0.0
    for i in range(len(rows)):
        own, others = np.exp(rows[i] @ positives[i] / 0.2), 0.0
        for j in range(len(rows)):
            if j != i and np.linalg.norm(rows[i] - rows[j]) > radius:
                for view in (rows[j], positives[j]):
                    others += weight[j] * np.exp(rows[i] @ view / 0.2)
        contrast -= weight[i] * np.log(own / (own + others)) / weight.sum()
    return contrast


def test_its_loss_by_loops():
    rng, scale = np.random.default_rng(0), np.array([1.0, 5.0, 0.2])
    x, weight = rng.normal(size=(5, 3)), rng.uniform(0.5, 2, 5)
    radius = RunningRadius(5, torch.device("cpu"))
    radius.mean[:] = 0.9
    radius.mean_square[:] = 0.81

    def reconstruct(x, embedding, sample_weight):
        errors = (x - embedding).square().mean(1)
        return (errors * sample_weight).sum() / sample_weight.sum()

    warmup = ContrastiveWarmup(Alone(), Shifted(), radius, 5)
    given = torch.from_numpy(x), torch.arange(5), torch.from_numpy(weight)
    found = warmup.loss(lambda x: x * torch.from_numpy(scale), reconstruct, *given)

    contrast = naive_contrast(x * scale, (x + 0.3) * scale, weight, 0.9)
    error = sum(weight[i] * np.mean((x[i] - x[i] * scale) ** 2) for i in range(5)) / weight.sum()
    assert float(found["contrast"]) == pytest.approx(contrast, rel=1e-6)
    assert float(found["reconstruction"]) == pytest.approx(error)
    assert float(found["loss"]) == pytest.approx(error + CONTRAST_WEIGHT * contrast, rel=1e-6)


@each
def test_a_fit_that_stops_goes_on(name, digits, tmp_path):
    X = digits[0][:60] / 16
    options = {"warmup": "contrastive", "warmup_epochs": 2, "init": "search", "batch_size": 20}
    whole = result(classic(name, 3, **options).fit(X))
    model = classic(name, 3, checkpoint=tmp_path / "kept", **options)
    model, n_stops = fitted_with_stops(model, (X,), after_an_epoch, [])
    assert n_stops > 3
    assert_same_result(whole, result(model))


def test_few_equal_and_weighted_samples(digits):
    X = digits[0][:40] / 16
    for rows in (X[:2], X[:5], np.repeat(X[:2], 4, axis=0)):
        model = classic("IDEC", 2, warmup="contrastive").fit(rows, sample_weight=np.ones(len(rows)))
        assert np.isfinite(model.predict_proba(X)).all()


def test_rows_on_a_disk_are_held_unless_they_are_too_many(digits, tmp_path, monkeypatch):
    X = digits[0][:40].astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    found, expected = (classic("DEC", warmup="contrastive").fit(rows) for rows in (mapped, X))
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))
    monkeypatch.setattr(positives, "MAX_STORED_BYTES", X.nbytes - 1)
    with pytest.raises(ValueError, match=r'warmup="contrastive".*256 MiB.*warmup=None'):
        classic("DEC", warmup="contrastive").fit(mapped)
    classic("DEC", warmup="contrastive", image_shape=(8, 8)).fit(mapped)


def test_other_names_are_refused(digits):
    with pytest.raises(ValueError, match=r"'warmup' parameter of IDECClusterer must be"):
        classic("IDEC", warmup="contrast").fit(digits[0][:40])
