"""ImageAugmentation: one product makes what torch makes of an affine grid and a smooth field."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from skdeepclust.augmentation import ImageAugmentation


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 14)])
def test_images_are_sampled_on_the_affine_grid_and_the_field(shape):
    x = torch.rand(6, *shape, dtype=torch.float64)
    augment = ImageAugmentation(brightness=0)
    maps, coarse = augment.draw(x)
    grid = F.affine_grid(maps, list(x.shape), align_corners=False)
    field = F.interpolate(coarse, size=shape[1:], mode="bicubic", align_corners=True)
    expected = F.grid_sample(x, grid + field.permute(0, 2, 3, 1), align_corners=False)
    torch.testing.assert_close(augment.apply_drawn(x, maps, coarse), expected)
