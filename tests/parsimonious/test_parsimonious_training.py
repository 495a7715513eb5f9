"""ParsimoniousClassifier: how it is trained, its controls, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.quick import parsimonious as quick
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score
from torch import nn

from skdeepclust import ParsimoniousClassifier, TripletDECClusterer
from skdeepclust._training.session import Session
from skdeepclust.regularizers import (
    ActivationRegularizer,
    ClusteringRegularizer,
    DeCovRegularizer,
)


@pytest.fixture(scope="module")
def few(digits) -> tuple[np.ndarray, np.ndarray]:
    X, y = digits
    return X[:300], y[:300]


# ---------------------------------------------------------------- partial_fit


def test_partial_fit_goes_on_as_a_warm_start_does(few):
    warm = quick(max_epochs=1, warm_start=True)
    partial = quick()
    for _ in range(3):
        warm.fit(*few)
        partial.partial_fit(*few, classes=np.arange(10))
    np.testing.assert_array_equal(warm.predict_proba(few[0]), partial.predict_proba(few[0]))
    assert len(partial.history_) == 3


def test_partial_fit_learns_from_a_stream(digits):
    X, y = digits
    model = quick(lr=0.01)
    for _ in range(5):
        for start in range(0, 1500, 300):
            rows = slice(start, start + 300)
            model.partial_fit(X[rows], y[rows], classes=np.arange(10))
    assert model.score(X[1500:], y[1500:]) > 0.8


def test_partial_fit_may_miss_classes_in_a_part(few):
    X, y = few
    model = quick().partial_fit(X[y < 5], y[y < 5], classes=range(10))
    assert model.predict_proba(X).shape == (300, 10)
    model.partial_fit(X[y >= 5], y[y >= 5])


def test_partial_fit_refuses(few):
    X, y = few
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        quick().partial_fit(X, y)
    model = quick().partial_fit(X, y, classes=range(10))
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(X, y, classes=range(11))
    with pytest.raises(ValueError, match="unknown labels: 12"):
        model.partial_fit(X, np.full(300, 12))
    with pytest.raises(ValueError, match="class_weight='balanced' needs all samples"):
        quick(class_weight="balanced").partial_fit(X, y, classes=range(10))


# ---------------------------------------------------------------- early stopping, weights


def test_early_stopping_keeps_the_best_epoch(few):
    X, y = few
    options = {"early_stopping": True, "n_iter_no_change": 2, "validation_fraction": 0.3}
    model = quick(max_epochs=200, lr=0.02, **options).fit(X, y)
    losses = [row["valid_cross_entropy"] for row in model.history_]
    best = int(np.argmin(losses))
    assert model.n_iter_ == len(losses) == best + 3
    until_then = quick(max_epochs=best + 1, lr=0.02, **{**options, "n_iter_no_change": 99})
    np.testing.assert_array_equal(until_then.fit(X, y).predict_proba(X), model.predict_proba(X))


def test_early_stopping_holds_out_each_class(few):
    with pytest.raises(ValueError, match="least populated class"):
        quick(early_stopping=True).fit(few[0][:12], np.r_[np.zeros(11), 1])


def test_class_weight_lifts_the_rare_class(digits):
    X, y = digits
    rare = np.r_[np.flatnonzero(y == 3), np.flatnonzero(y == 8)[:6]]
    scores = [
        balanced_accuracy_score(
            y[np.isin(y, [3, 8])],
            quick(max_epochs=15, class_weight=weight)
            .fit(X[rare], y[rare])
            .predict(X[np.isin(y, [3, 8])]),
        )
        for weight in (None, "balanced")
    ]
    assert scores[1] > scores[0] + 0.1


def test_class_weights_are_sample_weights(few):
    X, y = few
    by_class = quick(class_weight={3: 5.0}).fit(X, y)
    by_sample = quick().fit(X, y, sample_weight=np.where(y == 3, 5.0, 1.0))
    np.testing.assert_array_equal(by_class.predict_proba(X), by_sample.predict_proba(X))


def test_samples_of_weight_zero_do_not_count(few):
    X, y = few
    weight = np.r_[np.ones(200), np.zeros(100)]
    options = {"dtype": "float64", "batch_size": 1000, "lam": 0, "max_epochs": 5}
    with_zeros = quick(**options).fit(X, y, sample_weight=weight)
    without = quick(**options).fit(X[:200], y[:200])
    np.testing.assert_allclose(with_zeros.predict_proba(X), without.predict_proba(X), rtol=1e-8)


# ---------------------------------------------------------------- controls, layers, modules


@pytest.mark.parametrize("name", ["weight decay", "dropout", "DeCov", "one centre", "activations"])
def test_controls_are_one_argument_away(few, name):
    changes = {
        "weight decay": {"lam": 0, "optimizer": "adamw", "optimizer__weight_decay": 0.1},
        "dropout": {"lam": 0, "module__dropout": 0.5},
        "DeCov": {"lam": 0, "regularizers": [DeCovRegularizer()]},
        "one centre": {"n_clusters": 1},
        "activations": {"lam": 0, "regularizers": [ActivationRegularizer(lam=1.0)]},
    }[name]
    X, y = few
    model, plain = quick(lr=0.01, **changes).fit(X, y), quick(lr=0.01, lam=0).fit(X, y)
    assert model.score(X, y) > 0.3  # chance: .1
    assert np.abs(model.predict_proba(X) - plain.predict_proba(X)).max() > 1e-3


def test_given_regularisers_stay_as_they_are(few):
    given = ActivationRegularizer(["fc1"], lam=1.0)
    model = quick(regularizers=[given]).fit(*few)
    assert model.get_params()["regularizers"][0] is given
    assert given.__dict__["_module"] is None
    assert [type(each) for each in model.regularizers_] == [
        ClusteringRegularizer,
        ActivationRegularizer,
    ]
    row = model.history_[-1]
    total = row["cross_entropy"] + row["clustering_penalty"] + row["activation_penalty"]
    assert row["loss"] == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("clustering", ["sample", "spatial", "channel"])
def test_convolutional_layers(few, clustering):
    X, y = few
    layers = {"conv2": clustering, "conv3": [clustering, {"clustering": "spatial"}], "fc1": None}
    layers["conv3"] = layers["conv3"][:1] if clustering == "spatial" else layers["conv3"]
    model = ParsimoniousClassifier(
        layers=layers, image_shape=(8, 8), n_clusters=7, max_epochs=2, random_state=0
    ).fit(X, y)
    dims = {"sample": 32 * 4 * 4, "spatial": 32, "channel": 16}
    assert model.cluster_centers_["conv2"].shape == (7, dims[clustering])
    assert model.cluster_centers_["fc1"].shape == (7, 64)
    assert isinstance(model.cluster_centers_["conv3"], dict) == (clustering != "spatial")
    assert model.image_shape_ == (1, 8, 8)


def test_boxes_of_spatial_exemplars_lie_in_the_image(few):
    X, y = few
    model = ParsimoniousClassifier(
        layers={"conv1": "spatial"}, image_shape=(8, 8), n_clusters=5, max_epochs=1, random_state=0
    ).fit(X, y)
    found = model.regularizer_.exemplars(X, "conv1", 0)
    assert len(found.samples) == len(found.boxes) == 10
    top, left, bottom, right = found.boxes.T
    np.testing.assert_array_equal(top, np.maximum(found.positions[:, 0] - 2, 0))
    np.testing.assert_array_equal(right, np.minimum(found.positions[:, 1] + 3, 8))
    assert (bottom <= 8).all()
    assert (left >= 0).all()
    labels = model.regularizer_.assign(X, "conv1")
    assert labels.shape == (300, 8, 8)
    assert (labels[found.samples, *found.positions.T] == 0).all()


# dynamo breaks its graph where a layer is watched, and looks at the gradient of what passes
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_compiled_and_plain_steps_agree(few, traced_losses):
    plain = quick().fit(*few)
    compiled = quick(compile=True).fit(*few)
    np.testing.assert_array_equal(compiled.predict_proba(few[0]), plain.predict_proba(few[0]))


def test_bf16_keeps_the_accuracy(digits):
    X, y = digits
    scores = [quick(max_epochs=10, precision=p).fit(X, y).score(X, y) for p in ("32", "bf16")]
    assert abs(scores[0] - scores[1]) < 0.02


def test_a_clusterer_takes_regularisers_too(few):
    X, _ = few
    model = TripletDECClusterer(
        5, regularizers=[ClusteringRegularizer(["autoencoder.to_embedding"], n_clusters=5)],
        image_shape=(8, 8), pretrain_epochs=1, warmup_epochs=1, max_epochs=1, random_state=0,
    )  # fmt: skip
    model.fit(X, sample_weight=np.linspace(0.5, 1, 300))
    assert all(row["clustering_penalty"] > 0 for row in model.history_)
    assert model.regularizers_[0].cluster_centers_["autoencoder.to_embedding"].shape == (5, 32)


# ---------------------------------------------------------------- refusals


class InPlace(nn.Sequential):
    def __init__(self, input_shape, n_outputs):
        super().__init__(nn.Linear(*input_shape, 8), nn.ReLU(inplace=True), nn.Linear(8, n_outputs))


class WithoutLayers(nn.Module):
    def __init__(self, input_shape, n_outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(*input_shape, n_outputs))

    def forward(self, x):
        return x @ self.weight


class WithAnIdleLayer(WithoutLayers):
    def __init__(self, input_shape, n_outputs):
        super().__init__(input_shape, n_outputs)
        self.idle = nn.Linear(2, 2)


def test_a_network_without_layers_is_a_layer(few):
    model = ParsimoniousClassifier(module=WithoutLayers, lam=0, max_epochs=1).fit(*few)
    np.testing.assert_array_equal(model.transform(few[0]), few[0].astype(np.float32))


def test_a_network_without_features_is_refused_before_it_is_trained(few, monkeypatch):
    model = ParsimoniousClassifier(module=WithAnIdleLayer, lam=0)
    monkeypatch.setattr(Session, "train", lambda *args, **kwargs: pytest.fail("it was trained"))
    with pytest.raises(ValueError, match="name a layer as transform_layer"):
        model.fit(*few)


def test_refusals_say_what_to_do(few):
    X, y = few
    with pytest.raises(ValueError, match=r"no layer 'fc9' in MLP.*fc1"):
        quick(layers=["fc9"]).fit(X, y)
    with pytest.raises(ValueError, match=r"no layer 'fc9' in MLP.*fc1"):
        quick(transform_layer="fc9").fit(X, y)
    with pytest.raises(RuntimeError, match=r"'0' was overwritten.*inplace=False"):
        ParsimoniousClassifier(module=InPlace, layers=["0"], n_clusters=5).fit(X, y)
    with pytest.raises(ValueError, match="channel clustering needs a representation"):
        quick(clustering="channel").fit(X, y)
    with pytest.raises(ValueError, match="layers='auto' takes fully connected layers"):
        quick(module__hidden=()).fit(X, y)
    with pytest.raises(TypeError, match="regularizers holds 'decov'"):
        quick(regularizers=["decov"]).fit(X, y)
    with pytest.raises(ValueError, match="module=Linear"):
        quick(module=nn.Linear(64, 3)).fit(X, y)


def test_many_clusters_for_a_small_batch_warn(few):
    with pytest.warns(UserWarning, match=r"n_clusters=40.*batches of 60 rows.*at most 30"):
        quick(n_clusters=40, batch_size=60).fit(*few)


def test_a_fit_that_fails_leaves_the_fitted_estimator(few):
    X, y = few
    model = quick(warm_start=True).fit(X, y)
    before, centers = model.predict_proba(X), model.cluster_centers_["fc1"].copy()
    model.set_params(lr=1e30)
    again = pytest.warns(ConvergenceWarning, match="starts again")
    with again, pytest.raises(ValueError, match="non-finite in phase 'classification'"):
        model.fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    np.testing.assert_array_equal(model.cluster_centers_["fc1"], centers)
