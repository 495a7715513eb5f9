"""What a net of skorch has changed in a phase so far, for a checkpoint."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

PLAIN = (bool, int, float, str, torch.Tensor)


def net_state(net: NeuralNet, scaler: torch.amp.GradScaler | None) -> dict[str, Any]:
    """Return the state of optimiser, scaler and callbacks, and the history without its batches."""
    callbacks = dict(net.callbacks_)
    return {
        "optimizer": net.optimizer_.state_dict(),
        "history": [without_objects({**row, "batches": []}) for row in net.history],
        "callbacks": {name: _callback_state(each) for name, each in callbacks.items()},
        "scaler": {} if scaler is None else scaler.state_dict(),
    }


def set_net_state(
    net: NeuralNet, scaler: torch.amp.GradScaler | None, state: dict[str, Any]
) -> None:
    """Bring a net that is about to train to a state that `net_state` has returned."""
    load_optimizer(net.optimizer_, state["optimizer"])
    net.history.extend(state["history"])
    for name, callback in net.callbacks_:
        # callbacks aren't a part of what a checkpoint is recognised by: there may be new ones
        if name in state["callbacks"]:
            _set_callback_state(callback, state["callbacks"][name])
    if scaler is not None:
        scaler.load_state_dict(state["scaler"])


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the state of an optimiser, in the memory format of its weights.

    Files don't keep the format. Fused kernels go through weights and moments as they lie in memory
    and pair them up wrongly, without a word, where formats differ (torch 2.13).
    """
    optimizer.load_state_dict(state)
    for weight, own in optimizer.state.items():
        for name, value in own.items():
            if torch.is_tensor(value) and value.shape == weight.shape:
                own[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


def take_up_moments(optimizer: torch.optim.Optimizer, before: dict[str, Any]) -> None:
    """Let an optimiser go on with the moments of an earlier one, if it is of the same class."""
    if before.get("class") == type(optimizer).__name__:
        # moments go on; learning rate and so on are those of the parameters
        moments = copy.deepcopy(before["moments"])  # steps change them in place
        load_optimizer(optimizer, {**optimizer.state_dict(), "state": moments})


def _callback_state(callback: Callback) -> dict[str, Any]:
    """Return the attributes that the training sets, by their names: skorch ends them with `_`.

    What isn't made of numbers, texts, arrays and tensors is left out, unless it has a `state_dict`,
    as a scheduler of learning rates.
    """
    own = {name: value for name, value in vars(callback).items() if name.endswith("_")}
    objects = {
        name: value
        for name, value in own.items()
        if hasattr(value, "load_state_dict") and not isinstance(value, type)
    }
    return {
        "plain": {name: value for name, value in own.items() if _is_plain(value)},
        "objects": {name: without_objects(value.state_dict()) for name, value in objects.items()},
    }


def _set_callback_state(callback: Callback, state: dict[str, Any]) -> None:
    vars(callback).update(state["plain"])
    for name, of_object in state["objects"].items():
        current: Any = getattr(callback, name)
        if current is not None:
            # what was left out, such as functions, is as the callback has made it
            current.load_state_dict({**current.state_dict(), **of_object})


def without_objects(tree: dict) -> dict:
    """Return a dict without the entries that hold anything but numbers, texts and arrays."""
    kept = type(tree)()
    for key, value in tree.items():
        if isinstance(value, dict):
            if type(value) in (dict, OrderedDict):
                kept[key] = without_objects(value)
        elif _is_plain(value):
            kept[key] = value
    return kept


def _is_plain(value: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "biufU"
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    if type(value) in (dict, OrderedDict):
        return all(map(_is_plain, value.values()))
    return value is None or isinstance(value, PLAIN)
