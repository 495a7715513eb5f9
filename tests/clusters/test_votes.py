"""What candidates agree upon: the start of a clustering, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.quick import triplet_dec
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepclust._clusters import initial
from skdeepclust._clusters.judge import Judge
from skdeepclust._clusters.votes import most_agreed
from skdeepclust.graph import nearest_neighbors

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 4, 600)


def spoiled(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Give a share of the samples another cluster, and all clusters other numbers."""
    rng = np.random.default_rng(seed)
    wrong = np.where(rng.random(len(labels)) < share, rng.integers(0, 4, len(labels)), labels)
    return rng.permutation(4)[wrong]


def test_independent_errors_are_outvoted():
    candidates = [spoiled(TRUTH, 0.4, seed) for seed in range(15)]
    alone = max(adjusted_rand_score(TRUTH, each) for each in candidates)
    found = most_agreed(candidates, np.arange(0, 600, 3), 4)
    assert alone < 0.6
    assert adjusted_rand_score(TRUTH, found) > 0.98


def test_numbers_of_clusters_and_the_order_of_candidates_mean_nothing():
    candidates = [spoiled(TRUTH, 0.15, seed) for seed in range(15)]  # no ties
    rows, again = np.arange(600), [RNG.permutation(4)[each] for each in candidates[::-1]]
    first, second = (most_agreed(each, rows, 4) for each in (candidates, again))
    assert adjusted_rand_score(first, second) == 1


def merged_and_cut(labels: np.ndarray) -> np.ndarray:
    """Join the clusters 0 and 1, and cut 2 at random."""
    cut = np.where(RNG.random(len(labels)) < 0.5, 1, 2)
    return np.where(labels == 2, cut, np.where(labels == 1, 0, labels))


@pytest.fixture(scope="module")
def blobs():
    X, y = make_blobs(400, 6, centers=4, cluster_std=0.7, random_state=3)
    neighbors = torch.from_numpy(nearest_neighbors(X, 10))
    return X, y, Judge(4, True, neighbors, 10, 0.5)


def test_of_two_partitions_both_graphs_choose(blobs):
    X, y, judge = blobs
    wrong, rows = merged_and_cut(y), np.arange(400)
    for order in ([y, wrong], [wrong, y]):
        assert initial._by_both(order, judge, X, rows) is y
    # each graph prefers what is of its own; the better one of the two decides
    far = RNG.permutation(X)  # an embedding that knows nothing of y
    assert initial._by_both([wrong, y], judge, far, rows) is y


@pytest.mark.parametrize("change", ["estimated", "few", "init", "alone"])
def test_there_is_no_vote_where_a_majority_means_nothing(blobs, change):
    X, y, judge = blobs
    candidates = [initial.Candidate(1.0, spoiled(y, 0.1, seed)) for seed in range(6)]
    rows, init = np.arange(400), "gmm"
    assert initial._agreed(X, judge, rows, init, candidates) is not None
    if change == "estimated":
        judge = Judge(4, False, judge.wide_neighbors, 10)
    elif change == "alone":
        judge = Judge(4, True, None, 0)
    elif change == "few":
        candidates = candidates[:2]
    else:
        init = "kmeans"
    assert initial._agreed(X, judge, rows, init, candidates) is None


def test_a_cluster_that_the_majority_loses_ends_the_vote(blobs):
    X, y, judge = blobs
    three = np.where(y == 3, 0, y)
    candidates = [initial.Candidate(1.0, each) for each in (three, three, three, y)]
    assert initial._agreed(X, judge, np.arange(400), "gmm", candidates) is None


def test_the_start_of_images_is_the_vote():
    X = load_digits().data[:300]
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        vote = initial.most_agreed
        patch.setattr(initial, "most_agreed", lambda *args: seen.append(args) or vote(*args))
        triplet_dec(3, n_init=6, warmup_epochs=3).fit(X)
        triplet_dec(3, n_init=6, cluster_prior="estimated").fit(X)
    assert len(seen) == 1
    assert len(seen[0][0]) == 6  # half of all and those that have settled
