"""Whether a module can stand where an estimator needs an autoencoder."""

from __future__ import annotations

import torch
from torch import nn


def check_autoencoder(network: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Return the number of components of what should be an autoencoder for `input_shape`."""
    encode, decode = (getattr(network, name, None) for name in ("encode", "decode"))
    if encode is None or decode is None:
        raise TypeError(
            f"module={type(network).__name__} should have the methods encode(x) and decode(z)."
        )
    parameter = next(network.parameters())
    with torch.no_grad():
        x = torch.zeros(2, *input_shape, dtype=parameter.dtype, device=parameter.device)
        network.eval()  # two rows of zeros shouldn't enter batch statistics
        embedding = encode(x)
        shape = tuple(decode(embedding).shape)
    if embedding.ndim != 2 or shape != tuple(x.shape):
        raise ValueError(
            f"module={type(network).__name__} makes an embedding of shape {tuple(embedding.shape)} "
            f"and a reconstruction of shape {shape} of a batch of shape {tuple(x.shape)}; "
            "they should be (n, n_components) and the shape of the batch."
        )
    return embedding.shape[1]
