"""Receptive fields hold the support of gradients, in random networks."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from helpers.image_functions import (
    Apply,
    add_in_place,
    convolve,
    in_channels_last_order,
    mix_rows,
    pool_channels,
    unequal_grids,
    write_crop,
    write_list,
    write_parts,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepclust.networks import ReceptiveField, receptive_field


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


DEPTHS = st.integers(1, 4)


@st.composite
def layers(draw, size: list[int]) -> nn.Module:
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


@settings(max_examples=100)
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
    "writing without a result": write_list,
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


@settings(max_examples=200)
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
