"""Files of estimators: nothing is lost, nothing runs, and what is damaged is refused."""

from __future__ import annotations

import copy
import json
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small_fits import FITS, GRAPH, KNOWN, NEW, assert_same, fitted
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import KNeighborsTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler
from torch import nn

import skdeepclust
from skdeepclust import TAGnetClusterer, load, save
from skdeepclust._storage import files
from skdeepclust._storage.tree import Decoder, Encoder
from skdeepclust._storage.trust import Trust
from skdeepclust.dictionary import KSVD


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "model.safetensors"


# ---------------------------------------------------------------- there and back


@pytest.mark.parametrize("name", FITS)
def test_loaded_estimators_are_the_same(name, path):
    model = fitted(name)
    save(model, path)
    again = load(path)
    assert type(again) is type(model)
    assert_same(again, model)
    assert vars(again).keys() - {"_stage_codes"} == vars(model).keys() - {"net_", "_stage_codes"}
    assert getattr(again, "history_", None) == getattr(model, "history_", None)
    assert repr(again) == repr(model)


@pytest.mark.parametrize("name", ["classifier", "tagnet", "triplet dec"])
def test_training_goes_on_as_it_would_have(name, path):
    model, arguments = FITS[name]()
    save(model.fit(*arguments), path)
    n_rows = len(model.history_)
    again, pickled = load(path), pickle.loads(pickle.dumps(model))
    for each in (model, again, pickled):
        each.set_params(warm_start=True).fit(*arguments)
        assert len(each.history_) > n_rows
        assert_same(each, model)


def is_there(device: str) -> bool:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        return False
    return True


@pytest.mark.parametrize("device", [d for d in ("cuda:7", "mps", "xpu") if not is_there(d)])
@pytest.mark.parametrize("name", ["classifier", "autoencoder", "embedder", "triplet dec", "tagnet"])
def test_a_fit_on_a_device_that_is_missing_loads_on_the_cpu(name, device, path):
    model, arguments = FITS[name]()
    model.fit(*arguments)
    there = copy.deepcopy(model)
    # as a fit there would have left it: the parameter, and the state of the device's generator
    there.device = device
    there._resume.generators["cuda"] = torch.arange(16, dtype=torch.uint8)
    save(there, path)
    with pytest.warns(UserWarning, match=f"device='{device}', which isn't on this machine"):
        again = load(path)
    assert {each.device.type for each in again.module_.state_dict().values()} == {"cpu"}
    assert_same(again, model)
    with pytest.raises(ValueError, match=f"device='{device}' can't be used on this machine"):
        again.set_params(warm_start=True).fit(*arguments)
    again.set_params(device="auto").fit(*arguments)
    model.set_params(warm_start=True).fit(*arguments)
    if not torch.cuda.is_available():
        assert_same(again, model)


def test_estimators_that_are_not_fitted(path):
    save(TAGnetClusterer(5, lam=0.25, device=torch.device("cpu")), path)
    again = load(path)
    assert again.get_params()["lam"] == 0.25
    assert again.device == torch.device("cpu")
    assert not hasattr(again, "module_")


@pytest.mark.parametrize("trusted", ["sklearn.pipeline.Pipeline", ["Pipeline"], [Pipeline, 3]])
def test_names_are_not_trusted(trusted, tmp_path):
    with pytest.raises(TypeError, match="takes classes and functions themselves"):
        load(tmp_path / "nothing", trusted=trusted)


def test_scikit_learn_s_estimators_if_they_are_named(path):
    model = make_pipeline(MinMaxScaler(), TAGnetClusterer(3, **GRAPH), KMeans(3, random_state=0))
    save(model.fit(KNOWN), path)
    with pytest.raises(
        ValueError,
        match=r"names sklearn\.pipeline\.Pipeline, .*trusted=\[Pipeline, MinMaxScaler, KMeans\]",
    ):
        load(path)
    with pytest.raises(ValueError, match="MinMaxScaler"):
        load(path, trusted=[Pipeline])
    again = load(path, trusted=[Pipeline, MinMaxScaler, KMeans])
    np.testing.assert_array_equal(again.predict(NEW), model.predict(NEW))


def test_functions_searches_and_networks_of_the_user_s(path):
    search = KNeighborsTransformer(n_neighbors=5, mode="distance")
    for changes, named in (
        ({"affinity": rbf_kernel}, [rbf_kernel]),
        ({"neighbors": search}, [KNeighborsTransformer]),
        ({"optimizer": torch.optim.SGD}, []),
        ({"module": nn.Sequential(nn.Linear(64, 8), nn.ReLU()), "graph_weight": 0.0}, []),
    ):
        model = TAGnetClusterer(3, **{**GRAPH, **changes}).fit(KNOWN)
        save(model, path)
        if named:
            with pytest.raises(ValueError, match=named[0].__name__):
                load(path)
        again = load(path, trusted=named)
        np.testing.assert_array_equal(again.predict_proba(NEW), model.predict_proba(NEW))


DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
ARRAYS = st.sampled_from([*DTYPES, "float16", "float32", "float64", ">f4", ">i8", "<U4"]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | ARRAYS
)  # the texts of JSON, and what it has no word for
TREES = st.recursive(
    LEAVES,
    lambda children: (
        st.lists(children, max_size=3)
        | st.lists(children, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.booleans(), children, max_size=3)
    ),
    max_leaves=8,
)


def there_and_back(value):
    encoder = Encoder("")
    tree = json.loads(json.dumps(encoder.encode(value, "value"), allow_nan=False))
    return Decoder(encoder.arrays, Trust()).decode(tree)


def assert_equal(one, other) -> None:
    assert type(one) is type(other)
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_equal(*pair)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype.newbyteorder("=")
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other or (one != one and other != other)


@given(TREES)
def test_any_tree_comes_back(value):
    assert_equal(there_and_back(value), value)


def test_other_objects_come_back():
    state = np.random.RandomState(3)
    again = there_and_back(state)
    assert again.randint(1000) == state.randint(1000)
    for value in (torch.float16, torch.device("cpu"), np.dtype("<f4"), nn.Linear, {1, 2}):
        assert there_and_back(value) == value
    ordered = OrderedDict(b=1, a=(np.float32(2.5), np.int64(3)))
    assert_equal(there_and_back(ordered), ordered)
    matrix = sparse.random_array((5, 4), density=0.5, format="csr", random_state=0)
    assert (there_and_back(matrix) != matrix).nnz == 0
    tensor = nn.Parameter(torch.arange(3.0))
    assert isinstance(there_and_back(tensor), nn.Parameter)
    assert torch.equal(there_and_back(tensor), tensor)
    objects = np.array(["a", 3, None], dtype=object)
    assert there_and_back(objects).tolist() == ["a", 3, None]


def test_an_array_that_stands_twice_is_written_once():
    array = np.arange(3)
    encoder = Encoder("")
    encoder.encode([array, array, np.arange(3)], "value")
    assert len(encoder.arrays) == 2


# ---------------------------------------------------------------- what can't be written


class Marked(np.ndarray):
    """An array that may hold more than its numbers."""


@pytest.mark.parametrize(
    "changes",
    [
        {"affinity": lambda a, b: rbf_kernel(a, b)},
        {"callbacks": [iter([])]},
        {"affinity": (lambda: 0, iter([]))},
        {"dictionary": np.array([1, 2]).view(Marked)},
        {"dictionary": torch.zeros(2, device="meta")},
    ],
)
def test_what_cannot_be_written_is_refused_by_name(changes, path):
    save(KSVD(3), path)
    before = path.read_bytes()
    (name,) = changes
    with pytest.raises(TypeError, match=rf"TAGnetClusterer\.{name}.*joblib"):
        save(TAGnetClusterer(3, **changes), path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_file_has_the_permissions_of_a_new_one(path):
    save(KSVD(3), path)
    (path.parent / "other").touch()
    assert path.stat().st_mode == (path.parent / "other").stat().st_mode


def test_a_write_that_fails_leaves_what_was_there(path, monkeypatch):
    save(KSVD(3), path)
    before = path.read_bytes()

    def fill_the_disk(array):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_bytes_of", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        save(KSVD(4, random_state=0).fit(KNOWN), path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_folders_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        save(KSVD(3), tmp_path / "nowhere" / "model")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")


# ---------------------------------------------------------------- files of earlier versions

SAVED = Path(__file__).parents[1] / "saved"


def test_files_of_earlier_versions_still_load():
    """Each file of `tests/saved` has what its model predicted beside it, as JSON."""
    files = sorted(SAVED.glob("*.safetensors"))
    assert len(files) >= 3
    for file in files:
        expected = json.loads(file.with_suffix(".json").read_text())
        model = load(file)
        found = model.transform(np.array(expected["X"]))
        np.testing.assert_allclose(found, np.array(expected["transform"]), rtol=1e-4, atol=1e-5)


def test_the_file_names_its_versions(path):
    save(KSVD(3), path)
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["skdeepclust"])
    assert header["class"] == "skdeepclust.dictionary.KSVD"
    assert header["versions"]["skdeepclust"] == skdeepclust.__version__
    assert header["versions"]["torch"] == torch.__version__


@pytest.mark.parametrize("given", [3, None, {"a": 1}, KSVD, "a path"])
def test_only_estimators_are_saved(given, tmp_path):
    with pytest.raises(TypeError, match="save takes an estimator, fitted or not, got "):
        save(given, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
