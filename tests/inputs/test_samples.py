"""Shapes of images and samples."""

from __future__ import annotations

import numpy as np
import pytest

from skdeepclust._inputs.samples import resolve_image_shape, split_samples


@pytest.mark.parametrize(
    ("image_shape", "sample_shape", "expected"),
    [
        (None, (64,), None),
        (None, (8, 8), (1, 8, 8)),
        (None, (3, 8, 8), (3, 8, 8)),
        ((8, 8), (64,), (1, 8, 8)),
        ([1, 8, 8], (64,), (1, 8, 8)),
        ((8, 8), (1, 8, 8), (1, 8, 8)),
    ],
)
def test_image_shapes(image_shape, sample_shape, expected):
    n_features = int(np.prod(sample_shape))
    assert resolve_image_shape(image_shape, sample_shape, n_features) == expected


@pytest.mark.parametrize("image_shape", [(8,), (0, 64), (8.0, 8.0), (-8, -8), (2, 2, 4, 4)])
def test_what_is_no_image_shape(image_shape):
    with pytest.raises(ValueError, match="an image is"):
        resolve_image_shape(image_shape, (64,), 64)


def test_images_are_flattened_without_a_copy():
    X = np.zeros((5, 3, 8, 8))
    flat, shape = split_samples(X)
    assert np.shares_memory(flat, X)
    assert (flat.shape, shape) == ((5, 192), (3, 8, 8))
