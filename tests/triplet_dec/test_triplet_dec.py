"""TripletDECClusterer: what it finds, its contract with scikit-learn."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
import skops.io
import torch
from helpers.quick import triplet_dec as quick
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeepclust import TripletDECClusterer
from skdeepclust.metrics import clustering_accuracy_score, clustering_accuracy_scorer

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(scope="module")
def fitted(readme) -> TripletDECClusterer:
    """Return a fit of all digits with the defaults."""
    defaults = TripletDECClusterer(10, image_shape=(8, 8), random_state=0)
    assert readme["clusterer"].get_params() == defaults.get_params()
    return readme["clusterer"]


@pytest.fixture(scope="module")
def X(digits) -> np.ndarray:
    return digits[0][:200]


# ---------------------------------------------------------------- what it finds


def test_it_finds_the_digits(fitted, digits):
    X, y = digits
    accuracy = clustering_accuracy_score(y, fitted.labels_)
    kmeans = KMeans(10, n_init=10, random_state=0).fit_predict(X)
    assert accuracy > 0.965
    assert accuracy > clustering_accuracy_score(y, kmeans) + 0.15


def test_each_phase_lowers_its_loss(fitted):
    phases = list(dict.fromkeys(row["phase"] for row in fitted.history_))
    assert phases == ["reconstruction", "warmup", "clustering"]
    for phase in phases:
        rows = [row for row in fitted.history_ if row["phase"] == phase]
        losses = [row["loss"] for row in rows if row.get("attempt", 0) == 0]
        assert losses[-1] < losses[0]


def test_the_better_of_two_attempts_is_kept(digits):
    X = digits[0][:300]
    settings = {"warmup_epochs": 8, "n_init": 6, "max_epochs": 3, "cluster_prior": "estimated"}
    both = quick(**settings).fit(X)
    assert {row.get("attempt") for row in both.history_} == {None, 0, 1}
    assert both.attempt_ in (0, 1)
    one = quick(**settings, n_starts=1).fit(X)
    assert one.attempt_ == 0
    first, last = (
        [row["loss"] for row in model.history_ if row.get("attempt") == 0] for model in (both, one)
    )
    assert first == last  # the first attempt knows nothing of a second one
    if both.attempt_ == 0:
        np.testing.assert_array_equal(both.predict_proba(X), one.predict_proba(X))


def test_history_holds_the_parts_of_equation_7(digits):
    weights = {"reconstruction": 0.3, "clustering": 0.7, "triplet": 1.1, "entropy": 0.6}
    model = quick(max_epochs=2, **{f"{k}_weight": v for k, v in weights.items()}).fit(
        digits[0][:500]
    )
    for row in model.history_:
        if row["phase"] == "reconstruction":
            continue
        expected = 0.3 * row["reconstruction"] + 1.1 * row["triplet"]
        if row["phase"] == "clustering":
            expected += 0.7 * row["clustering"] - 0.6 * row["information"]
        assert row["loss"] == pytest.approx(expected, rel=1e-4)


def test_it_predicts_what_it_has_not_seen(digits):
    X, y = digits
    share = 0.4  # of the epochs that it takes by default
    model = TripletDECClusterer(
        10, image_shape=(8, 8), warmup_epochs=share, max_epochs=share, random_state=0
    ).fit(X[::2])
    assert clustering_accuracy_score(y[1::2], model.predict(X[1::2])) > 0.9


def test_centers_decode_to_images_of_their_members(fitted, digits):
    X, _ = digits
    decoded = fitted.inverse_transform(fitted.cluster_centers_)
    means = np.stack([X[fitted.labels_ == k].mean(0) for k in range(10)])
    assert decoded.shape == (10, 64)
    correlation = np.corrcoef(decoded, means)[:10, 10:]
    np.testing.assert_array_equal(correlation.argmax(1), np.arange(10))


def test_reconstruction_in_the_units_of_x(fitted, digits):
    X, _ = digits
    error = np.square(fitted.inverse_transform(fitted.transform(X)) - X).mean()
    assert error < 0.5 * X.var(0).mean()


def test_the_embedding_has_unit_length_and_the_score_is_the_information(fitted, digits):
    X, _ = digits
    np.testing.assert_allclose(np.linalg.norm(fitted.transform(X), axis=1), 1, rtol=1e-5)
    q = fitted.predict_proba(X).astype(float)
    np.testing.assert_allclose(q.sum(1), 1, rtol=1e-5)
    mean = q.mean(0)
    information = -(mean * np.log(mean)).sum() + (q * np.log(q)).sum(1).mean()
    assert fitted.score(X) == pytest.approx(information / np.log(10), rel=1e-5)
    assert 0.9 < fitted.score(X) <= 1


# ---------------------------------------------------------------- the contract


def test_labels_predict_and_fit_predict_agree(fitted, digits):
    X, _ = digits
    np.testing.assert_array_equal(fitted.labels_, fitted.predict(X))
    np.testing.assert_array_equal(fitted.labels_, fitted.predict_proba(X).argmax(1))
    np.testing.assert_array_equal(
        quick().fit_predict(X[:200]), quick().fit(X[:200]).predict(X[:200])
    )


def test_a_row_does_not_depend_on_its_company(fitted, digits):
    X, _ = digits
    whole = fitted.transform(X)
    for rows in (slice(7, 8), slice(250, 260), [3, 1700, 256]):
        np.testing.assert_array_equal(fitted.transform(X[rows]), whole[rows])


def test_fit_leaves_parameters_and_global_random_states(X, global_state_untouched):
    for random_state in (None, 0, np.random.RandomState(0)):
        model = quick(random_state=random_state)
        before = model.get_params()
        model.fit(X).predict(X)
        assert all(model.get_params()[name] is value for name, value in before.items())


def test_pickles_copies_and_skops_predict_the_same(fitted, digits):
    X, _ = digits
    expected = fitted.predict_proba(X)
    buffer = io.BytesIO(skops.io.dumps(fitted))
    types = skops.io.get_untrusted_types(file=buffer)
    assert all(name.startswith("skdeepclust.") for name in types), types
    for other in (
        pickle.loads(pickle.dumps(fitted)),
        copy.deepcopy(fitted),
        skops.io.load(buffer, trusted=types),
    ):
        np.testing.assert_array_equal(other.predict_proba(X), expected)
        assert other.history_ == fitted.history_
    assert not hasattr(clone(fitted), "labels_")


def test_a_state_holds_no_tensor(fitted):
    def leaves(tree):
        children = tree.values() if isinstance(tree, dict) else tree
        for child in children if isinstance(tree, (dict, list, tuple)) else ():
            yield from leaves(child)
        yield tree

    state = fitted.__getstate__()
    assert not [leaf for leaf in leaves(state) if isinstance(leaf, (torch.Tensor, torch.nn.Module))]


@pytest.mark.parametrize("device", DEVICES)
def test_a_fit_of_a_missing_device_predicts_on_the_cpu(X, device):
    model = quick(device=device).fit(X)
    expected = model.predict(X)
    model.device = "cuda:7"  # as if fitted on a larger machine
    with pytest.warns(UserWarning, match="'cuda:7', which isn't on this machine"):
        other = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(other.predict(X), expected)
    assert next(other.module_.parameters()).device.type == "cpu"


def test_warm_start_goes_on_with_the_clustering_phase(X):
    model = quick(warm_start=True, max_epochs=2).fit(X)
    centers = model.cluster_centers_
    model.set_params(max_epochs=3).fit(X)
    assert model.n_iter_ == 3
    assert [row["phase"] for row in model.history_][-5:] == ["clustering"] * 5
    assert not np.array_equal(model.cluster_centers_, centers)


def test_feature_names_and_set_output(X):
    model = quick(2, n_components=3).set_output(transform="pandas").fit(X)
    names = [f"tripletdecclusterer{i}" for i in range(3)]
    assert list(model.transform(X).columns) == names
    assert list(model.get_feature_names_out()) == names


# ---------------------------------------------------------------- grids and pipelines


def test_grid_search_without_scoring(X):
    grid = {"n_clusters": [2, 4], "triplet_weight": [0.0, 0.2]}
    scores = GridSearchCV(quick(), grid, cv=2).fit(X).cv_results_["mean_test_score"]
    assert np.all((scores >= 0) & (scores <= 1))
    assert len(set(scores)) > 1


def test_grid_search_with_labels(digits):
    X, y = digits[0][:300], digits[1][:300]
    scoring = {"accuracy": clustering_accuracy_scorer, "ari": "adjusted_rand_score"}
    grid = GridSearchCV(
        quick(), {"n_clusters": [2, 10]}, cv=2, scoring=scoring, refit="ari", error_score="raise"
    )
    assert grid.fit(X, y).best_params_ == {"n_clusters": 10}
    np.testing.assert_array_equal(grid.cv_results_["rank_test_accuracy"], [2, 1])


def test_pipelines(digits):
    X, y = digits[0][:400], digits[1][:400]
    scaled = make_pipeline(MinMaxScaler(), quick())
    labels = scaled.fit_predict(X)
    np.testing.assert_array_equal(labels, scaled.predict(X))
    fed = make_pipeline(quick(warmup_epochs=30), KMeans(10, n_init=5, random_state=0))
    assert adjusted_rand_score(y, fed.fit_predict(X)) > 0.3
