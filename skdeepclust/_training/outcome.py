"""What a fit has come to: what its phases leave, and what a warm start goes on from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from skdeepclust._training.epoch_watch import EpochWatch
from skdeepclust._training.phase_net import PhaseNet


@dataclass(frozen=True)
class Resume:
    """What a warm start goes on from, beside network, regularisers and history.

    Parameters
    ----------
    generators : dict of str to Tensor
        States of the generators of random numbers.
    optimizer : dict or None
        The phase that the last fit ended with, the class of its optimiser, and the moments.
    deviation : float or None
        Of the first part of X in a stream.
    """

    generators: dict[str, torch.Tensor] = field(default_factory=dict)
    optimizer: dict[str, Any] | None = None
    deviation: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what there is, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Outcome:
    """What the phases so far have come to: one attempt's doesn't touch another one's."""

    resume: Resume
    net: PhaseNet | None = None
    watch: EpochWatch | None = None
    best_epoch: int | None = None
