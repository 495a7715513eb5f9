"""Layers as naive loops, and what each layer of a network returns."""

from __future__ import annotations

import numpy as np
from scipy.signal import correlate2d
from torch import Tensor, nn


def convolve(images, layer):
    weight, bias = (parameter.detach().numpy() for parameter in (layer.weight, layer.bias))
    return np.array(
        [
            [
                sum(correlate2d(x, w, mode="same") for x, w in zip(image, kernel, strict=True)) + b
                for kernel, b in zip(weight, bias, strict=True)
            ]
            for image in images
        ]
    )


def linear(x, layer):
    return x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def relu(x):
    return np.maximum(x, 0)


def randomise(network):
    """Give the biases, too, a value that shows."""
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5)
    return network.double()


def layer_outputs(network, x):
    """Run the network; return each layer's output, itself and as it was when it was made.

    Of a recurrent layer, which returns its final state besides, it is the states of all steps.
    """
    made = {}

    def keep(name):
        def hook(_layer, _args, output):
            output = output if isinstance(output, Tensor) else output[0]
            made[name] = output, output.clone()

        return hook

    for name, layer in network.named_modules():
        if name:
            layer.register_forward_hook(keep(name))
    network(x)
    return made
