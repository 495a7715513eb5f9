"""Scores of clusterings against brute force, and as scorers in a grid search."""

from __future__ import annotations

import tracemalloc
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.cluster import Birch, BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer
from sklearn.utils import resample

from skdeepclust import metrics
from skdeepclust.metrics import (
    clustering_accuracy_score,
    clustering_accuracy_scorer,
    embedding_silhouette_scorer,
    match_labels,
)

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=20)


def brute_force_accuracy(true: np.ndarray, pred: np.ndarray) -> float:
    """Try every one-to-one renaming of five clusters; -1 is no class at all."""
    renamings = permutations([0, 1, 2, 3, -1])
    return max(float(np.mean(true == np.array(names)[pred])) for names in renamings)


@given(pairs=PAIRS)
def test_accuracy_is_the_best_over_all_matchings(pairs: list[tuple[int, int]]) -> None:
    true, pred = np.array(pairs).T
    expected = brute_force_accuracy(true, pred)
    assert clustering_accuracy_score(true, pred) == pytest.approx(expected, abs=1e-12)
    matched = match_labels(true, pred)
    assert np.mean(matched == true) == pytest.approx(expected, abs=1e-12)


@given(pairs=PAIRS)
def test_names_do_not_matter_and_the_partition_stays(pairs: list[tuple[int, int]]) -> None:
    true, pred = np.array(pairs).T
    class_names, cluster_names = np.array(["z", "cluster 7", "b", "a"]), np.array([7, -1, 3, 0, 9])
    accuracy = clustering_accuracy_score(class_names[true], cluster_names[pred])
    assert accuracy == clustering_accuracy_score(true, pred)
    matched = match_labels(class_names[true], cluster_names[pred])
    assert np.mean(matched == class_names[true]) == pytest.approx(accuracy, abs=1e-12)
    partners = set(zip(matched.tolist(), pred.tolist(), strict=True))
    assert len(partners) == len(set(matched.tolist())) == len(set(pred.tolist()))


@pytest.mark.parametrize(
    ("true", "pred", "expected"),
    [
        ([4, 4, 9, 9], [0, 0, 0, 0], {4}),
        (np.array([0, 0, 255, 255], dtype=np.uint8), [2, 2, 1, 0], {0, 255, 256}),
        ([True, True, False, True], [0, 0, 1, 2], {0, 1, 2}),
        ([0.5, 1.5, 1.5], ["a", "b", "c"], {0.5, 1.5, 2.0}),
        (["x", "x", "x"], [5, 5, 6], {"x", "cluster 6"}),
        (["x", "cluster 6", "x"], [5, 4, 6], None),
    ],
)
def test_clusters_without_partner_get_a_label_of_their_own(true, pred, expected) -> None:
    matched = set(match_labels(true, pred).tolist())
    assert len(matched) == len(set(pred))
    assert expected is None or matched == expected


def test_objects_and_lists_are_labels() -> None:
    names = np.array(["cat", "dog", "dog"], dtype=object)
    assert match_labels(names, ["x", "y", "y"]).tolist() == names.tolist()
    assert clustering_accuracy_score(names, [1, 0, 0]) == 1.0


@pytest.mark.parametrize("function", [clustering_accuracy_score, match_labels])
@pytest.mark.parametrize(
    ("true", "pred", "message"),
    [([0, 1], [0], "inconsistent"), ([], [], "empty"), ([[0, 1]], [0, 1], "1d|shape")],
)
def test_wrong_labels_are_refused(function, true: list, pred: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(true, pred)


@given(
    pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 14)), min_size=1, max_size=60),
    swap=st.booleans(),
)
def test_a_large_table_is_matched_as_well_as_a_dense_one(pairs, swap: bool) -> None:
    true, pred = np.array(pairs).T[:: -1 if swap else 1]
    expected = clustering_accuracy_score(true, pred)
    n_partners = min(len(set(true.tolist())), len(set(pred.tolist())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "MAX_CELLS", 0)
        assert clustering_accuracy_score(true, pred) == expected
        matched = match_labels(true, pred)
        assert len(metrics._match(true, pred)[1]) == n_partners
    assert np.mean(matched == true) == pytest.approx(expected, abs=1e-12)
    assert len(set(matched.tolist())) == len(set(pred.tolist()))


def test_memory_is_that_of_the_pairs_that_occur() -> None:
    true = np.arange(5000)
    pred = np.random.default_rng(0).permutation(5000) // 2  # half of the classes have a partner
    tracemalloc.start()
    assert clustering_accuracy_score(true, pred) == 0.5
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6  # 5000 x 2500 pairs would be 100 MB


MISSING = [
    [0.0, np.nan],
    ["a", None],
    [1, pd.NA],
    np.array(["a", np.nan], dtype=object),
    pd.Series([1, None], dtype="Int64"),
    pd.Series(["a", None], dtype="category"),
    np.ma.array([0, 1], mask=[False, True]),
]


@pytest.mark.parametrize("labels", MISSING, ids=lambda labels: type(labels).__name__)
@pytest.mark.parametrize("function", [clustering_accuracy_score, match_labels])
def test_missing_labels_are_refused(function, labels) -> None:
    with pytest.raises(ValueError, match=r"labels_true.*(contains|masked values)"):
        function(labels, [0, 1])
    with pytest.raises(ValueError, match=r"labels_pred.*(contains|masked values)"):
        function([0, 1], labels)


@pytest.mark.parametrize(
    "hold",
    [
        torch.tensor,
        np.ma.array,
        lambda values: [torch.tensor(value) for value in values],
        lambda values: pd.Series(values, dtype="Int64"),
        lambda values: pd.Series(values, dtype="category"),
    ],
    ids=["tensor", "no mask", "tensors", "nullable", "categories"],
)
def test_labels_of_other_libraries(hold) -> None:
    true, pred = [4, 4, 9, 9], [1, 0, 0, 0]
    for dispatch in (False, True):
        with config_context(array_api_dispatch=dispatch):
            assert clustering_accuracy_score(hold(true), hold(pred)) == 0.75
            assert match_labels(hold(true), hold(pred)).tolist() == [4, 9, 9, 9]


@pytest.mark.parametrize("scoring", [clustering_accuracy_scorer, embedding_silhouette_scorer])
def test_scorers_choose_the_right_number_of_clusters(scoring) -> None:
    X, y = make_blobs(200, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    names = np.array(["a", "b", "c"])[y]
    grid = GridSearchCV(
        KMeans(n_init=3, random_state=0), {"n_clusters": [2, 3, 6]}, scoring=scoring
    )
    assert grid.fit(X, names).best_params_ == {"n_clusters": 3}


class Ready(BaseEstimator):
    """An estimator whose embedding is the data, and its cluster the sign of the first column."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, 0] > 0).astype(int)

    def transform(self, X: np.ndarray) -> np.ndarray:
        return X


def test_silhouette_scorer_is_the_silhouette_of_the_embedding() -> None:
    X = np.random.default_rng(0).normal(size=(300, 2))
    expected = silhouette_score(X, X[:, 0] > 0)
    assert embedding_silhouette_scorer(Ready(), X) == pytest.approx(expected, abs=1e-12)
    sampled = embedding_silhouette_scorer(Ready(), X, sample_size=100)
    assert sampled == embedding_silhouette_scorer(Ready(), X, sample_size=100)
    assert sampled != expected
    assert sampled == pytest.approx(expected, abs=0.1)


def test_silhouette_scorer_bounds_the_cost() -> None:
    class Counting(Ready):
        def transform(self, X: np.ndarray) -> np.ndarray:
            assert len(X) == 2000
            return X

    X = np.random.default_rng(0).normal(size=(5000, 2))
    assert embedding_silhouette_scorer(Counting(), X) > 0


@pytest.mark.parametrize("dispatch", [False, True])
@pytest.mark.parametrize("sample_size", [100, 2000])
def test_silhouette_scorer_takes_tensors(dispatch: bool, sample_size: int) -> None:
    class OfTensors(Ready):
        def predict(self, X: torch.Tensor) -> torch.Tensor:
            return X[:, 0] > 0

    X = np.random.default_rng(0).normal(size=(300, 2))
    expected = embedding_silhouette_scorer(Ready(), X, sample_size=sample_size)
    with config_context(array_api_dispatch=dispatch):
        found = embedding_silhouette_scorer(OfTensors(), torch.tensor(X), sample_size=sample_size)
    assert found == pytest.approx(expected, abs=1e-12)


def test_silhouette_scorer_under_a_global_output_of_frames() -> None:
    X = blobs()
    pipeline = make_pipeline(PCA(2), KMeans(3, n_init=1, random_state=0)).fit(X)
    expected = embedding_silhouette_scorer(pipeline, X)
    with config_context(transform_output="pandas"):
        named = make_pipeline(PCA(2), KMeans(3, n_init=1, random_state=0)).fit(X)
        assert embedding_silhouette_scorer(named, X) == expected


@pytest.mark.parametrize("X", [np.ones((5, 2)), np.array([[1.0, 0.0], [-1.0, 0.0]])])
def test_silhouette_without_two_real_clusters_is_the_worst(X: np.ndarray) -> None:
    assert embedding_silhouette_scorer(Ready(), X) == -1.0


class Halved(Ready):
    """A clusterer with an embedding of its own, one column of the data."""

    def __init__(self, column: int = 0) -> None:
        self.column = column

    def fit(self, X: np.ndarray, y: object = None) -> Halved:
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        return X[:, [self.column]]


CLUSTERERS = [
    KMeans(3, random_state=0),
    MiniBatchKMeans(3, random_state=0),
    BisectingKMeans(3, random_state=0),
    Birch(n_clusters=3),
    GaussianMixture(3, random_state=0),
]


def blobs() -> np.ndarray:
    return make_blobs(150, centers=4, n_features=5, cluster_std=3.0, random_state=1)[0]


@pytest.mark.parametrize("clusterer", CLUSTERERS, ids=[type(each).__name__ for each in CLUSTERERS])
def test_a_clusterer_of_its_input_is_judged_in_its_input(clusterer) -> None:
    X = blobs()
    bare = clusterer.fit(X)
    expected = silhouette_score(X, bare.predict(X))
    assert embedding_silhouette_scorer(bare, X) == pytest.approx(expected, abs=1e-12)
    steps = [PCA(2), Normalizer(), clusterer]
    nested = make_pipeline(steps[0], make_pipeline(*steps[1:]))
    for pipeline in (make_pipeline(*steps), nested, make_pipeline(make_pipeline(*steps))):
        labels = pipeline.fit(X).predict(X)
        embedding = Normalizer().transform(PCA(2).fit_transform(X))
        expected = silhouette_score(embedding, labels)
        assert embedding_silhouette_scorer(pipeline, X) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("column", [0, 1])
def test_an_embedding_of_the_clusterer_itself_stays(column: int) -> None:
    X = blobs()
    pca = PCA(2).fit(X)
    pipeline = Pipeline([("none", "passthrough"), ("pca", pca), ("last", Halved(column))]).fit(X)
    expected = silhouette_score(pipeline.transform(X), pipeline.predict(X))
    assert embedding_silhouette_scorer(pipeline, X) == pytest.approx(expected, abs=1e-12)
    by_hand = silhouette_score(pca.transform(X)[:, [column]], pca.transform(X)[:, 0] > 0)
    assert expected == pytest.approx(by_hand, abs=1e-12)


def test_grid_search_over_a_pipeline_has_the_silhouettes_computed_by_hand() -> None:
    X = blobs()
    pipeline = Pipeline([("pca", PCA()), ("kmeans", KMeans(n_init=1, random_state=0))])
    grid = {"pca__n_components": [1, 3], "kmeans__n_clusters": [2, 4]}
    folds = KFold(3)
    search = GridSearchCV(pipeline, grid, scoring=embedding_silhouette_scorer, cv=folds).fit(X)
    for index, parameters in enumerate(search.cv_results_["params"]):
        for fold, (train, test) in enumerate(folds.split(X)):
            pca = PCA(parameters["pca__n_components"]).fit(X[train])
            kmeans = KMeans(parameters["kmeans__n_clusters"], n_init=1, random_state=0)
            kmeans.fit(pca.transform(X[train]))
            embedding = pca.transform(X[test])
            expected = silhouette_score(embedding, kmeans.predict(embedding))
            found = search.cv_results_[f"split{fold}_test_score"][index]
            assert found == pytest.approx(expected, abs=1e-9)
    best = embedding_silhouette_scorer(search.best_estimator_, X)
    assert embedding_silhouette_scorer(search, X) == best


@pytest.fixture(params=["array", "list", "frame", "memmap", "sparse"])
def container(request: pytest.FixtureRequest, tmp_path):
    """Return a function that puts an array into one of the containers."""

    def memmap(X: np.ndarray) -> np.ndarray:
        np.save(tmp_path / "X.npy", X)
        return np.load(tmp_path / "X.npy", mmap_mode="r")

    functions = {"array": np.asarray, "list": np.ndarray.tolist, "memmap": memmap}
    return (functions | {"frame": pd.DataFrame, "sparse": csr_array})[request.param]


@pytest.mark.parametrize("sample_size", [60, 2000])
@pytest.mark.parametrize("steps", [[], [Normalizer()]], ids=["bare", "pipeline"])
def test_any_container_is_subsampled(container, steps: list, sample_size: int) -> None:
    X = container(blobs())
    estimator = make_pipeline(*steps, KMeans(3, n_init=1, random_state=0)).fit(X)
    estimator = estimator if steps else estimator[-1]
    rows = resample(blobs(), replace=False, n_samples=60, random_state=0)
    rows = rows if sample_size == 60 else blobs()
    embedding = Normalizer().transform(rows) if steps else rows
    expected = silhouette_score(embedding, estimator.predict(rows))
    found = embedding_silhouette_scorer(estimator, X, sample_size=sample_size)
    assert found == pytest.approx(expected, abs=1e-9)


def test_columns_of_a_frame_are_still_there_when_it_is_embedded() -> None:
    frame = pd.DataFrame(blobs(), columns=list("abcde"))
    choose = FunctionTransformer(lambda data: data[["b", "d"]])
    pipeline = make_pipeline(choose, KMeans(3, n_init=1, random_state=0)).fit(frame)
    expected = silhouette_score(frame[["b", "d"]], pipeline.predict(frame))
    assert embedding_silhouette_scorer(pipeline, frame) == pytest.approx(expected, abs=1e-12)
