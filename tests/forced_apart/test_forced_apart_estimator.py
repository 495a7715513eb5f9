"""ForcedApartEmbedder with and without labels, refitted, copied and continued."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from helpers.quick import forced_apart as quick
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import get_tags

from skdeepclust import ForcedApartEmbedder


@pytest.fixture(scope="module")
def few(digits) -> tuple[np.ndarray, np.ndarray]:
    """Return 200 digits, and whether they are 5 or more."""
    X, digit = digits
    return X[:200], (digit[:200] >= 5).astype(np.int64)


@pytest.fixture(scope="module")
def fitted(few) -> ForcedApartEmbedder:
    return quick().fit(*few)


# ---------------------------------------------------------------- without labels


def test_without_labels_it_is_an_autoencoder(few):
    X, _ = few
    model = quick(max_epochs=30, lr=0.01).fit(X)
    with torch.no_grad():
        x = torch.tensor(X, dtype=torch.float32)
        off = model.module_(x) - model.module_.standardize(x)
    error = off.square().sum(1).mean().item() * X.var()
    assert model.reconstruction_err_ == pytest.approx(error, rel=1e-4)
    assert model.score(X) == pytest.approx(-model.reconstruction_err_)
    assert error < 0.6 * X.var(0).sum()  # that of the mean of X is 1
    first, last = model.history_[0], model.history_[-1]
    assert first["phase"] == "reconstruction"
    assert last["reconstruction"] < first["reconstruction"]
    assert not {"cross_entropy", "accuracy"} & set(last)


@pytest.mark.parametrize("scale", [(1e-3, 0), (1e3, 5e4)], ids=["small", "large"])
def test_a_reconstruction_has_the_scale_of_X(few, scale):
    X, factor, shift = few[0], *scale
    options = {"dtype": "float64", "max_epochs": 10}
    plain, moved = quick(**options).fit(X), quick(**options).fit(factor * X + shift)
    ratio = moved.reconstruction_err_ / plain.reconstruction_err_
    assert ratio == pytest.approx(factor**2, rel=1e-5)


def test_weights_count_in_the_reconstruction_error(few):
    X, weight = few[0], np.r_[np.ones(100), np.zeros(100)]
    model = quick().fit(X, sample_weight=weight)
    assert model.reconstruction_err_ == pytest.approx(-model.score(X[:100]), rel=1e-5)
    assert model.score(X, sample_weight=weight) == pytest.approx(model.score(X[:100]), rel=1e-5)


@pytest.mark.parametrize("labels", ["all", "some", "none"])
@pytest.mark.parametrize("loss", ["both", "decov", "xcov"])
def test_weights_equal_repetition(few, labels, loss):
    X, y = few
    y = np.where(np.arange(200) % 3 == 0, -1, y) if labels == "some" else y
    y = None if labels == "none" else y
    weight = np.random.default_rng(0).integers(0, 4, 200)
    repeated = np.repeat(np.arange(200), weight)
    options = {"loss": loss, "batch_size": 1000, "dtype": "float64", "max_epochs": 5}
    weighted = quick(**options).fit(X, y, sample_weight=weight)
    other = quick(**options).fit(X[repeated], None if y is None else y[repeated])
    np.testing.assert_allclose(weighted.transform(X), other.transform(X), rtol=1e-6, atol=1e-8)


def test_without_labels_there_is_nothing_to_predict(few):
    model = quick().fit(few[0])
    for name in ("predict", "predict_proba"):
        assert not hasattr(model, name)
        with pytest.raises(AttributeError, match=name) as caught:
            getattr(model, name)
        assert "fitted without y" in str(caught.value.__cause__)
        assert hasattr(quick(), name), "there may yet be labels"
    assert not hasattr(model, "classes_")


def test_a_refit_with_labels_leaves_nothing_of_one_without_and_the_other_way_round(few):
    X, y = few
    with_y, without = quick().fit(X, y), quick().fit(X)
    first = copy.deepcopy(without).fit(X, y)
    assert not hasattr(first, "reconstruction_err_")
    np.testing.assert_array_equal(first.predict_proba(X), with_y.predict_proba(X))
    second = copy.deepcopy(with_y).fit(X)
    assert not hasattr(second, "predict")
    assert second.reconstruction_err_ == without.reconstruction_err_
    assert vars(second).keys() == vars(without).keys()
    assert vars(first).keys() == vars(with_y).keys()


def test_a_network_without_standardisation_reconstructs_X_itself(few):
    X = few[0]
    model = quick(module__standardize=False).fit(X)
    with torch.no_grad():
        outputs = model.module_(torch.tensor(X, dtype=torch.float32)).numpy()
    error = np.square(outputs - X).sum(1).mean()
    assert model.reconstruction_err_ == pytest.approx(error, rel=1e-5)


# ---------------------------------------------------------------- a scikit-learn estimator


def test_it_is_a_classifier_that_needs_no_y():
    tags = get_tags(quick())
    assert tags.estimator_type == "classifier"
    assert not tags.target_tags.required
    assert tags.transformer_tags.preserves_dtype == ["float32"]


def test_probabilities_and_labels_agree(fitted, few):
    X, y = few
    proba = fitted.predict_proba(X)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(fitted.predict(X), fitted.classes_[proba.argmax(1)])
    assert fitted.score(X, y) == np.mean(fitted.predict(X) == y)


def test_names_of_the_components(fitted, few):
    names = fitted.get_feature_names_out()
    assert names.tolist() == [f"forcedapartembedder{i}" for i in range(6)]
    frame = pd.DataFrame(few[0], columns=[f"pixel{i}" for i in range(64)])
    model = quick().set_output(transform="pandas").fit(frame, few[1])
    code = model.transform(frame)
    assert code.columns.tolist() == names.tolist()
    np.testing.assert_array_equal(code, fitted.transform(few[0]))
    assert model.feature_names_in_[1] == "pixel1"


@pytest.mark.parametrize("form", ["csr", "tensor", "float32", "list"])
@pytest.mark.parametrize("labelled", [True, False])
def test_forms_of_x(few, form, labelled):
    X, y = few[0], few[1] if labelled else None
    forms = {"csr": sparse.csr_array, "tensor": torch.tensor, "float32": np.float32, "list": list}
    given = forms[form](X)
    model = quick().fit(given, y)
    code = model.transform(given)
    assert isinstance(code, torch.Tensor if form == "tensor" else np.ndarray)
    np.testing.assert_array_equal(np.asarray(code), quick().fit(X, y).transform(X))
    if labelled:
        assert isinstance(model.predict_proba(given), type(code))
        assert isinstance(model.predict(given), np.ndarray)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_that_of_the_codes(few, dtype):
    model = quick(dtype=dtype).fit(*few)
    assert model.transform(few[0]).dtype == model.predict_proba(few[0]).dtype == dtype


@pytest.mark.usefixtures("global_state_untouched")
@pytest.mark.parametrize("labelled", [True, False])
def test_the_same_seed_gives_the_same_codes(few, labelled):
    X, y = few[0], few[1] if labelled else None
    model = quick(loss="both").fit(X, y)
    code = model.transform(X)
    np.testing.assert_array_equal(clone(model).fit(X, y).transform(X), code)
    assert not np.array_equal(clone(model).set_params(random_state=1).fit(X, y).transform(X), code)


def test_parameters_stay_as_they_are_given(few):
    params = {"margin": {"multi": 2.0}, "lam": {"multi": 0.1}, "image_shape": [8, 8]}
    model = ForcedApartEmbedder(max_epochs=1, **params)
    before = copy.deepcopy(model.get_params())
    model.fit(*few)
    assert model.get_params() == before
    assert all(model.get_params()[name] is value for name, value in params.items())


@pytest.mark.parametrize("labelled", [True, False])
def test_copies_give_the_same_codes(few, labelled):
    X, y = few[0], few[1] if labelled else None
    model = quick(loss="both").fit(X, y)
    buffer = io.BytesIO(skops.io.dumps(model))
    types = skops.io.get_untrusted_types(file=buffer)
    assert all(name.startswith("skdeepclust.") for name in types), types
    for other in (
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        skops.io.load(buffer, trusted=types),
    ):
        np.testing.assert_array_equal(other.transform(X), model.transform(X))
        assert other.score(X, y) == model.score(X, y)
        assert hasattr(other, "predict") == labelled
        assert [type(each) for each in other.regularizers_] == [
            type(each) for each in model.regularizers_
        ]


# ---------------------------------------------------------------- warm starts


@pytest.mark.parametrize("labelled", [True, False])
def test_a_warm_start_goes_on_bit_for_bit(few, labelled):
    X, y = few[0], few[1] if labelled else None
    straight = quick(max_epochs=4).fit(X, y)
    halves = quick(max_epochs=2, warm_start=True).fit(X, y)
    halves = pickle.loads(pickle.dumps(halves)).fit(X, y)
    np.testing.assert_array_equal(halves.transform(X), straight.transform(X))
    assert [row["loss"] for row in halves.history_] == [row["loss"] for row in straight.history_]


def test_a_warm_start_does_not_change_what_is_learnt(few):
    X, y = few
    for first, second in ((y, None), (None, y)):
        model = quick(warm_start=True).fit(X, first)
        before = model.transform(X)
        with pytest.raises(ValueError, match="Set warm_start=False"):
            model.fit(X, second)
        np.testing.assert_array_equal(model.transform(X), before)
        assert hasattr(model, "classes_") == (first is not None)
        model.set_params(warm_start=False).fit(X, second)
        assert hasattr(model, "classes_") == (second is not None)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_warm_start_sees_other_samples_through_the_same_standardisation(few, labelled):
    X, y = few[0], few[1] if labelled else None
    model = quick(warm_start=True).fit(X, y)
    mean, std = model.module_.standardize.mean.item(), model.module_.standardize.std.item()
    model.fit(2 * X + 1, y)
    assert (model.module_.standardize.mean, model.module_.standardize.std) == (mean, std)
    if not labelled:  # in shares of the variance of the X that it is given
        again = quick(warm_start=True, max_epochs=0).fit(X)
        row = again.set_params(max_epochs=1, batch_size=1000, loss=None).fit(2 * X + 1).history_[0]
        error = -quick(max_epochs=0).fit(X).score(2 * X + 1)
        assert row["reconstruction"] == pytest.approx(error / 64 / (2 * X).var(), rel=1e-4)


def test_a_warm_start_knows_its_labels(few, fitted):
    X, y = few
    model = copy.deepcopy(fitted).set_params(warm_start=True)
    model.fit(X, np.where(y == 1, -1, y))  # one label, and samples without
    assert model.classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match="unknown labels: 7"):
        model.fit(X, np.where(y == 1, 7, y))
