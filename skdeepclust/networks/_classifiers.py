"""Classifiers: from rows or images to one number a class, the logits.

Their layers run one after another, each under a name of its own (`conv1`, `fc1`, `output`), and
no layer writes over another's output: whatever a layer makes may be looked at and regularised.
Weights start from Kaiming's normal distribution, biases from zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from skdeepclust.networks._chain import Chain, initialised
from skdeepclust.networks._checks import (
    check_convolutions,
    check_image_shape,
    check_positive,
    check_row_shape,
)

MIN_IMAGE_SIZE = 4
POOL_SIZE = 3


def _fully_connected(
    widths: Sequence[int], n_outputs: int, dropout: float, *, followed_by: Literal["relu", "linear"]
) -> dict[str, nn.Module]:
    """Name the layers between the given widths, each with its dropout, and the output."""
    check_positive(n_outputs=n_outputs)
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and less than 1, got {dropout!r}.")
    layers: dict[str, nn.Module] = {}
    for i, (n_in, n_out) in enumerate(pairwise(widths), 1):
        layers[f"fc{i}"] = initialised(nn.Linear(n_in, n_out), followed_by)
        if followed_by == "relu":
            layers[f"fc{i}_relu"] = nn.ReLU()
        layers[f"fc{i}_dropout"] = nn.Dropout(dropout)
    return {**layers, "output": initialised(nn.Linear(widths[-1], n_outputs), "linear")}


class MLP(Chain):
    """Classifier of fully connected layers for rows of features.

    Layers `fc1`, `fc2` and so on are each followed by ReLU and dropout, `output` makes the
    logits.

    Parameters
    ----------
    input_shape : tuple of int, (n_features,)
        Number of features.
    n_outputs : int
        Number of classes.
    hidden : sequence of int, default=(256, 128)
        Units of the hidden layers. May be empty: logistic regression.
    dropout : float, default=0.0
        Probability in [0, 1) with which a hidden unit is set to zero in training.
    standardize : bool, default=True
        Whether there is a layer `standardize` before all others, a `Standardize` that leaves
        the rows as they are until somebody sets it.

    Raises
    ------
    ValueError
        If a size is not a positive integer, `input_shape` is not of length 1, or `dropout` is
        out of its range.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers: Surpassing Human-Level
    Performance on ImageNet Classification", ICCV 2015, Eq. 10 (the initial weights).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.networks import MLP
    >>> network = MLP((20,), 3, hidden=(16, 8))
    >>> network(torch.zeros(4, 20)).shape
    torch.Size([4, 3])
    >>> network.fc2
    Linear(in_features=16, out_features=8, bias=True)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_outputs: int,
        *,
        hidden: Sequence[int] = (256, 128),
        dropout: float = 0.0,
        standardize: bool = True,
    ) -> None:
        shape = check_row_shape(input_shape, network="MLP", images="CIFARQuick")
        for units in hidden:
            check_positive(hidden=units)
        layers = _fully_connected([*shape, *hidden], n_outputs, dropout, followed_by="relu")
        super().__init__(layers, standardize)
        self.input_shape = shape
        self.n_outputs = n_outputs


def _pooled(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size after 3 x 3 pooling with stride 2, rounded up; one pixel stays."""
    return max(1, size[0] // 2), max(1, size[1] // 2)


def _convolutions(
    widths: Sequence[int], size: tuple[int, int], kernel_size: int
) -> tuple[dict[str, nn.Module], tuple[int, int]]:
    """Name the convolutional layers, and return with them the size of the last one's images."""
    layers: dict[str, nn.Module] = {}
    for i, (n_in, n_out) in enumerate(pairwise(widths), 1):
        layers[f"conv{i}"] = initialised(
            nn.Conv2d(n_in, n_out, kernel_size, padding=kernel_size // 2)
        )
        # a window can't be larger than the image; of one pixel it takes that, of two the same
        window = min(POOL_SIZE, size[0]), min(POOL_SIZE, size[1])
        if i == 1:
            layers["pool1"] = nn.MaxPool2d(window, 2, ceil_mode=True)
            layers["conv1_relu"] = nn.ReLU()
        else:
            layers[f"conv{i}_relu"] = nn.ReLU()
            layers[f"pool{i}"] = nn.AvgPool2d(window, 2, ceil_mode=True)
        size = _pooled(size)
    return layers, size


class CIFARQuick(Chain):
    """Caffe's small convolutional network for CIFAR-10, `cifar10_quick`, for any images.

    Convolution `conv1` - max pooling - ReLU, then `conv2` and `conv3`, each followed by ReLU -
    average pooling, then `fc1` - dropout and `output`, which makes the logits. Windows of 3 x 3
    pixels with stride 2, rounding up, halve the image after each convolution. Convolutions run
    in the ``channels_last`` memory format, in which the pixels of a layer's output are the rows
    of a matrix without copying.

    As in Caffe no ReLU follows `fc1`: with one the accuracy was the same on the digits of
    scikit-learn (150 or 1,000 labels) and one point lower on MNIST with 300 labels. The initial
    weights are not Caffe's, from which Adam learns next to nothing in the first epochs (their
    standard deviation is 0.0001 in `conv1`), but Kaiming's, with the gain that suits what
    follows a layer.

    Parameters
    ----------
    input_shape : tuple of int, (C, H, W)
        Channels, height and width of an image; height and width at least 4.
    n_outputs : int
        Number of classes.
    channels : sequence of int, default=(32, 32, 64)
        Output channels of the convolutions, one layer each.
    n_hidden : int, default=64
        Units of `fc1`.
    kernel_size : int, default=5
        Side of the convolution kernels in pixels; odd.
    dropout : float, default=0.0
        Probability in [0, 1) with which a unit of `fc1` is set to zero in training.
    standardize : bool, default=True
        Whether there is a layer `standardize` before all others, a `Standardize` that leaves
        the images as they are until somebody sets it.

    Raises
    ------
    ValueError
        If the image is smaller than 4 x 4, or another argument is out of its range.

    References
    ----------
    Y. Jia et al., "Caffe: Convolutional Architecture for Fast Feature Embedding", ACM
    Multimedia 2014 (`examples/cifar10`).

    R. Liao, A. Schwing, R. Zemel, R. Urtasun, "Learning Deep Parsimonious Representations",
    NeurIPS 2016, section 4.2.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.networks import CIFARQuick
    >>> network = CIFARQuick((3, 32, 32), 10)
    >>> network(torch.zeros(4, 3, 32, 32)).shape
    torch.Size([4, 10])
    >>> [name for name, layer in network.named_children() if list(layer.parameters())]
    ['conv1', 'conv2', 'conv3', 'fc1', 'output']
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_outputs: int,
        *,
        channels: Sequence[int] = (32, 32, 64),
        n_hidden: int = 64,
        kernel_size: int = 5,
        dropout: float = 0.0,
        standardize: bool = True,
    ) -> None:
        shape = check_image_shape(
            input_shape, network="CIFARQuick", rows="MLP", minimum=MIN_IMAGE_SIZE
        )
        check_positive(n_hidden=n_hidden)
        check_convolutions(channels, kernel_size)
        layers, size = _convolutions([shape[0], *channels], shape[1:], kernel_size)
        n_inner = channels[-1] * math.prod(size)
        layers["flatten"] = nn.Flatten()
        layers |= _fully_connected([n_inner, n_hidden], n_outputs, dropout, followed_by="linear")
        super().__init__(layers, standardize)
        self.input_shape = shape
        self.n_outputs = n_outputs
        nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images, (n, C, H, W) -> (n, n_outputs)."""
        return super().forward(x.contiguous(memory_format=torch.channels_last))
