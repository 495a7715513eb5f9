"""Rows that are taken out of a representation and put back, and worked on piece by piece."""

from __future__ import annotations

import pytest
import torch
from helpers.naive_clustering import KINDS, NaiveCenters, naive_unfold
from helpers.watched import clustering, normal, penalty, penalty_and_gradient
from hypothesis import given
from hypothesis import strategies as st

from skdeepclust.losses import _representations, clustering_penalty, unfold
from skdeepclust.losses._representations import COLUMNS_AT_A_TIME, nearest_centers
from skdeepclust.regularizers._rows import Rows, draw_evenly

CPU = torch.device("cpu")
SHAPES = {
    "(N, C)": (5, 3),
    "(N, C, L)": (5, 3, 4),
    "(N, C, H, W)": (4, 3, 2, 5),
    "(N, C, D, H, W)": (3, 2, 2, 3, 2),
    "one channel": (4, 1, 3, 3),
    "one position": (4, 3, 1, 1),
}


def layouts(y: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the same numbers in several memory layouts."""
    channels_last = y.movedim(1, -1).contiguous().movedim(-1, 1)
    every_other = torch.stack([y, -y], dim=-1)[..., 0]
    samples_last = y.movedim(0, -1).contiguous().movedim(-1, 0)
    return {
        "contiguous": y,
        "channels last": channels_last,
        "samples last": samples_last,
        "every other number": every_other,
    }


@pytest.mark.parametrize("fraction", [1.0, 0.4])
@pytest.mark.parametrize("layout", layouts(normal(1, 1)))
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_find_their_way_back(kind: str, shape: str, layout: str, fraction: float) -> None:
    if kind == "channel" and shape == "(N, C)":
        return
    y = layouts(normal(*SHAPES[shape]))[layout]
    rows = Rows(y, kind, fraction)
    all_rows = unfold(y, kind)
    index = torch.arange(len(all_rows)) if rows.drawn is None else rows.drawn
    assert len(index) == max(1, round(fraction * len(all_rows)))
    origin = normal(all_rows.shape[1], seed=1)
    assert torch.equal(rows.of(y, origin), all_rows[index] - origin)
    assert torch.equal(rows.of(y), all_rows[index])
    samples = torch.arange(len(y)).repeat_interleave(len(all_rows) // len(y))
    assert torch.equal(rows.of_samples(torch.arange(len(y))), samples[index])

    back = rows.back(rows.of(y), torch.tensor(3.0))
    expected = torch.zeros_like(all_rows).index_copy_(0, index, 3 * all_rows[index])
    assert torch.equal(unfold(back, kind), expected)
    if layout in ("contiguous", "channels last"):
        assert back.stride() == y.stride()


@given(st.data())
def test_draws_are_distinct_and_lie_apart(data: st.DataObject) -> None:
    n_rows = data.draw(st.integers(1, 500))
    n_drawn = data.draw(st.integers(1, n_rows))
    drawn = draw_evenly(n_rows, n_drawn, CPU)
    assert len(drawn.unique()) == n_drawn
    assert 0 <= drawn.min() <= drawn.max() < n_rows
    gaps = drawn.sort().values.diff()
    assert (gaps < 2 * (n_rows / n_drawn + 1)).all()


@pytest.mark.parametrize(("n_rows", "n_drawn"), [(12, 4), (7, 3), (5, 4)])
def test_each_row_is_as_likely_as_any_other(n_rows: int, n_drawn: int) -> None:
    n_times = 4000
    drawn = torch.cat([draw_evenly(n_rows, n_drawn, CPU) for _ in range(n_times)])
    share = drawn.bincount(minlength=n_rows) / n_times
    expected = n_drawn / n_rows
    error = (expected * (1 - expected) / n_times) ** 0.5
    assert (share - expected).abs().max() < 4.5 * error


# ---------------------------------------------------------------- pieces


# more centres than samples are what the second of two ways is for
@pytest.mark.filterwarnings("ignore:n_clusters=10 sample clusters")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_clusters", [3, 10])  # fewer than the samples, and more
@pytest.mark.parametrize("kind", KINDS)
def test_small_pieces_change_nothing(monkeypatch, kind, n_clusters, weighted) -> None:
    monkeypatch.setattr(_representations, "ROWS_AT_A_TIME", 5)
    monkeypatch.setattr(_representations, "COLUMNS_AT_A_TIME", 4)
    regularizer = clustering(clustering=kind, n_clusters=n_clusters)
    for seed in range(3):
        penalty(regularizer, normal(6, 2, 2, 3, seed=seed))
    assert len(regularizer.cluster_centers_["a"]) == n_clusters
    naive = NaiveCenters(regularizer.cluster_centers_["a"], 0.9)
    y = normal(6, 2, 2, 3, seed=9)
    weight = torch.arange(6).remainder(3).double() if weighted else None
    rows, samples = naive_unfold(y, kind)
    expected = naive.step(rows, [1.0 if weight is None else weight[n].item() for n in samples])
    value, gradient = penalty_and_gradient(regularizer, y, weight)
    centers = torch.as_tensor(regularizer.cluster_centers_["a"])
    torch.testing.assert_close(value.item(), expected.penalty)
    torch.testing.assert_close(centers, torch.tensor(expected.centers, dtype=torch.float64))
    labels = torch.tensor(expected.labels)
    y.requires_grad_()
    constant = clustering_penalty(
        y, centers, clustering=kind, assignments=labels, sample_weight=weight
    )
    torch.testing.assert_close(gradient, torch.autograd.grad(constant, y)[0])


def test_wide_rows_keep_their_digits() -> None:
    n_columns = 2 * COLUMNS_AT_A_TIME + 3
    rows, centers = normal(30, n_columns).float() + 1000, normal(9, n_columns, seed=1).float()
    centers += 1000
    exact = torch.cdist(rows.double(), centers.double()).argmin(1)
    assert torch.equal(nearest_centers(rows, centers), exact)
    origin = centers[0]
    assert torch.equal(nearest_centers(rows - origin, centers, origin=origin), exact)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_ties_and_missing_numbers_have_a_label(dtype: torch.dtype) -> None:
    centers = torch.tensor([[5.0], [1.0], [1.0], [-1.0]], dtype=dtype)
    rows = torch.tensor([[0.0], [1.0], [3.0], [-9.0]], dtype=dtype)
    assert nearest_centers(rows, centers).tolist() == [1, 1, 0, 3]
    labels = nearest_centers(rows.fill_(torch.nan), centers)
    assert ((labels >= 0) & (labels < len(centers))).all()
