"""Augmentations: exact identities, independent implementations and invariances."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.ndimage import affine_transform
from sklearn.base import clone

from skdeepclust.augmentation import (
    FeatureAugmentation,
    ImageAugmentation,
    SequenceAugmentation,
    check_augmentation,
    in_two_steps,
    resolve_augmentation,
)

NOTHING = dict.fromkeys(["degrees", "translate", "scale", "shear", "elastic", "brightness"], 0)


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def draw(n, bound):
    """Draw what the augmentation draws, in its order."""
    return ((torch.rand(n, dtype=torch.float64) * 2 - 1) * bound).numpy()


@pytest.mark.parametrize("shape", [(12, 12), (9, 20), (17, 8)])
def test_images_move_as_scipy_moves_them_in_pixels(shape):
    affine = {"degrees": 40, "translate": 0.2, "scale": 0.3, "shear": 0.4}
    augment = ImageAugmentation(**(NOTHING | affine))
    x = torch.rand(6, 2, *shape, dtype=torch.float64)
    torch.manual_seed(1)
    moved = augment(x).numpy()
    torch.manual_seed(1)
    angles, sizes, shears = draw(6, np.radians(40)), 1 + draw(6, 0.3), draw(6, 0.4)
    right, down = draw(6, 0.2) * shape[1], draw(6, 0.2) * shape[0]
    centre = (np.array(shape) - 1) / 2
    for i in range(6):
        cos, sin = np.cos(angles[i]) * sizes[i], np.sin(angles[i]) * sizes[i]
        # rows and columns are (y, x): the matrix of the documentation turned round
        matrix = np.array([[cos + shears[i] * sin, sin], [shears[i] * cos - sin, cos]])
        offset = centre + np.array([down[i], right[i]]) - matrix @ centre
        for channel in range(2):
            expected = affine_transform(
                x[i, channel].numpy(), matrix, offset, order=1, mode="grid-constant"
            )
            assert_allclose(moved[i, channel], expected, atol=1e-10)


def test_a_disc_stays_a_disc_in_a_wide_image():
    rows, columns = np.mgrid[:20, :60]
    disc = np.clip(8 - np.hypot(rows - 9.5, columns - 29.5), 0, 1)
    x = torch.as_tensor(disc).expand(20, 1, 20, 60)
    turned = ImageAugmentation(**{**NOTHING, "degrees": 180})(x)
    assert (turned - x).abs().max() < 0.3


def test_parameters_of_zero_are_the_identity():
    x = torch.randn(5, 3, 9, 14)
    assert torch.equal(ImageAugmentation(**NOTHING)(x), x)
    rows = torch.randn(5, 7)
    assert torch.equal(FeatureAugmentation(noise=0, dropout=0)(rows), rows)


@pytest.mark.parametrize("name", list(NOTHING))
def test_each_parameter_alone_changes_each_image_otherwise(name):
    augment = ImageAugmentation(**{**NOTHING, name: 0.5})
    x = torch.rand(1, 1, 16, 16).expand(4, 1, 16, 16)
    made = augment(x).flatten(1)
    assert torch.cdist(made, made).fill_diagonal_(1).min() > 0
    assert made.shape == (4, 256)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(8, 20), st.integers(8, 20))
def test_images_keep_shape_dtype_and_range(channels, height, width):
    x = torch.rand(3, channels, height, width, dtype=torch.float64)
    made = ImageAugmentation(brightness=0.4)(x)
    assert made.shape == x.shape
    assert made.dtype == x.dtype
    assert made.min() >= 0
    assert made.max() <= 1.4


def test_shifts_and_brightness_fill_their_range():
    x = torch.zeros(400, 1, 40, 20, dtype=torch.float64)
    x[:, :, 20, 10] = 1
    shifted = ImageAugmentation(**{**NOTHING, "translate": 0.1})(x)[:, 0]
    rows = (shifted.sum(2) * torch.arange(40)).sum(1) - 20
    columns = (shifted.sum(1) * torch.arange(20)).sum(1) - 10
    for shift, bound in [(rows, 4), (columns, 2)]:
        assert 0.9 * bound < shift.abs().max() <= bound + 1e-9
        assert abs(shift.mean()) < 0.1 * bound
    shade = ImageAugmentation(**{**NOTHING, "brightness": 0.3})(x)[:, 0, 20, 10]
    assert 0.7 <= shade.min() < 0.72
    assert 1.28 < shade.max() <= 1.3


def test_draws_come_from_the_default_generator_and_spare_the_input():
    for augment, x in [
        (ImageAugmentation(), torch.rand(4, 1, 8, 8)),
        (FeatureAugmentation(), torch.rand(4, 8)),
    ]:
        before = x.clone()
        torch.manual_seed(3)
        first = augment(x)
        second = augment(x)
        torch.manual_seed(3)
        assert torch.equal(augment(x), first)
        assert not torch.equal(first, second)
        assert torch.equal(x, before)


KINDS = {
    "images": (ImageAugmentation(), (2, 9, 14)),
    "images, no displacements": (ImageAugmentation(elastic=0), (2, 9, 14)),
    "images, displacements alone": (ImageAugmentation(**(NOTHING | {"elastic": 0.1})), (1, 8, 8)),
    "images, brightness alone": (ImageAugmentation(**(NOTHING | {"brightness": 0.1})), (1, 8, 8)),
    "images, nothing": (ImageAugmentation(**NOTHING), (1, 8, 8)),
    "images, colours": (ImageAugmentation(contrast=0.4, saturation=0.4, grey=0.3), (3, 9, 14)),
    "images, colours alone": (ImageAugmentation(**(NOTHING | {"grey": 0.5})), (2, 8, 8)),
    "sequences": (SequenceAugmentation(), (9, 2)),
    "sequences, one step": (SequenceAugmentation(), (1, 2)),
    "sequences, nothing": (SequenceAugmentation(jitter=0, scale=0, warp=0), (9, 2)),
    "features": (FeatureAugmentation(), (7,)),
    "a function": (lambda x: x.roll(1, dims=0) + torch.randn_like(x), (7,)),
}


@pytest.mark.parametrize("name", KINDS)
def test_two_steps_make_what_one_call_makes(name):
    augment, shape = KINDS[name]
    x = torch.rand(11, *shape)
    torch.manual_seed(4)
    expected, after = augment(x), torch.rand(3)
    torch.manual_seed(4)
    steps = in_two_steps(augment)
    drawn = steps.draw(x)
    assert torch.equal(torch.rand(3), after)  # the second step draws nothing
    assert torch.equal(steps.apply_drawn(x, *drawn), expected)
    for rows in (slice(0, None, 2), slice(2, None, 3), slice(5, 6)):
        made = steps.apply_drawn(x[rows], *(each[rows] for each in drawn))
        assert torch.equal(made, expected[rows])


def test_only_few_numbers_are_drawn_for_an_image():
    drawn = ImageAugmentation().draw(torch.rand(5, 3, 30, 40))
    assert [each.shape for each in drawn] == [(5, 2, 3), (5, 2, 3, 3), (5,)]


@pytest.mark.parametrize(("factor", "shift"), [(1000.0, 0.0), (1.0, 50.0), (0.01, -3.0)])
def test_feature_augmentation_does_not_depend_on_units(factor, shift):
    x = torch.randn(30, 4, dtype=torch.float64)
    augment = FeatureAugmentation(noise=0.3, dropout=0.3)
    torch.manual_seed(2)
    expected = augment(x) * factor + shift
    torch.manual_seed(2)
    torch.testing.assert_close(augment(x * factor + shift), expected)


def test_dropped_features_become_their_mean():
    x = torch.randn(4000, 3, dtype=torch.float64) + torch.tensor([0.0, 10.0, -5.0])
    made = FeatureAugmentation(noise=0, dropout=0.2)(x)
    dropped = made != x
    assert_allclose(dropped.double().mean(0).numpy(), 0.2, atol=0.03)
    means = x.mean(0).expand_as(x)
    torch.testing.assert_close(made[dropped], means[dropped])


def test_noise_is_relative_to_the_deviation_of_each_feature():
    scales = torch.tensor([0.1, 1.0, 20.0], dtype=torch.float64)
    x = torch.randn(4000, 3, dtype=torch.float64) * scales
    noise = FeatureAugmentation(noise=0.5, dropout=0)(x) - x
    assert_allclose((noise.std(0) / scales).numpy(), 0.5, rtol=0.05)


def test_one_row_and_constant_features_stay_finite():
    x = torch.ones(1, 3)
    assert torch.equal(FeatureAugmentation()(x), x)


def test_elastic_displacements_are_smooth_and_of_the_given_size():
    side, share = 40, 0.1
    ramp = torch.arange(side, dtype=torch.float64).expand(200, 1, side, side)
    moved = ImageAugmentation(**{**NOTHING, "elastic": share})(ramp)[:, 0]
    # beyond the edge there is no ramp
    inner = slice(8, side - 8)
    displacement = (moved - ramp[:, 0])[:, inner, inner]
    assert displacement.abs().max() <= 1.3 * share * side  # bicubic overshoots a little
    assert displacement.abs().max() > 0.8 * share * side
    assert displacement.std(0).min() > 0.2 * share * side
    roughness = displacement.diff(dim=1).abs().max()
    assert roughness < 0.2 * share * side


@pytest.mark.parametrize("augment", [ImageAugmentation(shear=0.3), FeatureAugmentation(noise=0.2)])
def test_augmentations_are_values(augment):
    for copy in (pickle.loads(pickle.dumps(augment)), clone(augment, safe=False)):
        assert copy == augment
        assert hash(copy) == hash(augment)
    assert type(augment)() != augment
    assert eval(repr(augment)) == augment
    assert repr(type(augment)()) == f"{type(augment).__name__}()"


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (ImageAugmentation, {"degrees": -1}),
        (ImageAugmentation, {"translate": float("nan")}),
        (ImageAugmentation, {"scale": 1}),
        (ImageAugmentation, {"brightness": 1.5}),
        (ImageAugmentation, {"contrast": 1}),
        (ImageAugmentation, {"saturation": -0.1}),
        (ImageAugmentation, {"grey": 1}),
        (FeatureAugmentation, {"dropout": 1}),
        (FeatureAugmentation, {"noise": -0.1}),
    ],
)
def test_values_out_of_range_are_refused(cls, options):
    with pytest.raises(ValueError, match=rf"{next(iter(options))} of {cls.__name__} must lie in"):
        cls(**options)


def test_batches_of_the_other_kind_are_refused():
    with pytest.raises(ValueError, match="use FeatureAugmentation"):
        ImageAugmentation()(torch.zeros(3, 4))
    with pytest.raises(ValueError, match="use ImageAugmentation"):
        FeatureAugmentation()(torch.zeros(3, 1, 8, 8))


def test_resolve_augmentation():
    assert resolve_augmentation("auto", (1, 8, 8)) == ImageAugmentation()
    assert resolve_augmentation("auto", (8, 2)) == SequenceAugmentation()
    assert resolve_augmentation("auto", (8,)) == FeatureAugmentation()
    assert resolve_augmentation(None, (8,)) is None
    assert resolve_augmentation(torch.neg, (8,)) is torch.neg
    with pytest.raises(ValueError, match="got 'flip'"):
        resolve_augmentation("flip", (8,))
    with pytest.raises(TypeError, match=r"got 0\.5"):
        resolve_augmentation(0.5, (8,))
    with pytest.raises(TypeError, match="pass an instance"):
        resolve_augmentation(ImageAugmentation, (1, 8, 8))


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (lambda x: x[:2], r"made \(2, 5\) of \(4, 5\)"),
        (lambda x: x.numpy(), r"tensor of shape \(4, 5\), got ndarray"),
        (lambda x: x / 0, r"NaN or infinite values of a batch of shape \(4, 5\)"),
    ],
)
def test_check_augmentation_refuses(augment, message):
    with pytest.raises(ValueError, match=message):
        check_augmentation(augment, torch.ones(4, 5))


@dataclass
class Scaled:
    """Scales samples by what a function draws for a batch."""

    factors: Callable[[torch.Tensor], object]

    def draw(self, x):
        return (self.factors(x),)

    def apply_drawn(self, x, factors):
        return x * factors


@pytest.mark.parametrize("factors", [lambda x: 2.0, lambda x: torch.ones(1, 5)])
def test_what_is_drawn_must_have_a_row_for_each_sample(factors):
    check_augmentation(Scaled(torch.rand_like), torch.ones(4, 5))
    with pytest.raises(ValueError, match="a row for each sample: of 4 samples it made"):
        check_augmentation(Scaled(factors), torch.ones(4, 5))


def test_check_augmentation_spares_the_sample():
    sample = torch.ones(4, 5)
    check_augmentation(lambda x: x.mul_(2), sample)
    check_augmentation(FeatureAugmentation(), sample)
    check_augmentation(None, sample)
    assert torch.equal(sample, torch.ones(4, 5))
