"""Checkpoints that don't belong to a fit or are damaged, and what files can hold."""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.neighbors import KNeighborsTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from same.going_on import StopInEpoch, files_in
from same.models import MODELS
from same.seen import answers, error_of, fitted, named
from same.small import ALL, FORMS, KNOWN, NEW, STORED, Scenario, Y
from skdeepclust import load, save
from skdeepclust.dictionary import KSVD
from skdeepclust.graph import NeighborAffinity

OPTIONS: dict[str, dict[str, Any]] = {
    "rate": {"lr": 0.01},
    "network": {"module__dropout": 0.1},
    "layers": {"layers": {"fc1": {"n_clusters": 2}}},
    "weights of classes": {"class_weight": {0: 2.0}},
    "seed": {"random_state": 1},
    "device": {"device": "cpu"},
    "callbacks": {"verbose": 0},
    "no regulariser": {"regularizers": None},
}


def stop(folder: Path, X: Any = KNOWN, y: Any = Y, weight: Any = None, **options: Any) -> str:
    """Stop a fit in its second epoch; return the warnings that it has given, and the error."""
    make, _, _ = MODELS["classifier"]
    model = make(checkpoint=folder, callbacks=[StopInEpoch(2)], **{"max_epochs": 3, **options})
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        error = error_of(model.fit, X, y, sample_weight=weight)
    return "\n".join([error, *(str(each.message) for each in warned)])


def others(folder: Path) -> Iterator[tuple[str, Any]]:
    """Fits that differ from one that was stopped, and say in what."""
    for title, options in OPTIONS.items():
        stop(place := folder / title)
        yield title, stop(place, **options)
        yield f"{title}: files", files_in(place)
    given = {
        "other samples": (KNOWN + 0.1, Y, None),
        "fewer samples": (KNOWN[:50], Y[:50], None),
        "other labels": (KNOWN, Y + 1, None),
        "weights": (KNOWN, Y, np.ones(60)),
        "single precision": (KNOWN.astype(np.float32), Y, None),
        "a list": (KNOWN.tolist(), Y.tolist(), None),
        "a table": (pd.DataFrame(KNOWN), pd.Series(Y), None),
    }
    for title, (X, y, weight) in given.items():
        stop(place := folder / title)
        yield title, stop(place, X, y, weight)
        yield f"{title}: files", files_in(place)
    for title, form in {**FORMS, **STORED}.items():
        (folder / f"{title} of X").mkdir()
        X = form(KNOWN, folder / f"{title} of X")
        place = folder / f"X as {title}"
        yield title, [stop(place, X), files_in(place), stop(place, X), files_in(place)]


def damaged(folder: Path) -> Iterator[tuple[str, Any]]:
    """Files of a checkpoint that are cut off or gone, and folders that are files."""
    for number in range(2):
        for title, content in (("empty", b""), ("text", b"text"), ("cut", None)):
            stop(place := folder / f"{title} {number}")
            path = sorted(place.rglob("*.safetensors"))[number]
            path.write_bytes(path.read_bytes()[:-7] if content is None else content)
            # a file holds seconds, of more or fewer digits
            yield f"{title} {number}", re.sub(r"\d+ of \d+ bytes", "n bytes", stop(place))
            yield f"{title} {number}: files", files_in(place)
    (folder / "file").write_text("")
    yield "a file", stop(folder / "file" / "inside")
    stop(place := folder / "another class")
    for name in ("embedder", "zero shot"):
        make, arguments, _ = MODELS[name]
        model = make(checkpoint=place, callbacks=[StopInEpoch(2)])
        yield name, error_of(model.fit, *arguments)
        yield f"{name}: files", files_in(place)


def contents(folder: Path) -> Iterator[tuple[str, Any]]:
    """Parameters of all kinds in files."""
    make, _, _ = MODELS["classifier"]
    with torch.random.fork_rng():
        network = nn.Sequential(nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 10))
    values: dict[str, Any] = {
        "a folder": {"checkpoint": folder},
        "a dict": {"layers": OrderedDict(fc1={"lam": 0.1})},
        "arrays": {"class_weight": {0: np.float32(2.0), 1: np.int64(3)}},
        "a device": {"device": torch.device("cpu")},
        "seeds": {"random_state": np.random.RandomState(3)},
        "an optimiser": {"optimizer": torch.optim.NAdam},
        "a network": {"module": network},
        "a class": {"module": nn.Identity},
        "texts": {"transform_layer": "fc1", "image_shape": (8, 8)},
        "a function": {"module": lambda **_: None},
        "an object": {"random_state": object()},
        "a set": {"layers": {"fc1", "fc2"}},
        "complex": {"lr": 1j},
    }
    for title, options in values.items():
        path = folder / f"{title}.safetensors"
        error = error_of(save, make(**options), path)
        yield title, error
        if error == "no error":
            yield f"{title}: loaded", repr(load(path).get_params())


def models(folder: Path) -> Iterator[tuple[str, Any]]:
    """Other models of the library, and pipelines, in files."""
    make, arguments, _ = MODELS["classifier"]
    made = {
        "a pipeline": make_pipeline(StandardScaler(), make(), memory=None),
        "K-SVD": KSVD(3, random_state=0),
        "an affinity": NeighborAffinity(3),
        "an affinity by a transformer": NeighborAffinity(
            3, neighbors=KNeighborsTransformer(n_neighbors=5, mode="distance")
        ),
    }
    for title, model in made.items():
        fitted(model, *arguments)
        path = folder / f"{title}.safetensors"
        error = error_of(save, model, path)
        yield title, error
        if error == "no error":
            trusted = [StandardScaler, KNeighborsTransformer, type(clone(model))]
            yield f"{title}: not trusted", error_of(load, path)
            yield from named(title, answers(load(path, trusted=trusted), NEW))


def sparse_models(folder: Path) -> Iterator[tuple[str, Any]]:
    """Graphs of sparse samples, asked about dense ones and the other way round."""
    rows = sparse.csr_array(KNOWN)
    yield "dense of sparse", fitted(NeighborAffinity(4), rows).transform(ALL)
    yield "sparse of dense", fitted(NeighborAffinity(4), KNOWN).transform(sparse.csr_array(ALL))
    make, _, _ = MODELS["TAGnet"]
    yield from named("dense of sparse", answers(fitted(make(), rows), ALL))
    yield from named("sparse of dense", answers(fitted(make(), KNOWN), sparse.csr_array(ALL)))


def again(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """A warm start that is stopped and goes on in another process, as it were."""
    make, arguments, new = MODELS[name]
    model = fitted(make(warm_start=True), *arguments)
    save(model, folder / "fitted.safetensors")
    for attempt in range(2):
        copied = load(folder / "fitted.safetensors").set_params(checkpoint=folder / "kept")
        copied.set_params(callbacks=[StopInEpoch(2 if attempt == 0 else 1000)])
        yield f"attempt {attempt}", error_of(copied.fit, *arguments)
        yield f"files {attempt}", files_in(folder / "kept")
    yield from answers(copied, new)


SCENARIOS: dict[str, Scenario] = {
    "checkpoints of others": others,
    "damaged checkpoints": damaged,
    "contents of files": contents,
    "other models in files": models,
    "sparse and dense": sparse_models,
    **{
        f"checkpoint after a warm start, {name}": partial(again, name)
        for name in ("triplet DEC", "TAGnet", "classifier", "embedder without labels")
    },
}
