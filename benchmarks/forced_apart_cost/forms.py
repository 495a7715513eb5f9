"""The loss of Forced Apart, and the forms that one would write."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from skdeepclust.losses import forced_apart_loss

Loss = Callable[[Tensor, Tensor | None, float], Tensor]


def ours(activations: Tensor, labels: Tensor | None, margin: float) -> Tensor:
    return forced_apart_loss(activations, labels, margin=margin)


def all_pairs(activations: Tensor, labels: Tensor | None, margin: float) -> Tensor:
    p, n = activations.softmax(1), len(activations)
    p_i, p_j = p.repeat_interleave(n, 0), p.repeat(n, 1)  # (n n, k)
    divergence = (p_i * (p_i.log() - p_j.log())).sum(1)
    return _masked_mean((margin - divergence).relu().view(n, n), labels)


def dense(activations: Tensor, labels: Tensor | None, margin: float) -> Tensor:
    return _masked_mean(_hinge(activations, margin), labels)


def grouped(activations: Tensor, labels: Tensor | None, margin: float) -> Tensor:
    means = [2 * _hinge(group, margin).mean() for group in groups_of(activations, labels)]
    return torch.stack(means).mean()


def groups_of(rows: Tensor, labels: Tensor | None) -> list[Tensor]:
    if labels is None:
        return [rows]
    return [rows[labels == label] for label in labels.unique()]


def _hinge(activations: Tensor, margin: float) -> Tensor:
    log_p = activations.log_softmax(1)
    p = log_p.exp()
    return (margin - (p * log_p).sum(1, keepdim=True) + p @ log_p.T).relu()  # (n, n)


def _masked_mean(hinge: Tensor, labels: Tensor | None) -> Tensor:
    if labels is None:
        return 2 * hinge.mean()
    same = (labels[:, None] == labels).to(hinge.dtype)
    n_same = same.sum(1)
    return 2 * (hinge * same / n_same.square()).sum() / len(labels.unique())


OTHERS: dict[str, Loss] = {"all pairs": all_pairs, "dense": dense, "grouped": grouped}
