"""The clustering regulariser against Algorithm 1 in loops, autograd and degenerate cases."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from helpers.naive_clustering import KINDS, NaiveCenters, naive_unfold
from helpers.watched import clustering, normal, penalty, penalty_and_gradient, put_centers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from skdeepclust.losses import activation_penalty, clustering_penalty, unfold
from skdeepclust.regularizers import ClusteringRegularizer

SEEDS = st.integers(0, 2**32 - 1)
SMOOTHING = st.one_of(st.just(1.0), st.floats(0.01, 1))
SHAPE = (6, 2, 2, 3)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


def close(actual: Tensor, expected: object) -> None:
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


def weights_of(n: int, seed: int, weighted: bool) -> Tensor | None:
    return normal(n, seed=seed).exp() * torch.arange(n).remainder(3) if weighted else None


def centers_of(regularizer: ClusteringRegularizer) -> Tensor:
    return torch.as_tensor(regularizer.cluster_centers_["a"])


def differentiable_step(
    y: Tensor, centers: Tensor, kind: str, smoothing: float, weight: Tensor | None
) -> Tensor:
    """Return the penalty as a function of y, the new centres too: Algorithm 1 under autograd."""
    rows = unfold(y, kind)
    weight = torch.ones(len(y)) if weight is None else weight
    weight = weight.to(y.dtype).repeat_interleave(len(rows) // len(y))
    labels = torch.cdist(rows, centers).argmin(1)
    members = functional.one_hot(labels, len(centers)).T * weight  # (k, rows)
    counts = members.sum(1, keepdim=True)
    means = members @ rows / counts.clamp_min(1e-300)
    new = torch.where(counts > 0, smoothing * means + (1 - smoothing) * centers, centers)
    return (weight * (rows - new[labels]).square().mean(1)).sum() / weight.sum() / 2


@settings(max_examples=50)
@given(kind=st.sampled_from(KINDS), smoothing=SMOOTHING, seed=SEEDS, weighted=st.booleans())
def test_steps_are_those_of_algorithm_1(
    kind: str, smoothing: float, seed: int, weighted: bool
) -> None:
    options = {"clustering": kind, "smoothing": smoothing}
    fixed = clustering(**options)
    penalty(fixed, normal(*SHAPE, seed=seed))
    exact = clustering(**options, center_gradient="exact")
    exact.load_state_dict(fixed.state_dict())
    naive = NaiveCenters(centers_of(fixed), smoothing)
    for step in range(1, 4):
        y = normal(*SHAPE, seed=seed + step) + step / 2
        weight = weights_of(len(y), seed + step, weighted)
        old = centers_of(fixed)
        rows, samples = naive_unfold(y, kind)
        expected = naive.step(rows, [1.0 if weight is None else weight[n].item() for n in samples])
        value, gradient = penalty_and_gradient(fixed, y, weight)
        exact_value, exact_gradient = penalty_and_gradient(exact, y, weight)
        close(value, expected.penalty)
        close(exact_value, expected.penalty)
        close(centers_of(fixed), expected.centers)
        close(centers_of(exact), expected.centers)

        y.requires_grad_()
        through = differentiable_step(y, old, kind, smoothing, weight)
        close(exact_gradient, torch.autograd.grad(through, y)[0])
        labels = torch.tensor(expected.labels)
        new = torch.tensor(expected.centers, dtype=torch.float64)
        constant = clustering_penalty(
            y, new, clustering=kind, assignments=labels, sample_weight=weight
        )
        close(gradient, torch.autograd.grad(constant, y)[0])


def test_layers_and_clusterings_add_up() -> None:
    """Co-clustering is the sum of its clusterings, layers are, and a weight is a factor."""
    options = {
        "a": [{"clustering": "sample", "lam": 2.0, "n_clusters": 2}, "channel"],
        "b": {"clustering": ("spatial", "sample"), "smoothing": 0.5},
    }
    together = ClusteringRegularizer(options, n_clusters=3, lam=0.1)
    first = {"a": normal(*SHAPE).float(), "b": normal(6, 4, seed=1).float()}
    penalty(together, first["a"], b=first["b"])
    parts = [
        ("a", clustering(n_clusters=2), 2.0),
        ("a", clustering(clustering="channel"), 0.1),
        ("b", clustering(clustering="spatial", smoothing=0.5), 0.1),
        ("b", clustering(smoothing=0.5), 0.1),
    ]
    for (name, part, _), running in zip(parts, together.running, strict=True):
        penalty(part, first[name])
        part.running[0].load_state_dict(running.state_dict())
    second = {"a": normal(*SHAPE, seed=2).float(), "b": normal(6, 4, seed=3).float()}
    total = penalty(together, second["a"], b=second["b"])
    expected = sum(lam * penalty(part, second[name]) for name, part, lam in parts)
    torch.testing.assert_close(total, expected)
    centers = together.cluster_centers_
    assert list(centers) == ["a", "b"]
    assert [list(each) for each in centers.values()] == [["sample", "channel"], list(KINDS[1::-1])]
    found = [array for each in centers.values() for array in each.values()]
    for array, (_, part, _) in zip(found, parts, strict=True):
        np.testing.assert_array_equal(array, part.cluster_centers_["a"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_layer_that_runs_twice_has_seen_twice_the_samples(kind: str, weighted: bool) -> None:
    twice = clustering(clustering=kind)
    penalty(twice, normal(*SHAPE))
    once = copy.deepcopy(twice)
    views = normal(*SHAPE, seed=1), normal(*SHAPE, seed=2)
    weight = weights_of(6, 3, weighted)
    value = penalty(twice, *views, sample_weight=weight)
    repeated = None if weight is None else weight.repeat(2)
    close(value, penalty(once, torch.cat(views), sample_weight=repeated))
    close(centers_of(twice), centers_of(once))


@settings(max_examples=40)
@given(kind=st.sampled_from(KINDS), gradient=st.sampled_from(["fixed", "exact"]), seed=SEEDS)
def test_weights_are_repetitions(kind: str, gradient: str, seed: int) -> None:
    weighted = clustering(clustering=kind, center_gradient=gradient)
    penalty(weighted, normal(*SHAPE, seed=seed))
    repeated = copy.deepcopy(weighted)
    y, times = normal(*SHAPE, seed=seed + 1), torch.tensor([2, 0, 1, 3, 1, 0])
    value, of_samples = penalty_and_gradient(weighted, y, times)
    same, of_copies = penalty_and_gradient(repeated, y.repeat_interleave(times, 0))
    close(value, same)
    close(centers_of(weighted), centers_of(repeated))
    owners = torch.arange(len(y)).repeat_interleave(times)
    close(of_samples, torch.zeros_like(y).index_add_(0, owners, of_copies))


def test_clusters_without_rows_keep_their_center_exactly() -> None:
    regularizer = clustering(smoothing=0.7)
    penalty(regularizer, normal(6, 4).float() + 3)
    far = torch.tensor([[1e3 + 1 / 3] * 4, [-0.1] * 4, [3.1] * 4])
    put_centers(regularizer, far)
    for seed in range(1, 4):
        penalty(regularizer, normal(6, 4, seed=seed).float() + 3)
    assert torch.equal(centers_of(regularizer)[0], far[0])
    assert not torch.equal(centers_of(regularizer)[2], far[2])


# ---------------------------------------------------------------- degenerate equalities


@pytest.mark.parametrize("kind", KINDS)
def test_one_cluster_without_memory_is_the_variance(kind: str) -> None:
    regularizer = clustering(clustering=kind, n_clusters=1, smoothing=1.0)
    for seed in range(3):
        y = normal(*SHAPE, seed=seed) + seed
        value, gradient = penalty_and_gradient(regularizer, y)
        rows = unfold(y, kind)
        close(centers_of(regularizer), rows.mean(0, keepdim=True))
        close(value, rows.var(0, correction=0).mean() / 2)
        close(unfold(gradient, kind), (rows - rows.mean(0)) / rows.numel())


def test_one_cluster_at_the_origin_is_the_activation_penalty() -> None:
    regularizer = clustering(n_clusters=1).double()
    penalty(regularizer, normal(6, 4))
    put_centers(regularizer.eval(), torch.zeros(1, 4))
    y = normal(6, 4, seed=1)
    close(penalty(regularizer, y), activation_penalty(y))


@pytest.mark.parametrize("lam", [0.0, 0.25, 8.0])
def test_lam_is_a_factor(lam: float) -> None:
    one, scaled = clustering(), clustering(lam=lam)
    penalty(one, normal(6, 4))
    scaled.load_state_dict(one.state_dict())
    value, gradient = penalty_and_gradient(one, normal(6, 4, seed=1))
    scaled_value, scaled_gradient = penalty_and_gradient(scaled, normal(6, 4, seed=1))
    close(scaled_value, lam * value)
    close(scaled_gradient, lam * gradient)
    close(centers_of(one), centers_of(scaled))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_part_of_the_rows_estimates_the_penalty_of_all(weighted: bool) -> None:
    """With centres that stay where they are, the mean over many draws is the value on all rows."""
    whole = clustering(clustering="spatial", smoothing=1e-30)
    penalty(whole, normal(*SHAPE))
    part = clustering(clustering="spatial", smoothing=1e-30, row_fraction=1 / 3)
    part.load_state_dict(whole.state_dict())
    y = normal(*SHAPE, seed=1)
    weight = torch.tensor([0, 0.8, 0.9, 1, 1.1, 1.2]) if weighted else None
    expected, gradient = penalty_and_gradient(whole, y, weight)
    draws = [penalty_and_gradient(part, y, weight) for _ in range(400)]
    values = torch.stack([value for value, _ in draws])
    error = values.std() / len(values) ** 0.5
    assert error > 0
    assert (values.mean() - expected).abs() < 4 * error
    gradients = torch.stack([drawn for _, drawn in draws])
    errors = gradients.std(0) / len(draws) ** 0.5
    assert ((gradients.mean(0) - gradient).abs() <= 5 * errors).all()
    positions = (gradients != 0).any(2).sum((1, 2, 3))  # that were drawn and have a weight
    assert positions.amax() <= 36 / 3
    assert weighted == (positions.amin() < 36 / 3)
    assert weighted == (not gradients[:, 0].any())
    close(penalty(part.eval(), y), penalty(whole.eval(), y))


# ---------------------------------------------------------------- precision and memory


@pytest.mark.parametrize("gradient", ["fixed", "exact"])
@pytest.mark.parametrize("kind", KINDS)
def test_memory_formats_do_not_matter(kind: str, gradient: str) -> None:
    contiguous = clustering(clustering=kind, center_gradient=gradient)
    penalty(contiguous, normal(*SHAPE))
    other = copy.deepcopy(contiguous)
    y = normal(*SHAPE, seed=1)
    last = y.contiguous(memory_format=torch.channels_last)
    value, gradient = penalty_and_gradient(contiguous, y)
    value_last, gradient_last = penalty_and_gradient(other, last)
    close(value_last, value)
    close(gradient_last, gradient)
    close(centers_of(contiguous), centers_of(other))


def test_autocast_changes_neither_labels_nor_centers() -> None:
    plain = clustering(n_clusters=20)
    penalty(plain, normal(500, 8).float() + 100)
    cast = copy.deepcopy(plain)
    y = normal(500, 8, seed=1).float() + 100
    expected = penalty_and_gradient(plain, y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = penalty_and_gradient(cast, y)
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)
    assert torch.equal(centers_of(cast), centers_of(plain))


def test_half_precision_activations_are_clustered_in_single() -> None:
    half = clustering()
    penalty(half, normal(60, 4).bfloat16() + 100)
    single = copy.deepcopy(half)
    y = normal(60, 4, seed=1).bfloat16() + 100
    value, gradient = penalty_and_gradient(half, y)
    expected, _ = penalty_and_gradient(single, y.float())
    assert gradient.dtype == torch.bfloat16
    assert value.dtype == centers_of(half).dtype == torch.float32
    assert torch.equal(value, expected)
    assert torch.equal(centers_of(half), centers_of(single))


def test_a_large_batch_far_from_the_origin_keeps_its_digits() -> None:
    regularizer = clustering(clustering="spatial", n_clusters=10)
    penalty(regularizer, normal(100, 4, 30, 30).float() + 1000)
    old = centers_of(regularizer).double()
    y = normal(100, 4, 30, 30, seed=1).float() + 1000
    value, _ = penalty_and_gradient(regularizer, y)
    expected = differentiable_step(y.double(), old, "spatial", 0.9, None)
    torch.testing.assert_close(value.double(), expected, rtol=2e-6, atol=0)
