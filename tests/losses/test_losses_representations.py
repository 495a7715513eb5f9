"""Unfoldings and penalties on representations against loops in float64, optima, invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers.naive_clustering import KINDS, naive_decov, naive_penalty, naive_unfold, nearest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from skdeepclust.losses import activation_penalty, clustering_penalty, decov_loss, unfold
from skdeepclust.losses._representations import nearest_centers

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 4)
SHAPES = st.one_of(*(st.tuples(st.integers(1, 6), *[SIZES] * ndim) for ndim in (1, 2, 3)))
WEIGHTED = st.booleans()


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def weights_of(n: int, seed: int, weighted: bool) -> Tensor | None:
    """Return weights that are far from 1, some of them 0 but never all."""
    return (normal(n, seed=seed).exp() * torch.arange(1, n + 1).remainder(3)) if weighted else None


def close(actual: Tensor, expected: object) -> None:
    expected = torch.as_tensor(expected, dtype=actual.dtype)
    torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-13)


def kinds_of(y: Tensor) -> tuple[str, ...]:
    return KINDS if y.ndim > 2 else KINDS[:2]


# ---------------------------------------------------------------- naive loops


@given(shape=SHAPES, seed=SEEDS, channels_last=st.booleans())
def test_unfold_is_its_definition(shape: tuple[int, ...], seed: int, channels_last: bool) -> None:
    y = normal(*shape, seed=seed)
    if y.ndim == 4 and channels_last:
        y = y.contiguous(memory_format=torch.channels_last)
    for kind in kinds_of(y):
        assert unfold(y, kind).tolist() == naive_unfold(y, kind)[0]


def test_unfold_has_the_shapes_of_the_paper() -> None:
    y = torch.zeros(2, 3, 4, 5)
    assert [unfold(y, kind).shape for kind in KINDS] == [(2, 60), (40, 3), (6, 20)]
    assert [unfold(y[..., 0], kind).shape for kind in KINDS] == [(2, 12), (8, 3), (6, 4)]
    assert [unfold(y[..., 0, 0], kind).shape for kind in KINDS[:2]] == [(2, 3), (2, 3)]


def test_unfold_copies_no_memory_that_lies_right() -> None:
    y = torch.zeros(2, 3, 4, 5)
    last = y.contiguous(memory_format=torch.channels_last)
    for view, whole in [(unfold(y, "sample"), y), (unfold(y, "channel"), y)]:
        assert view.data_ptr() == whole.data_ptr()
    assert unfold(last, "spatial").data_ptr() == last.data_ptr()


@given(shape=SHAPES, k=SIZES, seed=SEEDS, weighted=WEIGHTED, given_labels=st.booleans())
def test_clustering_penalty_is_its_formula(
    shape: tuple[int, ...], k: int, seed: int, weighted: bool, given_labels: bool
) -> None:
    y = normal(*shape, seed=seed)
    weight = weights_of(len(y), seed, weighted)
    for kind in kinds_of(y):
        rows, samples = naive_unfold(y, kind)
        centers = normal(k, len(rows[0]), seed=seed + 1)
        labels = [nearest(row, centers.tolist()) for row in rows]
        assignments = None
        if given_labels:
            labels = [i % k for i in range(len(rows))]
            assignments = torch.tensor(labels)
        row_weights = [1.0 if weight is None else weight[n].item() for n in samples]
        actual = clustering_penalty(
            y, centers, clustering=kind, assignments=assignments, sample_weight=weight
        )
        close(actual, naive_penalty(rows, centers.tolist(), labels, row_weights))


@given(shape=SHAPES, seed=SEEDS, weighted=WEIGHTED)
def test_activation_penalty_and_decov_are_their_formulas(
    shape: tuple[int, ...], seed: int, weighted: bool
) -> None:
    y = normal(*shape, seed=seed)
    weight = weights_of(len(y), seed, weighted)
    rows = naive_unfold(y, "sample")[0]
    listed = [1.0] * len(y) if weight is None else weight.tolist()
    origin = [[0.0] * len(rows[0])]
    actual = activation_penalty(y, sample_weight=weight)
    close(actual, naive_penalty(rows, origin, [0] * len(y), listed))
    for kind in kinds_of(y):
        center = torch.zeros(1, unfold(y, kind).shape[1], dtype=y.dtype)
        close(actual, clustering_penalty(y, center, clustering=kind, sample_weight=weight))
    close(decov_loss(y, sample_weight=weight), naive_decov(rows, listed))


@given(n=st.integers(1, 12), units=st.integers(1, 12), seed=SEEDS, weighted=WEIGHTED)
def test_decov_of_wide_and_tall_layers(n: int, units: int, seed: int, weighted: bool) -> None:
    """Few samples of many units take another way than many of few, to the same number."""
    y, weight = normal(n, units, seed=seed), weights_of(n, seed, weighted)
    rows = y.tolist()
    listed = [1.0] * n if weight is None else weight.tolist()
    close(decov_loss(y, sample_weight=weight), naive_decov(rows, listed))
    copies = math.ceil(units / n)  # many times the same samples: as tall as one likes
    tall = None if weight is None else weight.repeat(copies)
    close(decov_loss(y.repeat(copies, 1), sample_weight=tall), naive_decov(rows, listed))


# ---------------------------------------------------------------- derivatives


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_clustering_penalty_has_the_right_derivatives(kind: str, weighted: bool) -> None:
    y = normal(3, 2, 2, 3, seed=3).requires_grad_()
    weight = weights_of(3, 5, weighted)
    centers = normal(3, unfold(y, kind).shape[1], seed=4).requires_grad_()

    def penalty(y: Tensor, centers: Tensor) -> Tensor:
        return clustering_penalty(y, centers, clustering=kind, sample_weight=weight)

    assert torch.autograd.gradcheck(penalty, (y, centers))
    assert torch.autograd.gradgradcheck(penalty, (y, centers))
    gradient = torch.autograd.grad(penalty(y, centers), y)[0]
    rows, mu = unfold(y, kind), centers[nearest_centers(unfold(y, kind), centers)]
    share = torch.ones(3) if weight is None else 3 * weight / weight.sum()
    expected = (rows - mu) * share.repeat_interleave(len(rows) // 3)[:, None] / y.numel()
    close(unfold(gradient, kind), expected.detach())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(6, 3), (3, 6), (3, 2, 2, 2)])
def test_size_and_decov_have_the_right_derivatives(shape: tuple[int, ...], weighted: bool) -> None:
    y, weight = normal(*shape).requires_grad_(), weights_of(shape[0], 5, weighted)
    for loss in (activation_penalty, decov_loss):
        assert torch.autograd.gradcheck(lambda y, loss=loss: loss(y, sample_weight=weight), y)


def test_half_precision_is_computed_in_single() -> None:
    y = (normal(6, 4) + 100).bfloat16().requires_grad_()
    centers = (normal(2, 4, seed=1) + 100).bfloat16()
    for loss, args in [
        (clustering_penalty, (centers,)),
        (activation_penalty, ()),
        (decov_loss, ()),
    ]:
        value = loss(y, *args)
        assert value.dtype == torch.float32
        exact = loss(y.float(), *(arg.float() for arg in args))
        torch.testing.assert_close(value, exact)
        assert torch.autograd.grad(value, y)[0].dtype == torch.bfloat16


def test_autocast_changes_nothing() -> None:
    y, centers = normal(40, 8).float() + 100, normal(5, 8, seed=1).float() + 100

    def values() -> list[Tensor]:
        return [clustering_penalty(y, centers), activation_penalty(y), decov_loss(y)]

    expected = values()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(values(), expected, rtol=0, atol=0)


# ---------------------------------------------------------------- optima and invariances


@given(k=SIZES, d=SIZES, seed=SEEDS)
def test_penalty_is_zero_at_the_centers_and_only_there(k: int, d: int, seed: int) -> None:
    centers = normal(k, d, seed=seed)
    rows = centers.repeat(3, 1)
    assert clustering_penalty(rows, centers) == 0
    rows[0, 0] += 1e-3
    assert clustering_penalty(rows, centers) > 0


@given(shape=st.tuples(SIZES, SIZES, SIZES, SIZES), kind=st.sampled_from(KINDS), seed=SEEDS)
def test_the_mean_is_the_best_center(shape: tuple[int, ...], kind: str, seed: int) -> None:
    y, weight = normal(*shape, seed=seed), weights_of(shape[0], seed, True)
    rows = unfold(y, kind)
    repeated = weight.repeat_interleave(len(rows) // len(y))
    mean = np.average(rows, axis=0, weights=repeated)[None]
    center = torch.from_numpy(mean).requires_grad_()
    value = clustering_penalty(y, center, clustering=kind, sample_weight=weight)
    (gradient,) = torch.autograd.grad(value, center)
    assert gradient.abs().max() < 1e-14
    off = center + normal(*center.shape, seed=seed + 1)
    assert clustering_penalty(y, off, clustering=kind, sample_weight=weight) > value


@given(shape=SHAPES, k=SIZES, kind=st.sampled_from(KINDS[:2]), seed=SEEDS)
def test_penalties_do_not_see_rotation_translation_and_order(
    shape: tuple[int, ...], k: int, kind: str, seed: int
) -> None:
    y = normal(*shape, seed=seed)
    rows = unfold(y, kind)
    centers = normal(k, rows.shape[1], seed=seed + 1)
    value = clustering_penalty(y, centers, clustering=kind)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    close(clustering_penalty(y[order], centers.flip(0), clustering=kind), value)
    close(decov_loss(y[order]), decov_loss(y))
    rotation = torch.linalg.qr(normal(rows.shape[1], rows.shape[1], seed=seed + 2))[0]
    turned = clustering_penalty(rows @ rotation + 3, centers @ rotation + 3)
    close(turned, value)
    close(activation_penalty(rows @ rotation), activation_penalty(rows))
    close(decov_loss(y + 3), decov_loss(y))


@given(shape=SHAPES, k=SIZES, seed=SEEDS)
def test_weights_are_repetitions(shape: tuple[int, ...], k: int, seed: int) -> None:
    y = normal(*shape, seed=seed)
    times = torch.arange(len(y)) % 3
    times[0] = 2
    repeated = y.repeat_interleave(times, 0)
    for kind in kinds_of(y):
        centers = normal(k, unfold(y, kind).shape[1], seed=seed + 1)
        close(
            clustering_penalty(y, centers, clustering=kind, sample_weight=times),
            clustering_penalty(repeated, centers, clustering=kind),
        )
    for loss in (activation_penalty, decov_loss):
        close(loss(y, sample_weight=times), loss(repeated))


def test_samples_without_weight_leave_zero() -> None:
    y = normal(4, 3).requires_grad_()
    nothing = torch.zeros(4)
    values = [
        clustering_penalty(y, normal(2, 3), sample_weight=nothing),
        activation_penalty(y, sample_weight=nothing),
        decov_loss(y, sample_weight=nothing),
    ]
    assert [value.item() for value in values] == [0, 0, 0]
    assert not torch.autograd.grad(sum(values), y)[0].any()


def test_decov_of_uncorrelated_units_is_zero() -> None:
    y = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]) * torch.tensor([128.0, 0.125])
    assert decov_loss(y) == 0
    assert decov_loss(torch.ones(5, 3)) == 0
    assert decov_loss(normal(7, 1)) == 0


def test_small_correlations_are_not_lost_beside_the_variances() -> None:
    y = normal(2000, 10)
    y = torch.linalg.qr(y - y.mean(0))[0] * 2000**0.5 + 1e-4 * normal(2000, 10, seed=1)
    y = y.float()
    rows = y.double() - y.double().mean(0)
    covariance = rows.T @ rows / len(rows)
    expected = (covariance - covariance.diagonal().diag()).square().sum() / 2
    assert expected < 1e-9
    torch.testing.assert_close(decov_loss(y).double(), expected, rtol=1e-2, atol=0)
