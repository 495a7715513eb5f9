"""Numbers of epochs that follow from the number of samples, unless they are given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral
from types import MappingProxyType
from typing import Any

from skdeepclust._compat import Interval, RealNotInt, StrOptions

# Chosen by the number of samples, a number, or a share of what would be chosen.
AUTOMATIC_EPOCHS = [
    StrOptions({"auto"}),
    Interval(Integral, 0, None, closed="left"),
    Interval(RealNotInt, 0, 1, closed="right"),
]
# A warm-up takes larger steps than other phases, and of more samples than these draws so many for
# each epoch: it learns little from more.
WARMUP: Mapping[str, Any] = MappingProxyType({"lr_factor": 3.0, "n_drawn": 50_000})
# Steps of the clustering phase after a warm-up are up to so many times as large, if there are ten
# times as many of them: fewer don't settle, and lose clusters.
LARGEST_LR_FACTOR = 6.0
STEPS_TO_SETTLE = 10


def number_of_epochs(given: float | str, automatic: float) -> int:
    """Return the given number, or `automatic` or a share of it, rounded up."""
    if isinstance(given, Integral):
        return int(given)
    return math.ceil(automatic * (1.0 if isinstance(given, str) else float(given)))


def epochs_of_warmup(given: float | str, n_samples: int) -> int:
    """Return the number of epochs of a contrastive warm-up of so many samples."""
    return number_of_epochs(given, min(max(round((20_000 / n_samples) ** 1.3), 1), 100))


def clustering_lr_factor(schedule: Mapping[str, int], n_batches: int) -> float:
    """Return how many times as large as `lr` the rate is at which a clustering phase begins.

    Parameters
    ----------
    schedule : mapping of str to int
        Number of epochs of each phase of the fit. Clusters of a network that no warm-up has trained
        are lost by larger steps.
    n_batches : int
        Number of batches of an epoch.
    """
    if not schedule.get("warmup"):
        return 1.0
    return min(max(schedule["clustering"] * n_batches / STEPS_TO_SETTLE, 1.0), LARGEST_LR_FACTOR)
