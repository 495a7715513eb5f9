"""Regularisers of Forced Apart and cross-covariance, on any network."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from helpers.labelled_layers import LABELS, mlp, penalty_of
from helpers.watched import Feed, normal
from torch import Tensor, nn

from skdeepclust import ParsimoniousAutoencoder, ParsimoniousClassifier, TripletDECClusterer
from skdeepclust.losses import forced_apart_loss, forced_apart_weight_loss, xcov_loss
from skdeepclust.regularizers import (
    ActivationRegularizer,
    DeCovRegularizer,
    ForcedApartRegularizer,
    ForcedApartWeightRegularizer,
    Regularizer,
    XCovRegularizer,
)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


def penalty(regularizer: Regularizer, outputs: dict[str, list[Tensor]], **options) -> Tensor:
    """Let layers return these tensors; return the penalty."""
    feed = Feed()
    with regularizer.watch(feed):
        feed(outputs)
    return regularizer.penalty(**options)


# ---------------------------------------------------------------- samples


@pytest.mark.parametrize("labels", [LABELS, None], ids=["labels", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_samples_are_forced_apart_in_each_layer(labels, weighted):
    weight = torch.linspace(0, 1, 8) if weighted else None
    a, b, c = normal(8, 4), normal(8, 2, 3, seed=1), normal(16, 3, seed=2)
    layers = {"a": 0.5, "b": {"lam": 2.0}, "c": None}
    regularizer = ForcedApartRegularizer(layers, lam=0.25, margin=0.6, divergence="js")
    value = penalty(
        regularizer, {"a": [a], "b": [b], "c": [c[:8], c[8:]]}, labels=labels, sample_weight=weight
    )
    options = {"margin": 0.6, "divergence": "js"}
    once = {**options, "sample_weight": weight}
    twice = {**options, "sample_weight": None if weight is None else weight.repeat(2)}
    labels_twice = None if labels is None else labels.repeat(2)
    expected = 0.5 * forced_apart_loss(a, labels, **once) + 2 * forced_apart_loss(b, labels, **once)
    expected += 0.25 * forced_apart_loss(c, labels_twice, **twice)
    torch.testing.assert_close(value, expected)


def test_labels_may_be_ignored():
    a = normal(8, 4)
    all_pairs = ForcedApartRegularizer(["a"], lam=1.0, use_labels=False)
    expected = forced_apart_loss(a, margin=3.0)
    torch.testing.assert_close(penalty(all_pairs, {"a": [a]}, labels=LABELS), expected)
    by_label = penalty(ForcedApartRegularizer(["a"], lam=1.0), {"a": [a]}, labels=LABELS)
    assert abs(by_label - expected) > 0.01


def test_all_layers_before_the_named_one_are_trained():
    network = mlp()
    penalty_of(ForcedApartRegularizer(["2"]), network, labels=LABELS).backward()
    assert all(p.grad.abs().max() > 0 for p in network[:3].parameters())
    assert network[4].weight.grad is None


def test_training_forces_apart():
    x, network = normal(8, 4, dtype=torch.float32), mlp()
    regularizer = ForcedApartRegularizer(["2"], lam=1.0, margin=1.0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    values = []
    for _ in range(60):
        with regularizer.watch(network):
            network(x)
        value = regularizer.penalty(labels=LABELS)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    # what is left is mostly the pairs of a sample with itself, 2 m / N_s
    floor = np.mean([2 / n for n in (4, 2, 2)])
    assert values[-1] - floor < 0.3 * (values[0] - floor)


# ---------------------------------------------------------------- weights of units


@pytest.mark.parametrize("divergence", ["kl", "jeffreys"])
def test_units_are_forced_apart_by_their_weights(divergence):
    network = nn.Sequential(nn.Conv1d(2, 3, 2), nn.Flatten(), nn.Linear(9, 5), nn.Linear(5, 2))
    regularizer = ForcedApartWeightRegularizer(
        {"0": 0.5, "2": None}, lam=2.0, margin=4.0, divergence=divergence
    )
    with regularizer.watch(network):
        pass  # the weights are there without a forward pass
    value = regularizer.penalty()
    options = {"margin": 4.0, "divergence": divergence}
    expected = 0.5 * forced_apart_weight_loss(network[0].weight, **options)
    torch.testing.assert_close(
        value, expected + 2 * forced_apart_weight_loss(network[2].weight, **options)
    )
    value.backward()
    assert network[2].weight.grad.abs().max() > 0
    assert network[2].bias.grad is None
    assert network[3].weight.grad is None


def test_weights_are_those_of_the_moment():
    network, regularizer = mlp(), ForcedApartWeightRegularizer(["0"], lam=1.0)
    before = penalty_of(regularizer, network)
    with torch.no_grad():
        network[0].weight.mul_(3)
    after = penalty_of(regularizer, network)
    torch.testing.assert_close(after, forced_apart_weight_loss(network[0].weight, margin=5.0))
    assert after < before
    other = mlp()
    expected = forced_apart_weight_loss(other[0].weight, margin=5.0)
    torch.testing.assert_close(penalty_of(regularizer, other), expected)


# ---------------------------------------------------------------- cross-covariance


@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_layers_are_decorrelated_from_predictions(softmax, weighted):
    weight = torch.linspace(0, 1, 8) if weighted else None
    a, b, logits = normal(8, 4), normal(8, 2, 3, seed=1), normal(8, 3, seed=2)
    regularizer = XCovRegularizer({"a": 0.5, "b": None}, lam=2.0, output="c", softmax=softmax)
    outputs = {"a": [a], "b": [b], "c": [logits]}
    value = penalty(regularizer, outputs, sample_weight=weight)
    predictions = logits.softmax(1) if softmax else logits
    expected = 0.5 * xcov_loss(a, predictions, sample_weight=weight)
    expected += 2 * xcov_loss(b, predictions, sample_weight=weight)
    torch.testing.assert_close(value, expected)


def test_predictions_are_the_output_of_the_last_layer():
    network, x = mlp(), normal(8, 4, dtype=torch.float32)
    expected = xcov_loss(network[:3](x), network(x).softmax(1))
    torch.testing.assert_close(penalty_of(XCovRegularizer(["2"]), network), expected)
    # of all hidden layers with "auto"
    expected = expected + xcov_loss(network[0](x), network(x).softmax(1))
    torch.testing.assert_close(penalty_of(XCovRegularizer(), network), expected)


def test_views_of_units_and_predictions():
    network, x = mlp(), normal(16, 4, dtype=torch.float32)
    regularizer, weight = XCovRegularizer(["2"]), torch.linspace(0, 1, 8)
    with regularizer.watch(network):
        network(x[:8])
        network(x[8:])
    expected = xcov_loss(network[:3](x), network(x).softmax(1), sample_weight=weight.repeat(2))
    torch.testing.assert_close(regularizer.penalty(sample_weight=weight), expected)


# ---------------------------------------------------------------- what all regularisers share

ALL: dict[str, Callable[[], Regularizer]] = {
    "samples": lambda: ForcedApartRegularizer(
        {"0": 0.5, "2": None}, lam=0.2, margin=0.4, divergence="js", use_labels=False
    ),
    "weights": lambda: ForcedApartWeightRegularizer(lam=3.0, margin=0.8, divergence="hellinger"),
    "cross-covariance": lambda: XCovRegularizer(["0"], lam=2.0, output="2", softmax=False),
}


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_copies_have_the_same_penalty(name, used):
    network, regularizer = mlp(), ALL[name]()
    expected = penalty_of(ALL[name](), network, labels=LABELS)
    if used:
        penalty_of(regularizer, network)
    fresh = ALL[name]()
    fresh.load_state_dict(regularizer.state_dict())
    for other in (copy.deepcopy(regularizer), pickle.loads(pickle.dumps(regularizer)), fresh):
        assert type(other) is type(regularizer)
        torch.testing.assert_close(penalty_of(other, network, labels=LABELS), expected)


@pytest.mark.parametrize("regularizer", [ActivationRegularizer(), DeCovRegularizer()])
def test_labels_do_not_matter_to_other_regularizers(regularizer):
    network = mlp()
    expected = penalty_of(regularizer, network)
    torch.testing.assert_close(penalty_of(regularizer, network, labels=LABELS), expected)


# ---------------------------------------------------------------- in estimators


@pytest.fixture(scope="module")
def few(digits) -> tuple[np.ndarray, np.ndarray]:
    return digits[0][:100], digits[1][:100]


def test_a_classifier_tells_its_labels(few):
    X, y = few
    options = {"lam": 0, "batch_size": 1000, "random_state": 0, "dtype": "float64"}
    given = [
        ForcedApartRegularizer(["fc1"]),
        ForcedApartWeightRegularizer(["fc1"]),
        XCovRegularizer(["fc1"]),
    ]
    start = ParsimoniousClassifier(max_epochs=0, transform_layer="fc1", **options).fit(X, y)
    row = ParsimoniousClassifier(max_epochs=1, regularizers=given, **options).fit(X, y).history_[0]
    layer = torch.from_numpy(start.transform(X))
    expected = 0.1 * forced_apart_loss(layer, torch.tensor(y), margin=3.0)
    assert row["forced_apart_penalty"] == pytest.approx(expected.item())
    weight = start.module_.fc1.weight
    expected = 10 * forced_apart_weight_loss(weight, margin=5.0)
    assert row["forced_apart_weight_penalty"] == pytest.approx(expected.item())
    expected = xcov_loss(layer, torch.from_numpy(start.predict_proba(X)))
    assert row["xcov_penalty"] == pytest.approx(expected.item())


@pytest.mark.parametrize("name", ["autoencoder", "clusterer"])
def test_estimators_without_labels_force_all_samples_apart(few, name):
    options = {"max_epochs": 1, "batch_size": 1000, "random_state": 0}
    if name == "autoencoder":
        given = [ForcedApartRegularizer(lam=1.0), ForcedApartWeightRegularizer(lam=1.0)]
        model = ParsimoniousAutoencoder(n_components=4, lam=0, regularizers=given, **options)
    else:
        layers = ["autoencoder.to_embedding"]
        given = [ForcedApartRegularizer(layers), ForcedApartWeightRegularizer(layers)]
        options |= {"image_shape": (8, 8), "pretrain_epochs": 1, "warmup_epochs": 1, "n_init": 1}
        model = TripletDECClusterer(5, regularizers=given, **options)
    for row in model.fit(few[0]).history_:
        assert row["forced_apart_penalty"] > 0
        assert row["forced_apart_weight_penalty"] > 0
