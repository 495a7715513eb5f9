"""Pickling without tensors: networks and optimisers leave as numpy arrays.

That also moves a fit from a GPU to a machine without one, and lets formats that know no torch
object (skops) hold an estimator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch


def to_numpy(tree: Any) -> Any:
    """Replace each tensor of nested dicts, lists and tuples by a numpy array."""
    if isinstance(tree, torch.Tensor):
        return tree.detach().cpu().numpy()
    return _map_children(to_numpy, tree)


def to_tensor(tree: Any) -> Any:
    """Replace each numpy array of nested dicts, lists and tuples by a tensor."""
    if isinstance(tree, np.ndarray):
        return torch.from_numpy(tree.copy())
    return _map_children(to_tensor, tree)


def _map_children(function: Callable, tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: function(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(function(value) for value in tree)
    return tree
