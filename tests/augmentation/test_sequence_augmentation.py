"""SequenceAugmentation: warped, stretched and shaken; what all of them refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skdeepclust.augmentation import (
    FeatureAugmentation,
    ImageAugmentation,
    SequenceAugmentation,
)


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_sequences_are_read_at_warped_times():
    x = torch.rand(4, 21, 3, dtype=torch.float64)
    augment = SequenceAugmentation(jitter=0, scale=0, warp=0.12)
    (points,) = augment.draw(x)
    made = augment.apply_drawn(x, points).numpy()
    steps = np.arange(21.0)
    for i in range(4):
        knots = [0, *points[i, 0].tolist(), 0]
        time = steps + 20 * np.interp(steps, [0, 5, 10, 15, 20], knots)
        assert (np.diff(time) > 0).all()
        for feature in range(3):
            expected = np.interp(time, steps, x[i, :, feature].numpy())
            assert_allclose(made[i, :, feature], expected, atol=1e-12)
    assert_allclose(made[:, [0, -1]], x[:, [0, -1]].numpy())


def test_sequences_are_stretched_about_their_own_mean_and_shaken():
    x = torch.randn(500, 12, 2, dtype=torch.float64) * torch.tensor([1.0, 30.0]) + 1e3
    stretched = SequenceAugmentation(jitter=0, warp=0)(x)
    torch.testing.assert_close(stretched.mean(1), x.mean(1))
    factors = stretched.std(1) / x.std(1)
    torch.testing.assert_close(factors[:, 0], factors[:, 1])
    assert 0.8 <= factors.min() < 0.85 < 1.15 < factors.max() <= 1.2
    noise = SequenceAugmentation(jitter=0.5, scale=0, warp=0)(x) - x
    assert_allclose(noise.std((0, 1)), [0.5, 15], rtol=0.05)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"warp": 0.125}, r"warp .* \[0, 0.125\)"),
        ({"scale": 1}, "scale"),
        ({"jitter": -1}, "jitter"),
    ],
)
def test_sequences_that_time_could_run_backwards_in_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        SequenceAugmentation(**parameters)


def test_rows_are_no_sequences():
    with pytest.raises(ValueError, match="use FeatureAugmentation"):
        SequenceAugmentation()(torch.rand(4, 6))


@pytest.mark.parametrize(
    ("augment", "shape"),
    [
        (ImageAugmentation(), (4, 1, 8, 8)),
        (FeatureAugmentation(), (4, 8)),
        (SequenceAugmentation(), (4, 8, 2)),
    ],
)
def test_integers_are_refused_with_the_call_that_mends_them(augment, shape):
    pixels = torch.randint(256, shape, dtype=torch.uint8)
    with pytest.raises(TypeError, match=r"got torch.uint8: pass x.float\(\)"):
        augment(pixels)
    assert augment(pixels.float()).shape == shape
