"""The parts below the estimators: batches, seeds, devices, radius, initial clusters, shapes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from skdeepclust._batches import Batches
from skdeepclust._inputs import resolve_image_shape, split_samples
from skdeepclust._negatives import RunningRadius
from skdeepclust._partitions import (
    Clusters,
    candidate_partitions,
    distinct_partitions,
    propagated_partition,
)
from skdeepclust._rng import draw_seed, resolve_device, seeded
from skdeepclust.graph import nearest_neighbors, neighbor_information, smooth_over_graph

CPU = torch.device("cpu")

# ---------------------------------------------------------------- batches


def batches(X, extra=None, *, batch_size=4, shuffle=True):
    generator = torch.Generator().manual_seed(0) if shuffle else None
    return Batches(
        X,
        extra,
        batch_size=batch_size,
        sample_shape=(X.shape[1],),
        dtype=torch.float32,
        device=CPU,
        generator=generator,
    )


@given(n_samples=st.integers(1, 60), batch_size=st.integers(2, 20))
def test_every_sample_is_in_one_batch(n_samples, batch_size):
    X = np.arange(n_samples, dtype=np.float32)[:, None]
    loader = batches(X, {"twice": 2 * X[:, 0]}, batch_size=batch_size)
    seen = list(loader)
    assert len(seen) == len(loader)
    rows = torch.cat([extra["idx"] for _, extra in seen])
    assert sorted(rows.tolist()) == list(range(n_samples))
    sizes = [len(x) for x, _ in seen]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= max(batch_size, 3)
    assert n_samples == 1 or min(sizes) >= 2
    for x, extra in seen:
        torch.testing.assert_close(x[:, 0], extra["idx"].float())
        torch.testing.assert_close(extra["twice"], 2 * x[:, 0])


def test_each_epoch_has_an_order_of_its_own_and_inference_keeps_it():
    X = np.arange(20.0)[:, None]
    loader = batches(X)
    first, second = (torch.cat([x for x, _ in loader]) for _ in range(2))
    assert not torch.equal(first, second)
    kept = torch.cat([x for x, _ in batches(X, shuffle=False)])
    torch.testing.assert_close(kept, torch.from_numpy(X).float())


def test_batches_of_all_kinds_of_arrays():
    X = np.random.default_rng(0).integers(0, 255, (11, 3)).astype(np.uint8)
    expected = [x for x, _ in batches(X.astype(float))]
    for kind in (
        sparse.csr_array(X),
        sparse.csr_matrix(X),
        torch.from_numpy(X),
        X[:, ::-1][:, ::-1],
    ):
        for x, other in zip(expected, batches(kind), strict=True):
            torch.testing.assert_close(x, other[0], rtol=0, atol=0)
            assert other[0].dtype is torch.float32


# ---------------------------------------------------------------- seeds and devices


def test_seeded_blocks_repeat_and_leave_the_global_state(global_state_untouched):
    draws = []
    for _ in range(2):
        with seeded(3, CPU):
            draws.append(torch.rand(4))
    assert torch.equal(*draws)


def test_seeds_follow_scikit_learn(global_state_untouched):
    assert draw_seed(0) == draw_seed(0)
    assert draw_seed(None) != draw_seed(None)
    state = np.random.RandomState(0)
    assert draw_seed(state) != draw_seed(state)


def test_devices():
    assert resolve_device("cpu") == CPU
    assert resolve_device(CPU) == CPU
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match=r"device='cuda:99' can't be used.*auto, cpu"):
        resolve_device("cuda:99")


# ---------------------------------------------------------------- Algorithm 1


def test_radius_equals_a_loop_over_samples():
    generator = torch.Generator().manual_seed(0)
    radius = RunningRadius(6, CPU)
    history = {i: [] for i in range(6)}
    for _ in range(5):
        idx = torch.randperm(6, generator=generator)[:4]
        anchor = torch.randn(4, 3, generator=generator)
        positive = anchor + torch.randn(4, 3, generator=generator)
        admissible = radius.admissible(anchor, positive, idx)
        for row, i in enumerate(idx.tolist()):
            mean = square = 0.0
            for distance in history[i]:
                mean += 0.3 * (distance - mean)
                square += 0.3 * (distance**2 - square)
            limit = mean + 2 * np.sqrt(square - mean**2)
            for column in range(4):
                apart = float((anchor[row] - anchor[column]).norm())
                if abs(apart - limit) > 1e-5:
                    assert bool(admissible[row, column]) == (apart > limit)
            history[i].append(float((anchor[row] - positive[row]).norm()))


# ---------------------------------------------------------------- initial clusters


def blobs(n_clusters=3, n_components=4, spread=(3.0, 1.0, 0.3, 0.1)):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(n_clusters), 200)
    centers = 20 * rng.normal(size=(n_clusters, n_components))
    return centers[labels] + rng.normal(size=(len(labels), n_components)) * spread, labels


@pytest.mark.parametrize("init", ["gmm", "kmeans"])
def test_candidates_find_what_is_there(init, global_state_untouched):
    X, labels = blobs()
    rows = np.arange(0, len(X), 2)  # every other sample; labels are of all
    options = {"rows": rows, "init": init, "n_init": 6, "random_state": 0}
    found = list(candidate_partitions(X, 3, **options))
    assert len(found) == 6
    assert max(adjusted_rand_score(labels, candidate) for candidate in found) == 1
    again = list(candidate_partitions(X, 3, **options))
    np.testing.assert_array_equal(found, again)


def test_given_centers_make_one_candidate():
    X, labels = blobs()
    centers = np.stack([X[labels == k].mean(0) for k in range(3)])
    for init in (centers, centers.tolist(), lambda X, n_clusters, random_state: centers):
        (found,) = candidate_partitions(
            X, 3, rows=np.arange(len(X)), init=init, n_init=9, random_state=0
        )
        np.testing.assert_array_equal(found, labels)


def test_a_graph_moves_a_mixture_out_of_a_wrong_optimum():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(4), [100, 100, 50, 200])
    # in the embedding the third group lies between its neighbours, in the graph by the fourth
    embedding = np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 6.0], [9.0, 12.0]])[group]
    embedding = embedding + rng.normal(size=(450, 2))
    right, wrong = np.array([0, 1, 2, 2])[group], np.array([0, 1, 1, 2])[group]
    neighbors = np.stack([rng.choice(np.flatnonzero(right == k), 10) for k in right])
    found = propagated_partition(embedding, wrong, torch.from_numpy(neighbors), rows=np.arange(450))
    assert adjusted_rand_score(right, found) > 0.95 > adjusted_rand_score(right, wrong)
    assert neighbor_information(right, neighbors) > neighbor_information(wrong, neighbors) + 0.2


def test_distinct_partitions_keep_the_order():
    a = np.repeat([0, 1, 2], 50)
    almost_a = a.copy()
    almost_a[0] = 1
    b, c = np.tile([0, 1, 2], 50), np.repeat([0, 1], 75)
    assert distinct_partitions([a, (a + 1) % 3, almost_a, b, c], 3) == [0, 3, 4]
    assert distinct_partitions([a, b, c], 2) == [0, 1]


def test_clusters_are_round_under_their_metric():
    X, labels = blobs()
    clusters = Clusters.from_labels(X, labels, np.ones(len(X)), 3, spread=5.0)
    residual = (X - clusters.centers[labels]) @ clusters.metric
    assert np.square(residual).sum(1).mean() == pytest.approx(5)
    variances = np.linalg.eigvalsh(residual.T @ residual / len(X))
    raw = np.linalg.eigvalsh(np.cov((X - clusters.centers[labels]).T))
    assert raw[-1] / raw[0] > 500
    # not quite 1: the ridge keeps the directions in which clusters are flat from blowing up
    assert variances[-1] / variances[0] < raw[-1] / raw[0] / 10


def test_metric_does_not_depend_on_rotation_or_unit():
    X, labels = blobs()
    X = X - X.mean(0)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    weight = np.ones(len(X))

    def distances(X):
        clusters = Clusters.from_labels(X, labels, weight, 3, spread=5.0)
        difference = (X[:, None] - clusters.centers) @ clusters.metric
        return np.square(difference).sum(2)

    np.testing.assert_allclose(distances(X), distances(7.0 * X @ rotation), rtol=1e-8)


def test_weights_of_samples_are_repetitions():
    X, labels = blobs()
    weight = np.random.default_rng(2).integers(0, 4, len(X))
    weighted = Clusters.from_labels(X, labels, weight.astype(float), 3, spread=5.0)
    X, labels = np.repeat(X, weight, axis=0), np.repeat(labels, weight)
    repeated = Clusters.from_labels(X, labels, np.ones(len(X)), 3, spread=5.0)
    np.testing.assert_allclose(weighted.centers, repeated.centers, rtol=1e-10)
    np.testing.assert_allclose(weighted.metric, repeated.metric, rtol=1e-8)


def test_empty_clusters_start_at_samples_and_identical_samples_are_no_trouble():
    X, labels = blobs()
    clusters = Clusters.from_labels(X, labels, np.ones(len(X)), 5, spread=5.0)
    for center in clusters.centers[3:]:
        assert np.abs(X - center).sum(1).min() == 0
    same = Clusters.from_labels(np.ones((6, 4)), np.zeros(6, int), np.ones(6), 2, spread=5.0)
    assert np.isfinite(same.metric).all()
    assert np.isfinite(same.centers).all()


# ---------------------------------------------------------------- graphs


def test_neighbors_equal_brute_force_and_are_never_the_sample_itself():
    X = np.random.default_rng(0).normal(size=(40, 3))
    X[1] = X[0]  # a duplicate is a neighbour, the sample itself isn't
    distances = np.square(X[:, None] - X).sum(2) + np.diag(np.full(40, np.inf))
    found = nearest_neighbors(X, 4)
    nearest = np.take_along_axis(distances, found, axis=1)
    np.testing.assert_allclose(nearest, np.sort(distances, axis=1)[:, :4], atol=1e-12)
    assert found[0, 0] == 1
    assert found[1, 0] == 0
    assert nearest_neighbors(X[:3], 9).shape == (3, 2)


def test_smoothing_equals_a_solution_of_its_fixed_point():
    rng = np.random.default_rng(0)
    q = rng.dirichlet(np.ones(3), size=30)
    neighbors = np.stack([rng.choice(30, 4) for _ in range(30)])
    graph = np.zeros((30, 30))
    np.add.at(graph, (np.repeat(np.arange(30), 4), neighbors.ravel()), 0.25)
    expected = np.linalg.solve(np.eye(30) - 0.7 * graph, 0.3 * q)
    smoothed = smooth_over_graph(
        torch.from_numpy(q), torch.from_numpy(neighbors), weight=0.7, n_steps=200
    )
    np.testing.assert_allclose(smoothed.numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(smoothed.sum(1), 1)
    once = smooth_over_graph(torch.from_numpy(q), torch.from_numpy(neighbors), weight=0)
    np.testing.assert_array_equal(once, q)


def test_neighbor_information_is_largest_for_the_parts_of_the_graph():
    labels = np.repeat(np.arange(4), 25)
    neighbors = np.stack([np.roll(np.flatnonzero(labels == k), 1)[:5] for k in labels])
    assert neighbor_information(labels, neighbors) == pytest.approx(np.log(4))
    assert neighbor_information(labels // 2, neighbors) == pytest.approx(np.log(2))
    assert neighbor_information(np.zeros(100, int), neighbors) == 0
    shuffled = np.random.default_rng(0).permutation(labels)
    assert neighbor_information(shuffled, neighbors) < 0.3


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    ("image_shape", "sample_shape", "expected"),
    [
        (None, (64,), None),
        (None, (8, 8), (1, 8, 8)),
        (None, (3, 8, 8), (3, 8, 8)),
        ((8, 8), (64,), (1, 8, 8)),
        ([1, 8, 8], (64,), (1, 8, 8)),
        ((8, 8), (1, 8, 8), (1, 8, 8)),
    ],
)
def test_image_shapes(image_shape, sample_shape, expected):
    n_features = int(np.prod(sample_shape))
    assert resolve_image_shape(image_shape, sample_shape, n_features) == expected


@pytest.mark.parametrize("image_shape", [(8,), (0, 64), (8.0, 8.0), (-8, -8), (2, 2, 4, 4)])
def test_what_is_no_image_shape(image_shape):
    with pytest.raises(ValueError, match="an image is"):
        resolve_image_shape(image_shape, (64,), 64)


def test_images_are_flattened_without_a_copy():
    X = np.zeros((5, 3, 8, 8))
    flat, shape = split_samples(X)
    assert np.shares_memory(flat, X)
    assert (flat.shape, shape) == ((5, 192), (3, 8, 8))
