"""Losses at extreme inputs, the sampling of negatives, and the messages for wrong input."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from skdeepclust import losses

EVERY_OTHER = ~torch.eye(3, dtype=torch.bool)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_nearest_centers_are_right_far_from_the_origin(
    generator: torch.Generator, offset: float
) -> None:
    z = torch.randn(2000, 10, generator=generator) + offset
    centers = torch.randn(50, 10, generator=generator) + offset
    exact = (z.double()[:, None] - centers.double()).square().sum(2)
    actual = losses.pairwise_squared_distances(z, centers)
    torch.testing.assert_close(actual.double(), exact, rtol=1e-3, atol=1e-3)
    assert (actual.argmin(1) != exact.argmin(1)).sum() <= 1


def test_distance_of_equal_points_is_never_negative(generator: torch.Generator) -> None:
    z = torch.randn(200, 30, generator=generator) + 50
    distances = losses.pairwise_squared_distances(z, z)
    assert distances.amin() == 0
    assert distances.diagonal().amax() < 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("freedom", [1.0, 31.0])
def test_samples_far_from_every_center_stay_finite(dtype: torch.dtype, freedom: float) -> None:
    z = torch.tensor([[1e12, 0.0], [0.0, 0.0]], dtype=dtype, requires_grad=True)
    centers = torch.tensor([[0.0, 0.0], [1.0, 1e6]], dtype=dtype, requires_grad=True)
    q = losses.student_t_assignment(z, centers, degrees_of_freedom=freedom)
    torch.testing.assert_close(q.sum(1), torch.ones(2, dtype=dtype))
    target = losses.target_distribution(q).detach()
    (losses.assignment_kl(target, q) + losses.information_loss(q)).backward()
    assert z.grad.isfinite().all()
    assert centers.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_exact_zeros_have_finite_values_and_gradients(dtype: torch.dtype) -> None:
    q = torch.tensor([[1, 0, 0], [0.5, 0.5, 0]], dtype=dtype, requires_grad=True)
    p = torch.tensor([[0, 1, 0], [0, 0.5, 0.5]], dtype=dtype, requires_grad=True)
    target = losses.target_distribution(q)
    torch.testing.assert_close(target[:, 2], torch.zeros(2, dtype=dtype))  # an empty cluster
    values = [losses.assignment_kl(p, q), losses.information_loss(q), target.square().sum()]
    for value in values:
        q.grad = p.grad = None
        value.backward(retain_graph=True)
        assert value.isfinite()
        assert q.grad.isfinite().all()
        assert p.grad is None or p.grad.isfinite().all()


def test_only_rows_without_weight_may_use_a_cluster() -> None:
    q = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    target = losses.target_distribution(q, sample_weight=torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(target, q)


def test_an_anchor_without_negatives_costs_nothing() -> None:
    a = functional.normalize(torch.tensor([[1.0, 2.0], [3.0, 1.0], [-1.0, 1.0]]), dim=1)
    a.requires_grad_()
    nobody = torch.zeros(3, 3, dtype=torch.bool)
    value = losses.masked_info_nce_loss(a, a.detach().flip(0), nobody, temperature=1e-3)
    value.backward()
    assert value == 0
    assert torch.equal(a.grad, torch.zeros(3, 2))


def test_the_diagonal_of_the_admissible_pairs_is_ignored(generator: torch.Generator) -> None:
    a, p = functional.normalize(torch.randn(2, 3, 4, generator=generator), dim=2)
    everyone = torch.ones(3, 3, dtype=torch.bool)
    for loss in (
        lambda mask: losses.triplet_matrix_loss(a, p, mask, margin=1.0),
        lambda mask: losses.masked_info_nce_loss(a, p, mask),
    ):
        assert torch.equal(loss(everyone), loss(EVERY_OTHER))
    index, _ = losses.sample_negatives(everyone)
    assert (index != torch.arange(3)).all()


def test_autocast_does_not_cost_precision(generator: torch.Generator) -> None:
    a, p = functional.normalize(torch.randn(2, 3, 4, generator=generator), dim=2)

    def values() -> list[Tensor]:
        return [
            losses.student_t_assignment(a + 100, p + 100),
            losses.triplet_matrix_loss(a, p, EVERY_OTHER, margin=1.0),
            losses.masked_info_nce_loss(a, p, EVERY_OTHER),
        ]

    expected = values()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(values(), expected, rtol=0, atol=0)
    half = losses.student_t_assignment(a.bfloat16(), p.bfloat16())
    assert half.dtype == torch.float32


def test_negatives_are_drawn_uniformly_from_the_admissible() -> None:
    n = 3000
    admissible = torch.zeros(n, n, dtype=torch.bool)
    admissible[:, [1, 4, 5]] = True
    admissible[:10] = False
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        index, found = losses.sample_negatives(admissible)
        again, _ = losses.sample_negatives(admissible)
        torch.default_generator.manual_seed(0)
        assert torch.equal(losses.sample_negatives(admissible)[0], index)
    assert not torch.equal(again, index)
    assert not found[:10].any()
    assert found[10:].all()
    assert (index[:10] == 0).all()
    values, counts = index[10:].unique(return_counts=True)
    assert values.tolist() == [1, 4, 5]
    # Four standard deviations of a binomial share of one third.
    assert (counts / (n - 10) - 1 / 3).abs().amax() < 4 * (2 / 9 / n) ** 0.5


X, Y, SQUARE = torch.zeros(4, 3), torch.zeros(5, 3), torch.zeros(4, 4, dtype=torch.bool)
WRONG_SHAPES: dict[str, tuple[Callable[[], object], str]] = {
    "centers": (
        lambda: losses.student_t_assignment(X, torch.zeros(2, 7)),
        r"\(4, 3\).*\(2, 7\)",
    ),
    "vector": (lambda: losses.pairwise_squared_distances(X, X[0]), r"\(4, 3\).*\(3,\)"),
    "kl": (lambda: losses.assignment_kl(X, Y), r"target \(4, 3\), assignment \(5, 3\)"),
    "triplet": (lambda: losses.triplet_loss(X, X, Y, margin=1.0), r"negative \(5, 3\)"),
    "matrix": (
        lambda: losses.triplet_matrix_loss(X, Y, SQUARE, margin=1.0),
        r"anchor \(4, 3\), positive \(5, 3\)",
    ),
    "admissible": (
        lambda: losses.masked_info_nce_loss(Y, Y, SQUARE),
        r"admissible .*\(5, 5\), got \(4, 4\)",
    ),
    "sample": (lambda: losses.sample_negatives(SQUARE[:2]), r"\(2, 2\), got \(2, 4\)"),
    "weight": (
        lambda: losses.information_loss(X, sample_weight=torch.ones(5)),
        r"sample_weight .*\(4,\), got \(5,\)",
    ),
    "target": (
        lambda: losses.target_distribution(X, sample_weight=torch.ones(4, 1)),
        r"sample_weight .*\(4,\), got \(4, 1\)",
    ),
}


@pytest.mark.parametrize("name", WRONG_SHAPES)
def test_wrong_shapes_are_named(name: str) -> None:
    call, message = WRONG_SHAPES[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_admissible_pairs_must_be_boolean() -> None:
    with pytest.raises(TypeError, match=r"admissible.*torch.float32"):
        losses.sample_negatives(SQUARE.float())
