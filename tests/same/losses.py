"""Losses with their gradients."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from same.seen import answer, error_of
from same.small import Scenario, drawn, shares
from skdeepclust import losses

WEIGHT = torch.arange(12.0) % 4
LABELS = torch.arange(12) % 3
PAIRS = LABELS[:, None] != LABELS
# Name, tensors to which there are gradients, further arguments.
LOSSES: list[tuple[str, tuple[Tensor, ...], dict[str, Any]]] = [
    ("pairwise_squared_distances", (drawn(12, 4), drawn(5, 4, seed=1)), {}),
    ("student_t_assignment", (drawn(12, 4), drawn(3, 4, seed=1)), {"degrees_of_freedom": 3.0}),
    ("target_distribution", (shares(12, 3),), {"sample_weight": WEIGHT}),
    ("target_distribution", (shares(12, 3),), {"cluster_prior": torch.tensor([0.2, 0.3, 0.5])}),
    ("assignment_kl", (shares(12, 3), shares(12, 3, seed=1)), {"sample_weight": WEIGHT}),
    ("information_loss", (shares(12, 3),), {"sample_weight": WEIGHT}),
    ("information_loss", (shares(12, 3),), {"cluster_prior": torch.tensor([0.2, 0.3, 0.5])}),
    ("triplet_loss", tuple(drawn(12, 4, seed=s) for s in range(3)), {"margin": 1.0}),
    ("triplet_matrix_loss", (drawn(12, 4), drawn(12, 4, seed=1), PAIRS), {"margin": 2.0}),
    ("masked_info_nce_loss", (drawn(12, 4), drawn(12, 4, seed=1), PAIRS), {}),
    ("masked_info_nce_loss", (drawn(12, 4), drawn(12, 4, seed=1), PAIRS), {"temperature": 0.9}),
    ("sample_negatives", (PAIRS,), {}),
    ("entropy_minimization_loss", (drawn(12, 3),), {"balance": 0.5, "sample_weight": WEIGHT}),
    ("max_margin_loss", (drawn(12, 3),), {"margin": 0.5, "balance": 1.0}),
    *(
        ("forced_apart_loss", (drawn(12, 4), LABELS), {"margin": 0.6, "divergence": divergence})
        for divergence in ("kl", "js", "jeffreys", "hellinger")
    ),
    *(
        (
            "forced_apart_loss",
            (drawn(12, 4, seed=2), *labels),
            {"margin": 0.5, "divergence": divergence, "sample_weight": WEIGHT},
        )
        for divergence in ("kl", "js", "jeffreys", "hellinger")
        for labels in ((), (LABELS,))
    ),
    ("forced_apart_loss", (drawn(12, 1),), {"margin": 1.0}),
    ("forced_apart_loss", (drawn(12, 4),), {"margin": 2.0, "divergence": "js"}),
    ("forced_apart_weight_loss", (drawn(5, 7),), {"margin": 0.5, "divergence": "hellinger"}),
    ("clustering_penalty", (drawn(12, 4), drawn(3, 4, seed=1)), {"sample_weight": WEIGHT}),
    ("clustering_penalty", (drawn(12, 4), drawn(3, 4, seed=1)), {"assignments": LABELS}),
    ("triplet_matrix_loss", (drawn(12, 4), drawn(12, 4, seed=1), PAIRS),
     {"margin": 2.0, "sample_weight": WEIGHT}),
    ("masked_info_nce_loss", (drawn(12, 4), drawn(12, 4, seed=1), PAIRS),
     {"sample_weight": WEIGHT}),
    ("entropy_minimization_loss", (drawn(12, 1),), {}),
    ("max_margin_loss", (drawn(12, 1),), {"sample_weight": WEIGHT}),
    ("unfold", (drawn(12, 4), "channel"), {}),
    ("forced_apart_weight_loss", (drawn(5, 7),), {"margin": 3.0}),
    ("reconstruction_loss", (drawn(12, 4), drawn(12, 4, seed=1)), {"sample_weight": WEIGHT}),
    *(
        ("clustering_penalty", (drawn(12, 4, 3, 3), centers), {"clustering": clustering})
        for clustering, centers in (
            ("sample", drawn(3, 36, seed=1)), ("spatial", drawn(3, 4, seed=1)),
            ("channel", drawn(3, 9, seed=1)),
        )
    ),
    ("activation_penalty", (drawn(12, 4, 3, 3),), {"sample_weight": WEIGHT}),
    ("decov_loss", (drawn(12, 6),), {"sample_weight": WEIGHT}),
    ("xcov_loss", (drawn(12, 6), drawn(12, 3, seed=1)), {}),
    ("unfold", (drawn(12, 4, 3, 3), "spatial"), {}),
    ("structured_hinge_loss", (drawn(12, 3), LABELS), {"sample_weight": WEIGHT}),
]  # fmt: skip


def loss(number: int, folder: Path) -> Iterator[tuple[str, Any]]:
    """Values and gradients in three precisions, and what is said of other shapes."""
    name, tensors, options = LOSSES[number]
    function = getattr(losses, name)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        given = [each.to(dtype).requires_grad_() if is_real(each) else each for each in tensors]
        with torch.random.fork_rng():
            value = answer(function, *given, **options)
        yield f"{dtype}", value
        if isinstance(value, Tensor) and value.requires_grad:
            for place, each in enumerate(each for each in given if is_real(each)):
                gradient = torch.autograd.grad(
                    value.sum(), each, retain_graph=True, allow_unused=True
                )
                yield f"{dtype}: gradient {place}", gradient
    if is_real(tensors[0]):
        yield "a row", error_of(function, tensors[0][0], *tensors[1:], **options)
        yield "few rows", error_of(function, tensors[0][:5], *tensors[1:], **options)


def is_real(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


SCENARIOS: dict[str, Scenario] = {
    f"loss {number}, {each[0]}": partial(loss, number) for number, each in enumerate(LOSSES)
}
