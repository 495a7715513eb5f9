"""Fitted estimators as one graph, for machines that serve them without this library."""

from __future__ import annotations

import copy
import importlib
import io
import json
import logging
import os
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from skdeepclust._estimator.base import BaseDeepEstimator
from skdeepclust._estimator.pickles import LEFT_OUT
from skdeepclust._storage.files import versions
from skdeepclust._storage.replacing import replacing
from skdeepclust.serving._steps import n_features_of, operations_of

__all__ = ["export"]

SUFFIXES = {".onnx": "onnx", ".pt2": "torch"}
# Layers of which ONNX Runtime has kernels for float32 alone, on CPUs.
ONLY_FLOAT32 = (_ConvNd, nn.RNNBase, nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd)
ONLY_FLOAT32 += (nn.modules.pooling._AdaptiveAvgPoolNd, nn.modules.instancenorm._InstanceNorm)
# Any number that isn't 0 or 1, which torch takes for constants.
N_EXAMPLES = 3
# So many times may samples have been rounded on their way through a pipeline, at most.
ROUNDINGS = 8


class ServedEstimator(nn.Module):
    """A fitted estimator as a module: samples as users pass them in, all that it says of them out.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of this library, whose network becomes a part of the module.
    steps : sequence of torch.nn.Module
        What the steps before it make of samples, in a pipeline.
    """

    def __init__(self, estimator: BaseDeepEstimator, steps: Sequence[nn.Module] = ()):
        super().__init__()
        # the user's stays on its device and in its mode
        served = object.__new__(type(estimator))
        served.__dict__.update({k: v for k, v in vars(estimator).items() if k not in LEFT_OUT})
        self.network = served.module_ = copy.deepcopy(estimator.module_).cpu().eval()
        self.network.requires_grad_(False)
        self.steps = nn.Sequential(*steps)
        self.served, self.dtype = served, served._runner.dtype

    def forward(self, X: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs, (n, ...) each, in the order of their names."""
        outputs = self.outputs(X).values()
        return tuple(value.float() if value.is_floating_point() else value for value in outputs)

    def outputs(self, X: Tensor) -> dict[str, Tensor]:
        """Return what the estimator says of samples, by name, in the dtype of its network."""
        spec = self.served._input
        magnitude, unit = X.double().flatten(1).abs(), torch.finfo(X.dtype).eps
        steps: Any = self.steps
        for step in steps:
            X = X.double()
            magnitude, X = step.magnitude(X, magnitude), step(X)
        if spec.origin is not None:
            X = X.flatten(1) - torch.from_numpy(spec.origin)
        x = X.to(self.dtype).reshape(-1, *spec.input_shape)
        # a hook of estimators that look samples up
        served_rounded = getattr(self.served, "_served_rounded", None)
        if served_rounded is None or not (len(self.steps) or self.dtype == torch.float64):
            return self.served._served(x)
        # steps may have rounded to float32 what the fit has got
        final = torch.finfo(torch.float32).eps * X.double().flatten(1).norm(dim=1, keepdim=True)
        error = ROUNDINGS * (unit * magnitude.norm(dim=1, keepdim=True) + final)
        return served_rounded(x, error)


def export(estimator: Any, path: str | os.PathLike, format: str | None = None) -> Any:
    """Make one graph of a fitted estimator, which runs without this library.

    The graph takes a batch of any size of what users pass to `predict`, as float32, or as float64
    where values lie far from zero, and returns all that the estimator says of it. Scaling of the
    input, the shape of images and the assignment to clusters or classes are in it.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of this library with a network, or a pipeline that ends with one. Of the
        steps before it, `StandardScaler`, `MinMaxScaler`, `MaxAbsScaler`, `RobustScaler`,
        `Normalizer` and `PCA`, and those that do nothing, become a part of the graph.
    path : str or path-like, or {"onnx", "torch"}
        File to write. One that is there is replaced. The name of a format, without `format=`:
        nothing is written, the graph is returned.
    format : {"onnx", "torch"}, default=None
        ONNX, for ONNX Runtime and others; needs the packages onnx and onnxscript. Or
        torch's `ExportedProgram`, for `torch.export.load`. `None`: by the suffix of `path`,
        `.onnx` or `.pt2`.

    Returns
    -------
    None, onnx.ModelProto or torch.export.ExportedProgram
        `None` where a file was written, else the graph: of "onnx" a model whose
        `SerializeToString()` ONNX Runtime takes, of "torch" a program whose `module()` is called.

    Raises
    ------
    TypeError
        If `estimator` isn't an estimator of this library with a network, nor a pipeline that ends
        with one, or if a step of it can't be a part of a graph.
    ValueError
        If the format is unknown, or the estimator can't be one graph.
    ImportError
        If the packages that write ONNX aren't installed.
    OSError
        If the file can't be written; what was there before is as it was.

    See Also
    --------
    save : Keeps the estimator itself, for this library.

    Notes
    -----
    The input is `X`, of shape (n, n_features), or (n, height, width) and so on if that is what
    `fit` was given. Outputs, as far as the estimator has them:

    - `labels` (n,): clusters, or indices of classes;
    - `probabilities` (n, n_clusters or n_classes), what `predict_proba` returns;
    - `scores` (n, n_classes) of :class:`~skdeepclust.ZeroShotClassifier`;
    - `embedding` (n, n_components), what `transform` returns.

    The names of the outputs and of the classes are JSON in the metadata of an ONNX model, under
    "outputs" and "classes"; of a file of torch's, in the extra files of these names. A program in
    memory has no such place: its outputs are in the order above, the classes are `classes_`. The
    graph computes in the estimator's `dtype`. ONNX Runtime has no convolutions, pooling and
    recurrent layers in float64 for CPUs: an ONNX model of such is refused.

    The graph of a :class:`~skdeepclust.TAGnetClusterer` looks up samples, and the neighbours of
    new ones, among all training samples, whose codes it holds: a file of
    `4 * n_samples * (n_components * (n_stages + 1) + 50)` bytes or so. One whose graph was
    given to `fit`, or made by a function or search of the user's, is refused.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import torch
    >>> import skdeepclust
    >>> from skdeepclust import ParsimoniousClassifier
    >>> X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    >>> classifier = ParsimoniousClassifier(n_clusters=2, max_epochs=1, random_state=0)
    >>> classifier = classifier.fit(X, X[:, 0] > 0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "classifier.pt2")
    ...     skdeepclust.export(classifier, path)
    ...     graph = torch.export.load(path).module()
    >>> labels, probabilities, embedding = graph(torch.from_numpy(X[:5]))
    >>> bool((classifier.classes_[labels] == classifier.predict(X[:5])).all())
    True

    Without a file:

    >>> graph = skdeepclust.export(classifier, "torch").module()
    >>> bool((graph(torch.from_numpy(X[:5]))[0] == labels).all())
    True
    """
    in_memory = format is None and isinstance(path, str) and path in SUFFIXES.values()
    format = str(path) if in_memory else _format_of(Path(path), format)
    given, estimator = estimator, estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(estimator, BaseDeepEstimator):
        raise TypeError(
            f"{type(estimator).__name__} is no estimator of this library with a network. Give one, "
            "or a pipeline that ends with one."
        )
    check_is_fitted(estimator)
    steps = operations_of(given) if isinstance(given, Pipeline) else []
    n_features = n_features_of(given) if steps else None
    if format == "onnx":
        _import_onnx()
        _check_kernels(estimator)
    with _silent_exporters():
        module = ServedEstimator(estimator, steps).eval()
        program, names = _traced(module, _example(estimator, steps, n_features))
        metadata = {
            "estimator": type(estimator).__name__,
            "skdeepclust": versions()["skdeepclust"],
            "classes": json.dumps(estimator._served_classes(), default=str),
            "outputs": json.dumps(names),
        }
        graph = _onnx_model(program, names, metadata) if format == "onnx" else program
        return graph if in_memory else _write(graph, format, metadata, Path(path))


def _write(graph: Any, format: str, metadata: dict[str, str], path: Path) -> None:
    content = graph.SerializeToString() if format == "onnx" else _torch_bytes(graph, metadata)
    with replacing(path) as file:
        file.write(content)


def _torch_bytes(graph: torch.export.ExportedProgram, metadata: dict[str, str]) -> memoryview:
    """Return a file of torch's, whose own writer can end the process where there is no room."""
    buffer = io.BytesIO()
    torch.export.save(graph, buffer, extra_files=metadata)
    return buffer.getbuffer()


def _format_of(path: Path, format: str | None) -> str:
    chosen = SUFFIXES.get(path.suffix) if format is None else format
    if chosen is None or chosen not in SUFFIXES.values():
        raise ValueError(
            f"format={format!r} with path={str(path)!r}: give format='onnx' or 'torch', or a path "
            "that ends in .onnx or .pt2; 'onnx' or 'torch' instead of a path returns the graph."
        )
    return chosen


def _import_onnx() -> None:
    for name in ("onnx", "onnxscript"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ImportError(
                f"Writing ONNX needs the package {name}: pip install onnx onnxscript, or use "
                "format='torch'."
            ) from error


@contextmanager
def _silent_exporters() -> Generator[None]:
    """Keep to themselves what exporters tell of their own affairs, which no user can mend."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _check_kernels(estimator: BaseDeepEstimator) -> None:
    """Refuse a model that ONNX Runtime couldn't open."""
    layers = [each for each in estimator.module_.modules() if isinstance(each, ONLY_FLOAT32)]
    if layers and estimator._runner.dtype == torch.float64:
        raise ValueError(
            f"dtype='float64': ONNX Runtime has no {type(layers[0]).__name__} in float64 for CPUs. "
            "Fit with dtype='float32', or export to a file that ends in .pt2, for torch."
        )


def _example(estimator: BaseDeepEstimator, steps: list, n_features: int | None) -> Tensor:
    """Return zeros as samples, in the dtype that a graph takes."""
    spec = estimator._input
    # rounded to float32, values far from zero would all be the same
    far = any(step.needs_float64 for step in steps) or (not steps and spec.origin is not None)
    shape = spec.sample_shape if n_features is None else (n_features,)
    return torch.zeros(N_EXAMPLES, *shape, dtype=torch.float64 if far else torch.float32)


@torch.no_grad()
def _traced(
    module: ServedEstimator, samples: Tensor
) -> tuple[torch.export.ExportedProgram, list[str]]:
    """Return the graph and the names of its outputs."""
    estimator = module.served
    names = list(module.outputs(samples))
    n_samples = torch.export.Dim("n_samples")
    try:
        program = torch.export.export(
            module, (samples,), dynamic_shapes={"X": {0: n_samples}}, strict=False
        )
    except (RuntimeError, ValueError, TypeError) as error:
        if not type(error).__module__.startswith("torch"):
            raise
        network = getattr(estimator.module_, "autoencoder", estimator.module_)
        raise ValueError(
            f"{type(estimator).__name__} with the network {type(network).__name__} can't be one "
            "graph: torch.export can't trace it. Look for branches on values of tensors, or keep "
            "it with skdeepclust.save."
        ) from error
    return program, names


def _onnx_model(program, names: list[str], metadata: dict[str, str]) -> Any:
    onnx_program: Any = torch.onnx.export(program, dynamo=True, input_names=["X"], verbose=False)
    model = onnx_program.model
    for node in model.graph.all_nodes():
        for value in node.outputs:
            if value.name in names:  # a layer that is called as an output is
                value.name = f"inner_{value.name}"
    for value, name in zip(model.graph.outputs, names, strict=True):
        value.name = name
    model.metadata_props.update(metadata)
    return onnx_program.model_proto
