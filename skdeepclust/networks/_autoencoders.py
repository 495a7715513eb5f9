"""Autoencoders: an encoder to ``n_components`` numbers and the decoder that mirrors it.

Each has ``encode``, ``decode`` and ``forward(x) = decode(encode(x))`` and may be used in any
training loop. Weights start from Xavier's uniform distribution, biases from zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from skdeepclust.networks._checks import (
    check_convolutions,
    check_image_shape,
    check_positive,
    check_row_shape,
    check_sequence_shape,
)
from skdeepclust.networks._standardize import Standardize

MIN_IMAGE_SIZE = 8
CONVOLUTIONS = nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d | nn.ConvTranspose2d


def _initialise(network: nn.Module) -> None:
    """Draw the weights of all linear and convolutional layers from Xavier's distribution."""
    for layer in network.modules():
        if isinstance(layer, CONVOLUTIONS | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _scale(standardize: Standardize | None, x: Tensor) -> Tensor:
    return x if standardize is None else standardize(x)


def _scale_back(standardize: Standardize | None, x: Tensor) -> Tensor:
    if standardize is None:
        return x
    # a mean far from zero needs the digits that mixed precision has taken from x
    return standardize.inverse(x.to(standardize.mean.dtype))


class ConvAutoencoder(nn.Module):
    """Convolutional autoencoder, ``D(E(x))``, for images of 8 x 8 pixels or more.

    Each layer of the encoder is convolution - max pooling (2, rounding up) - batch
    normalisation - ReLU; a fully connected layer follows. Pooling comes before the other two,
    which then see a quarter of the pixels. The decoder mirrors the encoder with transposed
    convolutions, whose output padding restores odd heights and widths.
    Convolutions run in the ``channels_last`` memory format.

    Parameters
    ----------
    input_shape : tuple of int, (C, H, W)
        Channels, height and width of an image; height and width at least 8.
    n_components : int, default=32
        Number of units of the embedding.
    channels : sequence of int, default=(16, 32, 64)
        Output channels of the convolutions, one layer each.
    kernel_size : int, default=3
        Side of the convolution kernels in pixels; odd.
    standardize : bool, default=False
        Whether there is a layer `standardize`, a `Standardize` that leaves its input as it is
        until somebody sets it. `encode` applies it to the images and `decode` undoes it, so
        that the reconstruction is in the units of the input.

    Raises
    ------
    ValueError
        If the image is smaller than 8 x 8, or another argument is out of its range.

    References
    ----------
    D. Das, R. Ghosh, B. Bhowmick, "Deep Representation Learning Characterized by
    Inter-class Separation for Image Clustering", WACV 2019, section 4.3.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.networks import ConvAutoencoder
    >>> network = ConvAutoencoder((3, 9, 13), n_components=5)
    >>> images = torch.zeros(4, 3, 9, 13)
    >>> network.encode(images).shape, network(images).shape
    (torch.Size([4, 5]), torch.Size([4, 3, 9, 13]))
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_components: int = 32,
        *,
        channels: Sequence[int] = (16, 32, 64),
        kernel_size: int = 3,
        standardize: bool = False,
    ) -> None:
        super().__init__()
        self.input_shape = check_image_shape(
            input_shape, network="ConvAutoencoder", rows="MLPAutoencoder", minimum=MIN_IMAGE_SIZE
        )
        check_positive(n_components=n_components)
        check_convolutions(channels, kernel_size)
        self.n_components = n_components
        self.standardize = Standardize() if standardize else None
        widths = [self.input_shape[0], *channels]
        sizes = [self.input_shape[1:]]
        for _ in channels:
            height, width = sizes[-1]
            sizes.append(((height + 1) // 2, (width + 1) // 2))
        self._inner_shape = (widths[-1], *sizes[-1])
        n_inner = math.prod(self._inner_shape)
        self.encoder = _conv_stack(widths, kernel_size)
        self.to_embedding = nn.Linear(n_inner, n_components)
        self.from_embedding = _hidden_of_embedding(n_components, n_inner)
        self.decoder = _transposed_stack(widths[::-1], sizes[::-1], kernel_size)
        _initialise(self)
        nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)

    def encode(self, x: Tensor) -> Tensor:
        """Embed images, ``z = E(x)``.

        Parameters
        ----------
        x : Tensor of shape (n, C, H, W)
            Images.

        Returns
        -------
        Tensor of shape (n, n_components)
            Embedding.
        """
        x = _scale(self.standardize, x).contiguous(memory_format=torch.channels_last)
        return self.to_embedding(self.encoder(x).flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        """Reconstruct images, ``D(z)``.

        Parameters
        ----------
        z : Tensor of shape (n, n_components)
            Embedding.

        Returns
        -------
        Tensor of shape (n, C, H, W)
            Images.
        """
        hidden = self.from_embedding(z).view(-1, *self._inner_shape)  # (n, c, h, w)
        images = self.decoder(hidden.contiguous(memory_format=torch.channels_last))
        return _scale_back(self.standardize, images)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct images through their embedding, ``D(E(x))``."""
        return self.decode(self.encode(x))


class SequenceAutoencoder(nn.Module):
    """Autoencoder with convolutions along the steps, ``D(E(x))``, for sequences of one length.

    `ConvAutoencoder` in one dimension: each layer of the encoder is convolution - max pooling (2,
    rounding up) - batch normalisation - ReLU over the steps, in which features are channels; a
    fully connected layer follows, and the decoder mirrors them.

    Parameters
    ----------
    input_shape : tuple of int, (steps, features)
        Length of a sequence, and numbers at each step.
    n_components : int, default=32
        Number of units of the embedding.
    channels : sequence of int, default=(32, 64)
        Output channels of the convolutions, one layer each.
    kernel_size : int, default=3
        Width of the convolution kernels in steps; odd.
    standardize : bool, default=False
        Whether there is a layer `standardize`, a `Standardize` that leaves its input as it is
        until somebody sets it. `encode` applies it to the sequences and `decode` undoes it, so
        that the reconstruction is in the units of the input.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.networks import SequenceAutoencoder
    >>> network = SequenceAutoencoder((9, 2), n_components=5)
    >>> sequences = torch.zeros(4, 9, 2)
    >>> network.encode(sequences).shape, network(sequences).shape
    (torch.Size([4, 5]), torch.Size([4, 9, 2]))
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_components: int = 32,
        *,
        channels: Sequence[int] = (32, 64),
        kernel_size: int = 3,
        standardize: bool = False,
    ) -> None:
        super().__init__()
        self.input_shape = check_sequence_shape(input_shape, network="SequenceAutoencoder")
        check_positive(n_components=n_components)
        check_convolutions(channels, kernel_size)
        self.n_components = n_components
        self.standardize = Standardize() if standardize else None
        widths = [self.input_shape[1], *channels]
        sizes = [self.input_shape[:1]]
        for _ in channels:
            sizes.append(((sizes[-1][0] + 1) // 2,))
        self._inner_shape = (widths[-1], *sizes[-1])
        n_inner = math.prod(self._inner_shape)
        self.encoder = _conv_stack(widths, kernel_size, n_dims=1)
        self.to_embedding = nn.Linear(n_inner, n_components)
        self.from_embedding = _hidden_of_embedding(n_components, n_inner)
        self.decoder = _transposed_stack(widths[::-1], sizes[::-1], kernel_size)
        _initialise(self)

    def encode(self, x: Tensor) -> Tensor:
        """Embed sequences, ``z = E(x)``: (n, steps, features) -> (n, n_components)."""
        x = _scale(self.standardize, x).transpose(1, 2)
        return self.to_embedding(self.encoder(x).flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        """Reconstruct sequences, ``D(z)``: (n, n_components) -> (n, steps, features)."""
        hidden = self.from_embedding(z).view(-1, *self._inner_shape)  # (n, c, t)
        return _scale_back(self.standardize, self.decoder(hidden).transpose(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct sequences through their embedding, ``D(E(x))``."""
        return self.decode(self.encode(x))


class _Layers(NamedTuple):
    """The layers of a number of dimensions."""

    convolution: type[nn.Module]
    transposed: type[nn.Module]
    pooling: type[nn.Module]
    norm: type[nn.Module]


LAYERS = {
    1: _Layers(nn.Conv1d, nn.ConvTranspose1d, nn.MaxPool1d, nn.BatchNorm1d),
    2: _Layers(nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d, nn.BatchNorm2d),
}


def _hidden_of_embedding(n_components: int, n_inner: int) -> nn.Sequential:
    """Return the decoder's first layer, linear - batch normalisation - ReLU."""
    return nn.Sequential(
        nn.Linear(n_components, n_inner, bias=False),
        nn.BatchNorm1d(n_inner),
        nn.ReLU(inplace=True),
    )


def _conv_stack(widths: Sequence[int], kernel_size: int, n_dims: int = 2) -> nn.Sequential:
    """Stack convolution - pooling - batch normalisation - ReLU; each layer halves its input."""
    of, layers = LAYERS[n_dims], []
    for n_in, n_out in pairwise(widths):
        layers += [
            # no bias: the batch normalisation behind it would take it away again
            of.convolution(n_in, n_out, kernel_size, padding=kernel_size // 2, bias=False),
            of.pooling(2, ceil_mode=True),
            of.norm(n_out),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def _transposed_stack(
    widths: Sequence[int], sizes: Sequence[tuple[int, ...]], kernel_size: int
) -> nn.Sequential:
    """Stack transposed convolutions with stride 2 through the given sizes."""
    of, layers = LAYERS[len(sizes[0])], []
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        # without padding, stride 2 makes 2 n - 1 pixels of n
        padding = tuple(
            after - (2 * before - 1) for before, after in zip(*sizes[i : i + 2], strict=True)
        )
        last = i == len(widths) - 2
        layers.append(
            of.transposed(
                n_in, n_out, kernel_size, 2, kernel_size // 2, output_padding=padding, bias=last
            )
        )
        if not last:
            layers += [of.norm(n_out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class MLPAutoencoder(nn.Module):
    """Autoencoder of fully connected layers, ``D(E(x))``, for rows of features.

    Hidden layers are linear - batch normalisation - ReLU; the last layers of encoder and
    decoder are linear, so embedding and reconstruction are unbounded. Without batch
    normalisation the ReLU leaves the linear layer's output as it is, to be looked at.

    Parameters
    ----------
    input_shape : tuple of int, (n_features,)
        Number of features.
    n_components : int, default=32
        Number of units of the embedding.
    hidden : sequence of int, default=(256, 128)
        Units of the encoder's hidden layers; the decoder has them in reverse. May be empty.
    batch_norm : bool, default=True
        Whether hidden layers normalise over the batch. Without it each row is treated alone.
    standardize : bool, default=False
        Whether there is a layer `standardize`, a `Standardize` that leaves its input as it is
        until somebody sets it. `encode` applies it to the rows and `decode` undoes it, so
        that the reconstruction is in the units of the input.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `input_shape` is not of length 1.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.networks import MLPAutoencoder
    >>> network = MLPAutoencoder((20,), n_components=3, hidden=(16, 8))
    >>> rows = torch.zeros(4, 20)
    >>> network.encode(rows).shape, network(rows).shape
    (torch.Size([4, 3]), torch.Size([4, 20]))
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_components: int = 32,
        *,
        hidden: Sequence[int] = (256, 128),
        batch_norm: bool = True,
        standardize: bool = False,
    ) -> None:
        super().__init__()
        self.input_shape = check_row_shape(
            input_shape, network="MLPAutoencoder", images="ConvAutoencoder"
        )
        check_positive(n_components=n_components)
        for units in hidden:
            check_positive(hidden=units)
        self.n_components = n_components
        self.standardize = Standardize() if standardize else None
        widths = [self.input_shape[0], *hidden, n_components]
        self.encoder = _linear_stack(widths, batch_norm)
        self.decoder = _linear_stack(widths[::-1], batch_norm)
        _initialise(self)

    def encode(self, x: Tensor) -> Tensor:
        """Embed rows, ``z = E(x)``: (n, n_features) -> (n, n_components)."""
        return self.encoder(_scale(self.standardize, x))

    def decode(self, z: Tensor) -> Tensor:
        """Reconstruct rows, ``D(z)``: (n, n_components) -> (n, n_features)."""
        return _scale_back(self.standardize, self.decoder(z))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct rows through their embedding, ``D(E(x))``."""
        return self.decode(self.encode(x))


def _linear_stack(widths: Sequence[int], batch_norm: bool) -> nn.Sequential:
    """Stack linear - batch normalisation - ReLU; the last layer is linear alone."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths[:-1]):
        layers.append(nn.Linear(n_in, n_out, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm1d(n_out))
        # in place over a linear layer's own output, nobody could look at that any more
        layers.append(nn.ReLU(inplace=batch_norm))
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


# By the number of dimensions of a sample: rows, sequences, images.
AUTOENCODERS: dict[int, type[nn.Module]] = {
    1: MLPAutoencoder,
    2: SequenceAutoencoder,
    3: ConvAutoencoder,
}
