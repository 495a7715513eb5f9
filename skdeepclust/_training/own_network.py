"""The network of an estimator: its own, whatever it is made of, and the modes of its parts."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as registration

from skdeepclust._training.reach import within_reach

# By the name of each part that is to stay in evaluation mode, the names of all in it that were.
STILL = "_still_parts"


def own_network(given: nn.Module | Callable[..., nn.Module], arguments: dict[str, Any]):
    """Return a network that shares no part, and no memory, with anything that the user holds.

    Parameters
    ----------
    given : torch.nn.Module or callable
        A network, which is copied; or a class or factory. Of what that returns, parts may have
        been there before, such as a backbone that it closes over: then it is copied, too.
    arguments : dict
        What a class or factory is called with.

    Returns
    -------
    torch.nn.Module
        The network.

    Raises
    ------
    TypeError
        If a network that is given can't be copied.
    """
    if isinstance(given, nn.Module):
        try:
            return copy.deepcopy(given)
        except Exception as error:
            raise TypeError(
                f"module={type(given).__name__} can't be copied ({error}): give a class or a "
                "function that returns such a network."
            ) from error
    with _registered() as made:
        network = given(**arguments)
    if not isinstance(network, nn.Module):
        return network
    if _has_older_parts(network, made, within_reach(given, arguments)):
        network = _copy_of_made(network, given)
    _leave_shared_memory(network)
    return network


def _copy_of_made(network: nn.Module, given: Callable[..., nn.Module]) -> nn.Module:
    try:
        return copy.deepcopy(network)
    except Exception as error:
        name = getattr(given, "__name__", type(given).__name__)
        warnings.warn(
            f"module={name} returns a network with parts that were there before it was called, "
            f"and that can't be copied ({error}): the fit changes them. Make them within it.",
            UserWarning,
            stacklevel=2,
        )
        return network


@contextmanager
def _registered() -> Generator[list[Any]]:
    """Collect the weights and buffers that modules register inside the block."""
    made: list[Any] = []

    def note(module: nn.Module, name: str, value: Any) -> None:
        made.append(value)

    handles = [
        registration.register_module_parameter_registration_hook(note),
        registration.register_module_buffer_registration_hook(note),
    ]
    try:
        yield made
    finally:
        for handle in handles:
            handle.remove()


def _has_older_parts(network: nn.Module, made: list[Any], reached: list[Any]) -> bool:
    """Tell whether a network holds what was there before all that is in `made`."""
    new, old = {id(each) for each in made}, {id(each) for each in reached}
    tensors = [*network.parameters(), *network.buffers()]
    parts = [*network.modules(), *tensors]
    return any(id(each) not in new for each in tensors) or any(id(each) in old for each in parts)


@torch.no_grad()
def _leave_shared_memory(network: nn.Module) -> None:
    """Give weights and buffers memory of their own, such as is no array's of the user.

    Those that share memory with each other go on doing so.
    """
    copies: dict[int, torch.UntypedStorage] = {}
    for each in [*network.parameters(), *network.buffers()]:
        values = each.data
        if type(values) is not Tensor or values.layout is not torch.strided or values.is_meta:
            continue
        storage = values.untyped_storage()
        if storage.nbytes() != values.nbytes:  # a part of something larger
            each.data = values.clone()
        elif values.numel():
            own = copies.setdefault(storage.data_ptr(), storage.clone())
            place = values.storage_offset(), values.size(), values.stride()
            each.data = values.new_empty(0).set_(own, *place)


# ---------------------------------------------------------------- modes


def note_still_parts(network: nn.Module) -> None:
    """Note which parts of a new network stay in evaluation mode while it is trained.

    They are those without trainable weights that somebody has put into it: frozen ones, and, of a
    network that is itself in training mode, those without any weights.
    """
    vars(network).pop(STILL, None)
    still: dict[str, list[str]] = {}
    for name, part in network.named_modules():
        top = next((top for top in still if not top or name.startswith(f"{top}.")), None)
        if top is None and _is_still(part, network.get_submodule(name.rpartition(".")[0])):
            top = name
        if top is not None and not part.training:
            still.setdefault(top, []).append(name)
    if still:
        setattr(network, STILL, still)


def set_training(network: nn.Module, mode: bool = True) -> None:
    """Put a network into training mode but for the parts that were noted and are still frozen."""
    network.train(mode)
    still: dict[str, list[str]] = getattr(network, STILL, {})
    for top, names in still.items():
        if mode and not _is_trainable(network.get_submodule(top)):
            for name in names:
                network.get_submodule(name).training = False


def _is_still(part: nn.Module, parent: nn.Module) -> bool:
    meant = parent.training or any(True for _ in part.parameters())
    return meant and not part.training and not _is_trainable(part)


def _is_trainable(part: nn.Module) -> bool:
    return any(weight.requires_grad for weight in part.parameters())
