"""Shapes of images and samples: what a fit learns of them, and what other samples must be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
)
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


# ---------------------------------------------------------------- the samples of a fit and others

IMAGES = np.random.default_rng(0).random((30, 3, 8, 10))
LABEL = np.arange(30) % 2
OPTIONS: dict = {"max_epochs": 1, "random_state": 0}
ESTIMATORS = {
    "triplet": lambda: TripletDECClusterer(
        2, pretrain_epochs=1, warmup_epochs=1, n_init=1, warm_start=True, **OPTIONS
    ),
    "tagnet": lambda: TAGnetClusterer(
        2, n_components=4, n_stages=1, n_init=1, warm_start=True, **OPTIONS
    ),
    "autoencoder": lambda: ParsimoniousAutoencoder(n_clusters=3, warm_start=True, **OPTIONS),
    "classifier": lambda: ParsimoniousClassifier(n_clusters=3, warm_start=True, **OPTIONS),
    "embedder": lambda: ForcedApartEmbedder(warm_start=True, **OPTIONS),
    "zero shot": lambda: ZeroShotClassifier(warm_start=True, **OPTIONS),
}
DOORS = ["fit", "partial_fit", "predict", "predict_proba", "decision_function", "transform"]
DOORS += ["score"]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_door_refuses_axes_in_another_order(name) -> None:
    model = ESTIMATORS[name]().fit(IMAGES, LABEL)
    doors = [door for door in DOORS if hasattr(model, door)]
    assert len(doors) >= 3
    for door in doors:
        arguments = (LABEL,) if door in ("fit", "partial_fit", "score") else ()
        message = (
            r"X has samples of the shape \(8, 10, 3\), those of the fit had the shape \(3, 8, 10\)"
            r".*X\.transpose\(0, 3, 1, 2\)"
        )
        with pytest.raises(ValueError, match=message):
            getattr(model, door)(IMAGES.transpose(0, 2, 3, 1), *arguments)
        with pytest.raises(ValueError, match=r"\(3, 10, 8\).*X\.transpose\(0, 1, 3, 2\)"):
            getattr(model, door)(IMAGES.transpose(0, 1, 3, 2), *arguments)
    model.score(IMAGES.reshape(30, -1), LABEL)  # rows of the same order are the same samples


def test_images_of_one_channel_come_with_and_without_its_axis() -> None:
    images = IMAGES[:, :1]
    model = ESTIMATORS["autoencoder"]().fit(images)
    for same in (images, images[:, 0], images.reshape(30, -1), torch.from_numpy(images[:, 0])):
        np.testing.assert_array_equal(np.asarray(model.transform(same)), model.transform(images))
    with pytest.raises(ValueError, match=r"shape \(10, 8\), those of the fit .* \(1, 8, 10\)"):
        model.transform(images[:, 0].transpose(0, 2, 1))


def test_rows_of_a_fit_are_no_images() -> None:
    model = ESTIMATORS["autoencoder"]().fit(IMAGES.reshape(30, -1))
    with pytest.raises(ValueError, match=r"fit had the shape \(240,\)\. Give rows, X\.reshape"):
        model.transform(IMAGES)


@pytest.mark.parametrize("name", ["triplet", "autoencoder", "classifier", "embedder", "zero shot"])
def test_channels_at_the_end_are_refused(name) -> None:
    images = np.zeros((5, 8, 10, 3))
    with pytest.raises(ValueError, match=r"look like \(height, .*X\.transpose\(0, 3, 1, 2\)"):
        ESTIMATORS[name]().fit(images, LABEL[:5])
    rows = ESTIMATORS[name]().set_params(image_shape=(8, 10, 3))
    with pytest.raises(ValueError, match=r"Give X\.reshape\(-1, 8, 10, 3\)\.transpose"):
        rows.fit(images.reshape(5, -1), LABEL[:5])


def test_who_means_channels_of_odd_images_says_so() -> None:
    maps = np.random.default_rng(0).random((10, 8, 10, 4))
    model = ESTIMATORS["classifier"]().set_params(image_shape=(8, 10, 4)).fit(maps, LABEL[:10])
    assert model.image_shape_ == (8, 10, 4)
    # to a method that takes rows it is all the same
    assert ESTIMATORS["tagnet"]().fit(maps).transform(maps).shape == (10, 4)


def test_image_shape_and_the_shape_of_x_must_agree() -> None:
    with pytest.raises(ValueError, match=r"image_shape=\(10, 8\).*\(8, 10\)"):
        ESTIMATORS["autoencoder"]().set_params(image_shape=(10, 8)).fit(IMAGES[:, 0])


def test_exemplars_refuse_them_as_well() -> None:
    images = IMAGES[:, 0]
    model = ESTIMATORS["classifier"]().fit(images, LABEL)
    with pytest.raises(ValueError, match=r"X\.transpose\(0, 2, 1\)|shape \(10, 8\)"):
        model.regularizer_.exemplars(images.transpose(0, 2, 1), "fc1", 0)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((20, 2, 12), r"give X.transpose\(0, 2, 1\)"),
        ((20, 4, 6), "X holds samples of shape \\(4, 6\\): give that of X"),
        ((0, 12, 2), "0 sample"),
    ],
)
def test_sequences_of_another_shape_are_told_what_to_give(shape, message):
    clusterer = TripletDECClusterer(2, sequence_shape=(12, 2), max_epochs=1)
    with pytest.raises(ValueError, match=message):
        clusterer.fit(np.zeros(shape))
