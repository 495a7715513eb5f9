"""The convolutional bottleneck network: its blocks, sizes of images and memory format."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from helpers.naive_layers import convolve, layer_outputs, linear, randomise, relu
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch import nn

from skdeepclust.networks import BottleneckCNN

SIDES = st.integers(8, 40)


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def halve(images):
    """Take the largest pixel of each 2 x 2 window, clipped at the border."""
    for axis in (2, 3):
        if images.shape[axis] >= 7:
            starts = np.arange(0, images.shape[axis], 2)
            images = np.maximum.reduceat(images, starts, axis=axis)
    return images


@pytest.mark.parametrize("shape", [(2, 9, 14), (1, 8, 8), (3, 8, 27)])
def test_cnn_equals_naive_loops(shape):
    network = BottleneckCNN(shape, 3, block_channels=(2, 3, 2), tail_channels=(3, 2))
    network = randomise(network)
    network.standardize.set_(0.5, 2.0)
    x = torch.randn(2, *shape, dtype=torch.float64)
    h = (x.numpy() - 0.5) / 2
    for i in (1, 2, 3):
        for j in (1, 2):
            h = relu(convolve(h, getattr(network, f"block{i}_conv{j}")))
        h = halve(h)
    for name in ("tail_conv1", "tail_conv2"):
        h = relu(convolve(h, getattr(network, name)))
    assert network.tail_conv2.kernel_size == (1, 1)
    code = linear(h.reshape(2, -1), network.code.linear)
    made = layer_outputs(network, x)
    assert_allclose(made["code.linear"][0].detach(), code, rtol=1e-9, atol=1e-9)


@settings(max_examples=20)
@given(channels=st.integers(1, 4), height=SIDES, width=SIDES, blocks=st.integers(1, 5))
def test_images_of_any_size_are_taken_and_at_least_4_pixels_are_left(
    channels, height, width, blocks
):
    shape = (channels, height, width)
    network = BottleneckCNN(shape, 3, block_channels=[3] * blocks, tail_channels=(3, 2))
    made = layer_outputs(network, torch.randn(2, *shape))
    last = made["tail_conv2"][0]
    assert made["output"][0].isfinite().all()
    for side, left in zip(shape[1:], last.shape[2:], strict=True):
        assert left >= 4
        assert left == math.ceil(side / 2**blocks) or left < 7


def test_the_papers_widths():
    widths = {"block_channels": (64, 128, 256), "tail_channels": (256, 128, 8)}
    with torch.device("meta"):
        network = BottleneckCNN((3, 32, 32), 1, **widths)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [64, 64, 128, 128, 256, 256, 256, 128, 8]
    assert [layer.kernel_size for layer in layers] == [(3, 3)] * 8 + [(1, 1)]
    assert network.code.linear.in_features == 4 * 4 * 8
    assert network.code.linear.out_features == 15


def test_the_memory_format_does_not_change_the_result():
    network = BottleneckCNN((3, 10, 13), 4, block_channels=(3, 4)).double()
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    channels_last = {"memory_format": torch.channels_last}
    assert all(layer.weight.is_contiguous(**channels_last) for layer in convolutions)
    plain = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    x = torch.randn(6, 3, 10, 13, dtype=torch.float64)
    h = x
    for layer in plain.children():
        h = layer(h)
    torch.testing.assert_close(network(x), h)
    assert torch.equal(network(x.contiguous(**channels_last)), network(x))
