"""The partitions that TAGnet's heads start from are such that linear heads can keep them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from skdeepclust import TAGnetClusterer
from skdeepclust._clusters import heads, starts
from skdeepclust._clusters.heads import initial_head
from skdeepclust.metrics import clustering_accuracy_score

# A ring, and a few samples in its middle, which no line cuts out.
ANGLE = np.linspace(0, 2 * np.pi, 32, endpoint=False)
RING = np.stack([np.cos(ANGLE), np.sin(ANGLE)], 1)
CODES = np.concatenate([RING, np.random.default_rng(0).normal(0, 0.05, (8, 2))])
MIDDLE = (np.arange(40) >= 32).astype(int)
HALVES = (CODES[:, 0] > 0).astype(int)
# All edges within ring and middle, but few across the halves of the ring.
INDEX = np.arange(40)
FEW = (INDEX[:, None] + INDEX) % 4 == 0
GRAPH = sparse.csr_array(
    ((MIDDLE[:, None] == MIDDLE) & (FEW | (HALVES[:, None] == HALVES))).astype(float)
)


def start(monkeypatch, candidates, init="gmm", n_clusters=2):
    """Choose among given candidates, of which those that count as KMeans' come last."""
    monkeypatch.setattr(
        starts, "candidate_partitions", lambda *_, init, n_init, **options: candidates[init]
    )
    monkeypatch.setattr(heads, "PARTS", (1,))
    monkeypatch.setattr(heads, "settled", lambda labels, **options: labels)
    return initial_head(
        CODES,
        n_clusters,
        rows=np.arange(len(CODES)),
        sample_weight=np.ones(len(CODES)),
        init=init,
        n_init=5,
        random_state=0,
        affinity=GRAPH,
    )


def labels_of(head) -> np.ndarray:
    return (CODES @ head.weights.T + head.biases).argmax(1)


def test_lines_cut_the_halves_but_not_the_middle():
    weights = np.ones(len(CODES))
    for labels, n_kept in ((MIDDLE, 1), (HALVES, 2)):
        weight, bias = heads.logistic_head(CODES, labels, 2, weights)
        assert len(np.unique((CODES @ weight.T + bias).argmax(1))) == n_kept


def test_a_candidate_that_a_head_can_keep_comes_first(monkeypatch):
    head = start(monkeypatch, {"gmm": [MIDDLE, HALVES]})
    np.testing.assert_array_equal(head.labels, HALVES)
    assert np.mean(labels_of(head) == HALVES) > 0.9  # but for samples near the line


def test_mixtures_give_way_to_kmeans(monkeypatch):
    head = start(monkeypatch, {"gmm": [MIDDLE], "kmeans": [HALVES]})
    np.testing.assert_array_equal(head.labels, HALVES)


def test_the_best_of_the_graph_is_taken_if_a_head_can_keep_it(monkeypatch):
    others = (CODES[:, 1] > 0).astype(int)  # halves that cut more of the edges
    information = heads.edge_information
    assert information(others, GRAPH) < information(HALVES, GRAPH)
    head = start(monkeypatch, {"gmm": [others, HALVES], "kmeans": []})
    np.testing.assert_array_equal(head.labels, HALVES)


def test_of_candidates_that_all_lose_clusters_the_one_that_loses_least(monkeypatch):
    candidates = {"gmm": [MIDDLE, 0 * MIDDLE], "kmeans": [HALVES]}
    head = start(monkeypatch, candidates, n_clusters=3)
    np.testing.assert_array_equal(head.labels, HALVES)


@pytest.mark.parametrize("seed", range(4))
def test_features_far_from_zero_do_not_collapse(seed):
    X = np.random.default_rng(seed).normal(100, 1, (40, 2))
    model = TAGnetClusterer(
        3, n_components=8, n_stages=2, normalize=False, dictionary="kmeans", n_init=1, lr=1e-5,
        max_epochs=2, batch_size=32, random_state=seed,
    )  # fmt: skip
    assert set(model.fit(X).labels_) == {0, 1, 2}  # without a warning, which would be an error


def coloured_letters(n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw six letters in three colours with a spot in one of four corners, and their letter."""
    generator = np.random.default_rng(0)
    letter, colour, corner = (generator.integers(k, size=n_samples) for k in (6, 3, 4))
    ink = np.where(np.eye(3), 1.0, 0.5)[colour]
    X = (generator.random((6, 9, 7)) < 0.4)[letter][..., None] * ink[:, None, None]
    row, column = np.array([(0, 0), (0, 6), (8, 0), (8, 6)])[corner].T
    X[np.arange(n_samples), row, column] = 0.8
    return (X + generator.normal(0, 0.1, X.shape)).reshape(n_samples, -1), letter


def test_letters_are_not_cut_up_by_their_colours(monkeypatch):
    """Their graph doesn't join what a mixture of more parts has cut up; one of fewer finds them."""
    X, letter = coloured_letters(600)

    def accuracy() -> float:
        model = TAGnetClusterer(6, n_init=9, max_epochs=0, random_state=0).fit(X)
        return clustering_accuracy_score(letter, model.initial_labels_)

    assert accuracy() > 0.99
    monkeypatch.setattr(heads, "PARTS", (2, 3))
    assert accuracy() < 0.9
