"""What exported graphs say of samples, and what they have to say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from skdeepclust import ZeroShotClassifier

# The outputs for a batch by name, and the classes.
Answer = tuple[dict[str, np.ndarray], list | None]


def load_onnx(model: Path | bytes) -> Callable[[np.ndarray], Answer]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["outputs"]) == names
    classes = json.loads(metadata["classes"])
    return lambda X: (dict(zip(names, session.run(None, {"X": X}), strict=True)), classes)


def load_torch(path: Path) -> Callable[[np.ndarray], Answer]:
    extra = {"outputs": "", "classes": ""}
    graph = torch.export.load(path, extra_files=extra).module()
    names, classes = (json.loads(extra[name]) for name in ("outputs", "classes"))
    return lambda X: (run_program(graph, X, names), classes)


def run_onnx(model: Path | bytes, X: np.ndarray) -> Answer:
    return load_onnx(model)(X)


def run_torch(path: Path, X: np.ndarray) -> Answer:
    return load_torch(path)(X)


def run_program(graph: Any, X: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    values = [value.numpy() for value in graph(torch.from_numpy(X))]
    return dict(zip(names, values, strict=True))


LOAD = {"model.onnx": load_onnx, "model.pt2": load_torch}


def assert_same(estimator, X: np.ndarray, outputs: dict[str, np.ndarray], classes) -> None:
    """Assert that a graph has said of X what the estimator says, and left nothing out."""
    expected = {}
    if hasattr(estimator, "predict"):
        labels = estimator.predict(X)
        known = np.arange(1000) if classes is None else np.array(classes)
        assert np.array_equal(known[outputs["labels"]], labels)
        assert outputs["labels"].dtype == np.int64
        expected["labels"] = outputs["labels"]
    if hasattr(estimator, "predict_proba"):
        expected["probabilities"] = estimator.predict_proba(X)
    if isinstance(estimator, ZeroShotClassifier):
        expected["scores"] = estimator.decision_function(X)
    if hasattr(estimator, "transform"):
        expected["embedding"] = estimator.transform(X)
    assert outputs.keys() == expected.keys()
    for name in outputs.keys() - {"labels"}:
        assert outputs[name].dtype == np.float32
        np.testing.assert_allclose(outputs[name], expected[name], rtol=1e-5, atol=1e-5)
