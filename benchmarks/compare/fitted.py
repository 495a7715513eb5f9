"""What a method of the comparison is, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.compare.samples import Samples


class Fitted(NamedTuple):
    """Labels (-1 for noise), how to label other rows, and this library's clusterer if it is one."""

    labels: np.ndarray
    predict: Callable[[np.ndarray], np.ndarray] | None
    clusterer: Any = None


# Fits samples with a number of clusters and a seed.
Method = Callable[[Samples, int, int], Fitted]


def fitted(model: Any, samples: Samples) -> Fitted:
    """Fit a clusterer of scikit-learn's interface."""
    labels = model.fit_predict(samples.X)
    return Fitted(labels, getattr(model, "predict", None))
