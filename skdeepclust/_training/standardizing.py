"""Mean and deviation of all samples, and the layer of a network that takes them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from skdeepclust._engine.runner import Runner
from skdeepclust.networks import Standardize


def standardize(runner: Runner, X, weight: np.ndarray | None, *, keep: bool = False) -> float:
    """Set the network's layer `standardize`, if it has one; return the deviation of X.

    Parameters
    ----------
    runner : Runner
        The network.
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples.
    weight : ndarray of shape (n_samples,) or None
        Weights of the samples.
    keep : bool, default=False
        Whether the layer stays as it is.

    Returns
    -------
    float
        Standard deviation over all features; 1 if it is 0.
    """
    mean, std = mean_and_std(runner, X, np.ones(X.shape[0]) if weight is None else weight)
    layer = getattr(runner.module, "standardize", None)
    if isinstance(layer, Standardize) and not keep:
        layer.set_(mean, std)
    return std or 1.0


def mean_and_std(runner: Runner, X, weight: np.ndarray) -> tuple[float, float]:
    """Return mean and deviation over all features of X, by batches."""

    def moments(x: Tensor) -> Tensor:
        return torch.stack(torch.var_mean(x.flatten(1), dim=1, correction=0), dim=1)

    variance, mean = runner.infer(moments, X).cpu().double().numpy().T
    overall = np.average(mean, weights=weight)
    # law of total variance: no difference of large squares
    total = np.average(variance + np.square(mean - overall), weights=weight)
    return float(overall), math.sqrt(total)
