"""Pickling without tensors: networks and optimisers leave as numpy arrays.

That also moves a fit from a GPU to a machine without one, and lets formats that know no torch
object (skops) hold an estimator.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from skdeepclust._engine.rng import resolve_device, seeded

# bookkeeping that lives as long as a fit, the net, which only a fit can rebuild, and what follows
# from the network
LEFT_OUT = (
    "net_", "_fit", "_checkpoint", "_stage_codes", "_callback_fit_ctx",
    "_skl_callbacks_to_teardown",
)  # fmt: skip


class StateMixin:
    """`__getstate__` and `__setstate__` of an estimator that holds a network as `module_`."""

    device: str | torch.device
    module_: Any
    _resume: dict[str, Any]
    _make_module: Callable[[], torch.nn.Module]
    _attach_regularizers: Callable[[], None]

    def __getstate__(self):
        state = {k: v for k, v in self.__dict__.items() if k not in LEFT_OUT}
        if "module_" in state:
            state["module_"] = to_numpy(dict(self.module_.state_dict()))
            state["_resume"] = to_numpy(self._resume)
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        if "module_" not in state:
            return
        arrays = to_tensor(state["module_"])
        self._resume = to_tensor(state["_resume"])
        with seeded(0, torch.device("cpu")):  # the initial values are drawn, then replaced
            module = self._make_module()
        dtype = next(value.dtype for value in arrays.values() if value.is_floating_point())
        module.to(dtype).load_state_dict(arrays)
        self.module_ = module.to(self._device_or_cpu()).eval()
        self._attach_regularizers()  # which have left as numpy arrays by themselves

    def _device_or_cpu(self) -> torch.device:
        try:
            return resolve_device(self.device)
        except ValueError:
            warnings.warn(
                f"This {type(self).__name__} was fitted on device={self.device!r}, which isn't "
                "on this machine: it predicts on the CPU. Call set_params(device='auto') before "
                "another fit.",
                UserWarning,
                stacklevel=3,
            )
            return torch.device("cpu")


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
