"""Where centres come from: the first ones, those drawn anew, and evaluation, which moves none."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator

import pytest
import torch
from helpers.naive_clustering import KINDS, NaiveCenters, naive_unfold
from helpers.watched import clustering, normal, penalty, penalty_and_gradient, put_centers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from skdeepclust.losses import clustering_penalty, unfold
from skdeepclust.regularizers import ClusteringRegularizer

STILL = {"smoothing": 1e-30}  # in float64, centres stay where they are drawn


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


def centers_of(regularizer: ClusteringRegularizer) -> Tensor:
    return torch.as_tensor(regularizer.cluster_centers_["a"])


def rows_among(centers: Tensor, rows: Tensor) -> list[int]:
    """Return for each centre the row that it equals, or fail."""
    equal = (centers[:, None] == rows).all(2)
    assert equal.any(1).all(), "a centre is no row"
    return equal.int().argmax(1).tolist()


# ---------------------------------------------------------------- first centres


@settings(max_examples=30)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 1000))
def test_first_centers_are_distinct_rows(kind: str, seed: int) -> None:
    regularizer = clustering(clustering=kind, n_clusters=4, **STILL)
    y = normal(8, 2, 2, 2, seed=seed)
    penalty(regularizer, y)
    assert len(set(rows_among(centers_of(regularizer), unfold(y, kind)))) == 4


def test_first_centers_are_drawn_at_random() -> None:
    y = normal(8, 1)
    drawn = set()
    for _ in range(60):
        regularizer = clustering(n_clusters=2, **STILL)
        penalty(regularizer, y)
        drawn.update(rows_among(centers_of(regularizer), y))
    assert drawn == set(range(8))


def test_centers_come_from_later_batches_until_there_are_enough() -> None:
    regularizer = clustering(n_clusters=4, **STILL)
    base = normal(6, 3)
    penalty(regularizer, base[[0, 1] * 4])
    first = centers_of(regularizer)
    assert sorted(rows_among(first, base)) == [0, 1]
    penalty(regularizer, base[[0, 1, 1, 2, 2, 2, 2, 2]])
    assert torch.equal(centers_of(regularizer)[:2], first)
    assert rows_among(centers_of(regularizer), base)[2:] == [2]
    penalty(regularizer, base[[2, 3, 3, 3, 4, 5, 5, 1]])
    found = rows_among(centers_of(regularizer), base)
    assert len(set(found)) == 4
    full = centers_of(regularizer)
    penalty(regularizer, normal(8, 3, seed=1))
    assert torch.equal(centers_of(regularizer), full)


def test_an_epoch_without_enough_distinct_rows_ends_the_search() -> None:
    regularizer = clustering(n_clusters=3, **STILL)
    penalty(regularizer, torch.tensor([[1.0, 0.0], [0.0, 1.0]]).double().repeat(4, 1))
    regularizer.end_epoch()
    penalty(regularizer, normal(8, 2))
    assert len(centers_of(regularizer)) == 2


def test_rows_that_nearly_agree_are_told_apart() -> None:
    """Distinct means distinct, also where distances in single precision are all rounding."""
    base = normal(1, 50, dtype=torch.float32).repeat(6, 1) * 100
    base[:, 0] += 1e-5 * torch.arange(6)
    rows = base.unique(dim=0)
    regularizer = clustering(n_clusters=10, smoothing=1e-30)
    for _ in range(8):
        order = torch.randint(len(rows), (3,)).repeat(7)
        penalty(regularizer, torch.cat([rows[order], rows[order] - 200]))
    centers = centers_of(regularizer)
    assert len(centers) == len(centers.unique(dim=0))


def test_samples_without_weight_are_no_centers() -> None:
    y, weight = normal(12, 3), torch.tensor([0, 1, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0])
    regularizer = clustering(n_clusters=3, **STILL)
    penalty(regularizer, y, sample_weight=weight)
    assert sorted(rows_among(centers_of(regularizer), y)) == [1, 4, 8]


def test_batches_without_weight_leave_everything() -> None:
    regularizer = clustering()
    y, nothing = normal(6, 3), torch.zeros(6)
    value, gradient = penalty_and_gradient(regularizer, y, nothing)
    assert value == 0
    assert not gradient.any()
    assert len(centers_of(regularizer)) == 0
    penalty(regularizer, y)
    before = centers_of(regularizer)
    value, gradient = penalty_and_gradient(regularizer, y + 1, nothing)
    assert value == 0
    assert not gradient.any()
    assert torch.equal(centers_of(regularizer), before)


@pytest.mark.parametrize(("n", "kind", "warns"), [(5, "sample", True), (6, "sample", False)])
def test_warns_where_half_a_batch_are_centers(n: int, kind: str, warns: bool) -> None:
    regularizer = clustering(clustering=kind)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for seed in range(3):
            penalty(regularizer, normal(n, 2, seed=seed))
    assert [warning.category for warning in caught] == [UserWarning] * warns
    if warns:
        assert "n_clusters=3" in str(caught[0].message)
        assert "at most 2, or raise batch_size" in str(caught[0].message)


@pytest.mark.parametrize("kind", ["spatial", "channel"])
def test_only_sample_clusters_need_many_samples(kind: str) -> None:
    penalty(clustering(clustering=kind), normal(1, 2, 2, 2))
    penalty(clustering(n_clusters=1), normal(1, 2))


# ---------------------------------------------------------------- centres drawn anew


def starving(far: int, below: float = 0.05, n: int = 20, **options) -> ClusteringRegularizer:
    """Return a regulariser at the end of an epoch in which `far` of four centres had no row."""
    regularizer = clustering(n_clusters=4, starved_below=below, **(STILL | options))
    y = normal(n, 2)
    penalty(regularizer, y)
    centers = centers_of(regularizer)
    centers[:far] += 1e6
    put_centers(regularizer, centers)
    regularizer.end_epoch()  # counts start anew
    penalty(regularizer, y)
    regularizer.end_epoch()
    return regularizer


@pytest.mark.parametrize("far", [0, 1, 3])
def test_starved_centers_become_rows_of_the_next_batch(far: int) -> None:
    regularizer = starving(far)
    before = centers_of(regularizer)
    y = normal(9, 2, seed=5)
    regularizer.eval()
    penalty(regularizer, y)
    assert torch.equal(centers_of(regularizer), before), "not in evaluation"
    regularizer.train()
    penalty(regularizer, y)
    after = centers_of(regularizer)
    assert len(set(rows_among(after[:far], y))) == far
    assert torch.equal(after[far:], before[far:])
    state = torch.get_rng_state()
    penalty(regularizer, normal(9, 2, seed=6))
    assert torch.equal(centers_of(regularizer), after), "once only"
    assert torch.equal(torch.get_rng_state(), state), "other steps draw nothing"


def test_starved_centers_wait_for_a_batch_with_weights() -> None:
    regularizer, y = starving(1), normal(9, 2, seed=5)
    weight = torch.zeros(9)
    penalty(regularizer, y, sample_weight=weight)
    assert centers_of(regularizer)[0].min() > 1e5
    weight[4] = 1
    penalty(regularizer, y, sample_weight=weight)
    assert torch.equal(centers_of(regularizer)[0], y[4])


def test_no_center_starves_where_the_threshold_is_zero() -> None:
    regularizer = starving(2, below=0.0)
    before = centers_of(regularizer)
    penalty(regularizer, normal(9, 2, seed=5))
    assert torch.equal(centers_of(regularizer), before)


@settings(max_examples=40)
@given(below=st.floats(0, 0.99), seed=st.integers(0, 1000), weighted=st.booleans())
def test_the_threshold_is_a_share_of_the_mean_count(
    below: float, seed: int, weighted: bool
) -> None:
    regularizer = clustering(clustering="spatial", starved_below=below)
    penalty(regularizer, normal(2, 2, 2, 2, seed=seed))
    naive = NaiveCenters(centers_of(regularizer), 0.9)
    naive.counts = regularizer.running[0].counts.tolist()
    assert sum(naive.counts) == 8
    for step in range(1, 4):
        y = normal(2, 2, 2, 2, seed=seed + step)
        weight = normal(2, seed=seed + step).exp() if weighted else None
        rows, samples = naive_unfold(y, "spatial")
        naive.step(rows, [1.0 if weight is None else weight[n].item() for n in samples])
        penalty(regularizer, y, sample_weight=weight)
    regularizer.end_epoch()
    assert regularizer.running[0].starved.tolist() == naive.starved(below)


def test_new_centers_are_drawn_by_squared_distance() -> None:
    """Of rows at the distances 1, 2, 3 from their centre, with 1/14, 4/14, 9/14."""
    regularizer = clustering(n_clusters=2, **STILL)
    kept = torch.zeros(1, 2, dtype=torch.float64)
    penalty(regularizer, normal(4, 2))
    regularizer.end_epoch()
    put_centers(regularizer, torch.cat([kept, kept + 1e6]))
    penalty(regularizer, normal(4, 2, seed=1))
    regularizer.end_epoch()
    y = torch.tensor([[0.0, 1], [2, 0], [0, -3], [0, 0]], dtype=torch.float64)
    drawn = torch.zeros(4)
    for _ in range(300):
        again = copy.deepcopy(regularizer)
        penalty(again, y)
        drawn[rows_among(centers_of(again)[1:], y)] += 1
    expected = torch.tensor([1, 4, 9, 0]) / 14
    error = (expected * (1 - expected) / 300).sqrt()
    assert ((drawn / 300 - expected).abs() <= 4 * error).all()


def test_new_centers_are_drawn_one_after_another() -> None:
    """Two groups of equal rows: after the first draw, no row of its group is drawn again."""
    groups = torch.tensor([[9.0, 9.0], [-9.0, 9.0]], dtype=torch.float64)
    for _ in range(20):
        regularizer = starving(2)
        penalty(regularizer, groups.repeat(5, 1))
        assert sorted(rows_among(centers_of(regularizer)[:2], groups)) == [0, 1]
    three = starving(3)
    penalty(three, groups.repeat(5, 1))
    assert (centers_of(three)[:3] > 1e5).all(1).sum() == 1, "no row is left for the third"


def test_distances_are_those_to_the_centers_that_stay() -> None:
    regularizer = starving(1)
    starved = centers_of(regularizer)[0]
    kept = centers_of(regularizer)[1]
    y = torch.stack([starved, kept + 1e-3, kept, kept])
    penalty(regularizer, y)
    assert torch.equal(centers_of(regularizer)[0], starved), "drawn again, as the farthest row"


# ---------------------------------------------------------------- evaluation


@pytest.mark.parametrize("gradient", ["fixed", "exact"])
@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_changes_nothing(kind: str, gradient: str) -> None:
    regularizer = clustering(clustering=kind, center_gradient=gradient, row_fraction=0.5)
    penalty(regularizer, normal(12, 2, 2, 3))
    regularizer.eval()
    before = copy.deepcopy(regularizer.state_dict())
    for seed in range(1, 3):
        y = normal(6, 2, 2, 3, seed=seed).requires_grad_()
        value, gradient_of_y = penalty_and_gradient(regularizer, y)
        expected = clustering_penalty(y, centers_of(regularizer), clustering=kind)
        torch.testing.assert_close(value, expected.detach())
        torch.testing.assert_close(gradient_of_y, torch.autograd.grad(expected, y)[0])
    after = regularizer.state_dict()
    assert before.keys() == after.keys()
    for name, kept in before.items():
        same = torch.equal(kept, after[name]) if isinstance(kept, Tensor) else kept == after[name]
        assert same, name


def test_evaluation_needs_centers() -> None:
    with pytest.raises(RuntimeError, match="no centres yet: run a batch in training mode"):
        penalty(clustering().eval(), normal(6, 2))


def test_spatial_clusters_take_any_size_in_evaluation() -> None:
    regularizer = clustering(clustering="spatial")
    penalty(regularizer, normal(6, 2, 3, 3))
    penalty(regularizer, normal(6, 2, 4, 5))
    before = copy.deepcopy(regularizer.running[0].get_extra_state())
    penalty(regularizer.eval(), normal(6, 2, 7, 1))
    assert regularizer.running[0].get_extra_state() == before
