"""Steps before an estimator in its graph."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.served import assert_same, load_onnx, run_onnx, run_program
from helpers.small_fits import GRAPH
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)
from torch import nn

from skdeepclust import ParsimoniousClassifier, TAGnetClusterer, TripletDECClusterer, export
from skdeepclust.serving._steps import n_features_of, operations_of

pytestmark = pytest.mark.usefixtures("few_head_steps")

X, Y = load_wine(return_X_y=True)
X = X.astype(np.float32)
QUICK: dict = {"max_epochs": 1, "random_state": 0}
STEPS = {
    "standard": StandardScaler(),
    "centred": StandardScaler(with_std=False),
    "scaled": StandardScaler(with_mean=False),
    "min max": MinMaxScaler((-1, 2)),
    "clipped": MinMaxScaler(clip=True),
    "max abs": MaxAbsScaler(),
    "robust": RobustScaler(quantile_range=(10, 80)),
    "robust centre": RobustScaler(with_scaling=False),
    "l1": Normalizer("l1"),
    "l2": Normalizer(),
    "max": Normalizer("max"),
    "pca": make_pipeline(MaxAbsScaler(), PCA(3, random_state=0)),
    "whitened": make_pipeline(StandardScaler(), PCA(4, whiten=True)),
    "nothing": make_pipeline("passthrough", FunctionTransformer(), MaxAbsScaler()),
}


def classifier() -> ParsimoniousClassifier:
    return ParsimoniousClassifier(n_clusters=3, module__hidden=(8,), **QUICK)


@pytest.mark.parametrize("name", STEPS)
def test_an_operation_is_what_the_step_does(name) -> None:
    pipeline = make_pipeline(STEPS[name], None)
    pipeline[0].fit(X[::2].astype(np.float64))
    # values that the fit didn't see, and a row of zeros, which has no length
    samples = np.concatenate([1.5 * X, np.zeros_like(X[:1])]).astype(np.float64)
    made = nn.Sequential(*operations_of(pipeline))(torch.from_numpy(samples))
    np.testing.assert_allclose(made, pipeline[0].transform(samples), rtol=1e-9, atol=1e-9)
    assert n_features_of(pipeline) == 13


def test_a_pipeline_is_one_graph() -> None:
    scalers = [STEPS[name] for name in ("standard", "clipped", "robust", "max abs")]
    pipeline = make_pipeline(*scalers, PCA(4, whiten=True), Normalizer(), classifier())
    answer = load_onnx(export(pipeline.fit(X[::2], Y[::2]), "onnx").SerializeToString())
    for samples in (1.5 * X, X[:1]):
        assert_same(pipeline, samples, *answer(samples))


def test_values_far_from_zero_enter_in_double_precision() -> None:
    far = X.astype(np.float64) + 1e7
    clusterer = TripletDECClusterer(3, pretrain_epochs=1, warmup_epochs=1, n_init=1, **QUICK)
    graph = TAGnetClusterer(3, dtype="float64", **GRAPH)
    scaled = make_pipeline(StandardScaler(), classifier())
    for estimator in (scaled, clusterer, graph):
        program = export(estimator.fit(far, Y), "torch").module()
        assert_same(estimator, far, run_program(program, far, ALL), None)
    plain = classifier().fit(far, Y)
    assert_same(plain, far, *run_onnx(export(plain, "onnx").SerializeToString(), far))


# values with digits that float32 doesn't hold, the second some fifty deviations from zero
EXACT = load_wine().data[::2, [0, 1, 2, 10]] / 3 + [0, 20, 0, 0]
ALL = ["labels", "probabilities", "embedding"]
# Steps, dtype of the fit's samples, of the network, and whether samples are scaled to unit length.
KNOWN_BY = {
    "standard": ([StandardScaler()], "float32", "float32", True),
    "clipped": ([MinMaxScaler(clip=True), Normalizer()], "float64", "float32", False),
    "whitened": ([STEPS["whitened"]], "float32", "float64", True),
    "double": ([], "float64", "float64", True),
}


@pytest.mark.parametrize("name", KNOWN_BY)
def test_a_graph_finds_training_samples_that_were_rounded(name) -> None:
    steps, kept, dtype, normalize = KNOWN_BY[name]
    samples = EXACT.astype(kept) - (0 if steps else EXACT.mean(0))
    clusterer = TAGnetClusterer(3, normalize=normalize, dtype=dtype, **GRAPH)
    estimator = (make_pipeline(*steps, clusterer) if steps else clusterer).fit(samples)
    graph = export(estimator, "torch").module()
    assert_same(estimator, samples, run_program(graph, np.float32(samples), ALL), None)


def test_onnx_finds_training_samples_that_were_rounded() -> None:
    pipeline = make_pipeline(StandardScaler(), TAGnetClusterer(3, dtype="float64", **GRAPH))
    model = export(pipeline.fit(EXACT), "onnx").SerializeToString()
    assert_same(pipeline, EXACT, *run_onnx(model, np.float32(EXACT)))


def test_what_is_near_a_training_sample_is_another_one() -> None:
    pipeline = make_pipeline(StandardScaler(), TAGnetClusterer(3, **GRAPH)).fit(X[::2])
    near = X[::2] + np.float32(1e-3) * X.std(0)
    outputs = run_program(export(pipeline, "torch").module(), near, ALL)
    expected = pipeline.transform(near)
    np.testing.assert_allclose(outputs["embedding"], expected, rtol=1e-4, atol=1e-5)
    assert np.abs(expected - pipeline.transform(X[::2])).max() > 1e-3


@pytest.mark.parametrize("step", [OneHotEncoder(handle_unknown="ignore"), FunctionTransformer(abs)])
def test_a_step_that_is_no_operation_is_named(step, tmp_path) -> None:
    pipeline = make_pipeline(MinMaxScaler(), step, classifier()).fit(X, Y)
    name = type(step).__name__
    with pytest.raises(TypeError, match=rf"'{name.lower()}' of the pipeline is a {name}, .*\[-1\]"):
        export(pipeline, tmp_path / "model.pt2")
    assert not list(tmp_path.iterdir())


def test_a_pipeline_without_a_network_is_refused() -> None:
    with pytest.raises(TypeError, match="PCA is no estimator of this library with a network"):
        export(make_pipeline(StandardScaler(), PCA()).fit(X), "onnx")
