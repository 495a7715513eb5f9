"""Clusters of rows: what plain methods find in them, neighbours as positives, their shares."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeepclust import TripletDECClusterer
from skdeepclust._clusters import positives
from skdeepclust._clusters.input_starts import KINDS, input_partition
from skdeepclust._clusters.judge import Judge
from skdeepclust._clusters.positives import NeighborMixtures, positives_of
from skdeepclust._clusters.starts import Candidate, most_central
from skdeepclust._engine.runner import Runner
from skdeepclust._training import attempts
from skdeepclust.augmentation import FeatureAugmentation
from skdeepclust.graph import nearest_neighbors, neighbor_information


def table(n_samples: int = 800, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return four groups with three numbers and two categories in one-hot code."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 4, n_samples)
    numbers = [rng.normal(means[group]) for means in 4 * rng.normal(size=(3, 4))]
    first = np.where(rng.random(n_samples) < 0.7, group % 3, rng.integers(0, 3, n_samples))
    second = np.where(rng.random(n_samples) < 0.6, group, rng.integers(0, 4, n_samples))
    codes = OneHotEncoder(sparse_output=False).fit_transform(np.stack([first, second], 1))
    return np.hstack([StandardScaler().fit_transform(np.stack(numbers, 1)), codes]), group


def judge_of(X: np.ndarray, n_clusters: int, n_wide: int = 30) -> Judge:
    wide = torch.from_numpy(nearest_neighbors(X, n_wide))
    return Judge(n_clusters, True, wide, 10, components=lambda: X)


# ---------------------------------------------------------------- the start


@pytest.mark.parametrize("seed", [0, 1])
def test_a_table_with_categories_is_no_worse_than_its_plain_partition(seed) -> None:
    X, group = table(seed=seed)
    plain = KMeans(4, n_init=10, random_state=0).fit_predict(X)
    model = TripletDECClusterer(4, random_state=0).fit(X)
    least = adjusted_rand_score(group, plain) - 0.03
    assert adjusted_rand_score(group, model.labels_) > least
    assert adjusted_rand_score(group, model.initial_labels_) > least
    assert {row["phase"] for row in model.history_} == {"reconstruction", "clustering"}


def test_the_most_central_is_found_by_all_pairs() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 4, 90)
    others = [np.where(rng.random(90) < p, rng.integers(0, 4, 90), true) for p in (0.3, 0.1, 0.5)]
    candidates = [Candidate(i, labels) for i, labels in enumerate(others)]
    rows = np.arange(0, 90, 2)
    alike = [
        sum(adjusted_rand_score(a.labels[rows], b.labels[rows]) for b in candidates)
        for a in candidates
    ]
    assert most_central(candidates, rows) is candidates[int(np.argmax(alike))]
    assert most_central(candidates, rows).merit == 1


@pytest.mark.parametrize("n_init", [1, 3, len(KINDS), 15])
def test_any_number_of_candidates(n_init) -> None:
    X, group = make_blobs(150, centers=3, n_features=5, random_state=1)
    labels = input_partition(judge_of(X, 3), rows=np.arange(150), n_init=n_init, random_state=0)
    assert adjusted_rand_score(group, labels) == 1


def test_neighbours_in_the_wide_are_those_of_the_partitions() -> None:
    X, group = table(200)
    judge = judge_of(X, 4)
    neighbors = nearest_neighbors(X, 30)
    assert judge.wide_agreement(group) == neighbor_information(group, neighbors)
    assert judge.agreement(group) == neighbor_information(group, neighbors[:, :10])
    assert judge.share_of(group, group) == 1
    mixed = np.where(np.arange(200) % 3, group, 0)
    near, wide = (value(mixed) / value(group) for value in (judge.agreement, judge.wide_agreement))
    assert judge.share_of(group, mixed) == max(near, wide) < 1


@pytest.mark.filterwarnings("ignore:The clustering phase has made the clusters worse")
def test_a_network_that_has_lost_the_clusters_learns_those_of_the_start() -> None:
    X, group = make_blobs(300, centers=4, n_features=6, random_state=2)
    settings = {"lr": 0.05, "max_epochs": 6, "entropy_weight": 0, "random_state": 0}
    model = TripletDECClusterer(4, clustering_weight=0, triplet_weight=0, **settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attempts, "LEAST_SHARE", 2)  # nothing is enough
        model.fit(X)
    assert {row.get("attempt") for row in model.history_} == {None, 0, 1}
    assert model.attempt_ in (0, 1)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert adjusted_rand_score(model.initial_labels_, group) == 1


# ---------------------------------------------------------------- positives


def runner_of(X: np.ndarray) -> Runner:
    return Runner(torch.nn.Linear(X.shape[1], 1), (X.shape[1],), 64)


def test_positives_lie_between_samples_and_their_neighbours() -> None:
    X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    neighbors = nearest_neighbors(X, 4)
    made = positives_of("auto", runner_of(X), X, torch.from_numpy(neighbors))
    assert isinstance(made, NeighborMixtures)
    idx = torch.tensor([5, 0, 17, 17])
    x = torch.from_numpy(X)[idx]
    other, share = made.draw(x, idx)
    positive = made.apply_drawn(x, other, share)
    for row in range(4):
        assert any(np.array_equal(other[row], X[j]) for j in neighbors[idx[row]])
        between = (1 - share[row]) * x[row] + share[row] * other[row]
        torch.testing.assert_close(positive[row], between)
    assert 0 <= share.min() < share.max() <= 1
    # each row by itself, as several processes have it
    rows = [slice(i, i + 1) for i in range(4)]
    again = [made.apply_drawn(x[each], other[each], share[each]) for each in rows]
    assert torch.equal(torch.cat(again), positive)


def test_what_makes_positives() -> None:
    X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    neighbors = torch.from_numpy(nearest_neighbors(X, 4))
    assert positives_of(None, runner_of(X), X, neighbors) is None
    without = positives_of("auto", runner_of(X), X, None)
    given = positives_of(FeatureAugmentation(), runner_of(X), X, neighbors)
    assert without == given  # as without neighbours


def test_stored_rows_are_held_unless_they_are_too_many(tmp_path, monkeypatch) -> None:
    X, group = make_blobs(200, centers=3, n_features=5, random_state=1)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    options = {"warmup_epochs": 1, "max_epochs": 2, "random_state": 0}
    held, expected = (TripletDECClusterer(3, **options).fit(rows) for rows in (mapped, X))
    np.testing.assert_array_equal(held.predict_proba(X), expected.predict_proba(X))
    monkeypatch.setattr(positives, "MAX_STORED_BYTES", 1)
    with h5py.File(tmp_path / "X.h5", "w") as file:
        stored = file.create_dataset("X", data=X)
        model = TripletDECClusterer(3, random_state=0).fit(stored)
    assert all("triplet" not in row for row in model.history_)
    assert adjusted_rand_score(group, model.labels_) == 1


def test_a_warm_up_that_is_asked_for() -> None:
    X, _ = make_blobs(60, centers=3, n_features=5, random_state=1)
    settings = {"max_epochs": 1, "n_init": 2, "random_state": 0, "module__hidden": (8,)}
    mixed = TripletDECClusterer(3, warmup_epochs=2, **settings).fit(X)
    noisy = TripletDECClusterer(3, augmentation=FeatureAugmentation(), **settings).fit(X)
    plain = TripletDECClusterer(3, n_neighbors=0, **settings).fit(X)
    fits = (mixed, noisy, plain)
    phases = [[row["phase"] for row in fit.history_] for fit in fits]
    assert [each.count("warmup") for each in phases] == [2, 100, 100]


# ---------------------------------------------------------------- shares of clusters


def test_unequal_clusters_need_no_switch() -> None:
    X, y = make_blobs([500, 50, 20], n_features=10, cluster_std=2.0, random_state=0)
    model = TripletDECClusterer(3, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.95


def test_auto_is_the_shares_of_the_start() -> None:
    X, y = make_blobs([120, 60, 20], n_features=8, cluster_std=4.0, random_state=0)
    fits = [
        TripletDECClusterer(3, cluster_prior=prior, max_epochs=3, random_state=0).fit(X)
        for prior in ("auto", "uniform")
    ]
    shares = np.bincount(fits[0].initial_labels_) / len(y)
    given = TripletDECClusterer(3, cluster_prior=shares, max_epochs=3, random_state=0).fit(X)
    np.testing.assert_array_equal(given.initial_labels_, fits[0].initial_labels_)
    auto, uniform = (fit.predict_proba(X) for fit in fits)
    np.testing.assert_allclose(auto, given.predict_proba(X), atol=1e-5)
    assert not np.allclose(uniform, auto, atol=1e-3)


def test_the_merit_of_a_partition_is_its_formula() -> None:
    X, group = table(200)
    judge = replace(judge_of(X, 4), uncertainty_weight=0.3)
    information = neighbor_information(group, nearest_neighbors(X, 30))
    uncertainty = entropy(np.bincount(group)) - information
    assert judge.wide_merit(group) == pytest.approx(information - 0.3 * uncertainty)
    assert judge_of(X, 4).merit(group) == judge.agreement(group)
