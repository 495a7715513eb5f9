"""Linear heads on the stages of a network, one a clustering task."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn


class TAGnetHeads(nn.Module):
    """A network of stages with a linear head a task; remembers the training samples' codes.

    Parameters
    ----------
    encoder : TAGnet or PlainEncoder
        Network of stages.
    tasks : sequence of (int, int)
        Stage (0: that of the first code) and number of clusters of each task; the last task is
        the overall one.
    """

    encoder: Any
    heads: Any  # of nn.Linear, which nn.ModuleList doesn't tell a type checker
    projections: Tensor
    known_codes: Tensor

    def __init__(self, encoder: Any, tasks: Sequence[tuple[int, int]]):
        super().__init__()
        self.encoder = encoder
        self.stages = [stage for stage, _ in tasks]
        self.heads = nn.ModuleList(
            nn.Linear(encoder.n_components, n_clusters) for _, n_clusters in tasks
        )
        # of the training samples: X W, from which all stages follow, and the last codes
        self.register_buffer("projections", torch.empty(0, encoder.n_components))
        self.register_buffer("known_codes", torch.empty(0, encoder.n_components))

    def _load_from_state_dict(self, state_dict, prefix, *args, **options):
        for name in ("projections", "known_codes"):  # as many rows as there were samples
            room = torch.empty_like(state_dict[prefix + name], device=getattr(self, name).device)
            setattr(self, name, room)
        super()._load_from_state_dict(state_dict, prefix, *args, **options)


def auxiliary_tasks(
    auxiliary_clusters: int | Sequence[int | None] | None, n_stages: int
) -> list[tuple[int, int]]:
    """Return (stage, number of clusters) of each auxiliary task."""
    if auxiliary_clusters is None:
        return []
    if isinstance(auxiliary_clusters, int | Integral):
        auxiliary_clusters = [int(auxiliary_clusters)] * n_stages
    numbers = list(auxiliary_clusters)
    if len(numbers) != n_stages:
        raise ValueError(
            f"auxiliary_clusters={auxiliary_clusters!r} has {len(numbers)} numbers; there are "
            f"n_stages={n_stages} stages: give one number, or None, for each."
        )
    for number in numbers:
        if number is not None and not (isinstance(number, Integral) and number >= 0):
            raise ValueError(
                f"auxiliary_clusters={auxiliary_clusters!r}: each must be a number of clusters, or "
                "None, or 0, for a stage without a task."
            )
    return [(stage, int(number)) for stage, number in enumerate(numbers) if number]
