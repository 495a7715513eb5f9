"""How pixels move and change their colours: one linear map of what was drawn for an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# Of red, green and blue (ITU-R BT.601).
SHARES_OF_GREY = (0.299, 0.587, 0.114)


def sampling_grid(drawn: Sequence[Tensor], x: Tensor) -> Tensor:
    """Return where the pixels of images (n, C, H, W) come from, (n, H, W, 2) in [-1, 1].

    Both an affine map and a smooth field are linear in what is drawn: their sum is one product.

    Parameters
    ----------
    drawn : sequence of Tensor
        Affine maps (n, 2, 3), and where there are such, displacements at 3 x 3 points
        (n, 2, 3, 3).
    x : Tensor of shape (n, C, H, W)
        Images.
    """
    size = x.shape[-2:]
    parts = [_coordinates(size, x), _smooth_field(size, x)]
    basis = torch.cat([part.flatten(1) for part in parts[: len(drawn)]])  # (3 or 12, H W)
    coefficients = torch.cat([each.flatten(2) for each in drawn], 2)  # (n, 2, 3 or 12)
    # a product of its own for each image: the same bits beside other images
    fields = torch.bmm(coefficients, basis.expand(len(coefficients), -1, -1))  # (n, 2, H W)
    return fields.unflatten(2, size).permute(0, 2, 3, 1)


def recoloured(x: Tensor, factors: Tensor) -> Tensor:
    """Return images of other contrast and saturation, by one affine map of the colours of each.

    Parameters
    ----------
    x : Tensor of shape (n, C, H, W)
        Images.
    factors : Tensor of shape (n, 2)
        Those of contrast and of saturation.
    """
    n_channels = x.shape[1]
    share = x.new_tensor(SHARES_OF_GREY) if n_channels == 3 else x.new_ones(n_channels) / n_channels
    contrast, saturation = factors[:, :, None, None].unbind(1)  # (n, 1, 1)
    alone = torch.eye(n_channels, device=x.device, dtype=x.dtype)
    maps = contrast * torch.lerp(share.expand_as(alone), alone, saturation)  # (n, C, C)
    mean = (x.mean((2, 3)) * share).sum(1).view(-1, 1, 1)
    # a product of its own for each image: the same bits beside other images
    changed = torch.bmm(maps, x.flatten(2)) + (1 - contrast) * mean
    return changed.view_as(x)


def _coordinates(size: Sequence[int], x: Tensor) -> Tensor:
    """Return the coordinates across and down of the centres of pixels, and 1, as (3, H, W)."""
    height, width = size
    down, across = (
        (2 * torch.arange(side, device=x.device, dtype=x.dtype) + 1) / side - 1
        for side in (height, width)
    )
    grids = torch.meshgrid(across, down, indexing="xy")
    return torch.stack([*grids, torch.ones_like(grids[0])])


def _smooth_field(size: Sequence[int], x: Tensor) -> Tensor:
    """Return the smooth functions through 1 at one of 3 x 3 points and 0 at others, (9, H, W)."""
    points = torch.eye(9, device=x.device, dtype=x.dtype).view(9, 1, 3, 3)
    return F.interpolate(points, size=list(size), mode="bicubic", align_corners=True)[:, 0]
