"""Arrays that stay where they are stored give what the same arrays in memory give."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.small_fits import DIGIT, NETWORKS, QUICK, X, assert_same, fitted
from helpers.stored_arrays import FORMS, Counted, hdf5, memory_map
from scipy import sparse

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TripletDECClusterer,
)
from skdeepclust._engine import stored_arrays
from skdeepclust._engine.runner import Batches
from skdeepclust._engine.stored_arrays import BlockReader, StoredArray
from skdeepclust._inputs.values import N_ROWS_LOOKED_AT
from skdeepclust._storage.fit_identity import hash_of
from skdeepclust.graph import NeighborAffinity
from skdeepclust.regularizers import ClusteringRegularizer

pytestmark = pytest.mark.usefixtures("few_head_steps")

LABELS = {
    "classifier": DIGIT,
    "labels of text": DIGIT.astype(str),
    "zero shot": DIGIT,
    "embedder": DIGIT > 4,
}
once_fitted = functools.cache(fitted)
METHODS = ("predict", "predict_proba", "transform", "decision_function")
SMALL_DEC = {"pretrain_epochs": 1, "warmup_epochs": 1, "n_init": 1, "module__hidden": (16,)}


def answers(model: Any, samples: Any) -> dict[str, np.ndarray]:
    return {n: np.asarray(getattr(model, n)(samples)) for n in METHODS if hasattr(model, n)}


def assert_close(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    for name, values in one.items():
        if values.dtype.kind == "f":  # vectorised kernels round by a row's place in the batch
            np.testing.assert_allclose(other[name], values, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(other[name], values)


@pytest.fixture
def small_blocks(monkeypatch) -> None:
    """Let blocks be chunks, of which four are held."""
    monkeypatch.setattr(stored_arrays, "BLOCK_BYTES", 1)
    monkeypatch.setattr(stored_arrays, "BUFFER_BYTES", 1)


# ---------------------------------------------------------------- the same as in memory


# Forms differ below what estimators see of them.
ANSWERED = {*itertools.product(NETWORKS, ["memory map"]), *itertools.product(["tagnet"], FORMS)}


@pytest.mark.parametrize(("name", "form"), sorted(ANSWERED))
def test_answers_are_those_in_memory(name, form, tmp_path) -> None:
    model = once_fitted(name)
    stored = FORMS[form](X, tmp_path)
    assert_close(answers(model, X), answers(model, stored))
    y = LABELS.get(name)
    assert model.score(stored, y) == pytest.approx(model.score(X, y))


@pytest.mark.parametrize("name", NETWORKS)
def test_training_on_a_memory_map_is_that_in_memory(name, tmp_path) -> None:
    model, (samples, *others) = NETWORKS[name]()
    assert_same(model.fit(memory_map(samples, tmp_path), *others), fitted(name))


@pytest.mark.parametrize("form", ["hdf5", "zarr", "dask"])
def test_training_on_chunks_that_are_held_at_once_is_that_in_memory(form, tmp_path) -> None:
    model, (samples,) = NETWORKS["autoencoder"]()
    assert_same(model.fit(FORMS[form](samples, tmp_path)), fitted("autoencoder"))


STORED = {*itertools.product(FORMS, ["uint8"]), *itertools.product(["hdf5"], ["int32", "float16"])}


@pytest.mark.parametrize(("form", "dtype"), sorted(STORED))
def test_images_of_any_dtype(form, dtype, tmp_path) -> None:
    images = (16 * X).astype(dtype).reshape(-1, 8, 8)
    options = {"pretrain_epochs": 1, "warmup_epochs": 1, "n_init": 1, "n_neighbors": 3, **QUICK}
    whole = TripletDECClusterer(3, **options).fit(images)
    stored = TripletDECClusterer(3, **options).fit(FORMS[form](images, tmp_path))
    assert stored.image_shape_ == (1, 8, 8)
    np.testing.assert_array_equal(stored.transform(images), whole.transform(images))


def test_a_fit_takes_weights_and_stops_early_on_stored_samples(tmp_path) -> None:
    options = {"n_clusters": 5, "early_stopping": True, "max_epochs": 3, "random_state": 0}
    weight = np.linspace(0, 1, len(X))
    fits = [
        ParsimoniousClassifier(**options).fit(samples, DIGIT > 4, sample_weight=weight)
        for samples in (X, memory_map(X, tmp_path))
    ]
    assert_same(*fits)


def test_exemplars_are_found_in_stored_samples(tmp_path) -> None:
    model = fitted("autoencoder")
    regularizer = model.regularizer_
    assert isinstance(regularizer, ClusteringRegularizer)
    layer = next(iter(model.cluster_centers_))
    whole = regularizer.exemplars(X, layer=layer, cluster=0)
    stored = regularizer.exemplars(hdf5(X, tmp_path), layer=layer, cluster=0)
    np.testing.assert_array_equal(stored.samples, whole.samples)


# ---------------------------------------------------------------- what is read, and in what order


def order_of(stored: StoredArray, seed: int = 0) -> np.ndarray:
    return stored.shuffled(torch.Generator().manual_seed(seed)).numpy()


def test_a_shuffle_reads_each_block_once(small_blocks) -> None:
    source = Counted(np.arange(500, dtype=np.float32)[:, None], chunk=10)
    stored = StoredArray(source, source.dtype)
    batches = Batches(
        stored,
        batch_size=32,
        sample_shape=(1,),
        dtype=torch.float32,
        device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(0),
    )
    for in_memory in (0, 4):
        source.reads.clear()
        rows = torch.cat([x[:, 0] for x, _ in batches]).numpy()
        assert sorted(rows) == list(range(500))
        starts = {int(read.start) for read in source.reads}
        assert starts <= set(range(0, 500, 10))
        assert 50 - in_memory <= len(starts) == len(source.reads)
        assert source.largest == 10


def test_a_shuffle_mixes_as_many_blocks_as_are_held(small_blocks) -> None:
    source = Counted(np.zeros((500, 1), np.float32), chunk=10)
    order = order_of(StoredArray(source, source.dtype))
    groups = order[:480].reshape(12, 40)  # four blocks each
    for group in groups:
        blocks = set((group // 10).tolist())
        assert len(blocks) == 4
        assert len(set((group[:10] // 10).tolist())) > 1  # their rows are mixed
    np.testing.assert_array_equal(order, order_of(StoredArray(source, source.dtype)))
    assert (order != order_of(StoredArray(source, source.dtype), seed=1)).any()


def test_a_shuffle_of_a_part_reads_its_blocks_alone(small_blocks) -> None:
    source = Counted(np.arange(500, dtype=np.float32)[:, None], chunk=10)
    rows = np.random.default_rng(0).permutation(100)[:60]
    part = StoredArray(source, source.dtype).view(rows)
    order = order_of(part)
    assert sorted(order) == list(range(60))
    np.testing.assert_array_equal(part[order][:, 0], rows[order])
    assert max(read.stop for read in source.reads) <= 100


def test_small_chunks_are_read_together() -> None:
    source = Counted(np.zeros((100_000, 256), np.float32), chunk=1)
    bounds = BlockReader(source).bounds
    assert set(np.diff(bounds)[:-1]) == {stored_arrays.BLOCK_BYTES // 1024}
    assert (bounds[0], bounds[-1]) == (0, 100_000)


@pytest.mark.parametrize(
    "estimator",
    [
        ParsimoniousAutoencoder(n_components=2, n_clusters=3, module__hidden=(8,)),
        ForcedApartEmbedder(n_components=2, module__hidden=(8,)),
        TripletDECClusterer(3, n_components=2, **SMALL_DEC),
        TripletDECClusterer(3, n_components=2, n_neighbors=0, **SMALL_DEC),
        ParsimoniousClassifier(n_clusters=3, early_stopping=True, module__hidden=(8,)),
    ],
    ids=["autoencoder", "embedder", "clusterer", "clusterer without graph", "classifier"],
)
def test_no_read_takes_more_than_a_block(estimator, small_blocks) -> None:
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(3, 4))
    y = rng.integers(3, size=1200)
    source = Counted((centers[y] + 0.1 * rng.normal(size=(1200, 4))).astype(np.float32), chunk=50)
    estimator.set_params(max_epochs=2, batch_size=64, random_state=0).fit(source, y)
    estimator.transform(source)
    assert source.largest == 50
    n_blocks = 1200 // 50
    assert len(source.reads) % n_blocks <= 4 + n_blocks  # whole passes, and what is looked at first


def test_no_read_of_a_memory_map_takes_more_than_a_batch(tmp_path, monkeypatch) -> None:
    sizes = []
    read_into = stored_arrays.MapReader.read_into

    def counted(self, out, rows):
        sizes.append(len(rows))
        read_into(self, out, rows)

    monkeypatch.setattr(stored_arrays.MapReader, "read_into", counted)
    stored = memory_map(np.random.default_rng(0).normal(size=(5000, 4)), tmp_path)
    model = ParsimoniousAutoencoder(n_components=2, n_clusters=3, max_epochs=1, random_state=0)
    model.fit(stored).transform(stored)
    assert max(sizes) <= N_ROWS_LOOKED_AT
    assert np.median(sizes) <= model.batch_size


@pytest.mark.parametrize("name", NETWORKS)
def test_sparse_samples_become_dense_by_batch_alone(name, monkeypatch) -> None:
    sizes = []
    toarray = sparse.csr_array.toarray

    def counted(self, *args, **kwargs):
        sizes.append(self.shape[0] if self.shape[1] == X.shape[1] else 0)
        return toarray(self, *args, **kwargs)

    model, (samples, *others) = NETWORKS[name]()
    if model.batch_size == "auto":
        model.set_params(batch_size=16)
    monkeypatch.setattr(sparse.csr_array, "toarray", counted)
    model.set_params(batch_size=16).fit(sparse.csr_array(samples), *others)
    answers(model, sparse.csr_array(X))
    assert 0 < max(sizes) <= 17


def test_neighbors_of_sparse_samples_are_found_by_blocks() -> None:
    dense = NeighborAffinity(3).fit(X)
    expected = dense.transform(X[:30]).toarray()
    np.testing.assert_allclose(dense.transform(sparse.csr_array(X[:30])).toarray(), expected)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("value", "message"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_a_bad_value_is_found_and_the_estimator_stays(form, value, message, tmp_path) -> None:
    damaged = X.copy()
    damaged[37, 5] = value
    stored = FORMS[form](damaged, tmp_path)
    model = fitted("autoencoder")
    before = model.transform(X)
    for method in (model.fit, model.transform if form != "dask" else model.score):
        with pytest.raises(ValueError, match=rf"(?s){message}.*row 37 of X"):
            method(stored)
    np.testing.assert_array_equal(model.transform(X), before)


@pytest.mark.parametrize("form", ["memory map", "hdf5", "zarr", "dask"])
def test_wrong_shapes_have_the_errors_of_arrays_in_memory(form, tmp_path) -> None:
    model = fitted("autoencoder")
    with pytest.raises(ValueError, match=r"X has 63 features, but .* is expecting 64"):
        model.transform(FORMS[form](np.ascontiguousarray(X[:, 1:]), tmp_path))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.fit(FORMS["memory map"](X[0], tmp_path))


def test_too_few_samples_and_too_large_values_are_told(tmp_path) -> None:
    model = ParsimoniousAutoencoder()
    with pytest.raises(ValueError, match=r"1 sample.* minimum of 2"):
        model.fit(memory_map(X[:1], tmp_path))
    with pytest.raises(ValueError, match="Scale X"):
        model.fit(hdf5(1e30 * X, tmp_path))


def test_stored_words_are_checked(tmp_path) -> None:
    words = np.random.default_rng(0).integers(1, 9, (40, 5))
    model = ForcedApartEmbedder(vocabulary_size=9, max_epochs=1, random_state=0)
    y = np.arange(40) % 2
    assert_close(
        answers(model.fit(words, y), words), answers(model.fit(hdf5(words, tmp_path), y), words)
    )
    with pytest.raises(ValueError, match="indices of words"):
        model.fit(memory_map(words + 1, tmp_path), y)


# ---------------------------------------------------------------- checkpoints


@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_knows_stored_samples_by_their_values(form, tmp_path) -> None:
    hashes = []
    for number, values in enumerate((X, X, X + 1)):
        folder = Path(tmp_path, str(number))
        folder.mkdir()
        hashes.append(hash_of(FORMS[form](values, folder)))
    assert hashes[0] == hashes[1] != hashes[2]
