"""Clusters that are not expected to be of the same size: losses, candidates, the estimator."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV

from skdeepclust import TripletDECClusterer, losses
from skdeepclust._clusters.judge import Judge
from skdeepclust._clusters.merging import (
    merged_partition,
    minus_information_lost,
    number_of_parts,
    share_of_smaller,
)
from skdeepclust._clusters.prior import prior_of_partition
from skdeepclust.graph import nearest_neighbors
from skdeepclust.metrics import clustering_accuracy_score

PRIOR = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)


def assignment(n: int = 7, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, generator=rng, dtype=torch.float64).softmax(1)


def close(actual: torch.Tensor, expected: object) -> None:
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


# ---------------------------------------------------------------- losses


def test_losses_are_their_formulas() -> None:
    q, w = assignment().tolist(), [1.0, 2.0, 0.5, 0.0, 3.0, 1.0, 1.0]
    mean = [sum(w[i] * q[i][j] for i in range(7)) / sum(w) for j in range(3)]
    conditional = -sum(w[i] * v * math.log(v) for i in range(7) for v in q[i]) / sum(w)
    prior = PRIOR.tolist()
    divergence = sum(m * math.log(m / p) for m, p in zip(mean, prior, strict=True))
    expected = conditional + divergence + sum(p * math.log(p) for p in prior)
    options = {"sample_weight": torch.tensor(w, dtype=torch.float64), "cluster_prior": PRIOR}
    close(losses.information_loss(assignment(), **options), expected)
    sharp = [[q[i][j] ** 2 * prior[j] / mean[j] for j in range(3)] for i in range(7)]
    target = [[value / sum(row) for value in row] for row in sharp]
    close(losses.target_distribution(assignment(), **options), target)


def test_equal_shares_are_no_prior() -> None:
    q, same = assignment(), torch.full((3,), 1 / 3, dtype=torch.float64)
    close(losses.information_loss(q, cluster_prior=same), losses.information_loss(q))
    close(losses.target_distribution(q, cluster_prior=same), losses.target_distribution(q))


def test_gradient_and_optimum() -> None:
    def loss(logits: torch.Tensor) -> torch.Tensor:
        return losses.information_loss(logits.softmax(1), cluster_prior=PRIOR)

    assert torch.autograd.gradcheck(loss, assignment().requires_grad_())
    sizes = (2, 5, 3)
    best = torch.eye(3, dtype=torch.float64).repeat_interleave(torch.tensor(sizes), 0)
    close(losses.information_loss(best, cluster_prior=PRIOR), (PRIOR * PRIOR.log()).sum())
    for other in ((3, 4, 3), (1, 6, 3), (5, 2, 3)):
        rows = torch.eye(3, dtype=torch.float64).repeat_interleave(torch.tensor(other), 0)
        worse = losses.information_loss(rows, cluster_prior=PRIOR)
        assert worse > losses.information_loss(best, cluster_prior=PRIOR)


def test_targets_of_clusters_of_their_prior_size_are_squares() -> None:
    q = assignment()
    square = q.square() / q.square().sum(1, keepdim=True)
    close(losses.target_distribution(q, cluster_prior=q.mean(0)), square)


def test_losses_refuse_a_prior_of_other_clusters() -> None:
    for loss in (losses.information_loss, losses.target_distribution):
        with pytest.raises(ValueError, match=r"cluster_prior has shape \(2,\).*3 clusters"):
            loss(assignment(), cluster_prior=torch.ones(2) / 2)


# ---------------------------------------------------------------- partitions


@pytest.mark.parametrize(
    ("sizes", "likeness", "found"),
    [
        ([300, 300, 300], share_of_smaller, True),
        ([300, 300, 300], minus_information_lost, True),
        ([500, 40, 300], share_of_smaller, True),
        ([500, 40, 300], minus_information_lost, False),  # a small cluster carries little
    ],
)
def test_parts_become_the_clusters_that_they_belong_to(sizes, likeness, found) -> None:
    X, y = make_blobs(sizes, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    parts = 3 * y + (X[:, 0] > np.array([0, 9, 0])[y]) + (X[:, 1] > np.array([0, 0, 9])[y])
    edges = Judge(3, True, torch.from_numpy(nearest_neighbors(X, 10)), 10).edges
    merged = merged_partition(parts, 3, edges, likeness)
    assert set(merged) == {0, 1, 2}
    assert (clustering_accuracy_score(y, merged) == 1) == found
    few = merged_partition(y, 5, edges, likeness)  # there is nothing to merge
    assert np.array_equal(few, y)


def test_edges_are_counted_in_both_directions() -> None:
    neighbors = torch.tensor([[1], [2], [0]])
    edges = Judge(2, True, neighbors, 1).edges(np.array([0, 0, 1]))
    assert edges.tolist() == [[2, 2], [2, 0]]


def test_likenesses_are_their_formulas() -> None:
    def information(weight: np.ndarray) -> float:
        joint, total = weight / weight.sum(), 0.0
        size = joint.sum(1)
        for a, row in enumerate(joint):
            for b, p in enumerate(row):
                total += p * math.log(p / (size[a] * size[b])) if p else 0.0
        return total

    weight = np.random.default_rng(0).random((5, 5))
    weight[0, 3] = weight[3, 0] = 0
    weight += weight.T
    lost, share = minus_information_lost(weight), share_of_smaller(weight)
    for a in range(5):
        for b in range(a + 1, 5):
            merged = weight.copy()
            merged[a] += merged[b]
            merged[:, a] += merged[:, b]
            merged = np.delete(np.delete(merged, b, 0), b, 1)
            expected = information(merged) - information(weight)
            assert lost[a, b] == pytest.approx(expected, abs=1e-12)
            assert lost[b, a] == pytest.approx(expected, abs=1e-12)
            assert share[a, b] == weight[a, b] / min(weight[a].sum(), weight[b].sum())


def test_many_clusters_have_few_more_parts() -> None:
    assert number_of_parts(10, 3, 10_000) == 30
    assert number_of_parts(10, 3, 25) == 25
    assert number_of_parts(400, 2, 10_000) == 450


def test_given_shares_go_to_the_clusters_by_rank() -> None:
    labels = np.array([0, 1, 1, 1, 2, 2])
    weight = np.ones(6)

    def prior(value) -> list[float] | None:
        found = prior_of_partition(value, lambda: labels, weight, 3)
        return None if found is None else found.tolist()

    assert prior("uniform") is None
    assert prior("estimated") == pytest.approx([1 / 6, 3 / 6, 2 / 6])
    assert prior([5, 3, 2]) == pytest.approx([0.2, 0.5, 0.3])
    empty = prior_of_partition("estimated", lambda: labels, weight, 4)
    assert empty.min() == pytest.approx(1 / 7)


# ---------------------------------------------------------------- the estimator


def small(**changes) -> TripletDECClusterer:
    few = {"pretrain_epochs": 1, "warmup_epochs": 2, "max_epochs": 2, "n_init": 4}
    return TripletDECClusterer(3, **{**few, "random_state": 0, **changes})


@pytest.fixture(scope="module")
def unequal() -> tuple[np.ndarray, np.ndarray]:
    return make_blobs([240, 120, 30], n_features=8, cluster_std=2.0, random_state=0)


@pytest.mark.parametrize("prior", ["estimated", [3, 2, 0.5], np.array([0.1, 0.2, 0.7])])
@pytest.mark.parametrize("options", [{}, {"n_neighbors": 0}, {"init": "kmeans"}, {"n_init": 1}])
def test_every_prior_with_every_start(unequal, prior, options) -> None:
    X, y = unequal
    model = small(cluster_prior=prior, **options).fit(X)
    assert clustering_accuracy_score(y, model.labels_) > 0.9
    assert np.array_equal(model.predict(X), model.labels_)
    model.set_params(warm_start=True, max_epochs=1).fit(X)
    assert model.history_[-1]["phase"] == "clustering"


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ([0.5, 0.5], r"cluster_prior has shape \(2,\); n_clusters=3"),
        ([0.5, 0.5, 0.0], "positive finite shares"),
        ([0.5, 0.5, np.nan], "positive finite shares"),
        ("equal", "cluster_prior"),
    ],
)
def test_a_prior_that_is_none_is_refused(unequal, prior, message) -> None:
    model = small(cluster_prior=prior)
    with pytest.raises(ValueError, match=message):
        model.fit(unequal[0])
    assert not hasattr(model, "labels_")


def test_a_grid_over_priors(unequal) -> None:
    grid = GridSearchCV(small(), {"cluster_prior": ["uniform", "estimated"]}, cv=2)
    assert grid.fit(unequal[0]).best_score_ > 0.5
