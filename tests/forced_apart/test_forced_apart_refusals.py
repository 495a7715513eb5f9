"""What ForcedApartEmbedder refuses, what it says, and that it stays as it was."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from helpers.quick import forced_apart as quick
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skdeepclust import ForcedApartEmbedder


@pytest.fixture(scope="module")
def few(digits) -> tuple[np.ndarray, np.ndarray]:
    """Return 200 digits, and whether they are 5 or more."""
    X, digit = digits
    return X[:200], (digit[:200] >= 5).astype(np.int64)


@pytest.fixture(scope="module")
def fitted(few) -> ForcedApartEmbedder:
    return quick().fit(*few)


Refused = dict[str, tuple[dict, object, str]]
REFUSED: Refused = {
    "one label": ({}, lambda y: 0 * y + 3, "only 1 class: 3.*Leave y out to train without"),
    "one label and none": ({}, lambda y: np.where(y == 1, -1, 0), "only 1 class: 0.*unlabelled"),
    "no label": ({}, lambda y: 0 * y - 1, "All 200 labels in y are -1.*Leave y out"),
    "short y": ({}, lambda y: y[:3], "y has 3 labels, but X has 200 samples"),
    "margin of js": ({"divergence": "js", "margin": 0.7}, None, r"less than ln 2 = 0\.693"),
    "margin of hellinger": ({"divergence": "hellinger", "margin": 1}, None, "less than 1"),
    "single's margin": (
        {"divergence": "js", "loss": "both", "margin": {"single": 2}},
        None,
        r"less than ln 2.*got 2",
    ),
    "margin of 0": ({"margin": 0}, None, "'margin' parameter"),
    "margin of no part": ({"margin": {"double": 3}}, None, r"margin=.*\['double'\].*'multi'"),
    "margin in words": ({"margin": {"multi": "wide"}}, None, "margin must be a number.*'wide'"),
    "lam of no part": ({"lam": {"pairs": 3}}, None, r"lam=.*\['pairs'\].*'decov', 'multi'"),
    "negative lam": ({"lam": {"multi": -1}}, None, "lam must be .* at least 0, got -1"),
    "loss": ({"loss": "triplet"}, None, "'loss' parameter"),
    "divergence": ({"divergence": "l2"}, None, "'divergence' parameter"),
    "layer": ({"code_layer": "fc9"}, None, r"no layer 'fc9' in BottleneckMLP.*fc1.*code.linear"),
    "layer without weights": (
        {"code_layer": "activation", "loss": "single"},
        None,
        r"'activation' \(ReLU\) has no weight matrix",
    ),
    "learning rate": ({"lr": 1e30}, None, r"non-finite in phase 'classification', epoch \d"),
}


@pytest.mark.filterwarnings("ignore:The loss became:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_a_fit_that_is_refused_leaves_the_fitted_estimator(few, fitted, name):
    X, y = few
    params, change, message = REFUSED[name]
    model = copy.deepcopy(fitted).set_params(**params)
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, y if change is None else change(y))
    assert vars(model) == before
    model.set_params(code_layer=None)
    np.testing.assert_array_equal(model.transform(X), fitted.transform(X))


def test_a_diverging_autoencoder_names_its_phase(few):
    again = pytest.warns(ConvergenceWarning, match="starts again")
    with again, pytest.raises(ValueError, match="non-finite in phase 'reconstruction', epoch 1"):
        quick(lr=1e30, max_epochs=1).fit(few[0])


def test_what_only_the_fitted_know(few, fitted):
    X, y = few
    for method in ("transform", "predict", "predict_proba", "score"):
        with pytest.raises(NotFittedError):
            getattr(quick(), method)(X)
    with pytest.raises(ValueError, match="63 features, but ForcedApartEmbedder is expecting 64"):
        fitted.transform(X[:, :63])
    with pytest.raises(ValueError, match="score needs the coarse labels y"):
        fitted.score(X)
    with pytest.raises(ValueError, match="y has 10 labels, but X has 200 samples"):
        fitted.score(X, y[:10])
    with pytest.raises(ValueError, match="All 200 labels in y are -1"):
        fitted.score(X, np.full(200, -1))
