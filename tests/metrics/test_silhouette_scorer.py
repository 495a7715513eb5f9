"""The silhouette of an embedding as a scorer, of whatever holds the samples."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
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

from skdeepclust.metrics import (
    embedding_silhouette_scorer,
)


class Ready(BaseEstimator):
    """An estimator whose embedding is the data, and its cluster the sign of the first column."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, 0] > 0).astype(int)

    def transform(self, X: np.ndarray) -> np.ndarray:
        return X


@pytest.mark.parametrize("method", ["predict", "transform"])
def test_masked_answers_are_refused_by_the_name_of_what_gave_them(method, monkeypatch) -> None:
    X = np.random.default_rng(0).normal(size=(30, 2))
    masked = np.ma.masked_less(getattr(Ready(), method)(X), 0.1)
    monkeypatch.setattr(Ready, method, lambda self, X: masked)
    with pytest.raises(ValueError, match=rf"^{method}\(X\) is a masked array"):
        embedding_silhouette_scorer(Ready(), X)


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


@pytest.fixture(params=["array", "list", "frame", "memmap", "sparse", "hdf5"])
def container(request: pytest.FixtureRequest, tmp_path):
    """Return a function that puts an array into one of the containers."""

    def memmap(X: np.ndarray) -> np.ndarray:
        np.save(tmp_path / "X.npy", X)
        return np.load(tmp_path / "X.npy", mmap_mode="r")

    def hdf5(X: np.ndarray) -> h5py.Dataset:
        return h5py.File(tmp_path / "X.h5", "w").create_dataset("X", data=X, chunks=(7, X.shape[1]))

    functions = {"array": np.asarray, "list": np.ndarray.tolist, "memmap": memmap, "hdf5": hdf5}
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
