"""ForcedApartEmbedder: sequences, words and images."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.quick import forced_apart as quick
from PIL import Image
from scipy import sparse
from torch import nn

from skdeepclust import ForcedApartEmbedder
from skdeepclust.networks._layers import layer_output

LOCAL = Path(os.environ.get("SKDEEPCLUST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def padded(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return sequences with zeros behind their length."""
    values = values.copy()
    for row, length in zip(values, lengths, strict=True):
        row[length:] = 0
    return values


@pytest.fixture(scope="module")
def strokes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 200 pen strokes (200, 48, 4), their coarse labels and lengths; or such as these."""
    path = LOCAL / "strokes.npz"
    if path.is_file():
        with np.load(path) as data:
            X, y, lengths = (data[name][:200] for name in ("X", "y", "n"))
        return X.astype(np.float32), (y >= 5).astype(int), lengths.astype(int)
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 48, 200)
    coarse = np.arange(200) % 2
    steps = rng.normal(coarse[:, None, None], 1, (200, 48, 4)).astype(np.float32)
    return padded(steps, lengths), coarse, lengths


@pytest.fixture(scope="module")
def words() -> tuple[np.ndarray, np.ndarray, int]:
    """Return 200 texts as indices of words, their coarse labels and the number of words."""
    path = LOCAL / "debian14.npz"
    if path.is_file():
        with np.load(path) as data:
            X, y, n_words = data["X"][:200, :20], data["y"][:200], len(data["vocab"])
        if len(np.unique(y >= 7)) == 2:
            return X.astype(np.int64), (y >= 7).astype(int), n_words
    rng = np.random.default_rng(0)
    coarse = np.arange(200) % 2
    X = rng.integers(1, 30, (200, 20)) + 20 * coarse[:, None]
    return padded(X, rng.integers(3, 20, 200)), coarse, 50


def sequential(**params) -> ForcedApartEmbedder:
    return quick(**{"module__hidden": 8, **params})


# ---------------------------------------------------------------- sequences


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_sequences_get_a_recurrent_network_and_the_loss_on_weights(strokes, cell):
    X, coarse, _ = strokes
    model = sequential(module__cell=cell, max_epochs=3).fit(X, coarse)
    assert type(model.module_.recurrent) is {"gru": nn.GRU, "lstm": nn.LSTM}[cell]
    penalty = [row["forced_apart_weight_penalty"] for row in model.history_]
    assert penalty[-1] < penalty[0]
    assert model.transform(X).shape == (200, 6)
    assert model.predict_proba(X).shape == (200, 2)
    assert not hasattr(model, "image_shape_")
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.transform(X), model.transform(X))


def test_sequences_in_the_rows_of_a_matrix(strokes):
    X, coarse, _ = strokes
    expected = sequential().fit(X, coarse).transform(X)
    flat = X.reshape(200, -1)
    for shape in ((48, 4), [48, 4]):
        model = sequential(sequence_shape=shape).fit(flat, coarse)
        np.testing.assert_array_equal(model.transform(flat), expected)
        np.testing.assert_array_equal(model.transform(X), expected)
    for given in (sparse.csr_array(flat), torch.tensor(flat)):
        same = sequential(sequence_shape=(48, 4)).fit(given, coarse).transform(given)
        np.testing.assert_array_equal(np.asarray(same), expected)
    same = sequential(sequence_shape=(48, 4)).fit(X, coarse).transform(X)
    np.testing.assert_array_equal(same, expected)


def codes_of_single_sequences(model: ForcedApartEmbedder, X, lengths) -> np.ndarray:
    codes = []
    for row, length in zip(X, lengths, strict=True):
        with layer_output(model.module_, "code") as kept, torch.no_grad():
            model.module_(torch.tensor(row[None, : max(length, 1)]))
        codes.append(kept[0][0].numpy())
    return np.array(codes)


def test_padding_does_not_change_a_code(strokes):
    X, coarse, lengths = strokes
    model = sequential().fit(X, coarse)
    expected = codes_of_single_sequences(model, X[:40], lengths[:40])
    np.testing.assert_allclose(model.transform(X[:40]), expected, rtol=1e-4, atol=1e-5)


def test_longer_padding_trains_the_same_network(strokes):
    X, coarse, _ = strokes
    longer = np.pad(X, [(0, 0), (0, 7), (0, 0)])
    options = {"module__standardize": False, "dtype": "float64"}
    codes = [sequential(**options).fit(each, coarse).transform(each) for each in (X, longer)]
    np.testing.assert_allclose(*codes, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_sequence_of_nothing_but_padding(strokes, labelled):
    X, coarse, _ = strokes
    X = X.copy()
    X[::10] = 0
    model = sequential(loss="both").fit(X, coarse if labelled else None)
    code = model.transform(X)
    assert np.isfinite(code).all()
    assert np.abs(code[::10] - code[0]).max() == 0
    assert all(np.isfinite(row["loss"]) for row in model.history_)


def test_sequences_without_labels(strokes):
    X, _, _ = strokes
    model = sequential(max_epochs=5, lr=0.01).fit(X)
    errors = [row["reconstruction"] for row in model.history_]
    assert errors[-1] < errors[0]
    with torch.no_grad():
        off = model.module_(torch.tensor(X)) - model.module_.standardize(torch.tensor(X)).flatten(1)
    error = off.square().sum(1).mean().item() * X.var(dtype=float)
    assert model.reconstruction_err_ == pytest.approx(error, rel=1e-3)


# ---------------------------------------------------------------- words


def test_words(words):
    X, coarse, n_words = words
    model = sequential(vocabulary_size=n_words, max_epochs=5, lr=0.01).fit(X, coarse)
    assert model.module_.embedding.num_embeddings == n_words
    assert model.history_[-1]["cross_entropy"] < model.history_[0]["cross_entropy"]
    forms = [X.astype(float), X.astype(np.uint16), sparse.csr_array(X), X.tolist(), torch.tensor(X)]
    for form in forms:
        np.testing.assert_array_equal(np.asarray(model.transform(form)), model.transform(X))
    none = model.transform(np.zeros((1, X.shape[1])))
    assert np.isfinite(none).all()
    same = sequential(vocabulary_size=n_words, sequence_shape=(X.shape[1],), max_epochs=5, lr=0.01)
    np.testing.assert_array_equal(same.fit(X, coarse).transform(X), model.transform(X))


@pytest.mark.parametrize(
    ("value", "got"),
    [(50, "1 to 50"), (-1, "-1 to 49"), (1.5, "1 to 49")],
    ids=["too large", "negative", "fraction"],
)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, torch.tensor])
def test_what_is_no_index_of_a_word(value, got, form):
    X = np.random.default_rng(0).integers(1, 50, (40, 5)).astype(float)
    X[:2, 0] = 1, 49
    model = sequential(vocabulary_size=50, max_epochs=1).fit(X, np.arange(40) % 2)
    X[2, 2] = value
    message = f"X must hold indices of words.*to 49 with vocabulary_size=50, got numbers from {got}"
    with pytest.raises(ValueError, match=message):
        model.transform(form(X))
    with pytest.raises(ValueError, match=message):
        sequential(vocabulary_size=50).fit(form(X), np.arange(40) % 2)


def test_no_entry_at_all_is_padding():
    X = sparse.csr_array((20, 5))
    model = sequential(vocabulary_size=50, max_epochs=1).fit(X, np.arange(20) % 2)
    assert np.isfinite(model.transform(X)).all()


# ---------------------------------------------------------------- images


def test_images_in_each_form(digits):
    X, coarse = digits[0][:100], digits[1][:100] >= 5
    narrow = {"module__block_channels": (4,), "module__tail_channels": (4,)}
    options = {"n_components": 6, "max_epochs": 1, "random_state": 0, **narrow}
    expected = None
    for shape, image_shape in [
        ((100, 64), (8, 8)),
        ((100, 64), [1, 8, 8]),
        ((100, 8, 8), (8, 8)),
        ((100, 1, 8, 8), None),
        ((100, 1, 8, 8), (8, 8)),
    ]:
        images = X.reshape(shape)
        model = ForcedApartEmbedder(image_shape=image_shape, **options).fit(images, coarse)
        code = model.transform(images)
        assert model.image_shape_ == (1, 8, 8)
        assert "forced_apart_penalty" in model.history_[0]
        expected = code if expected is None else expected
        np.testing.assert_array_equal(code, expected)
    without = ForcedApartEmbedder(**options).fit(X.reshape(-1, 1, 8, 8))
    assert without.reconstruction_err_ > 0


REFUSED = {
    "sequences and images": (
        {"sequence_shape": (8, 8), "image_shape": (8, 8)},
        (64,),
        r"image_shape=\(8, 8\) and sequences of shape \(8, 8\)",
    ),
    "words and images": ({"vocabulary_size": 99, "image_shape": (8, 8)}, (64,), "Give one of"),
    "words of features": ({"vocabulary_size": 99}, (8, 8), r"of shape \(8, 8\)"),
    "other words": (
        {"vocabulary_size": 99, "sequence_shape": (8, 8)},
        (64,),
        r"sequence_shape=\(8, 8\)",
    ),
    "size of a sequence": (
        {"sequence_shape": (8, 9)},
        (64,),
        r"sequence_shape=\(8, 9\) has 72 values, but X has 64",
    ),
    "one number": ({"sequence_shape": (64,)}, (64,), r"must be \(steps, features\)"),
    "negative": ({"sequence_shape": (-8, -8)}, (64,), "both positive"),
    "fraction": ({"sequence_shape": (8.0, 8)}, (64,), "both positive"),
    "another sequence": ({"sequence_shape": (4, 16)}, (8, 8), r"samples of shape \(8, 8\)"),
    "sequence of images": ({"sequence_shape": (8, 8)}, (1, 8, 8), r"of shape \(1, 8, 8\)"),
    "size of an image": ({"image_shape": (8, 9)}, (64,), r"image_shape=\(8, 9\) has 72 values"),
    "five dimensions": ({}, (1, 1, 8, 8), "an image is"),
    "words without labels": ({"vocabulary_size": 99}, (64,), "can't be reconstructed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_shapes_that_contradict_are_refused(digits, name):
    params, shape, message = REFUSED[name]
    X = digits[0][:20].reshape(20, *shape)
    y = None if name == "words without labels" else np.arange(20) % 2
    with pytest.raises(ValueError, match=message):
        ForcedApartEmbedder(**params).fit(X, y)


ONCE: dict = {"max_epochs": 1, "random_state": 0}


@pytest.mark.parametrize("mode", ["L", "F", "I", "RGB", "P"])
def test_images_of_pil_are_images(mode) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 16, 12), dtype=np.uint8)
    images = [Image.fromarray(each).convert(mode) for each in pixels]
    y = np.arange(20) % 2
    n_channels = 3 if mode in ("RGB", "P") else 1
    as_arrays = np.stack([np.atleast_3d(np.asarray(each.convert("RGB"))) for each in images])
    as_arrays = as_arrays.transpose(0, 3, 1, 2)[:, :n_channels]
    model = ForcedApartEmbedder(**ONCE).fit(images, y)
    assert model.image_shape_ == (n_channels, 16, 12)
    expected = ForcedApartEmbedder(**ONCE).fit(as_arrays, y).transform(as_arrays[:3])
    np.testing.assert_allclose(model.transform(images[:3]), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="unlike shapes"):
        ForcedApartEmbedder(**ONCE).fit([*images, images[0].resize((12, 9))], np.arange(21) % 2)


def test_images_of_pil_may_be_said_to_be_sequences() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 16, 12), dtype=np.uint8)
    images = [Image.fromarray(each) for each in pixels]
    model = ForcedApartEmbedder(sequence_shape=(16, 12), **ONCE).fit(images, np.arange(20) % 2)
    assert not hasattr(model, "image_shape_")
