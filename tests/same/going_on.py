"""Fits that go on: warm starts, streams, fits that were stopped, files."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

from same.models import MODELS, STREAMED
from same.seen import answers, attributes, error_of, fitted, named, of_model
from same.small import Scenario
from skdeepclust import export, load, save

# Where the files of the base are that this tree is to take up, if it isn't its own.
LEFT = "SAME_LEFT"


class StopInEpoch(Callback):
    """Raises when the n-th epoch of a fit begins, whatever the phase."""

    def __init__(self, number: int, begun: list[str] | None = None):
        self.number, self.begun = number, [] if begun is None else begun

    def __deepcopy__(self, memo: Any) -> StopInEpoch:  # one for all phases
        return self

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.begun.append("epoch")
        if len(self.begun) == self.number:
            raise KeyError("stopped")


def warm(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Fit three times, the last time on other samples."""
    make, (X, *y), new = MODELS[name]
    model = fitted(make(warm_start=True), X, *y)
    fitted(model, X, *y)
    yield from named("again", attributes(model))
    model = pickle.loads(pickle.dumps(model))
    fitted(model.set_params(lr=0.01), X[5:45], *(each[5:45] for each in y))
    yield from named("other samples", of_model(model, X[5:45], new, *(each[5:45] for each in y)))


def streamed(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Three calls of `partial_fit`, one of them with weights and after a file."""
    make, (X, *y), new = MODELS[name]
    model, first = make(), {"classes": np.unique(y[0])} if y else {}
    for start in (0, 20, 40):
        rows = slice(start, start + 20)
        weight = {"sample_weight": 1 + np.arange(20) % 3} if start == 20 else {}
        fitted(model, X[rows], *(each[rows] for each in y), method="partial_fit", **first, **weight)
        yield from named(f"from {start}", attributes(model))
        first = {}
        save(clone(model), folder / "unfitted.safetensors")
        model = pickle.loads(pickle.dumps(model))
    yield from of_model(model, X, new, *y)


def stopped(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """A fit that is stopped in each attempt until it has come to its end."""
    make, arguments, new = MODELS[name]
    own = make().get_params()["callbacks"] or []
    # the heads of TAGnet have a hundred epochs that are all alike
    numbers = [2, 70, 30, *[2] * 20] if name.startswith("TAGnet") else [2, 3, *[2] * 20]
    for attempt, number in enumerate([*numbers, 10_000]):
        model = make(checkpoint=folder / "kept")
        model.set_params(callbacks=[("stop", StopInEpoch(number)), *own])
        error = error_of(model.fit, *arguments)
        yield f"attempt {attempt}", error
        if error == "no error":
            break
        yield f"files of attempt {attempt}", files_in(folder / "kept")
        yield f"left by attempt {attempt}", sorted(vars(model))
    yield "files in the end", files_in(folder / "kept")
    yield from of_model(model, arguments[0], new, *arguments[1:])


def files_in(folder: Path) -> str:
    return "\n".join(sorted(str(path.relative_to(folder)) for path in folder.rglob("*")))


def broken(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """A warm start that fails leaves the model as it was."""
    make, (X, *y), new = MODELS[name]
    model = fitted(make(warm_start=True), X, *y)
    own = model.get_params()["callbacks"] or []
    model.set_params(callbacks=[("stop", StopInEpoch(3)), *own], max_epochs=4)
    yield "error", error_of(model.fit, X, *y)
    yield from of_model(model, new=new)
    fitted(model.set_params(callbacks=own), X, *y)
    yield from named("after the error", of_model(model, new=new))


def in_a_file(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Files and pickles give the same model back."""
    make, (X, *y), new = MODELS[name]
    model = fitted(make(), X, *y).set_params(callbacks=None)  # of which files know nothing
    save(model, folder / "model.safetensors")
    loaded = load(folder / "model.safetensors")
    yield from named("loaded", of_model(loaded, X, new, *y))
    copied = pickle.loads(pickle.dumps(loaded))
    yield from named("copied", answers(copied, new))
    fitted(copied.set_params(warm_start=True), X, *y)
    yield from named("copied and fitted", attributes(copied))


def exported(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """A graph of torch."""
    make, arguments, new = MODELS[name]
    model = fitted(make(), *arguments)
    export(model, folder / "model.pt2")
    graph = torch.export.load(folder / "model.pt2").module()
    yield "outputs", graph(torch.tensor(new, dtype=torch.float32))


# ---------------------------------------------------------------- files of another tree


def leaves(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Leave a file of a model and a checkpoint of a fit that was stopped, for `taken_up`."""
    make, (X, *y), _ = MODELS[name]
    place = Path(os.environ[LEFT]) / name
    place.mkdir(parents=True)
    save(fitted(make(), X, *y).set_params(callbacks=None), place / "model.safetensors")
    model = make(checkpoint=place / "kept")
    own = model.get_params()["callbacks"] or []
    model.set_params(callbacks=[("stop", StopInEpoch(2)), *own])
    yield "error", error_of(model.fit, X, *y)
    yield "files", files_in(place)


def taken_up(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Load the file and go on with the checkpoint."""
    make, (X, *y), new = MODELS[name]
    shutil.copytree(Path(os.environ[LEFT]) / name, folder / "left")
    model = make(checkpoint=folder / "left" / "kept")
    own = model.get_params()["callbacks"] or []
    begun: list[str] = []
    model.set_params(callbacks=[("stop", StopInEpoch(10_000, begun)), *own])
    fitted(model, X, *y)
    yield "epochs that were left", len(begun)
    yield from named("gone on", of_model(model, X, new, *y))
    loaded = load(folder / "left" / "model.safetensors")
    yield from named("loaded", of_model(loaded, X, new, *y))


def scenarios(title: str, scenario: Any, names: Iterable[str]) -> dict[str, Scenario]:
    return {f"{title}, {name}": partial(scenario, name) for name in names}


SCENARIOS: dict[str, Scenario] = {
    **scenarios("warm start", warm, MODELS),
    **scenarios("stream", streamed, STREAMED),
    **scenarios("stopped", stopped, MODELS),
    **scenarios("broken off", broken, MODELS),
    **scenarios("file", in_a_file, MODELS),
    **scenarios(
        "graph",
        exported,
        ["triplet DEC", "TAGnet", "classifier", "autoencoder", "embedder", "zero shot"],
    ),
    **scenarios("leaves", leaves, MODELS),
    **scenarios("taken up", taken_up, MODELS),
}
