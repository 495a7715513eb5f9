"""Weights of samples: checked, and on one scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import config_context

from skdeepclust._compat import check_sample_weight
from skdeepclust._engine.foreign_arrays import vector


def weights_of(sample_weight: Any, X: Any) -> dict[str, np.ndarray]:
    """Return what losses take of the weights of samples: nothing, or `sample_weight`.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
        Weights: not negative, not all 0.
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples.

    Returns
    -------
    dict of str to ndarray of shape (n_samples,)
        "sample_weight" in float64, of which those that aren't 0 have the mean 1. Only ratios of
        weights have a meaning: a weight of 0 is that of a sample that isn't there.
    """
    if sample_weight is None:
        return {}
    return {"sample_weight": relative(checked_weight(sample_weight, X.shape[0]))}


def checked_weight(sample_weight: Any, n_samples: int) -> np.ndarray:
    """Return weights (n_samples,) in float64 as they are given, one number for all of them.

    Raises
    ------
    ValueError
        If they aren't numbers, or of another length, negative, not finite or all 0.
    """
    weight = vector(sample_weight, "sample_weight")
    if isinstance(weight, float) and not np.isfinite(weight):
        raise ValueError(f"sample_weight={weight} should be finite.")
    try:
        with config_context(array_api_dispatch=False):
            return check_sample_weight(weight, np.broadcast_to(0.0, (n_samples, 1)))
    except (ValueError, TypeError) as error:
        if "could not convert" in str(error) or isinstance(error, TypeError):
            raise ValueError(f"sample_weight must hold numbers: {error}.") from None
        if "sample_weight" in str(error):
            raise
        raise ValueError(f"sample_weight can't be used: {error}") from None


def relative(weight: np.ndarray) -> np.ndarray:
    """Return weights of which those that aren't 0 have the mean 1; equal ones are exactly 1."""
    weight = weight / weight.max()  # no sum overflows
    return weight / weight[weight > 0].mean()
