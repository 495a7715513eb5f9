"""Functions of images, (1, 4, height, width), behind a convolution: what networks may do."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Apply(nn.Module):
    """A convolution (3 x 3, stride 2, padding 1), then any function, watched as `seen`."""

    def __init__(self, function, first: nn.Module | None = None) -> None:
        super().__init__()
        self.first = first or nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.function = function
        self.seen = nn.Identity()

    def forward(self, x):
        return self.seen(self.function(self.first(x)))


def convolve(y: torch.Tensor, kernel: int = 3) -> torch.Tensor:
    """Add up the channels of a window; the size stays for odd kernels."""
    return F.conv2d(y, torch.ones(4, 4, kernel, kernel, dtype=y.dtype), padding=kernel // 2)


def write_parts(y: torch.Tensor) -> torch.Tensor:
    parts = torch.zeros_like(y)
    parts[:, :2] = y[:, 2:]
    parts[:, 2:] = convolve(y)[:, 2:]
    return parts


def write_crop(y: torch.Tensor) -> torch.Tensor:
    moved = torch.zeros_like(y)
    moved[:, :, 1:] = y[:, :, :-1]
    return y + moved


def write_list(y: torch.Tensor) -> torch.Tensor:
    tensors = [torch.zeros_like(y)]
    torch._foreach_add_(tensors, [convolve(y)])
    return y + tensors[0]


def add_in_place(y: torch.Tensor) -> torch.Tensor:
    total = y.clone()
    part = total[:, :2]
    total += convolve(y, 5)
    return torch.cat([part, part], dim=1)


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


def view_of_what_changes(y: torch.Tensor) -> torch.Tensor:
    first = y[:, :2]
    y.relu_()
    return torch.cat([first, first], dim=1)


def beside_the_transpose(y: torch.Tensor) -> torch.Tensor:
    square = y[..., :12]
    assert square.mT.shape == square.shape
    return square * 2


def drop_tensors(y: torch.Tensor) -> torch.Tensor:
    """Leave memory behind that the constant may take."""
    for _ in range(20):
        y.cumsum(2)
    return y * torch.ones(y.shape)
