"""Layers of torch as nodes, and back: hooks, weights that are computed, and lazy layers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.nn.utils import parametrize
from torch.utils.hooks import RemovableHandle

from skdeepclust._storage.kinds import Read, Reader, Write, Writer

HOOKS = [name for name, each in vars(nn.Module()).items() if isinstance(each, OrderedDict)]
HOOKS = [name for name in HOOKS if "hooks" in name]
# What a lazy layer has until it has seen its first batch, made by its constructor.
LAZY = ("_initialize_hook", "_load_hook")
# Of `torch.nn.utils.parametrizations.weight_norm`.
COMPAT = "weight_norm.<locals>._weight_norm_compat_hook"
UNINITIALIZED: dict[str, Any] = {
    "uninitialized parameter": UninitializedParameter,
    "uninitialized buffer": UninitializedBuffer,
}


def write_layer(writer: Writer, value: nn.Module, path: str) -> Any:
    if isinstance(value, torch.jit.ScriptModule):
        return writer.refuse(value, path)
    cls: Any = parametrize.type_before_parametrizations(value)
    state = cls.__getstate__(value)  # of a class made for computed weights it raises
    if not isinstance(state, dict):
        return writer.refuse(value, path)
    numbers: dict[int, int] = {}
    places: list[list] = []
    if "_modules" in state:  # else it's not as torch knows it, but the class knows what to do
        state = _without_hooks_of_torch(dict(state))
        for name in HOOKS:  # torch counts all hooks of a process
            hooks = state[name].items()
            renumbered = [(numbers.setdefault(k, len(numbers)), hook) for k, hook in hooks]
            state[name] = OrderedDict(renumbered)
        places = _places(value, state, numbers)
    kind = "lazy layer" if LAZY[0] in vars(value) else "layer"
    node = {"$": kind, "class": writer.name(cls, path), "handles": places}
    return node | {"state": writer.node(state, path)}


def _places(layer: nn.Module, state: dict[str, Any], numbers: dict[int, int]) -> list[list]:
    """Take handles out of a state; return their names, and where the hooks stand."""
    places = []
    for name, handle in [*state.items()]:
        if isinstance(handle, RemovableHandle):
            dicts = [k for k in HOOKS if getattr(layer, k) is handle.hooks_dict_ref()]
            if dicts:  # else it is that of another layer
                places.append([name, dicts[0], numbers.setdefault(handle.id, len(numbers))])
                del state[name]
    return places


def _without_hooks_of_torch(state: dict[str, Any]) -> dict[str, Any]:
    """Take out what is added again, and what reads files of before torch 2.0 alone."""
    dropped = {state.pop(name).id for name in LAZY if name in state}
    dropped |= {
        key
        for key, hook in state["_load_state_dict_pre_hooks"].items()
        if getattr(getattr(hook, "hook", hook), "__qualname__", "") == COMPAT
    }
    for name in HOOKS:
        kept = [(k, v) for k, v in (state.get(name) or {}).items() if k not in dropped]
        state[name] = OrderedDict(kept)
    return state


def read_layer(reader: Reader, node: dict) -> nn.Module:
    cls: Any = reader.trust.instance_class(*node["class"])
    if not issubclass(cls, nn.Module):
        raise ValueError(f"{node['class']} is no layer")
    layer = cls.__new__(cls)
    reader.share(node, layer)
    state = reader.value(node["state"])
    numbers = _renumber(state) if "_modules" in state else {}
    layer.__setstate__(state)
    dicts = [getattr(layer, name) for name in HOOKS]
    for name, place, number in node["handles"]:
        handle = RemovableHandle(getattr(layer, HOOKS[HOOKS.index(place)]), extra_dict=dicts)
        handle.id = numbers.get(number, handle.id)
        layer.__dict__[name] = handle
    if node["$"] == "lazy layer":
        _add_lazy_hooks(layer)
    if "parametrizations" in layer._modules:
        _compute_weights(layer)
    return layer


def _renumber(state: dict[str, Any]) -> dict[int, int]:
    """Give hooks the next numbers: one that is added later must not take the place of these."""
    numbers: dict[int, int] = {}
    for name in HOOKS:
        hooks = state.get(name) or {}
        for key in hooks:
            numbers.setdefault(key, RemovableHandle(OrderedDict()).id)
        state[name] = OrderedDict((numbers[key], hook) for key, hook in hooks.items())
    return numbers


def _add_lazy_hooks(layer: Any) -> None:
    """Add what a lazy layer's constructor does: its methods, called before its first batch."""
    layer._load_hook = layer._register_load_state_dict_pre_hook(layer._lazy_load_hook)
    layer._initialize_hook = layer.register_forward_pre_hook(
        layer._infer_parameters, with_kwargs=True
    )


def _compute_weights(layer: nn.Module) -> None:
    """Let weights be computed from those that torch keeps in their places."""
    children = dict(layer._modules)
    kept: Any = layer._modules.pop("parametrizations")
    for name in kept:  # one that does nothing, and looks at no number, makes the layer's class
        layer.register_parameter(name, nn.Parameter(torch.empty(0)))
        parametrize.register_parametrization(layer, name, nn.Identity(), unsafe=True)
    layer._modules.clear()
    layer._modules.update(children)  # in the order that optimisers go by


def write_uninitialized(writer: Writer, value: Any, path: str) -> Any:
    kind = next(kind for kind, cls in UNINITIALIZED.items() if isinstance(value, cls))
    dtype = writer.node(value.dtype, path)
    return {"$": kind, "dtype": dtype, "requires_grad": value.requires_grad}


def read_uninitialized(reader: Reader, node: dict) -> Any:
    dtype = reader.value(node["dtype"])
    return UNINITIALIZED[node["$"]](requires_grad=node["requires_grad"], dtype=dtype)


WRITERS: list[tuple[Any, Write]] = [
    (tuple(UNINITIALIZED.values()), write_uninitialized),
    (nn.Module, write_layer),
    (RemovableHandle, lambda writer, value, path: writer.refuse(value, path)),
]
READERS: dict[str, Read] = {
    "layer": read_layer,
    "lazy layer": read_layer,
    **dict.fromkeys(UNINITIALIZED, read_uninitialized),
}
