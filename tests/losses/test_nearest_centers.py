"""Assignment to centres far from the origin and in bounded memory; wrong input of penalties."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skdeepclust.losses import activation_penalty, clustering_penalty, decov_loss, unfold
from skdeepclust.losses._representations import ROWS_AT_A_TIME, nearest_centers


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def distances(rows: Tensor, centers: Tensor) -> Tensor:
    """Return the squared distances (rows, k) of the same numbers, computed in float64."""
    return (rows.double()[:, None] - centers.double()).square().sum(2)


@pytest.mark.parametrize("offset", [0.0, 1e2, 1e3, 1e4])
@pytest.mark.parametrize(("k", "dims"), [(1, 3), (2, 2), (50, 10), (20, 64), (30, 1)])
def test_offsets_mislabel_nothing(offset: float, k: int, dims: int) -> None:
    shift = offset * normal(dims, seed=2).sign()
    rows, centers = normal(3000, dims) + shift, normal(k, dims, seed=1) + shift
    exact = distances(rows, centers)
    labels = nearest_centers(rows, centers)
    lost = exact.gather(1, labels[:, None])[:, 0] - exact.amin(1)
    # what two distances of this size have in common in single precision counts as a tie
    size = distances(rows, centers.mean(0, keepdim=True))[:, 0] + exact.amin(1)
    assert (lost <= 1e-6 * size).all()
    assert (labels != exact.argmin(1)).sum() <= 2
    assert len(labels.unique()) == min(k, len(exact.argmin(1).unique()))


def test_autocast_does_not_reach_the_assignment() -> None:
    rows, centers = normal(2000, 3) + 100, normal(60, 3, seed=1) + 100
    expected = distances(rows, centers).argmin(1)
    low = (rows - 100).bfloat16() @ (centers - 100).bfloat16().T
    low = (centers - 100).square().sum(1) / 2 - low
    assert (low.argmin(1) != expected).sum() > 10, "half precision would not do"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(nearest_centers(rows, centers), expected)
    # bfloat16 keeps steps of 0.5 at 100: what it loses before is lost
    coarse = nearest_centers(rows.bfloat16().float(), centers)
    assert (coarse != expected).float().mean() > 0.1


def test_chunks_give_what_one_chunk_gives() -> None:
    n = 2 * ROWS_AT_A_TIME + 7
    rows, centers = normal(n, 3).double(), normal(9, 3, seed=1).double()
    assert torch.equal(nearest_centers(rows, centers), distances(rows, centers).argmin(1))


def test_no_rows_have_no_labels() -> None:
    assert nearest_centers(torch.zeros(0, 3), torch.zeros(2, 3)).shape == (0,)


class LargestTensor(TorchDispatchMode):
    """Remember the number of elements of the largest tensor that an operation returns."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self.numel = max(self.numel, *sizes, 0)
        return result


def test_distances_of_all_rows_to_all_centers_are_never_in_memory() -> None:
    n, k, dims = 3 * ROWS_AT_A_TIME, 40, 4
    rows, centers = normal(n, dims), normal(k, dims, seed=1)
    with LargestTensor() as largest:
        nearest_centers(rows, centers)
        clustering_penalty(rows, centers)
    assert 0 < largest.numel <= max(ROWS_AT_A_TIME * k, n * dims) < n * k


# ---------------------------------------------------------------- refusals

Y, MATRIX = torch.zeros(2, 3, 4, 5), torch.zeros(6, 3)
WRONG = {
    "unknown kind": (lambda: unfold(Y, "pixel"), r"clustering .*'spatial'.*got 'pixel'"),
    "no kind": (lambda: unfold(Y, None), r"clustering .*got None"),
    "unhashable kind": (lambda: unfold(Y, ["sample"]), r"clustering .*got \['sample'\]"),
    "vector": (lambda: unfold(Y[0, 0, 0], "sample"), r"representation .*\(N, C.*got .*\(5,\)"),
    "single numbers": (lambda: unfold(MATRIX, "channel"), r"channel .*\(6, 3\).*Use 'sample'"),
    "size of a vector": (lambda: activation_penalty(MATRIX[0]), r"representation .*\(3,\)"),
    "covariance of a vector": (lambda: decov_loss(MATRIX[0]), r"activations .*\(3,\)"),
    "penalty of single numbers": (
        lambda: clustering_penalty(MATRIX, MATRIX, clustering="channel"),
        r"channel .*\(6, 3\)",
    ),
    "dims of the centers": (
        lambda: clustering_penalty(Y, MATRIX, clustering="channel"),
        r"centers .*\(K, 20\) for channel .*\(2, 3, 4, 5\), got \(6, 3\)",
    ),
    "one center": (lambda: clustering_penalty(MATRIX, MATRIX[0]), r"centers .*got \(3,\)"),
    "no center": (lambda: clustering_penalty(MATRIX, MATRIX[:0]), r"centers .*got \(0, 3\)"),
    "labels": (
        lambda: clustering_penalty(
            Y, MATRIX, clustering="spatial", assignments=torch.zeros(2, dtype=torch.long)
        ),
        r"assignments .* 40 rows, got .*\(2,\)",
    ),
    "weights": (
        lambda: clustering_penalty(Y, MATRIX, clustering="spatial", sample_weight=torch.ones(40)),
        r"sample_weight .*\(2,\), got \(40,\)",
    ),
    "weights of the size": (
        lambda: activation_penalty(MATRIX, sample_weight=torch.ones(3)),
        r"sample_weight .*\(6,\), got \(3,\)",
    ),
    "weights of the covariance": (
        lambda: decov_loss(MATRIX, sample_weight=torch.ones(6, 1)),
        r"sample_weight .*\(6,\), got \(6, 1\)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_named(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("float64", "float32")], ids=str)
def test_rows_and_centers_may_differ_in_precision(dtypes: tuple[str, str]) -> None:
    rows, centers = normal(6, 3).to(getattr(torch, dtypes[0])), normal(2, 3, seed=1)
    expected = clustering_penalty(rows.double(), centers.double())
    actual = clustering_penalty(rows, centers.to(getattr(torch, dtypes[1])))
    torch.testing.assert_close(actual.double(), expected, rtol=1e-6, atol=0)
