"""Layers of a network by name: finding them, and catching what goes in and comes out of them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import get_ident

import torch
from torch import Tensor, nn

from skdeepclust._engine.precision import first_weight

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
CONVOLUTIONS += (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def find_layer(module: nn.Module, name: str) -> nn.Module:
    """Return the submodule of that name, or raise ValueError with the names that exist."""
    try:
        if isinstance(name, str) and name:
            return module.get_submodule(name)  # each step calls this: no list of all layers
    except AttributeError:
        pass
    names = ", ".join(name for name, _ in module.named_modules() if name) or "none"
    raise ValueError(
        f"There is no layer {name!r} in {type(module).__name__}; its layers are: {names}."
    )


def check_output(name: str, output: object) -> None:
    """Raise TypeError unless a layer has returned one tensor of floats."""
    if not isinstance(output, Tensor) or not output.is_floating_point():
        given = f"{output.dtype}" if isinstance(output, Tensor) else type(output).__name__
        raise TypeError(
            f"Layer {name!r} returns {given}, not one tensor of floats: name a layer inside of it, "
            "or behind it, that does."
        )


def _layers_with_weights(module: nn.Module) -> list[tuple[str, nn.Module]]:
    return [
        (name, layer)
        for name, layer in module.named_modules()
        if isinstance(layer, (nn.Linear, *CONVOLUTIONS))
    ]


def hidden_linear_layers(module: nn.Module) -> list[str]:
    """Return the names of all fully connected layers, without the last layer of the network."""
    layers = _layers_with_weights(module)[:-1]
    return [name for name, layer in layers if isinstance(layer, nn.Linear)]


def hidden_convolutions(module: nn.Module) -> list[str]:
    """Return the names of all convolutions, without the last layer of the network."""
    layers = _layers_with_weights(module)[:-1]
    return [name for name, layer in layers if isinstance(layer, CONVOLUTIONS)]


def last_layer(module: nn.Module) -> str:
    """Return the name of the last fully connected or convolutional layer of the network."""
    layers = [name for name, _ in _layers_with_weights(module) if name]
    if not layers:
        raise ValueError(
            f"{type(module).__name__} has no fully connected or convolutional layer that makes "
            "predictions: name the layer that does."
        )
    return layers[-1]


@contextmanager
def last_layer_input(module: nn.Module) -> Generator[list[Tensor]]:
    """Keep, in a list of one, the input of the layer with weights that ran last.

    A module without fully connected and convolutional layers is a layer itself.
    """
    kept: list[Tensor] = []
    thread = get_ident()

    def keep(_layer, args) -> None:
        if get_ident() == thread:  # another one may use the module for samples of its own
            kept[:] = args[:1]

    layers = [each for each in module.modules() if isinstance(each, (nn.Linear, *CONVOLUTIONS))]
    hooks = [layer.register_forward_pre_hook(keep) for layer in layers or [module]]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def layer_output(module: nn.Module, name: str) -> Generator[list[Tensor]]:
    """Keep, in a list of one, the last output of the layer of that name."""
    kept: list[Tensor] = []
    thread = get_ident()

    def keep(_layer, _args, output) -> None:
        if get_ident() != thread:  # another one, which uses the module for samples of its own
            return
        check_output(name, output)
        # a copy, because an activation behind the layer may work in place
        kept[:] = [output.clone()]

    hook = find_layer(module, name).register_forward_hook(keep)
    try:
        yield kept
    finally:
        hook.remove()


def mark_frozen_parts(module: nn.Module) -> None:
    """Remember the parts that are in evaluation mode and have no trainable weight.

    Such a part of a network, a pretrained one with batch normalisation for instance, isn't
    trained: `train_mode` leaves it as it is.
    """
    for part in module.modules():
        tensors = [*part.parameters(), *part.buffers()]
        if tensors and not part.training and not any(t.requires_grad for t in tensors):
            vars(part)["stays_in_evaluation_mode"] = True


def train_mode(module: nn.Module, training: bool = True) -> None:
    """Put a module into training mode, but for parts that are marked as frozen, or out of it."""
    module.train(training)
    if training:
        for part in module.modules():
            still = getattr(part, "stays_in_evaluation_mode", False)
            # a callback may have thawed it
            if still and not any(weight.requires_grad for weight in part.parameters()):
                part.eval()


@contextmanager
def evaluation_mode(module: nn.Module) -> Generator[None]:
    """Put a module into evaluation mode, and each layer back into its own mode afterwards."""
    # a user may have frozen the batch normalisation of some
    modes = {layer: layer.training for layer in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for layer, training in modes.items():
            layer.training = training


def module_device_and_dtype(module: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Return device and dtype of a network; torch's default where it has no parameters."""
    parameter = first_weight(module)
    parameter = torch.empty(0) if parameter is None else parameter
    return parameter.device, parameter.dtype
