"""Whether a network's sizes make sense, and whether a module fits the estimator it is given to."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from numbers import Integral

import torch
from torch import Tensor, nn

from skdeepclust._engine.precision import first_weight
from skdeepclust.networks._layers import evaluation_mode

# -- the sizes that a network is made of


def check_positive(**sizes: object) -> None:
    """Refuse what isn't an integer of at least 1; the keyword is the argument's name."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {size!r}.")


def check_convolutions(channels: Sequence[int], kernel_size: int) -> None:
    """Refuse an empty stack of convolutions, and kernels that can't keep an image's size."""
    check_positive(kernel_size=kernel_size)
    if len(channels) == 0:
        raise ValueError("channels must name at least one layer, got none.")
    for count in channels:
        check_positive(channels=count)
    if kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd, got {kernel_size}.")


def check_row_shape(input_shape: Sequence[int], *, network: str, images: str) -> tuple[int]:
    """Return ``(n_features,)``; `images` is the network for those who wanted another."""
    shape = tuple(int(size) for size in input_shape)
    if len(shape) != 1:
        raise ValueError(
            f"input_shape of {network} must be (n_features,), got {shape}; "
            f"flatten the samples or use {images} for images."
        )
    check_positive(n_features=shape[0])
    return shape


def check_image_shape(
    input_shape: Sequence[int], *, network: str, rows: str, minimum: int
) -> tuple[int, int, int]:
    """Return ``(C, H, W)``; `rows` is the network for those who wanted another."""
    shape = tuple(int(size) for size in input_shape)
    if len(shape) != 3:
        raise ValueError(
            f"input_shape of {network} must be (channels, height, width), "
            f"got {shape}; use {rows} for rows of features."
        )
    if shape[0] < 1 or min(shape[1:]) < minimum:
        raise ValueError(
            f"input_shape={shape} is too small: {network} needs at least one channel and "
            f"{minimum} x {minimum} pixels; enlarge the images or use {rows} on their pixels. For "
            "sequences pass sequence_shape=(steps, features), where an estimator has it."
        )
    return shape


def check_sequence_shape(input_shape: Sequence[int], *, network: str) -> tuple[int, int]:
    """Return ``(steps, features)``."""
    shape = tuple(int(size) for size in input_shape)
    if len(shape) != 2:
        raise ValueError(
            f"input_shape of {network} must be (steps, features), got {shape}; use MLPAutoencoder "
            "for rows of features, ConvAutoencoder for images."
        )
    check_positive(steps=shape[0], features=shape[1])
    return shape


# -- what a module makes of a batch


@contextmanager
def _two_rows_of_zeros(network: nn.Module, input_shape: tuple[int, ...]) -> Generator[Tensor]:
    """Yield a batch to try the network on, which is in evaluation mode until the block ends."""
    parameter = first_weight(network)
    if parameter is None:
        raise ValueError(f"module={type(network).__name__} has no parameters to train.")
    x = torch.zeros(2, *input_shape, dtype=parameter.dtype, device=parameter.device)
    with evaluation_mode(network), torch.no_grad():  # they shouldn't enter batch statistics
        yield x


def check_autoencoder(network: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Return the number of components of what should be an autoencoder for `input_shape`."""
    encode, decode = (getattr(network, name, None) for name in ("encode", "decode"))
    if encode is None or decode is None:
        raise TypeError(
            f"module={type(network).__name__} should have the methods encode(x) and decode(z)."
        )
    with _two_rows_of_zeros(network, input_shape) as x:
        embedding = encode(x)
        shape = tuple(decode(embedding).shape)
    if embedding.ndim != 2 or shape != tuple(x.shape):
        raise ValueError(
            f"module={type(network).__name__} makes an embedding of shape {tuple(embedding.shape)} "
            f"and a reconstruction of shape {shape} of a batch of shape {tuple(x.shape)}; "
            "they should be (n, n_components) and the shape of the batch."
        )
    return embedding.shape[1]


def check_outputs(network: nn.Module, input_shape: tuple[int, ...], n_outputs: int) -> None:
    """Refuse what doesn't make `n_outputs` numbers of each sample of `input_shape`."""
    with _two_rows_of_zeros(network, input_shape) as x:
        outputs = network(x)
    needed = f"(n, n_outputs) = ({len(x)}, {n_outputs})"
    if not isinstance(outputs, Tensor):
        raise TypeError(
            f"module={type(network).__name__} returns a {type(outputs).__name__} of a batch of "
            f"shape {tuple(x.shape)}; it should be one tensor of shape {needed}."
        )
    if tuple(outputs.shape) != (len(x), n_outputs):
        raise ValueError(
            f"module={type(network).__name__} makes outputs of shape {tuple(outputs.shape)} of a "
            f"batch of shape {tuple(x.shape)}; they should be {needed}."
        )
