"""Forced Apart in tiles, in low precision and under compilers; XCov of tall and wide layers."""

from __future__ import annotations

import pytest
import torch
from helpers.naive_forced_apart import MARGINS, close, integers, loss_and_gradient, normal
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skdeepclust.losses import _forced_apart as forced_apart
from skdeepclust.losses import forced_apart_loss, forced_apart_weight_loss, xcov_loss
from skdeepclust.losses._forced_apart import DIVERGENCES
from skdeepclust.losses._pairwise_hinge import Pairs, PairwiseHinge

SEEDS = st.integers(0, 2**32 - 1)

# ---------------------------------------------------------------- tiles


@pytest.mark.parametrize("side", [1, 3, 7, 29, 30, 64])
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_tiles_of_any_size_give_the_same(divergence: str, side: int) -> None:
    logits, weight, index = normal(30, 5), normal(30, seed=1).exp(), integers(30, 0, 3)
    sizes = index.bincount().tolist()
    for pairs in (
        Pairs([30]),
        Pairs([30], itself=False),
        Pairs([30], labels=index),
        Pairs(sizes, order=index.argsort()),
        Pairs([11, 0, 19]),
    ):
        results = []
        for tile in (side, 1000):
            leaf = logits.clone().requires_grad_()
            value = PairwiseHinge.apply(leaf, weight, MARGINS[divergence], divergence, pairs, tile)
            results.append((value.detach(), torch.autograd.grad(value, leaf)[0]))
        torch.testing.assert_close(*results, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_comparing_labels_is_going_from_label_to_label(
    monkeypatch, divergence: str, weighted: bool
) -> None:
    """On another device than a CPU, labels are compared in any case, and not counted."""
    h, labels = normal(240, 5), integers(240, -1, 2)  # enough to go from label to label
    weight = normal(240, seed=1).exp() if weighted else None
    assert forced_apart._by_label(h, weight, labels, divergence)[1].labels is None
    expected = loss_and_gradient(h, labels, divergence, weight)
    monkeypatch.setattr(forced_apart, "_counted", forced_apart._numbered)
    assert forced_apart._by_label(h, weight, labels, divergence)[1].labels is not None
    actual = loss_and_gradient(h, labels, divergence, weight)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-14)


@given(labels=st.lists(st.integers(-3, 3)))
def test_labels_are_numbered_in_their_order(labels: list[int]) -> None:
    names = sorted(set(labels))
    sizes = [labels.count(name) for name in names]
    tensor = torch.tensor(labels, dtype=torch.long)
    for count in (forced_apart._counted, forced_apart._numbered):
        index, actual = count(tensor)
        assert index.tolist() == [names.index(label) for label in labels]
        assert actual.tolist()[: len(names)] == sizes
        assert not actual[len(names) :].any()


class Largest(TorchDispatchMode):
    """Remember how many numbers the largest tensor has that an operation returns."""

    n_numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.n_numbers = max(self.n_numbers, leaf.numel())
        return result


@pytest.mark.parametrize("labels", [None, integers(4096, 0, 2), torch.arange(4096)])
def test_no_matrix_of_all_pairs_is_made(labels: Tensor | None) -> None:
    h = normal(4096, 3).float().requires_grad_()
    with Largest() as largest:
        forced_apart_loss(h, labels, margin=1.0).backward()
    assert h.numel() <= largest.n_numbers <= 2**18  # 1 MiB of single precision


def test_no_cube_of_all_pairs_is_made() -> None:
    h = normal(700, 3).float().requires_grad_()
    with Largest() as largest:
        forced_apart_loss(h, margin=0.5, divergence="js").backward()
    assert largest.n_numbers <= 2**18


# ---------------------------------------------------------------- precision


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_single_precision_keeps_its_digits(divergence: str, scale: float, weighted: bool) -> None:
    h, labels = (scale * normal(700, 15)).float(), integers(700, 0, 2)
    weight = normal(700, seed=1).exp().float() if weighted else None
    exact, exact_gradient = loss_and_gradient(h.double(), labels, divergence, weight)
    value, gradient = loss_and_gradient(h, labels, divergence, weight)
    torch.testing.assert_close(value.double(), exact, rtol=2e-6, atol=0)
    error = (gradient - exact_gradient).abs().max() / exact_gradient.abs().max()
    assert error < 1e-4  # some pairs lie within a rounding error of the margin


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_half_precision_is_computed_in_single(divergence: str) -> None:
    h = normal(40, 6).bfloat16()
    value, gradient = loss_and_gradient(h, None, divergence)
    exact, exact_gradient = loss_and_gradient(h.float(), None, divergence)
    assert (value.dtype, gradient.dtype) == (torch.float32, torch.bfloat16)
    torch.testing.assert_close(value, exact, rtol=0, atol=0)
    torch.testing.assert_close(gradient, exact_gradient.bfloat16(), rtol=0, atol=0)
    weight = h.requires_grad_()
    loss = forced_apart_weight_loss(weight, margin=MARGINS[divergence], divergence=divergence)
    assert loss.dtype == torch.float32
    assert torch.autograd.grad(loss, weight)[0].dtype == torch.bfloat16


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_autocast_changes_nothing(divergence: str) -> None:
    h, labels = normal(40, 6).float(), integers(40, 0, 2)
    expected = loss_and_gradient(h, labels, divergence)
    xcov = xcov_loss(h, h[:, :2])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(
            loss_and_gradient(h, labels, divergence), expected, rtol=0, atol=0
        )
        assert xcov_loss(h, h[:, :2]) == xcov


# ---------------------------------------------------------------- surroundings


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("divergence", ["js", "jeffreys", "hellinger"])  # "kl" is half of one
def test_compiled_it_is_the_same(divergence: str) -> None:
    h, labels = normal(40, 6).requires_grad_(), integers(40, 0, 2)
    settings = {"margin": MARGINS[divergence], "divergence": divergence}
    torch._dynamo.reset()
    compiled = torch.compile(forced_apart_loss, backend="eager")
    results = []
    for loss in (compiled, forced_apart_loss):
        for some in (labels, None):
            value = loss(h, some, **settings)
            results.append((value.detach(), torch.autograd.grad(value, h)[0]))
    torch.testing.assert_close(results[:2], results[2:], rtol=1e-12, atol=1e-15)


def test_without_gradient() -> None:
    h = normal(40, 6)
    with torch.no_grad():
        value = forced_apart_loss(h.clone().requires_grad_(), margin=1.0)
    plain = forced_apart_loss(h, margin=1.0)
    assert not value.requires_grad
    assert not plain.requires_grad
    assert value == plain == forced_apart_loss(h.clone().requires_grad_(), margin=1.0)


def test_weights_and_labels_are_left_as_they_are() -> None:
    h, labels, weight = normal(40, 6).requires_grad_(), integers(40, 0, 2), torch.rand(40)
    before = h.clone(), labels.clone(), weight.clone()
    forced_apart_loss(h, labels, margin=1.0, sample_weight=weight.requires_grad_()).backward()
    torch.testing.assert_close((h, labels, weight), before, rtol=0, atol=0)
    assert weight.grad is None


# ---------------------------------------------------------------- xcov


def naive_xcov(h: list[list[float]], p: list[list[float]], weights: list[float]) -> float:
    samples, total = range(len(h)), sum(weights)

    def mean(values: list[float]) -> float:
        return sum(w * v for w, v in zip(weights, values, strict=True)) / total

    loss = 0.0
    for i in range(len(h[0])):
        for j in range(len(p[0])):
            h_mean, p_mean = mean([row[i] for row in h]), mean([row[j] for row in p])
            covariance = mean([(h[n][i] - h_mean) * (p[n][j] - p_mean) for n in samples])
            loss += covariance**2 / 2
    return loss


SIZES = st.integers(1, 8)


@given(n=SIZES, units=SIZES, outputs=SIZES, weighted=st.booleans(), seed=SEEDS)
def test_xcov_is_its_formula(n: int, units: int, outputs: int, weighted: bool, seed: int) -> None:
    """Few samples of many units and outputs take another way than many, to the same number."""
    h, p = normal(n, units, seed=seed), normal(n, outputs, seed=seed + 1)
    weight = normal(n, seed=seed).exp() if weighted else None
    listed = [1.0] * n if weight is None else weight.tolist()
    value = xcov_loss(h, p, sample_weight=weight)
    torch.testing.assert_close(
        value.item(), naive_xcov(h.tolist(), p.tolist(), listed), rtol=1e-11, atol=1e-13
    )
    order = torch.arange(n).flip(0)
    other = None if weight is None else weight[order]
    for a, b in [(h[order] + 2, p[order] - 3), (-h[order], p[order]), (p[order], h[order])]:
        torch.testing.assert_close(
            xcov_loss(a, b, sample_weight=other), value, rtol=1e-10, atol=1e-13
        )


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("units", "outputs"), [(3, 2), (20, 5)], ids=["tall", "wide"])
def test_xcov_has_the_right_derivatives(units: int, outputs: int, weighted: bool) -> None:
    h, p = normal(6, units).requires_grad_(), normal(6, outputs, seed=1).requires_grad_()
    weight = torch.arange(6.0) if weighted else None

    def loss(h: Tensor, p: Tensor) -> Tensor:
        return xcov_loss(h, p, sample_weight=weight)

    assert torch.autograd.gradcheck(loss, (h, p))
    assert torch.autograd.gradgradcheck(loss, (h, p))


def test_xcov_of_weights_shapes_and_optimum() -> None:
    h, p = normal(5, 2, 3), normal(5, 2, seed=1)
    times = torch.tensor([2, 0, 1, 3, 1])
    repeated = xcov_loss(h.repeat_interleave(times, 0), p.repeat_interleave(times, 0))
    close(xcov_loss(h, p, sample_weight=times), repeated)
    close(xcov_loss(h.flatten(1), p), xcov_loss(h, p))
    assert xcov_loss(h.flatten(1), torch.ones(5, 2)) == 0
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert xcov_loss(signs[:, :1], signs[:, 1:]) == 0
    assert xcov_loss(signs, signs) == 1
    assert xcov_loss(h.bfloat16(), p.float()).dtype == torch.float32
    assert xcov_loss(h, p, sample_weight=torch.zeros(5)) == 0
    with pytest.raises(ValueError, match="5 and 4 rows"):
        xcov_loss(h, p[:4])
    with pytest.raises(ValueError, match=r"predictions must be \(N, C\)"):
        xcov_loss(h, p[:, 0])


def test_xcov_of_wide_layers_makes_no_matrix_of_units_and_outputs() -> None:
    h, p = normal(8, 1000).requires_grad_(), normal(8, 500, seed=1)
    with Largest() as largest:
        xcov_loss(h, p).backward()
    assert largest.n_numbers == 8 * 1000
