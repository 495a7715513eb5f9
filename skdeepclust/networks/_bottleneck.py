"""Networks with a narrow layer, the code, that clusters are looked for in.

A body makes hidden units of a sample, the layer `code` makes a few components of those, and
`output` makes the outputs of the code's activation. What happens behind the code is the same
for rows, images and sequences.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from skdeepclust.networks._chain import Chain, initialised
from skdeepclust.networks._checks import check_image_shape, check_positive, check_row_shape

MIN_IMAGE_SIZE = 8
MIN_POOLED_SIZE = 4  # what the 3 x 3 convolutions behind the pooling need to see more than a border


def _with_relu(widths: Sequence[int]) -> OrderedDict[str, nn.Module]:
    """Name the fully connected layers between the given widths, each followed by ReLU."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i, (n_in, n_out) in enumerate(pairwise(widths), 1):
        layers[f"fc{i}"] = nn.Linear(n_in, n_out)
        layers[f"fc{i}_relu"] = nn.ReLU()
    return layers


def code_and_output(
    n_inner: int,
    n_outputs: int,
    *,
    n_components: int,
    layer_norm: bool,
    output_hidden: Sequence[int],
) -> dict[str, nn.Module]:
    """Name the layers behind `n_inner` hidden units: `code`, `activation` and `output`."""
    # Weights as torch draws them, a sixth of Kaiming's variance: from larger ones the
    # network fits single samples, which the losses then force apart as they do classes.
    check_positive(n_outputs=n_outputs, n_components=n_components)
    for units in output_hidden:
        check_positive(output_hidden=units)
    code = OrderedDict[str, nn.Module](linear=nn.Linear(n_inner, n_components))
    if layer_norm and n_components > 1:  # a single component minus its mean would be zero
        code["layer_norm"] = nn.LayerNorm(n_components)
    widths = [n_components, *output_hidden]
    output: nn.Module = nn.Linear(widths[-1], n_outputs)
    if output_hidden:
        layers = _with_relu(widths)
        layers["linear"] = output
        output = nn.Sequential(layers)
    return {"code": nn.Sequential(code), "activation": nn.ReLU(), "output": output}


class BottleneckMLP(Chain):
    """Fully connected network with a narrow code, ``output(relu(code(hidden(x))))``, for rows.

    Layers `fc1`, `fc2` and so on are each followed by ReLU. The layer `code` is a linear layer,
    `code.linear`, and layer normalisation, `code.layer_norm`; its output is the code before the
    ReLU, which is the layer `activation`. The layer `output` makes the logits of classes, or with
    `output_hidden` the reconstruction of an autoencoder.

    Parameters
    ----------
    input_shape : tuple of int, (n_features,)
        Number of features.
    n_outputs : int
        Number of classes; of an autoencoder, the number of features.
    n_components : int, default=15
        Components of the code; one alone is not normalised.
    hidden : sequence of int, default=(128,)
        Units of the hidden layers. May be empty: the code is linear in the features.
    layer_norm : bool, default=True
        Whether the code of each sample is normalised to mean 0 and variance 1 over its components,
        and then scaled and shifted by learnt numbers.
    output_hidden : sequence of int, default=()
        Units of hidden layers, each followed by ReLU, between the code and the last layer of
        `output`.
    standardize : bool, default=True
        Whether there is a layer `standardize` before all others, a `Standardize` that leaves
        the rows as they are until somebody sets it.

    Raises
    ------
    ValueError
        If a size is not a positive integer, `input_shape` is not of length 1, or the only
        component would be normalised.

    References
    ----------
    Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
    Labels. Under review at ICLR. Section 3.1 (the layers :math:`FC_1`, here `code` and
    `activation`, and :math:`FC_2`, here `output`).

    K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers: Surpassing Human-Level
    Performance on ImageNet Classification", ICCV 2015, Eq. 10 (the initial weights).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.networks import BottleneckMLP
    >>> network = BottleneckMLP((20,), 2, n_components=5, hidden=(16,))
    >>> network(torch.zeros(4, 20)).shape
    torch.Size([4, 2])
    >>> network.get_submodule("code.linear")
    Linear(in_features=16, out_features=5, bias=True)

    An autoencoder:

    >>> network = BottleneckMLP((20,), 20, output_hidden=(16,))
    >>> network(torch.zeros(4, 20)).shape
    torch.Size([4, 20])
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_outputs: int,
        *,
        n_components: int = 15,
        hidden: Sequence[int] = (128,),
        layer_norm: bool = True,
        output_hidden: Sequence[int] = (),
        standardize: bool = True,
    ) -> None:
        shape = check_row_shape(input_shape, network="BottleneckMLP", images="BottleneckCNN")
        for units in hidden:
            check_positive(hidden=units)
        widths = [*shape, *hidden]
        head = code_and_output(
            widths[-1],
            n_outputs,
            n_components=n_components,
            layer_norm=layer_norm,
            output_hidden=output_hidden,
        )
        super().__init__(_with_relu(widths) | head, standardize)
        self.input_shape = shape
        self.n_outputs = n_outputs


def _check_channels(**channels: Sequence[int]) -> None:
    """Refuse an empty sequence and what isn't a number of channels."""
    for name, counts in channels.items():
        if len(counts) == 0:
            raise ValueError(f"{name} must name at least one layer, got none.")
        for count in counts:
            check_positive(**{name: count})


def _convolution(name: str, n_in: int, n_out: int, kernel_size: int = 3) -> dict[str, nn.Module]:
    """Name a convolution that keeps the image's size, and the ReLU after it."""
    layer = nn.Conv2d(n_in, n_out, kernel_size, padding=kernel_size // 2)
    return {name: initialised(layer), f"{name}_relu": nn.ReLU()}


def _blocks(
    widths: Sequence[int], size: Sequence[int]
) -> tuple[dict[str, nn.Module], tuple[int, ...]]:
    """Name the blocks of two convolutions and pooling, and return the last one's image size."""
    layers: dict[str, nn.Module] = {}
    for i, (n_in, n_out) in enumerate(pairwise(widths), 1):
        layers |= _convolution(f"block{i}_conv1", n_in, n_out)
        layers |= _convolution(f"block{i}_conv2", n_out, n_out)
        window = tuple(2 if math.ceil(side / 2) >= MIN_POOLED_SIZE else 1 for side in size)
        if max(window) > 1:
            layers[f"block{i}_pool"] = nn.MaxPool2d(window, ceil_mode=True)
        size = [math.ceil(side / step) for side, step in zip(size, window, strict=True)]
    return layers, tuple(size)


def _tail(widths: Sequence[int]) -> dict[str, nn.Module]:
    """Name the convolutions behind the blocks, of which the last looks at single pixels."""
    layers: dict[str, nn.Module] = {}
    n_layers = len(widths) - 1
    for i, (n_in, n_out) in enumerate(pairwise(widths), 1):
        layers |= _convolution(f"tail_conv{i}", n_in, n_out, 1 if i == n_layers else 3)
    return layers


class BottleneckCNN(Chain):
    """Convolutional network with a narrow code, ``output(relu(code(maps(x))))``, for images.

    The first blocks of VGG-16, each of two 3 x 3 convolutions (`block1_conv1`, `block1_conv2`)
    and 2 x 2 max pooling (`block1_pool`), then convolutions `tail_conv1` and so on of which the
    last is 1 x 1, then the layers `code`, `activation` and `output` of `BottleneckMLP`. ReLU
    follows each convolution.

    Pooling halves height and width, rounding up, as long as 4 pixels are left, so images of
    8 x 8 are halved once, and three times from 25 pixels on.

    The default widths suit a CPU. Those of the paper are
    ``block_channels=(64, 128, 256), tail_channels=(256, 128, 8)``; the third block of VGG-16
    has three convolutions, here two.

    Parameters
    ----------
    input_shape : tuple of int, (C, H, W)
        Channels, height and width of an image; height and width at least 8.
    n_outputs : int
        Number of classes; of an autoencoder, the number of pixels times channels.
    n_components : int, default=15
        Components of the code; one alone is not normalised.
    block_channels : sequence of int, default=(12, 24, 32)
        Output channels of the blocks' convolutions, one block each.
    tail_channels : sequence of int, default=(32, 24, 8)
        Output channels of the convolutions behind the blocks, one layer each.
    layer_norm : bool, default=True
        Whether the code of each sample is normalised to mean 0 and variance 1 over its components,
        and then scaled and shifted by learnt numbers.
    output_hidden : sequence of int, default=()
        Units of hidden layers, each followed by ReLU, between the code and the last layer of
        `output`.
    standardize : bool, default=True
        Whether there is a layer `standardize` before all others, a `Standardize` that leaves
        the images as they are until somebody sets it.

    Raises
    ------
    ValueError
        If the image is smaller than 8 x 8, or another argument is out of its range.

    References
    ----------
    Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
    Labels. Under review at ICLR. Section 4.2 and Figure 4.

    K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
    Recognition", ICLR 2015, Table 1.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.networks import BottleneckCNN
    >>> network = BottleneckCNN((3, 32, 32), 2)
    >>> network(torch.zeros(4, 3, 32, 32)).shape
    torch.Size([4, 2])
    >>> network.get_submodule("code.linear")
    Linear(in_features=128, out_features=15, bias=True)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_outputs: int,
        *,
        n_components: int = 15,
        block_channels: Sequence[int] = (12, 24, 32),
        tail_channels: Sequence[int] = (32, 24, 8),
        layer_norm: bool = True,
        output_hidden: Sequence[int] = (),
        standardize: bool = True,
    ) -> None:
        shape = check_image_shape(
            input_shape, network="BottleneckCNN", rows="BottleneckMLP", minimum=MIN_IMAGE_SIZE
        )
        _check_channels(block_channels=block_channels, tail_channels=tail_channels)
        layers, size = _blocks([shape[0], *block_channels], shape[1:])
        layers |= _tail([block_channels[-1], *tail_channels])
        layers["flatten"] = nn.Flatten()
        layers |= code_and_output(
            tail_channels[-1] * math.prod(size),
            n_outputs,
            n_components=n_components,
            layer_norm=layer_norm,
            output_hidden=output_hidden,
        )
        super().__init__(layers, standardize)
        self.input_shape = shape
        self.n_outputs = n_outputs
        nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for images, (n, C, H, W) -> (n, n_outputs)."""
        return super().forward(x.contiguous(memory_format=torch.channels_last))
