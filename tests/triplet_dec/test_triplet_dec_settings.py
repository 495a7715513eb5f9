"""TripletDECClusterer: degenerate settings equal simpler methods, and every setting runs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch
from helpers.quick import triplet_dec as quick
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsTransformer
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import Callback

from skdeepclust import TripletDECClusterer
from skdeepclust._clusters import judge
from skdeepclust._inputs.samples import InputSpec
from skdeepclust.augmentation import ImageAugmentation
from skdeepclust.graph import _input_graph
from skdeepclust.triplet_dec import PAPER_SETTINGS


@pytest.fixture(scope="module")
def X(digits) -> np.ndarray:
    return digits[0][:200]


def test_without_a_clustering_phase_it_is_kmeans_on_the_embedding(digits):
    X, _ = digits
    model = quick(init="kmeans", n_init=1, metric="euclidean", max_epochs=0).fit(X)
    centers = model.cluster_centers_
    nearest = KMeans(10, init=centers, n_init=1, random_state=0).fit(model.transform(X))
    np.testing.assert_allclose(nearest.cluster_centers_, centers, atol=1e-4)
    np.testing.assert_array_equal(nearest.labels_, model.labels_)


def test_without_augmentation_there_are_no_triplets(X):
    model = quick(augmentation=None, warmup_epochs=5).fit(X)
    assert {row["phase"] for row in model.history_} == {"reconstruction", "clustering"}
    assert all("triplet" not in row for row in model.history_)


def test_an_augmentation_that_changes_nothing_is_no_augmentation_for_kl(X):
    options = {"triplet_weight": 0, "init": np.eye(2, 32), "max_epochs": 3, "n_clusters": 2}
    still = quick(augmentation=lambda x: x.clone(), target_view="clean", **options)
    none = quick(augmentation=None, **options)
    # batch statistics are those of the doubled batch, which are the same up to Bessel's correction
    np.testing.assert_allclose(
        still.fit(X).predict_proba(X), none.fit(X).predict_proba(X), atol=0.02
    )


def test_the_papers_settings_run(X):
    model = TripletDECClusterer(
        2, **PAPER_SETTINGS, image_shape=(8, 8), max_epochs=2, random_state=0
    ).fit(X)
    assert model.transform(X).shape == (200, 10)
    assert not np.allclose(np.linalg.norm(model.transform(X), axis=1), 1)
    assert set(PAPER_SETTINGS) <= set(TripletDECClusterer().get_params())


def test_a_float_is_a_share_of_the_automatic_epochs(X):
    # of 200 samples 27, 100 and 12.5 epochs, of which the shares are rounded up
    shares = {"pretrain_epochs": 0.1, "warmup_epochs": 0.02, "max_epochs": 0.2}
    by_share = quick(n_starts=1, **shares).fit(X)
    phases = [row["phase"] for row in by_share.history_]
    assert phases == 3 * ["reconstruction"] + 2 * ["warmup"] + 3 * ["clustering"]
    numbers = {"pretrain_epochs": 3, "warmup_epochs": 2, "max_epochs": 3}
    np.testing.assert_array_equal(quick(n_starts=1, **numbers).fit_predict(X), by_share.labels_)
    without = quick(n_starts=1, **{**shares, "warmup_epochs": 0, "max_epochs": 0.1}).fit(X)
    assert [row["phase"] for row in without.history_] == 3 * ["reconstruction"] + 3 * ["clustering"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"reconstruction": 6, "warmup": 23, "clustering": 6}),
        ({"pretrain_epochs": 2}, {"reconstruction": 2, "warmup": 23, "clustering": 6}),
        # the decoder learns in no other phase
        ({"reconstruction_weight": 0}, {"reconstruction": 9, "warmup": 23, "clustering": 6}),
        ({"warmup_epochs": 0}, {"reconstruction": 9, "warmup": 0, "clustering": 11}),
        ({"augmentation": None}, {"reconstruction": 9, "warmup": 0, "clustering": 11}),
    ],
    ids=str,
)
def test_a_warmup_spares_reconstruction_and_half_of_the_clustering(settings, expected):
    model = TripletDECClusterer(10, image_shape=(8, 8), **settings)
    model._input = InputSpec.learn((64,), 64, (8, 8))
    assert model._schedule(1_797, False) == expected


def test_thousands_of_images_begin_with_the_warmup():
    model = TripletDECClusterer(10, image_shape=(8, 8))
    model._input = InputSpec.learn((64,), 64, (8, 8))
    expected = {"reconstruction": 0, "warmup": 6, "clustering": 3}
    assert model._schedule(5_000, False) == expected
    assert model._schedule(70_000, False) == {"reconstruction": 0, "warmup": 1, "clustering": 2}


@pytest.mark.parametrize("epochs", [0.0, 1.5, -0.5, -1, "all", None])
def test_other_numbers_of_epochs_are_refused(X, epochs):
    for name in ("pretrain_epochs", "warmup_epochs", "max_epochs"):
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            quick(**{name: epochs}).fit(X)


class Rates(Callback):
    """Notes the learning rate with which each phase begins."""

    seen: ClassVar[dict[str, float]] = {}

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.seen[net.phase_] = net.lr


# of 200 samples in batches of 20
@pytest.mark.parametrize(
    ("n_warm", "n_epochs", "factor"), [(1, 1, 1), (1, 2, 2), (1, 7, 6), (0, 7, 1)]
)
def test_steps_of_the_clustering_phase_are_larger_after_a_warmup(X, n_warm, n_epochs, factor):
    Rates.seen.clear()
    options = {"max_epochs": n_epochs, "batch_size": 20, "lr": 2e-4, "n_starts": 1}
    model = quick(warmup_epochs=n_warm, callbacks=[Rates()], **options).fit(X)
    assert Rates.seen["clustering"] == pytest.approx(factor * 2e-4)
    model.set_params(warm_start=True).fit(X)
    assert Rates.seen["clustering"] == pytest.approx(2e-4)  # what is learned is kept


def test_whole_and_automatic_are_the_same():
    whole, auto = quick(warmup_epochs=1.0, max_epochs=1.0), quick(warmup_epochs="auto")
    auto.set_params(max_epochs="auto")
    whole._input = auto._input = InputSpec.learn((64,), 64, (8, 8))
    for n_samples in (100, 1_797, 70_000):
        assert whole._schedule(n_samples, False) == auto._schedule(n_samples, False)


def test_another_exact_search_gives_the_same_clusters(X):
    search = KNeighborsTransformer(n_neighbors=11, algorithm="kd_tree")
    model = quick(neighbors=search).fit(X)
    np.testing.assert_array_equal(model.labels_, quick().fit(X).labels_)
    assert not hasattr(search, "n_features_in_"), "it is cloned"
    with pytest.raises(ValueError, match="'neighbors' parameter"):
        quick(neighbors="kd_tree").fit(X)
    dense = FunctionTransformer(lambda components: np.zeros((len(components), 5)))
    with pytest.raises(TypeError, match="neighbors returned ndarray"):
        quick(neighbors=dense).fit(X)


def test_of_many_samples_some_are_everyones_neighbors(X, monkeypatch):
    seen = []
    smooth = judge.smooth_over_graph

    def recording(values, neighbors):
        seen.append(neighbors)
        return smooth(values, neighbors)

    monkeypatch.setattr(judge, "smooth_over_graph", recording)
    monkeypatch.setattr(_input_graph, "MAX_CANDIDATES", 60)
    first, second = (quick(max_epochs=2).fit(X) for _ in range(2))
    neighbors = seen[0].numpy()
    assert neighbors.shape == (200, 10)
    assert len(np.unique(neighbors)) <= 60
    assert (neighbors != np.arange(200)[:, None]).all()
    np.testing.assert_array_equal(first.labels_, second.labels_)


# torch's tracing meets warnings of torch, which it hides from users, and fails if they are errors
@pytest.mark.filterwarnings("default")
def test_compiled_steps_are_one_graph(X, monkeypatch, recwarn):
    compile_ = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda loss, **_: compile_(loss, backend="eager", fullgraph=True)
    )
    model = quick(compile=True).fit(X)
    assert not [each for each in recwarn if "compile=True" in str(each.message)]
    np.testing.assert_array_equal(model.labels_, quick().fit(X).labels_)


def first_samples(embedding, n_clusters, random_state):
    return embedding[:n_clusters]


@pytest.mark.parametrize(
    "params",
    [
        {"contrast": "triplet"},
        {"negatives": "radius"},
        {"target_view": "clean"},
        {"normalize": False},
        {"reconstruction_weight": 0},
        {"clustering_weight": 0},
        {"entropy_weight": 0},
        {"augmentation": ImageAugmentation(degrees=5)},
        {"augmentation": torch.nn.Identity()},
        {"init": "kmeans"},
        {"init": first_samples},
        {"precision": "bf16"},
        {"dtype": "float64"},
        {"n_clusters": 1},
        {"image_shape": None, "module__channels": None},
    ],
    ids=lambda params: ", ".join(params),
)
def test_settings_run_and_give_what_they_should(X, params):
    params = dict(params)
    model = quick(params.pop("n_clusters", 10), **params)
    if params.get("image_shape", 0) is None:
        model = TripletDECClusterer(10, warmup_epochs=1, max_epochs=1, n_init=1, random_state=0)
    model.fit(X)
    q = model.predict_proba(X)
    assert q.shape == (200, model.n_clusters)
    assert q.dtype == np.dtype(model.dtype)
    np.testing.assert_allclose(q.sum(1), 1, rtol=1e-5)
    assert model.inverse_transform(model.transform(X)).shape == X.shape
    assert all(np.isfinite(row["loss"]) for row in model.history_)
