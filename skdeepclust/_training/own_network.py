"""The network of an estimator: its own, whatever it is made of, and the modes of its parts."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules import module as registration

# Names of the parts that were in evaluation mode for good when the network was made.
STILL = "_still_parts"


def own_network(given: nn.Module | Callable[..., nn.Module], arguments: dict[str, Any]):
    """Return a network that shares no part with anything that the user holds.

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
    if not isinstance(network, nn.Module) or not _has_older_parts(network, made):
        return network
    try:
        return copy.deepcopy(network)
    except Exception as error:
        warnings.warn(
            f"module={_name(given)} returns a network with parts that were there before, and "
            f"that can't be copied ({error}): the fit changes them. Make them within it.",
            UserWarning,
            stacklevel=2,
        )
        return network


def note_still_parts(network: nn.Module) -> None:
    """Note which parts of a new network stay in evaluation mode while it is trained.

    They are those without trainable weights that somebody has put into it: frozen ones, and, of a
    network that is itself in training mode, those without any weights.
    """
    names = [name for name, part in network.named_modules() if not part.training]
    vars(network).pop(STILL, None)
    still: list[str] = []
    for name in names:
        part, parent = network.get_submodule(name), _parent(network, name)
        within = any(not other or name.startswith(f"{other}.") for other in still)
        weights = list(part.parameters())
        meant = bool(weights) or parent.training
        if within or (meant and not any(weight.requires_grad for weight in weights)):
            still.append(name)
    if still:
        setattr(network, STILL, still)


def set_training(network: nn.Module, mode: bool = True) -> None:
    """Put a network into training mode but for the parts that were noted and are still frozen."""
    network.train(mode)
    for name in getattr(network, STILL, ()) if mode else ():
        part = network.get_submodule(name)
        if not any(weight.requires_grad for weight in part.parameters()):
            part.training = False  # not of its own parts, which are noted themselves


def _parent(network: nn.Module, name: str) -> nn.Module:
    return network.get_submodule(name.rpartition(".")[0])


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


def _has_older_parts(network: nn.Module, made: list[Any]) -> bool:
    """Tell whether some weights or buffers were registered before all that is in `made`."""
    ids = {id(each) for each in made}
    return any(id(each) not in ids for each in [*network.parameters(), *network.buffers()])


def _name(given: Any) -> str:
    return getattr(given, "__name__", type(given).__name__)
