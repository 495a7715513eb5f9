"""ForcedApartEmbedder: what the losses do to the code, special cases, labels that are missing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from helpers.quick import forced_apart as quick
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score, log_loss
from sklearn.pipeline import make_pipeline
from torch import Tensor, nn

from skdeepclust import ForcedApartEmbedder
from skdeepclust.losses import (
    decov_loss,
    forced_apart_loss,
    forced_apart_weight_loss,
    xcov_loss,
)
from skdeepclust.networks import BottleneckMLP

FULL_BATCH = {"batch_size": 1000, "dtype": "float64"}


@pytest.fixture(scope="module")
def few(digits) -> tuple[np.ndarray, np.ndarray]:
    """Return 200 digits, and whether they are 5 or more."""
    X, digit = digits
    return X[:200], (digit[:200] >= 5).astype(np.int64)


@pytest.fixture(scope="module")
def partial(few) -> np.ndarray:
    """Return the coarse labels, every third of them missing."""
    return np.where(np.arange(200) % 3 == 0, -1, few[1])


# ---------------------------------------------------------------- what the loss does


def test_hidden_classes_lie_apart(digits):
    """Told 0 to 4 from 5 to 9 alone, KMeans finds the ten digits in the code."""
    X, digit = digits
    coarse = digit >= 5
    agreement, accuracy = {}, {}
    for loss in ("auto", None):
        pipelines = [
            make_pipeline(
                ForcedApartEmbedder(loss=loss, max_epochs=15, random_state=seed),
                KMeans(10, n_init=3, random_state=0),
            ).fit(X, coarse)
            for seed in range(2)
        ]
        agreement[loss] = np.mean(
            [adjusted_mutual_info_score(digit, p.predict(X)) for p in pipelines]
        )
        accuracy[loss] = np.mean([p[0].score(X, coarse) for p in pipelines])
    assert agreement["auto"] > 0.65  # measured .78; KMeans on the pixels: .74
    assert agreement["auto"] > agreement[None] + 0.2  # measured .38
    assert accuracy["auto"] > max(accuracy[None] - 0.01, 0.97)


def test_weights_of_the_code_are_forced_apart_alone(few):
    start, plain, single = (
        quick(loss=loss, max_epochs=epochs, lr=0.01).fit(*few)
        for loss, epochs in ((None, 0), (None, 10), ("single", 10))
    )
    before, without, after = (
        forced_apart_weight_loss(model.module_.code.linear.weight.detach(), margin=5.0).item()
        for model in (start, plain, single)
    )
    assert 5 - after > 2 * max(5 - before, 5 - without)
    assert set(single.history_[0]) >= {"forced_apart_weight_penalty", "cross_entropy"}
    assert "forced_apart_penalty" not in single.history_[0]


def test_without_labels_all_samples_are_forced_apart(digits):
    X = digits[0][:500]
    models = [quick(loss=loss, margin=3.0, max_epochs=15) for loss in ("multi", None)]
    codes = [torch.from_numpy(model.fit_transform(X)) for model in models]
    forced, plain = (forced_apart_loss(code, margin=3.0).item() for code in codes)
    assert forced < 0.8 * plain


# ---------------------------------------------------------------- special cases that are known


def seed_of(random_state: int) -> int:
    return int(np.random.RandomState(random_state).randint(2**31 - 1))


def plain_loop(X, y, *, epochs: int, batch_size: int) -> nn.Module:
    """Adam on the cross entropy of a network with a narrow layer, written out."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(seed_of(0))
        network = BottleneckMLP((64,), 2, n_components=6, hidden=(16,)).double()
    X, y = torch.tensor(X), torch.tensor(y)
    network.standardize.fit_(X)
    shuffle = torch.Generator().manual_seed(seed_of(0))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    for _ in range(epochs):
        order = torch.randperm(len(X), generator=shuffle)
        for rows in order.tensor_split(-(-len(X) // batch_size)):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(X[rows]), y[rows]).backward()
            optimizer.step()
    return network


def test_without_a_loss_it_is_the_plain_loop(few):
    X, y = few
    model = quick(loss=None, dtype="float64", max_epochs=3).fit(X, y)
    network = plain_loop(X, y, epochs=3, batch_size=64)
    with torch.no_grad():
        proba = network(torch.tensor(X)).softmax(1).numpy()
    np.testing.assert_allclose(model.predict_proba(X), proba, rtol=1e-9)
    assert model.regularizers_ == []


@pytest.mark.parametrize("loss", ["multi", "single", "both", "decov", "xcov"])
@pytest.mark.parametrize("labelled", [True, False])
def test_a_loss_of_weight_0_is_none(few, loss, labelled):
    X, y = few[0], few[1] if labelled else None
    none, zero = (quick(**each).fit(X, y) for each in ({"loss": None}, {"loss": loss, "lam": 0}))
    np.testing.assert_array_equal(none.transform(X), zero.transform(X))
    other = quick(loss=loss).fit(X, y)
    assert np.abs(none.transform(X) - other.transform(X)).max() > 1e-5


def penalties(start: ForcedApartEmbedder, X, y, weight, divergence: str) -> dict[str, Tensor]:
    """Return the losses of a network before its first step, by `loss`."""
    code = torch.from_numpy(start.transform(X))
    with torch.no_grad():
        outputs = start.module_(torch.tensor(X))
    margin = {"kl": (3.0, 5.0), "jeffreys": (3.0, 5.0), "js": (0.5, 0.5), "hellinger": (0.7, 0.7)}
    multi, single = margin[divergence]
    multi = multi / 10 if y is None else multi
    weights = start.module_.code.linear.weight.detach()
    options = {"divergence": divergence}
    given = {"sample_weight": None if weight is None else torch.from_numpy(weight)}
    labels = None if y is None else torch.from_numpy(y)
    predictions = outputs if y is None else outputs.softmax(1)
    return {
        "multi": 0.1 * forced_apart_loss(code, labels, margin=multi, **options, **given),
        "single": 10 * forced_apart_weight_loss(weights, margin=single, **options),
        "decov": 0.01 * decov_loss(code, **given),
        "xcov": xcov_loss(code, predictions, **given),
    }


PARTS: Mapping[str, Mapping[str, str]] = {
    "multi": {"forced_apart_penalty": "multi"},
    "single": {"forced_apart_weight_penalty": "single"},
    "both": {"forced_apart_penalty": "multi", "forced_apart_weight_penalty": "single"},
    "decov": {"decov_penalty": "decov"},
    "xcov": {"xcov_penalty": "xcov"},
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("labels", ["all", "some", "none"])
@pytest.mark.parametrize(
    ("loss", "divergence"),
    [(loss, "kl") for loss in PARTS] + [("both", d) for d in ("js", "jeffreys", "hellinger")],
)
def test_history_has_the_losses_of_the_first_step(few, partial, loss, divergence, labels, weighted):
    X, y = few[0], {"all": few[1], "some": partial, "none": None}[labels]
    weight = np.linspace(0, 2, 200) if weighted else None
    options = {"loss": loss, "divergence": divergence, **FULL_BATCH}
    start = quick(max_epochs=0, **options).fit(X, y, sample_weight=weight)
    row = quick(max_epochs=1, **options).fit(X, y, sample_weight=weight).history_[0]
    expected = penalties(start, X, y, weight, divergence)
    values = {part: expected[name].item() for part, name in PARTS[loss].items()}
    assert {part: row[part] for part in row if "penalty" in part} == pytest.approx(values)
    if y is None:
        error = -start.score(X, sample_weight=weight)
        deviation = np.sqrt(
            np.cov(X.ravel(), aweights=None if weight is None else np.repeat(weight, 64), bias=True)
        )
        own = error / 64 / deviation**2
        assert row["reconstruction"] == pytest.approx(own)
    else:
        known = y != -1
        of_known = None if weight is None else weight[known]
        own = log_loss(y[known], start.predict_proba(X[known]), sample_weight=of_known)
        assert row["cross_entropy"] == pytest.approx(own)
        assert row["accuracy"] == pytest.approx(start.score(X, y, sample_weight=weight))
    assert row["loss"] == pytest.approx(own + sum(values.values()))


def test_margins_and_weights_of_both_parts(few):
    one = {"margin": 2.0, "lam": 0.3}
    by_part = {"margin": {"single": 2.0, "multi": 2.0}, "lam": {"multi": 0.3, "single": 0.3}}
    codes = [
        quick(loss="both", **options).fit(*few).transform(few[0]) for options in (one, by_part)
    ]
    np.testing.assert_array_equal(*codes)
    # what a dict leaves out is "auto"
    model = quick(loss="both", margin={"single": 2.0}, lam={"multi": "auto"}).fit(*few)
    multi, single = model.regularizers_
    assert (multi.margin, multi.lam, single.margin, single.lam) == (3.0, 0.1, 2.0, 10.0)


# ---------------------------------------------------------------- labels that are missing


def test_samples_without_label_do_not_count_in_the_cross_entropy(few, partial):
    X = few[0]
    options = {"loss": None, "module__standardize": False, "max_epochs": 5, **FULL_BATCH}
    model = quick(**options).fit(X, partial)
    without = quick(**options).fit(X[partial != -1], partial[partial != -1])
    np.testing.assert_allclose(model.transform(X), without.transform(X), rtol=1e-8, atol=1e-10)


def test_score_ignores_samples_without_label(few, partial):
    X, y = few
    model = quick(max_epochs=10).fit(X, partial)
    assert model.classes_.tolist() == [0, 1]
    known, weight = partial != -1, np.linspace(0, 1, 200)
    predicted = model.predict(X)
    assert set(predicted) == {0, 1}
    assert model.score(X, partial) == np.mean(predicted[known] == y[known])
    expected = np.average(predicted[known] == y[known], weights=weight[known])
    assert model.score(X, partial, sample_weight=weight) == pytest.approx(expected)


FORMS = {
    "list": lambda y: y.tolist(),
    "float": lambda y: y.astype(float),
    "int8": lambda y: y.astype(np.int8),
    "object": lambda y: y.astype(object),
    "tensor": torch.tensor,
    "strings": lambda y: np.array(["low", "top", -1], dtype=object)[y],
    "list of strings": lambda y: np.array(["low", "top", -1], dtype=object)[y].tolist(),
    "truth values": lambda y: np.array([False, True, -1], dtype=object)[y],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_partial_labels(few, partial, form):
    X, y = few[0], FORMS[form](partial)
    model = quick().fit(X, y)
    expected = quick().fit(X, partial)
    np.testing.assert_array_equal(model.transform(X), expected.transform(X))
    first = {"strings": "low", "list of strings": "low", "truth values": False}.get(form, 0)
    assert model.classes_[0] == first
    np.testing.assert_array_equal(model.predict(X), model.classes_[expected.predict(X)])
    assert model.score(X, y) == expected.score(X, partial)


def test_minus_one_and_one_are_two_classes(few):
    X, y = few
    model = quick(max_epochs=10).fit(X, 2 * y - 1)
    assert model.classes_.tolist() == [-1, 1]
    same = quick(max_epochs=10).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), 2 * same.predict(X) - 1)
    assert model.score(X, 2 * y - 1) == same.score(X, y) > 0.6
    assert model.score(X[y == 0], np.full(int((y == 0).sum()), -1)) == same.score(
        X[y == 0], y[y == 0]
    )


def test_a_label_of_one_sample_and_samples_that_are_all_equal(few):
    X, y = few
    model = quick(max_epochs=2).fit(X, np.r_[2, y[1:]])
    assert model.predict_proba(X).shape == (200, 3)
    for labels in (y, None):
        equal = quick(loss="both", max_epochs=2).fit(np.ones((200, 64)), labels)
        assert np.isfinite(equal.transform(X)).all()
        assert all(np.isfinite(row["loss"]) for row in equal.history_)
