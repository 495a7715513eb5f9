"""Images of users in any layout: which are taken as what, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image

from skdeepclust.datasets import load_images
from skdeepclust.plotting._shared.pictures import LARGEST_SIDE, picture_taker

RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 256, (7, 3, 5, 8), dtype=np.uint8)
GREY = COLORS[:, :1]
ROWS = np.array([6, 2, 2, 0])


def last(images):
    return np.moveaxis(images, 1, -1)


def in_file(images):
    file = h5py.File("images", "w", driver="core", backing_store=False)
    return file.create_dataset("images", data=images)


def series(images):
    return pd.Series(list(images))


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (COLORS, COLORS),
        (last(COLORS), COLORS),
        (GREY, GREY),
        (last(GREY), GREY),
        (GREY[:, 0], GREY),
        (COLORS / 255, COLORS / 255),
        (torch.tensor(COLORS).bfloat16(), COLORS.astype(np.float32)),
        (torch.tensor(COLORS), COLORS),
        (in_file(COLORS), COLORS),
        (list(COLORS), COLORS),
        (tuple(last(COLORS)), COLORS),
        (GREY[:, 0].tolist(), GREY.astype(int)),
        (list(torch.tensor(COLORS)), COLORS),
        (series(last(COLORS)), COLORS),
        ([Image.fromarray(image) for image in last(COLORS)], COLORS),
        ([Image.fromarray(image[0]) for image in GREY], GREY),
        (GREY > 100, (GREY > 100).astype(np.uint8)),
    ],
)
def test_layouts_are_told_by_the_place_of_the_channels(images, expected):
    taken = picture_taker(images, 7)(ROWS)
    assert_array_equal(taken, expected[ROWS])
    assert taken.dtype == expected.dtype


def test_grey_images_among_colours_become_grey_colours():
    mixed = [Image.fromarray(image) for image in last(COLORS)]
    mixed[2] = mixed[2].convert("L")
    taken = picture_taker(mixed, 7)(ROWS)
    assert_array_equal(taken[1], np.repeat(np.asarray(mixed[2])[None], 3, axis=0))
    assert_array_equal(taken[0], COLORS[6])


@pytest.mark.parametrize("kind", ["bytes", "floats", "PIL"])
def test_images_of_different_sizes_become_as_large_as_the_median_uncut_in_the_middle(kind):
    """An image with a dot in its middle has it there afterwards, and its background all around."""
    images = []
    for height, width in [(21, 41), (33, 33), (63, 21)]:
        image = np.full((height, width), 50, np.uint8)
        image[height // 2 - 4 : height // 2 + 5, width // 2 - 4 : width // 2 + 5] = 200
        images.append(image)
    if kind == "floats":
        images = [image / 255 for image in images]
    given = [Image.fromarray(image) for image in images] if kind == "PIL" else images
    taken = picture_taker(given, 3)(np.arange(3))
    assert taken.shape == (3, 1, 33, 33)
    assert (taken.dtype == np.uint8) == (kind != "floats")
    for image, original in zip(taken, images, strict=True):
        assert image[0, 16, 16] == pytest.approx(original.max(), abs=1e-6)
        assert image[0, [0, 0, -1, -1], [0, -1, 0, -1]] == pytest.approx(original.min(), abs=1e-6)


def test_large_images_are_scaled_to_what_a_figure_shows():
    images = [np.zeros((600, 900)), np.zeros((800, 1200))]
    taken = picture_taker(images, 2)(np.arange(2))
    assert taken.shape == (2, 1, round(LARGEST_SIDE * 2 / 3), LARGEST_SIDE)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_photographs_stand_upright_as_in_load_images(tmp_path, orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    Image.fromarray(last(COLORS)[0]).save(tmp_path / "a.png", exif=tags)
    height, width = (8, 5) if orientation > 4 else (5, 8)
    with Image.open(tmp_path / "a.png") as image:
        taken = picture_taker([image], 1)(np.array([0]))
    assert_array_equal(taken, load_images(tmp_path, size=(height, width)).images)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (COLORS[:5], ValueError, "one image for each of the 7 samples, got 5"),
        (np.zeros((7, 3, 9, 3)), ValueError, "before or after height and width"),
        ([np.zeros((1, 9, 3))] * 7, ValueError, "before or after height and width"),
        (np.zeros((7, 4, 9, 9)), ValueError, "neither 1 nor 3 channels"),
        (np.zeros((7, 64)), ValueError, r"images of shape \(7, 64\) are none: give them as"),
        (np.zeros((7, 3, 0, 9)), ValueError, "are none"),
        ([np.zeros(64)] * 7, ValueError, r"images\[0\] of shape \(64,\) are none"),
        (np.zeros((7, 1, 2, 3, 4)), ValueError, "are none"),
        (["a.png"] * 7, TypeError, r"images\[0\] must be .* got str: open it with PIL.Image.open"),
        ([None] * 7, TypeError, r"images\[0\] must be an array or a PIL image, got NoneType"),
        ([[[1, 2], [3]]] * 7, TypeError, r"images\[0\] must be an array or a PIL image, got list"),
        (
            "photographs",
            TypeError,
            "images must be an array or a list of images, got str: load_images",
        ),
        (Path("photographs"), TypeError, "Path: load_images reads a folder"),
        (iter(COLORS), TypeError, "make a list of them"),
        ({"images": COLORS}, TypeError, "got dict: give found.images"),
        (7, TypeError, "images must be an array or a list of images, got int"),
    ],
)
def test_what_is_no_image_is_refused(images, error, message):
    with pytest.raises(error, match=message):
        picture_taker(images, 7)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.full((7, 5, 5), np.nan), ValueError, "images must be finite"),
        (np.full((7, 5, 5), "a"), TypeError, "images must hold numbers"),
        (np.full((7, 5, 5), 1j), TypeError, "images must hold numbers"),
        ([*COLORS[:6], COLORS[6] / 255], ValueError, "floating-point and integer pixels"),
        ([Image.new("F", (5, 5))] * 7, ValueError, "pixels of mode 'F' have no known range"),
    ],
)
def test_what_cannot_be_shown_is_refused(images, error, message):
    with pytest.raises(error, match=message):
        picture_taker(images, 7)(ROWS)


def test_sizes_differ_and_pillow_is_not_there(monkeypatch):
    images = [np.zeros((5, 5)), np.zeros((6, 6))]
    for module in [each for each in sys.modules if each.split(".")[0] == "PIL"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"images differ in size.* pip install Pillow"):
        picture_taker(images, 2)(np.arange(2))
    assert picture_taker(images[:1] * 2, 2)(np.arange(2)).shape == (2, 1, 5, 5)
