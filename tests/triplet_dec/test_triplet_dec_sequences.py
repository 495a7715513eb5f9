"""TripletDECClusterer: sequences of one length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.quick import triplet_dec as quick
from torch import nn

from skdeepclust import TripletDECClusterer
from skdeepclust.augmentation import SequenceAugmentation
from skdeepclust.metrics import clustering_accuracy_score

STEPS, FEATURES = 12, 2


def waves(n_samples=150, seed=0):
    """Three frequencies in any phase, with a second feature that says nothing."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n_samples)
    time = np.linspace(0, 2 * np.pi, STEPS)
    phase = rng.uniform(0, 0.8, n_samples)[:, None]
    first = np.sin((1 + y)[:, None] * time + phase) + 0.1 * rng.normal(size=(n_samples, STEPS))
    return np.stack([first, 0.1 * rng.normal(size=first.shape)], axis=2), y


def few(**parameters) -> TripletDECClusterer:
    return quick(3, sequence_shape=(STEPS, FEATURES), image_shape=None, **parameters)


def test_rows_and_sequences_of_the_same_values_are_the_same():
    X, _ = waves()
    of_rows = few().fit(X.reshape(len(X), -1))
    of_sequences = few().fit(X)
    np.testing.assert_array_equal(of_rows.labels_, of_sequences.labels_)
    assert isinstance(of_rows.module_.autoencoder.encoder[0], nn.Conv1d)
    decoded = of_sequences.inverse_transform(of_sequences.transform(X[:5]))
    assert decoded.shape == (5, STEPS, FEATURES)
    rows = of_rows.inverse_transform(of_rows.transform(X[:5].reshape(5, -1)))
    np.testing.assert_allclose(rows, decoded.reshape(5, -1))


def test_frequencies_are_found():
    X, y = waves()
    model = TripletDECClusterer(3, sequence_shape=(STEPS, FEATURES), random_state=0).fit(X)
    assert clustering_accuracy_score(y, model.labels_) > 0.95
    new, classes = waves(seed=1)
    assert clustering_accuracy_score(classes, model.predict(new)) > 0.95


@pytest.mark.parametrize("how", [{"augmentation": SequenceAugmentation()}, {"n_neighbors": 0}])
def test_sequences_may_be_augmented(how, monkeypatch):
    seen = []
    apply = SequenceAugmentation.apply_drawn
    monkeypatch.setattr(
        SequenceAugmentation,
        "apply_drawn",
        lambda self, x, *drawn: seen.append(tuple(x.shape[1:])) or apply(self, x, *drawn),
    )
    few(**how).fit(waves()[0])
    assert set(seen) == {(STEPS, FEATURES)}


def test_positives_of_sequences_lie_between_neighbours(monkeypatch):
    from skdeepclust._clusters.positives import NeighborMixtures

    shares = []
    apply = NeighborMixtures.apply_drawn

    def noted(self, x, *drawn):
        made, other = apply(self, x, *drawn), drawn[0]
        shares.append(((made - x) / (other - x)).flatten(1))
        return made

    monkeypatch.setattr(NeighborMixtures, "apply_drawn", noted)
    few().fit(waves()[0])
    share = torch.cat(shares)
    torch.testing.assert_close(share.amax(1), share.amin(1), atol=1e-2, rtol=0)
    assert (share > -0.01).all()
    assert (share < 1.01).all()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 5), r"sequence_shape=\(5, 5\) has 25 values, but X has 24"),
        ((24,), "must be .steps, features."),
        ((2, 12), r"sequence_shape=\(2, 12\), but X holds samples of shape \(12, 2\)"),
    ],
)
def test_another_shape_is_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        few().set_params(sequence_shape=shape).fit(waves()[0])


def test_samples_are_images_or_sequences():
    with pytest.raises(ValueError, match="Give one of image_shape, sequence_shape"):
        few().set_params(image_shape=(4, 6)).fit(waves()[0].reshape(-1, 24))


def test_without_a_word_a_3d_X_holds_images():
    X = np.random.default_rng(0).random((60, 8, 8))
    assert quick(3).fit(X).image_shape_ == (1, 8, 8)
