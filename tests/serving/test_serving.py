"""Graphs of estimators say what the estimators say, in ONNX Runtime and without this library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from helpers.needs import needs_export
from helpers.plain_autoencoder import PlainAutoencoder
from helpers.served import LOAD, assert_same, run_onnx, run_program, run_torch
from helpers.small_fits import DIGIT, GRAPH, KNOWN, NETWORKS, QUICK
from helpers.toy_method import DECClusterer
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import skdeepclust
from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
    export,
)
from skdeepclust.dictionary import KSVD
from skdeepclust.networks import MLPAutoencoder

pytestmark = needs_export

ALL = load_digits().data / 16
COARSE = DIGIT[:60] > 4
IMAGES = {"image_shape": (8, 8)}
ATTRIBUTES = np.eye(10) + 0.1 * np.arange(100).reshape(10, 10) / 100
rng = np.random.default_rng(0)
WORDS = rng.integers(0, 20, (60, 5))
WORDS[::4, 3:] = 0  # padding
STEPS = np.where(np.arange(5)[:, None] < 3, 1, rng.integers(0, 2, (300, 1, 1)))
STEPS = STEPS * ALL[:300].reshape(-1, 8, 8)[:, 1:6]

# In test_graphs_without_a_file, with a larger graph in test_serving_graph.py, and with links,
# which change weights alone; of the others there is a case below.
ELSEWHERE = {"labels of text", "tagnet", "triplet dec with links"}
ELSEWHERE |= {"classifier", "embedder", "zero shot"}
# A file of torch's holds the program of which an ONNX model is made. It takes a fraction of the
# time, and is enough where each operator of the program is one of another case.
AS_PROGRAMS = {"autoencoder", "idec", "dcn", "dkm", "without labels", "images as they are"}
IN_BOTH_FORMATS = {"double precision", "words"}
# What is fitted, the arguments of its fit, and new samples.
CASES = {
    **{name: (*NETWORKS[name](), ALL) for name in NETWORKS if name not in ELSEWHERE},
    "without labels": (ForcedApartEmbedder(**QUICK), (KNOWN,), ALL),
    "images": (ForcedApartEmbedder(**IMAGES, **QUICK), (KNOWN, COARSE), ALL),
    "images as they are": (
        ParsimoniousAutoencoder(n_clusters=5, **QUICK),
        (KNOWN.reshape(-1, 8, 8),),
        ALL.reshape(-1, 8, 8),
    ),
    "sequences": (ForcedApartEmbedder(**QUICK), (STEPS[:60], COARSE), STEPS),
    "words": (ForcedApartEmbedder(vocabulary_size=20, **QUICK), (WORDS, COARSE), WORDS[::-1]),
    "a layer by name": (
        ParsimoniousClassifier(n_clusters=5, transform_layer="conv1", **IMAGES, **QUICK),
        (KNOWN, DIGIT[:60]),
        ALL,
    ),
    "unseen classes": (
        ZeroShotClassifier(class_attributes=ATTRIBUTES, predict_over="unseen", **QUICK),
        (KNOWN, DIGIT[:60] % 7),
        ALL,
    ),
    "double precision": (
        ParsimoniousClassifier(n_clusters=5, dtype="float64", **QUICK),
        (KNOWN, DIGIT[:60]),
        ALL,
    ),
    "sparse codes": (TAGnetClusterer(3, **{**GRAPH, "graph_weight": 0}), (KNOWN,), ALL),
}


@pytest.mark.parametrize("name", CASES)
def test_a_graph_says_what_the_estimator_says(name, tmp_path):
    estimator, arguments, X = CASES[name]
    estimator.fit(*arguments)
    X = np.asarray(X, np.float32)
    files = ["model.pt2" if name in AS_PROGRAMS else "model.onnx"]
    files = list(LOAD) if name in IN_BOTH_FORMATS else files
    for file in files:
        export(estimator, tmp_path / file)
        answer = LOAD[file](tmp_path / file)
        for batch in (X, X[:1]):
            assert_same(estimator, batch, *answer(batch))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


def test_a_method_of_ones_own_is_exported(tmp_path):
    clusterer = DECClusterer(3, max_epochs=1, random_state=0).fit(KNOWN)
    export(clusterer, tmp_path / "model.pt2")
    X = ALL.astype(np.float32)
    assert_same(clusterer, X, *run_torch(tmp_path / "model.pt2", X))


@pytest.fixture(scope="module")
def clusterer():
    options = {"pretrain_epochs": 1, "warmup_epochs": 1, "n_init": 1, "precision": "bf16"}
    with pytest.MonkeyPatch.context() as patch:  # as each test has it, which begins later
        patch.setattr("skdeepclust._engine.precision.has_arithmetic", lambda *_: True)
        return TripletDECClusterer(3, **options, **QUICK).fit(KNOWN)


def test_the_estimator_is_as_it_was(clusterer, tmp_path):
    module, before = clusterer.module_, clusterer.predict_proba(ALL)
    export(clusterer, tmp_path / "model.pt2")
    X = ALL.astype(np.float32)
    outputs, _ = run_torch(tmp_path / "model.pt2", X)
    assert clusterer.module_ is module
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert clusterer.precision == "bf16"
    np.testing.assert_array_equal(clusterer.predict_proba(ALL), before)
    np.testing.assert_allclose(outputs["probabilities"], before, atol=1e-5)


def test_torch_loads_a_graph_without_this_library(clusterer, tmp_path):
    export(clusterer, tmp_path / "model.pt2")
    np.save(tmp_path / "X.npy", KNOWN.astype(np.float32))
    code = """
import sys
sys.modules["skdeepclust"] = None  # importing it raises
import numpy, torch
labels, probabilities, embedding = torch.export.load("model.pt2").module()(
    torch.from_numpy(numpy.load("X.npy"))
)
numpy.save("labels.npy", labels)
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), clusterer.predict(KNOWN))


def test_graphs_without_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, arguments = NETWORKS["labels of text"]()
    model.fit(*arguments)
    X = ALL.astype(np.float32)
    graph = export(model, "onnx")
    assert isinstance(graph, onnx.ModelProto)
    onnx.checker.check_model(graph)
    outputs, classes = run_onnx(graph.SerializeToString(), X)
    assert_same(model, X, outputs, classes)
    program = export(model, "torch")
    assert isinstance(program, torch.export.ExportedProgram)
    assert_same(model, X, run_program(program.module(), X, list(outputs)), classes)
    assert not list(tmp_path.iterdir())


def test_a_file_may_have_the_name_of_a_format(clusterer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert export(clusterer, "onnx", format="torch") is None
    X = ALL.astype(np.float32)
    Path("onnx").rename("model.pt2")  # which torch wants to read
    assert_same(clusterer, X, *run_torch(Path("model.pt2"), X))


def test_metadata_are_in_the_file_and_nothing_else_is_told(
    clusterer, tmp_path, capfd, caplog, global_state_untouched
):
    export(clusterer, tmp_path / "model", format="onnx")
    export(clusterer, tmp_path / "model.pt2")
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]
    session = onnxruntime.InferenceSession(tmp_path / "model")
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["estimator"] == "TripletDECClusterer"
    assert metadata["skdeepclust"] == skdeepclust.__version__
    assert json.loads(metadata["classes"]) is None
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape[1:]) == ("X", "tensor(float)", [64])
    assert isinstance(given.shape[0], str)  # any number of rows


# ---------------------------------------------------------------- refusals


def test_what_has_no_network_is_refused(tmp_path):
    for model in (KSVD(3), make_pipeline(MinMaxScaler(), KSVD(3))):
        with pytest.raises(TypeError, match=r"KSVD is no estimator .* with a network"):
            export(model, tmp_path / "model.onnx")
    unfitted = ParsimoniousClassifier()
    for model in (unfitted, make_pipeline(MinMaxScaler(), unfitted)):
        with pytest.raises(NotFittedError):
            export(model, tmp_path / "model.onnx")


def test_a_method_that_does_not_say_what_it_returns_is_refused(tmp_path):
    model = PlainAutoencoder(max_epochs=1, random_state=0).fit(KNOWN)
    with pytest.raises(ValueError, match="PlainAutoencoder doesn't say"):
        export(model, tmp_path / "model.pt2")


@pytest.mark.parametrize(
    ("path", "format"),
    [("model", None), (Path("onnx"), None), ("model.pt", None), ("model.onnx", "pickle")],
)
def test_unknown_formats_are_refused(clusterer, path, format):
    with pytest.raises(ValueError, match=r"give format='onnx' or 'torch'"):
        export(clusterer, path, format)


class Branches(MLPAutoencoder):
    def encode(self, x):
        return super().encode(x if x.sum() > 0 else -x)


def test_a_network_that_can_not_be_traced_is_named(tmp_path):
    model = ParsimoniousAutoencoder(n_clusters=3, module=Branches, **QUICK).fit(KNOWN)
    (tmp_path / "model.pt2").write_text("before")
    with pytest.raises(ValueError, match="network Branches can't be one graph"):
        export(model, tmp_path / "model.pt2")
    assert (tmp_path / "model.pt2").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def test_missing_packages_are_named(clusterer, tmp_path, monkeypatch):
    for package in ("onnxscript", "onnx"):  # in the end, both are missing
        monkeypatch.setitem(sys.modules, package, None)
        message = f"package {package}: pip install onnx onnxscript, or"
        with pytest.raises(ImportError, match=message):
            export(clusterer, tmp_path / "model.onnx")
    export(clusterer, tmp_path / "model.pt2")
