"""Receptive fields: known numbers, and the support of gradients in random networks."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepclust.networks import ReceptiveField, receptive_field

WHOLE = {"size": (24, 30), "jump": (0, 0), "start": (0, 0)}


class Apply(nn.Module):
    """A convolution (3 x 3, stride 2, padding 1), then any function, watched as `seen`."""

    def __init__(self, function, first: nn.Module | None = None) -> None:
        super().__init__()
        self.first = first or nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.function = function
        self.seen = nn.Identity()

    def forward(self, x):
        return self.seen(self.function(self.first(x)))


def field_after(function, first: nn.Module | None = None) -> ReceptiveField:
    """Return the field behind a function of `first`, on images of 24 x 30 pixels."""
    return receptive_field(Apply(function, first), "seen", torch.rand(2, 3, 24, 30))


def box_of(field: ReceptiveField, row: int, column: int) -> list[int]:
    return field.boxes([row], [column])[0].tolist()


def support(module: nn.Module, layer: str, x: torch.Tensor, units) -> list[list[int] | None]:
    """Return the smallest boxes around the pixels that have a gradient, None where none has."""
    outputs = []
    hook = module.get_submodule(layer).register_forward_hook(lambda *args: outputs.append(args[2]))
    x = x.clone().requires_grad_()
    module(x)
    hook.remove()
    boxes = []
    for row, column in units:
        unit = outputs[-1][0, :, row, column].sum()
        (gradient,) = torch.autograd.grad(unit, x, retain_graph=True, allow_unused=True)
        rows, columns = np.nonzero(gradient[0].abs().sum(0).numpy())
        edges = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1] if len(rows) else []
        boxes.append([int(edge) for edge in edges] or None)
    return boxes


def corners_and_middle(height: int, width: int) -> list[tuple[int, int]]:
    return [(i, j) for i in {0, height // 2, height - 1} for j in {0, width // 2, width - 1}]


def is_inside(inner: list[int] | None, outer: list[int]) -> bool:
    if inner is None:
        return True
    (top, left, bottom, right), (north, west, south, east) = inner, outer
    return north <= top and west <= left and bottom <= south and right <= east


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
    with pytest.raises(ValueError, match="rows and columns must be at least 0, got -1"):
        field.boxes([0, 1], [2, -1])
    with pytest.raises(ValueError, match="dimension"):
        field.boxes([0, 1], [2])


# ---------------------------------------------------------------- the support of gradients


@st.composite
def layers(draw, size: list[int]) -> nn.Module | None:
    """Draw a layer that fits on maps of `size`, and set `size` to that of its output."""
    kernel = [draw(st.integers(1, min(4, length))) for length in size]
    stride = [draw(st.integers(1, 3)) for _ in size]
    kind = draw(st.sampled_from(["convolution", "pooling", "padding"]))
    if kind == "pooling":
        padding = [draw(st.integers(0, length // 2)) for length in kernel]
        layer = nn.AvgPool2d(kernel, stride, padding, ceil_mode=draw(st.booleans()))
    elif kind == "convolution":
        padding = [draw(st.integers(0, 3)) for _ in size]
        dilation = [
            draw(st.integers(1, 2)) if 2 * (k - 1) < n else 1
            for k, n in zip(kernel, size, strict=True)
        ]
        layer = nn.Conv2d(2, 2, kernel, stride, padding, dilation, bias=False)
        nn.init.uniform_(layer.weight, 0.5, 1)
    else:
        layer = nn.ZeroPad2d([draw(st.integers(0, 2)) for _ in range(4)])
    layer.gapless = kind == "padding" or all(
        k >= s and d == 1
        for k, s, d in zip(kernel, stride, getattr(layer, "dilation", (1, 1)), strict=True)
    )
    size[:] = layer(torch.zeros(1, 2, *size)).shape[2:]
    return layer


@settings(max_examples=200)
@given(data=st.data(), image_size=st.tuples(st.integers(8, 22), st.integers(8, 22)))
def test_box_is_the_support_of_the_gradient(data, image_size):
    size = list(image_size)
    with torch.random.fork_rng(devices=[]):
        chain = nn.Sequential(*[data.draw(layers(size)) for _ in range(data.draw(DEPTHS))])
    chain.double()
    x = torch.ones(1, 2, *image_size, dtype=torch.float64)
    last = str(len(chain) - 1)
    field = receptive_field(chain, last, x)
    units = corners_and_middle(*size)
    gapless = all(layer.gapless for layer in chain)
    for unit, seen in zip(units, support(chain, last, x, units), strict=True):
        box = box_of(field, *unit)
        assert is_inside(seen, box)
        for axis in range(2) if seen else ():
            first = field.start[axis] + field.jump[axis] * unit[axis]
            end = first + field.size[axis]
            if first >= 0 and end <= image_size[axis]:  # no padding is in the way
                assert (seen[axis], seen[axis + 2]) == (first, end)
            if gapless:  # what is cut off at the first border leaves no gap there
                assert seen[axis] == box[axis]


DEPTHS = st.integers(1, 4)


def convolve(y: torch.Tensor, kernel: int = 3) -> torch.Tensor:
    """Add up the channels of a window; the size stays for odd kernels."""
    return F.conv2d(y, torch.ones(4, 4, kernel, kernel, dtype=y.dtype), padding=kernel // 2)


def write_parts(y: torch.Tensor) -> torch.Tensor:
    parts = torch.zeros_like(y)
    parts[:, :2] = y[:, 2:]
    parts[:, 2:] = convolve(y)[:, 2:]
    return parts


def write_crop(y: torch.Tensor) -> torch.Tensor:
    whole = y.clone()
    whole[:, :, 1:] += y[:, :, :-1]
    return whole


def add_in_place(y: torch.Tensor) -> torch.Tensor:
    total = y.clone()
    before = total.view(y.shape)
    total += convolve(y, 5)
    return total * before


def in_channels_last_order(y: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(y.permute(0, 2, 3, 1).square(), [4]).permute(0, 3, 1, 2)


def unequal_grids(y: torch.Tensor) -> torch.Tensor:
    return convolve(y)[:, :, ::2] + y[:, :, : (y.shape[2] + 1) // 2]


def pool_channels(y: torch.Tensor) -> torch.Tensor:
    """Pool over channels and columns, with the rows where channels usually are."""
    return F.avg_pool2d(y.permute(0, 2, 1, 3), 3, 1, 1).movedim(2, 1).transpose(2, 3).mT


def mix_rows(y: torch.Tensor) -> torch.Tensor:
    """Take the rows for channels of a convolution."""
    weight = y.new_ones(y.shape[2], y.shape[2], 1, 3)
    return F.conv2d(y.transpose(1, 2), weight, padding=(0, 1)).transpose(1, 2)


STEPS = {
    "convolution": convolve,
    "dilation": lambda y: F.conv2d(y, y.new_ones(4, 1, 3, 2), dilation=(1, 2), groups=4),
    "pooling": lambda y: F.avg_pool2d(y, 2, ceil_mode=True),
    "residual": lambda y: y + convolve(y),
    "valid residual": lambda y: y[:, :, 1:-1, 1:-1] + F.conv2d(y, y.new_ones(4, 4, 3, 3)),
    "concatenation": lambda y: torch.cat([y[:, :2], convolve(y, 5)[:, 2:]], dim=1),
    "concatenation of rows": lambda y: torch.cat([y[:, :, 4:], y[:, :, :4]], dim=2),
    "reflection": lambda y: F.pad(y, (2, 1, 0, 3), mode="reflect"),
    "replication": lambda y: F.pad(y, (0, 2, 1, 2), mode="replicate"),
    "circular": lambda y: F.pad(y, (1, 1, 1, 1), mode="circular"),
    "cropping": lambda y: F.pad(y, (-1, 0, 1, -1)),
    "slices": lambda y: y[:, :, 1::2, :-1],
    "in place": lambda y: F.relu(y.clone().add_(1), inplace=True),
    "accumulation": add_in_place,
    "writing channels": write_parts,
    "writing a crop": write_crop,
    "channel order": in_channels_last_order,
    "pooled channels": pool_channels,
    "rows as channels": mix_rows,
    "swapped sizes": lambda y: y.reshape(1, 4, y.shape[3], y.shape[2]),
    "rows and columns swapped": lambda y: y.transpose(2, 3),
    "shuffled channels": lambda y: y.view(1, 2, 2, *y.shape[2:]).transpose(1, 2).reshape(y.shape),
    "flip": lambda y: y.flip(3),
    "roll": lambda y: y.roll(2, dims=2),
    "upsampling": lambda y: F.interpolate(y, scale_factor=2)[:, :, ::2],
    "gate": lambda y: y * y.mean((2, 3), keepdim=True),
    "rows' sums": lambda y: y + y.sum(3, keepdim=True),
    "channels' sums": lambda y: y + y.sum(1).unsqueeze(1) + y.amax(1, keepdim=True),
    "chosen channels": lambda y: torch.stack(y.unbind(1)[::-1], dim=1) + y[:, 0],
    "cumulative": lambda y: y.cumsum(2),
    "unequal grids": unequal_grids,
    "window as weights": lambda y: F.conv2d(
        torch.ones_like(y), y[:, :, :3, :3].expand(4, -1, -1, -1), padding=1
    ),
    "constants": lambda y: y + torch.arange(y.shape[3]),
}


@settings(max_examples=400)
@given(
    names=st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4),
    image_size=st.tuples(st.integers(20, 26), st.integers(20, 26)),
)
def test_box_holds_all_that_any_program_sees(names, image_size):
    def program(y):
        for name in names:
            # too small maps can't be reflected or cropped any more
            y = STEPS[name](y) if min(y.shape[2:]) > 4 else y
        return y

    module = Apply(program, nn.Identity())
    x = 1 + torch.arange(4.0 * image_size[0] * image_size[1]).sin().double() / 2
    x = x.reshape(1, 4, *image_size)
    field = receptive_field(module, "seen", x)
    units = corners_and_middle(*module(x).shape[2:])
    for unit, seen in zip(units, support(module, "seen", x, units), strict=True):
        assert is_inside(seen, box_of(field, *unit)), (unit, field)


# ---------------------------------------------------------------- what is followed exactly

KEEPING = {
    "scalar": lambda y: 2 * y / 3 - 1,
    "functional": lambda y: F.dropout(F.relu(y), training=False),
    "activations": lambda y: F.hardswish(F.gelu(F.silu(F.elu(y)))),
    "in place": lambda y: F.hardswish(F.relu(y, inplace=True), inplace=True),
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
    "maxout": lambda y: y.view(2 // 2, 2, 2, *y.shape[2:]).amax(2),
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


def test_concatenation_and_addition_unite():
    wide = nn.Conv2d(4, 4, (1, 5), padding=(0, 2))
    high = nn.Conv2d(4, 4, (3, 1), padding=(1, 0))
    united = ReceptiveField((7, 11), (2, 2), (-3, -5), (24, 30))
    assert field_after(lambda y: torch.cat([wide(y), high(y)], dim=1)) == united
    assert field_after(lambda y: wide(y) + high(y)) == united
    assert field_after(lambda y: wide(y).add_(high(y))) == united


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


def test_nested_layers_and_layers_that_work_on_constants():
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3)))
    module = nn.Sequential(inner, nn.Conv2d(4, 4, 3))
    x = torch.zeros(1, 3, 24, 30)
    assert receptive_field(module, "0.1.1", x) == ReceptiveField((5, 5), (1, 1), (0, 0), (24, 30))


# ---------------------------------------------------------------- what sees the whole image

WIDE = {
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
}


@pytest.mark.parametrize("name", WIDE)
def test_whole_image(name):
    field = field_after(WIDE[name])
    assert field == ReceptiveField(**WHOLE, image_size=(24, 30))
    assert field.boxes([0, 1], [0, 0]).tolist() == [[0, 0, 24, 30]] * 2


def test_the_axes_are_apart():
    field = field_after(lambda y: y + y.sum(3, keepdim=True))
    assert field == ReceptiveField((3, 30), (2, 0), (-1, 0), (24, 30))


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
