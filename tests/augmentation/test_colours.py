"""Contrast, saturation and grey of images, against other libraries and by what must not change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from skdeepclust.augmentation import ImageAugmentation

STILL = dict.fromkeys(["degrees", "translate", "scale", "shear", "elastic", "brightness"], 0)
COLOURS = {"contrast": 0.5, "saturation": 0.6, "grey": 0.2}


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def as_pillow(x):
    return Image.fromarray(np.uint8(x.numpy().transpose(1, 2, 0).round()))


@pytest.mark.parametrize(
    ("name", "enhance", "column"),
    [("contrast", ImageEnhance.Contrast, 0), ("saturation", ImageEnhance.Color, 1)],
)
def test_colours_change_as_in_pillow(name, enhance, column):
    x = 100 + 40 * torch.rand(5, 3, 9, 12)  # far from both ends of a byte, where Pillow cuts
    x = x.round()
    augment = ImageAugmentation(**STILL, **{name: 0.5})
    (factors,) = augment.draw(x)
    made = augment.apply_drawn(x, factors)
    for image, before, factor in zip(made, x, factors[:, column].tolist(), strict=True):
        expected = np.asarray(enhance(as_pillow(before)).enhance(factor), dtype=float)
        assert np.abs(image.numpy().transpose(1, 2, 0) - expected).max() < 1.6  # bytes, twice


def test_the_factors_fill_their_range_and_some_images_lose_their_colours():
    x = torch.rand(2000, 3, 1, 1, dtype=torch.float64)
    (factors,) = ImageAugmentation(**STILL, **COLOURS).draw(x)
    contrast, saturation = factors.T
    assert 0.5 <= contrast.min() < 0.51
    assert 1.49 < contrast.max() <= 1.5
    coloured = saturation[saturation != 0]
    assert 0.4 <= coloured.min() < 0.41
    assert 1.59 < coloured.max() <= 1.6
    assert abs((saturation == 0).double().mean() - 0.2) < 0.03


def test_without_saturation_the_channels_are_the_grey_of_the_eye():
    x = torch.rand(200, 3, 5, 6, dtype=torch.float64)
    augment = ImageAugmentation(**STILL, grey=0.5)
    (factors,) = augment.draw(x)
    made = augment.apply_drawn(x, factors)
    is_grey = factors[:, 1] == 0
    grey = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    torch.testing.assert_close(made[is_grey], grey[is_grey, None].expand(-1, 3, -1, -1))
    torch.testing.assert_close(made[~is_grey], x[~is_grey])


@pytest.mark.parametrize("unit", [1.0, 255.0])
def test_the_mean_grey_stays_and_the_unit_of_the_values_does_not_matter(unit):
    x = torch.rand(20, 3, 8, 8, dtype=torch.float64)
    augment = ImageAugmentation(**STILL, **COLOURS)
    drawn = augment.draw(x)
    made = augment.apply_drawn(unit * x, *drawn)
    torch.testing.assert_close(made, unit * augment.apply_drawn(x, *drawn))
    shares = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    torch.testing.assert_close(made.mean((2, 3)) @ shares, unit * x.mean((2, 3)) @ shares)


def test_what_lies_outside_of_an_image_is_zero_in_any_colours():
    x = 0.5 + 0.5 * torch.rand(50, 3, 16, 16)
    moved = ImageAugmentation(**{**STILL, "translate": 0.4}, **COLOURS)(x)
    assert ((moved == 0).all(1).flatten(1).any(1)).float().mean() > 0.9


def test_one_channel_has_contrast_but_no_colours():
    x = torch.rand(6, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(ImageAugmentation(**STILL, saturation=0.9, grey=0.5)(x), x)
    assert not torch.allclose(ImageAugmentation(**STILL, contrast=0.5)(x), x)


def test_moves_are_the_same_beside_changes_of_colours():
    x = torch.rand(4, 1, 8, 8)
    plain, coloured = ImageAugmentation(), ImageAugmentation(**COLOURS)
    torch.manual_seed(1)
    expected = plain.draw(x)
    torch.manual_seed(1)
    *moves, _ = coloured.draw(x)
    assert all(map(torch.equal, moves, expected))
    assert len(moves) == len(expected)
