"""Numbers of epochs that follow from the number of samples, unless they are given."""

from __future__ import annotations

import math
from numbers import Integral

from skdeepclust._compat import Interval, RealNotInt, StrOptions

# Chosen by the number of samples, a number, or a share of what would be chosen.
AUTOMATIC_EPOCHS = [
    StrOptions({"auto"}),
    Interval(Integral, 0, None, closed="left"),
    Interval(RealNotInt, 0, 1, closed="right"),
]
# How large steps of phases are: in larger ones fewer epochs are enough. Clusters of a network that
# a warm-up hasn't trained are lost by such steps.
LR_FACTORS = {"reconstruction": 1.0, "warmup": 3.0, "clustering": 6.0}


def number_of_epochs(given: float | str, automatic: float) -> int:
    """Return the given number, or `automatic` or a share of it, rounded up."""
    if isinstance(given, Integral):
        return int(given)
    return math.ceil(automatic * (1.0 if isinstance(given, str) else float(given)))


def epochs_of_warmup(given: float | str, n_samples: int) -> int:
    """Return the number of epochs of a contrastive warm-up of so many samples."""
    return number_of_epochs(given, min((20_000 / n_samples) ** 1.4, 100))
