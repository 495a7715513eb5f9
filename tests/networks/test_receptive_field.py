"""Receptive fields: known numbers, what is followed, and what stays as it was."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.image_functions import (
    Apply,
    add_in_place,
    beside_the_transpose,
    drop_tensors,
    in_channels_last_order,
    pool_channels,
    view_of_what_changes,
    write_crop,
    write_list,
)
from torch import nn

from skdeepclust.networks import ReceptiveField, receptive_field


def field_after(function, first: nn.Module | None = None) -> ReceptiveField:
    """Return the field behind a function of `first`, on images of 24 x 30 pixels."""
    return receptive_field(Apply(function, first), "seen", torch.zeros(2, 3, 24, 30))


# ---------------------------------------------------------------- known numbers

CIFAR_QUICK = nn.Sequential(
    *[nn.Conv2d(3, 4, 5, padding=2), nn.MaxPool2d(3, 2, ceil_mode=True), nn.ReLU(inplace=True)],
    *[nn.Conv2d(4, 4, 5, padding=2), nn.ReLU(inplace=True), nn.AvgPool2d(3, 2, ceil_mode=True)],
    *[nn.Conv2d(4, 4, 5, padding=2), nn.Flatten(), nn.Linear(4 * 8 * 8, 10)],
)
ALEXNET = nn.Sequential(
    *[nn.Conv2d(3, 4, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5)],
    *[nn.Conv2d(4, 4, 5, padding=2, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2)],
    *[nn.LocalResponseNorm(5), nn.Conv2d(4, 4, 3, padding=1, groups=2)],
)


@pytest.mark.parametrize(
    ("layer", "size", "jump", "start"),
    [("0", 5, 1, -2), ("3", 15, 2, -6), ("4", 15, 2, -6), ("5", 19, 4, -6), ("6", 35, 4, -14)],
)
def test_fields_of_cifar_quick(layer, size, jump, start):
    field = receptive_field(CIFAR_QUICK, layer, torch.zeros(1, 3, 32, 32))
    assert field == ReceptiveField((size,) * 2, (jump,) * 2, (start,) * 2, (32, 32))


# The paper writes 59 and 123 where arithmetic, and the gradient, say 51 and 99.
@pytest.mark.parametrize(
    ("layer", "size", "jump", "start"), [("0", 11, 4, 0), ("4", 51, 8, -16), ("8", 99, 16, -32)]
)
def test_fields_of_alexnet(layer, size, jump, start):
    field = receptive_field(ALEXNET, layer, torch.zeros(1, 3, 227, 227))
    assert field == ReceptiveField((size,) * 2, (jump,) * 2, (start,) * 2, (227, 227))


def test_rows_and_columns_have_their_own_numbers():
    first = nn.Conv2d(3, 4, (3, 5), stride=(1, 2), padding=(0, 3), dilation=(2, 1))
    field = field_after(nn.MaxPool2d((2, 3), (3, 1), (1, 0), dilation=(1, 2)), first)
    assert field == ReceptiveField((6, 13), (3, 2), (-1, -3), (24, 30))


def test_boxes_are_cut_off_at_the_borders():
    field = ReceptiveField(size=(4, 6), jump=(3, 2), start=(-5, 1), image_size=(10, 9))
    rows, columns = np.arange(6).astype(np.uint8), [0, 1, 2, 3, 4, 0]
    pixels = np.arange(10)[:, None], np.arange(9)
    for box, row, column in zip(field.boxes(rows, columns), rows.tolist(), columns, strict=True):
        down, right = pixels[0] - (3 * row - 5), pixels[1] - (2 * column + 1)
        seen = (down >= 0) & (down < 4) & (right >= 0) & (right < 6)
        mask = np.zeros((10, 9), dtype=bool)
        mask[box[0] : box[2], box[1] : box[3]] = True
        assert np.array_equal(mask, seen)
        assert (box >= 0).all()
        assert (box <= [10, 9, 10, 9]).all()


def test_boxes_of_no_units_and_of_wrong_units():
    field = ReceptiveField(size=(4, 6), jump=(3, 2), start=(-5, 1), image_size=(10, 9))
    assert field.boxes([], []).shape == (0, 4)
    assert field.boxes([], []).dtype == np.int64
    with pytest.raises(ValueError, match="rows and columns must be at least 0, got -1"):
        field.boxes([0, 1], [2, -1])
    with pytest.raises(ValueError, match="dimension"):
        field.boxes([0, 1], [2])


# ---------------------------------------------------------------- what is followed exactly


KEEPING = {
    "scalar": lambda y: 2 * y / 3 - 1,
    "functional": lambda y: F.dropout(F.relu(y), training=False),
    "activations": lambda y: F.hardswish(F.gelu(F.silu(F.elu(y)))),
    "in place": lambda y: F.hardswish(F.relu(y, inplace=True), inplace=True),
    "view of what changes": view_of_what_changes,
    "beside the transpose": beside_the_transpose,
    "dropped tensors": drop_tensors,
    "into a given tensor": lambda y: torch.mul(y, 2, out=torch.empty_like(y)),
    "prelu": nn.PReLU(4),
    "batch normalisation": nn.BatchNorm2d(4),
    "dropout": nn.Sequential(nn.Dropout(), nn.Dropout2d()),
    "dropout in evaluation": F.dropout,
    "local response": nn.LocalResponseNorm(3),
    "channels last": lambda y: y.contiguous(memory_format=torch.channels_last).double().float(),
    "channel order": in_channels_last_order,
    "channel shuffle": nn.ChannelShuffle(2),
    "split": lambda y: torch.cat([*y.chunk(2, dim=1), *y.split([1, 3], dim=1)], dim=1),
    "same shape": lambda y: y.reshape(y.shape).view(y.shape).detach(),
    "maxout": lambda y: y.view(1, 2, 2, *y.shape[2:]).amax(2),
    "mean of channels": lambda y: y - y.mean(1, keepdim=True) + y.max(1).values.unsqueeze(1),
    "unit length": lambda y: F.normalize(y, dim=1),
    "softmax of channels": lambda y: y.softmax(1) * y.log_softmax(1),
    "written channels": lambda y: torch.zeros_like(y).copy_(y),
    "constant gate": lambda y: torch.where(torch.ones(12, 15) > 0, y, 0),
    "coordinates": lambda y: torch.cat([y, torch.ones(1, 1, 12, 15)], dim=1),
    "sparse constant": lambda y: y * torch.eye(2).to_sparse().sum(),
}


@pytest.mark.parametrize("name", KEEPING)
def test_units_keep_their_fields(name):
    assert field_after(KEEPING[name]) == ReceptiveField((3, 3), (2, 2), (-1, -1), (24, 30))


def test_pooling_over_channels_keeps_the_rows():
    assert field_after(pool_channels) == ReceptiveField((3, 7), (2, 2), (-1, -3), (24, 30))


def test_a_single_unit_keeps_its_field():
    field = field_after(lambda y: y.detach().view(1, 4, 1, 1), nn.Conv2d(3, 4, (20, 29), 9))
    assert field == ReceptiveField((20, 29), (9, 9), (0, 0), (24, 30))


def test_concatenation_and_addition_unite():
    wide = nn.Conv2d(4, 4, (1, 5), padding=(0, 2))
    high = nn.Conv2d(4, 4, (3, 1), padding=(1, 0))
    united = ReceptiveField((7, 11), (2, 2), (-3, -5), (24, 30))
    assert field_after(lambda y: torch.cat([wide(y), high(y)], dim=1)) == united
    assert field_after(lambda y: wide(y) + high(y)) == united
    assert field_after(lambda y: wide(y).add_(high(y))) == united


def test_two_crops_unite_from_the_first_row_of_one_to_the_last_of_the_other():
    field = field_after(lambda y: torch.cat([y[:, :, :6], y[:, :, 6:]], dim=1))
    assert field == ReceptiveField((15, 3), (2, 2), (-1, -1), (24, 30))


def test_reflection_reaches_further_than_zeros():
    zeros, mirrored = (
        field_after(nn.Identity(), nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode))
        for mode in ("zeros", "reflect")
    )
    assert zeros == ReceptiveField((3, 3), (1, 1), (-1, -1), (24, 30))
    assert mirrored == ReceptiveField((7, 7), (1, 1), (-3, -3), (24, 30))


def test_a_layer_that_is_called_twice_sees_both_times():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x):
            return self.shared(self.shared(x))

    x = torch.zeros(1, 3, 24, 30)
    assert receptive_field(Twice(), "shared", x) == ReceptiveField(
        (5, 5), (1, 1), (-2, -2), (24, 30)
    )


def test_nested_layers():
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3)))
    module = nn.Sequential(inner, nn.Conv2d(4, 4, 3))
    x = torch.zeros(1, 3, 24, 30)
    assert receptive_field(module, "0.1.1", x) == ReceptiveField((5, 5), (1, 1), (0, 0), (24, 30))


# ---------------------------------------------------------------- what sees the whole image

WIDE = {
    "constant": lambda y: torch.ones(1, 4, 12, 15),
    "pooled": nn.AdaptiveAvgPool2d(1),
    "pooled to a grid": nn.AdaptiveAvgPool2d(4),
    "mean": lambda y: y.mean((2, 3), keepdim=True),
    "squeeze and excitation": lambda y: y * y.mean((2, 3), keepdim=True).sigmoid(),
    "one number": lambda y: y / y.max(),
    "batch statistics": nn.BatchNorm2d(4, track_running_stats=False),
    "instance statistics": nn.InstanceNorm2d(4),
    "group statistics": nn.GroupNorm(2, 4),
    "transposed convolution": nn.ConvTranspose2d(4, 4, 2, stride=2),
    "upsampling": nn.Upsample(scale_factor=2),
    "flip": lambda y: y.flip(2, 3),
    "circular": nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
    "fully connected": lambda y: y.flatten(1).matmul(torch.ones(4 * 12 * 15, 8)).view(1, 2, 2, 2),
    "pixels taken for channels": lambda y: y.permute(0, 3, 2, 1).flatten(2).view(1, 4, 12, 15),
    "pixel shuffle": nn.PixelShuffle(2),
    "softmax of pixels": lambda y: y.flatten(2).softmax(2).view(y.shape),
    "transposed": lambda y: y.transpose(2, 3),
    "added to its transpose": lambda y: y[..., :12] + y[..., :12].mT,
    "written crop": write_crop,
    "written list": write_list,
    "view of what is added to": add_in_place,
}


@pytest.mark.parametrize("name", WIDE)
def test_whole_image(name):
    field = field_after(WIDE[name])
    assert field == ReceptiveField((24, 30), (0, 0), (0, 0), (24, 30))
    assert field.boxes([0, 1], [0, 0]).tolist() == [[0, 0, 24, 30]] * 2


ROWS_ALONE = {
    "sum": lambda y: y + y.sum(3, keepdim=True),
    "sum without the dimension": lambda y: y.sum(3).unsqueeze(3),
    "one column for all": lambda y: y[..., 3:4].expand(y.shape),
}


@pytest.mark.parametrize("name", ROWS_ALONE)
def test_rows_are_followed_where_columns_are_not(name):
    assert field_after(ROWS_ALONE[name]) == ReceptiveField((3, 30), (2, 0), (-1, 0), (24, 30))


# ---------------------------------------------------------------- what is left as it was


def noisy_network() -> nn.Module:
    """Return a network that works in place, draws random numbers and has statistics to update."""
    layers = [nn.ReLU(inplace=True), nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.Dropout(0.5)]
    network = nn.Sequential(*layers, Apply(lambda y: F.dropout(y, 0.5), nn.Conv2d(4, 4, 3)))
    network[1].eval()  # as if frozen
    return network


@pytest.mark.usefixtures("global_state_untouched")
@pytest.mark.parametrize("layer", ["2", "4", "nowhere"])
def test_modes_random_numbers_and_tensors_stay(layer):
    with torch.random.fork_rng(devices=[]):
        network = noisy_network()
    network[4].seen = nn.Flatten()  # a module with an output that isn't one of images
    state, modes = copy.deepcopy(network.state_dict()), [m.training for m in network.modules()]
    x = torch.linspace(-1, 1, 3 * 24 * 30).reshape(1, 3, 24, 30)
    original = x.clone()
    if layer == "2":
        assert receptive_field(network, layer, x).size == (3, 3)
    else:
        with pytest.raises(ValueError, match="layer"):
            receptive_field(network, layer, x)
    assert [m.training for m in network.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert torch.equal(x, original)
    assert not any(m._forward_hooks for m in network.modules())


def test_gradients_are_not_recorded_and_inference_mode_is_no_obstacle():
    outputs = []
    module = Apply(lambda y: outputs.append(y) or y)
    with torch.inference_mode():
        field = receptive_field(module, "first", torch.zeros(1, 3, 24, 30))
    assert field == ReceptiveField((3, 3), (2, 2), (-1, -1), (24, 30))
    assert not outputs[0].requires_grad
    assert not outputs[0].is_inference()


# ---------------------------------------------------------------- errors


def test_unknown_layer_names_those_that_there_are():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU()))
    with pytest.raises(ValueError, match=r"'conv9'.*: 0, 1, 1\.0\."):
        receptive_field(module, "conv9", torch.zeros(1, 3, 8, 8))


def test_a_layer_without_rows_and_columns():
    with pytest.raises(ValueError, match=r"layer='8' makes \(1, 10\), not \(n, channels"):
        receptive_field(CIFAR_QUICK, "8", torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match="layer='seen' makes tuple, not"):
        field_after(lambda y: (y, y))


def test_a_layer_that_is_not_called():
    module = Apply(torch.relu)
    module.spare = nn.Conv2d(3, 4, 3)
    with pytest.raises(ValueError, match="layer='spare' isn't called when Apply runs"):
        receptive_field(module, "spare", torch.zeros(1, 3, 24, 30))


@pytest.mark.parametrize("shape", [(3, 24, 30), (0, 3, 24, 30)])
def test_not_a_batch_of_images(shape):
    with pytest.raises(ValueError, match="x must be a batch of images"):
        receptive_field(Apply(torch.relu), "seen", torch.zeros(shape))
