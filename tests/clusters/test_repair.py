"""Clusters that die are taken up again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skdeepclust import TripletDECClusterer, triplet_dec
from skdeepclust._clusters.repair import split_into_dead

X, DIGIT = load_digits(return_X_y=True)
X, DIGIT = X[:200] / 16, DIGIT[:200]
TOO_FAST = "ignore:The clustering phase has made:sklearn.exceptions.ConvergenceWarning"


@pytest.mark.filterwarnings(TOO_FAST)
def test_clusters_that_die_are_taken_up(monkeypatch):
    options = {"image_shape": (8, 8), "pretrain_epochs": 5, "warmup_epochs": 5, "n_init": 2}
    options |= {"n_starts": 1, "max_epochs": 12, "lr": 0.1, "random_state": 0}
    options |= {"cluster_prior": "uniform"}
    with monkeypatch.context() as patch:
        patch.setattr(triplet_dec, "revive", lambda assignment, *args, **options: assignment)
        with pytest.warns(ConvergenceWarning, match=r"\d of n_clusters=10 clusters have samples"):
            left = TripletDECClusterer(10, **options).fit(X)
    model = TripletDECClusterer(10, **options).fit(X)  # no warning, which would be an error
    assert len(np.unique(left.labels_)) <= 7
    assert len(np.unique(model.labels_)) == 10


def naive_halves(points):
    """Cut a cloud across the direction in which it is widest."""
    centred = points - points.mean(0)
    direction = np.linalg.svd(centred)[2][0]
    return centred @ direction > 0


def test_a_dead_centre_gets_half_of_the_largest_cluster():
    rng = np.random.default_rng(0)
    long = rng.normal(size=(60, 3)) * (5, 1, 1)
    small = rng.normal(size=(20, 3)) + 30
    points = torch.from_numpy(np.concatenate([long, small]))
    labels = torch.tensor([0] * 60 + [2] * 20)
    centers = torch.tensor([[0.0] * 3, [1e6] * 3, [30.0] * 3], dtype=torch.float64)
    moved = split_into_dead(points, labels, centers, torch.ones(80))
    assert moved == 1
    far = naive_halves(long)
    found = {tuple(np.round(center, 6)) for center in centers[:2].numpy()}
    assert found == {tuple(np.round(long[side].mean(0), 6)) for side in (far, ~far)}
    assert (centers[2] == 30).all()
    assert (labels == torch.tensor([0] * 60 + [2] * 20)).all()


def test_every_dead_centre_gets_samples():
    points = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    centers = torch.full((6, 4), 100.0)
    centers[3] = 0
    labels = torch.full((200,), 3)
    assert split_into_dead(points, labels, centers, torch.ones(200)) == 5
    assert len(torch.cdist(points, centers).argmin(1).unique()) == 6


def test_sizes_are_those_of_weights_and_shares():
    points = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    labels, weight = torch.tensor([0, 0, 1, 1]), torch.tensor([1.0, 1.0, 3.0, 3.0])
    for share, split in ((None, [10.0, 11.0]), (torch.tensor([0.1, 0.8, 0.1]), [0.0, 1.0])):
        centers = torch.tensor([[0.5], [10.5], [99.0]])
        assert split_into_dead(points, labels, centers, weight, share) == 1
        assert set(split) <= set(centers.flatten().tolist())


def test_equal_points_cannot_be_cut():
    centers = torch.tensor([[1.0, 1.0], [9.0, 9.0]])
    moved = split_into_dead(
        torch.ones(5, 2), torch.zeros(5, dtype=torch.int64), centers, torch.ones(5)
    )
    assert moved == 0
    assert (centers[1] == 9).all()
