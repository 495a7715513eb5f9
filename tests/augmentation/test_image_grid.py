"""Where the pixels of augmented images come from: one product, as torch's functions one by one."""

import pytest
import torch
import torch.nn.functional as F

from skdeepclust.augmentation import ImageAugmentation


@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (4, 3, 9, 14), (3, 1, 28, 28)])
@pytest.mark.parametrize("elastic", [0.0, 0.1])
def test_images_are_sampled_where_a_map_and_a_field_say(shape, elastic):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        x = torch.rand(shape, dtype=torch.float64)
        augment = ImageAugmentation(elastic=elastic, brightness=0)
        drawn = augment.draw(x)
    grid = F.affine_grid(drawn[0], list(shape), align_corners=False)
    if elastic:
        field = F.interpolate(drawn[1], size=shape[-2:], mode="bicubic", align_corners=True)
        grid = grid + field.permute(0, 2, 3, 1)
    expected = F.grid_sample(x, grid, align_corners=False)
    torch.testing.assert_close(augment.apply_drawn(x, *drawn), expected, atol=1e-12, rtol=0)
