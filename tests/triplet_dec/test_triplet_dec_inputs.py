"""TripletDECClusterer: forms of X, bad input, reproducibility."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.needs import needs_array_api
from helpers.quick import triplet_dec as quick
from scipy import sparse
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skdeepclust import TripletDECClusterer
from skdeepclust._training.session import Session


@pytest.fixture(scope="module")
def X(digits) -> np.ndarray:
    return digits[0][:200]


@pytest.fixture(scope="module")
def expected(X) -> np.ndarray:
    return quick().fit(X).predict_proba(X)


# ---------------------------------------------------------------- forms of X


def as_memmap(X, folder):
    np.save(folder / "X.npy", X.astype(np.uint8))
    return np.load(folder / "X.npy", mmap_mode="r")


FORMS = {
    "float32": lambda X, folder: X.astype(np.float32),
    "uint8": lambda X, folder: X.astype(np.uint8),
    "int64": lambda X, folder: X.astype(np.int64),
    "list": lambda X, folder: X.tolist(),
    "fortran": lambda X, folder: np.asfortranarray(X),
    "memmap": as_memmap,
    "csr_array": lambda X, folder: sparse.csr_array(X),
    "coo_matrix": lambda X, folder: sparse.coo_matrix(X),
    "frame": lambda X, folder: pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)]),
    "tensor": lambda X, folder: torch.from_numpy(X.copy()),
    "images": lambda X, folder: X.reshape(-1, 8, 8),
    "channels": lambda X, folder: X.reshape(-1, 1, 8, 8),
    "image tensor": lambda X, folder: torch.from_numpy(X.copy()).reshape(-1, 1, 8, 8),
    "image list": lambda X, folder: X.reshape(-1, 8, 8).tolist(),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_x(X, expected, tmp_path, form):
    given = FORMS[form](X, tmp_path)
    images = form in ("images", "channels", "image tensor", "image list")
    model = quick(image_shape=None) if images else quick()
    proba = model.fit(given).predict_proba(given)
    assert isinstance(proba, torch.Tensor if "tensor" in form else np.ndarray)
    np.testing.assert_array_equal(np.asarray(proba), expected)
    assert model.image_shape_ == (1, 8, 8)
    assert model.n_features_in_ == 64
    decoded = model.inverse_transform(np.asarray(model.transform(given)))
    assert decoded.shape == (np.shape(given) if "list" not in form or images else X.shape)
    np.testing.assert_array_equal(model.predict(given), expected.argmax(1))


@needs_array_api
def test_tensors_with_array_api_dispatch(X, expected):
    tensor = torch.from_numpy(X.copy())
    with config_context(array_api_dispatch=True):
        proba = quick().fit(tensor).predict_proba(tensor)
    np.testing.assert_array_equal(proba.numpy(), expected)


def test_colour_images_of_odd_size():
    images = np.random.default_rng(0).random((40, 3, 9, 11))
    model = quick(3, image_shape=None).fit(images)
    assert model.image_shape_ == (3, 9, 11)
    assert model.inverse_transform(model.transform(images)).shape == images.shape


def test_rows_of_features_get_a_multilayer_perceptron(X):
    model = TripletDECClusterer(3, warmup_epochs=1, max_epochs=1, n_init=1, random_state=0).fit(X)
    assert not hasattr(model, "image_shape_")
    assert type(model.module_.autoencoder).__name__ == "MLPAutoencoder"


def test_x_is_not_converted_as_a_whole(X, monkeypatch):
    given = X.astype(np.uint8)
    sizes = []
    plain = torch.from_numpy

    def record(array):
        sizes.append(array.shape)
        return plain(array)

    monkeypatch.setattr(torch, "from_numpy", record)
    quick(batch_size=50).fit(given)
    assert max(shape[0] for shape in sizes if shape[1:] == (64,)) <= 50


# ---------------------------------------------------------------- reproducibility


def test_the_same_seed_gives_the_same_fit_and_another_one_another(X, expected):
    np.testing.assert_array_equal(quick().fit(X).predict_proba(X), expected)
    assert not np.array_equal(quick(random_state=1).fit(X).predict_proba(X), expected)


# ---------------------------------------------------------------- bad input


def no_training(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("training began")

    monkeypatch.setattr(Session, "train", fail)


BAD = {
    "NaN": ({}, lambda X: np.where(X.max() == X, np.nan, X), "NaN"),
    "infinity": ({}, lambda X: np.where(X.max() == X, np.inf, X), "infinity"),
    "too many clusters": ({"n_clusters": 201}, None, "n_samples=200 should be >= n_clusters=201"),
    "image_shape": ({"image_shape": (8, 9)}, None, r"has 72 values, but X has 64 features"),
    "image_shape 4": ({"image_shape": (1, 1, 8, 8)}, None, r"\(channels, height, width\)"),
    "small images": ({"image_shape": (4, 16)}, None, "8 x 8"),
    "negative weight": ({"entropy_weight": -1}, None, "'entropy_weight' parameter"),
    "weight type": ({"triplet_weight": "much"}, None, "'triplet_weight' parameter"),
    "init name": ({"init": "ward"}, None, "'init' parameter"),
    "missing device": (
        {"device": "cuda:9"},
        None,
        "device='cuda:9' can't be.*available: auto",
    ),
    "unknown device": ({"device": "abacus"}, None, "device='abacus' can't be used.*available"),
    "optimizer": ({"optimizer": "newton"}, None, "'optimizer' parameter"),
    "augmentation shape": ({"augmentation": lambda x: x[:, :, 1:]}, None, "keep the shape"),
    "augmentation type": ({"augmentation": lambda x: 3}, None, "must return a tensor"),
    "network": ({"module": torch.nn.Linear(64, 2)}, None, "methods encode.x. and decode.z."),
    "strings": ({}, lambda X: np.char.add(X.astype(str)[:, :1], "a"), "could not convert string"),
    "one sample": ({}, lambda X: X[:1], "minimum of 2"),
    "5-D": ({"image_shape": None}, lambda X: X.reshape(-1, 1, 1, 8, 8), "an image is"),
}


@pytest.fixture(scope="module")
def of_two(X) -> TripletDECClusterer:
    return quick(2).fit(X)


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_before_training_and_nothing_is_lost(X, case, of_two, monkeypatch):
    params, change, message = BAD[case]
    model = copy.deepcopy(of_two)
    before, embedding = dict(vars(model)), model.transform(X)
    no_training(monkeypatch)
    changed = {"module": model.module, "image_shape": model.image_shape, **params}
    components = {} if "module" in params else model._nested
    model._nested = components
    for name, value in changed.items():
        setattr(model, name, value)
    before |= changed | {"_nested": components}
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X if change is None else change(X))
    assert vars(model) == before
    monkeypatch.undo()
    np.testing.assert_array_equal(model.transform(X), embedding)


def test_bad_centers_and_weights_are_refused_before_training(X, monkeypatch):
    no_training(monkeypatch)
    with pytest.raises(ValueError, match=r"centres of shape \(3, 32\).*need \(2, 32\)"):
        quick(2, init=np.zeros((3, 32))).fit(X)
    for weight in (-np.ones(200), np.zeros(200), np.ones(3)):
        with pytest.raises(ValueError, match=r"[Ww]eight"):
            quick(2).fit(X, sample_weight=weight)


def test_bad_input_of_the_fitted(X):
    model = quick(2)
    for method in ("predict", "predict_proba", "transform", "inverse_transform", "score"):
        with pytest.raises(NotFittedError):
            getattr(model, method)(X)
    model.fit(X)
    with pytest.raises(ValueError, match="63 features, but TripletDECClusterer is expecting 64"):
        model.predict(X[:, :63])
    with pytest.raises(ValueError, match=r"X has 5 components.*embeds into 32"):
        model.inverse_transform(X[:, :5])


def test_collapse_is_a_warning_with_the_number_of_clusters_left():
    X = np.repeat(np.random.default_rng(0).random((2, 64)), 20, axis=0)
    with pytest.warns(ConvergenceWarning, match="2 of n_clusters=5 clusters have samples"):
        quick(5, init="kmeans", max_epochs=0).fit(X)


def test_no_warning_without_a_reason(X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(2).fit(X)


def test_samples_of_zero_weight_do_not_matter(X):
    weight = np.r_[np.ones(150), np.zeros(50)]
    noise = np.r_[X[:150], np.full((50, 64), 1e3)]
    model = quick(2, max_epochs=2).fit(noise, sample_weight=weight)
    mean, std = model.module_.standardize.mean, model.module_.standardize.std
    assert float(mean) == pytest.approx(X[:150].mean(), rel=1e-5)
    assert float(std) == pytest.approx(X[:150].std(), rel=1e-5)
