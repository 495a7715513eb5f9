"""What is said of networks, layers, folders and files that don't fit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from same.models import MODELS
from same.refusals import OF_STEPS
from same.seen import error_of, fitted
from same.small import ALL, KNOWN, Scenario
from skdeepclust import export, load, save


class Useless(nn.Module):
    """A network with no layer that anything needs."""

    def forward(self, x):
        return x.sum(1)


def networks(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Networks, layers, optimisers and folders that don't fit."""
    make, arguments, _ = MODELS[name]
    params = {key for key in make().get_params(deep=False) if "__" not in key}
    cases: dict[str, dict[str, Any]] = {
        "a useless network": {"module": Useless},
        "no network": {"module": dict},
        "an instance": {"module": Useless()},
        "an unknown option": {"module__nonsense": 3},
        "an option of no optimiser": {"optimizer__nonsense": 3},
        "no optimiser": {"optimizer": dict},
        "no such device": {"device": "cuda:99"},
        "nonsense as a device": {"device": "nonsense"},
        "layers": {"layers": ["fc9"]},
        "transform_layer": {"transform_layer": "fc9"},
        "code_layer": {"code_layer": "fc9"},
        "image_shape": {"image_shape": (3, 3)},
        "another image_shape": {"image_shape": (8,)},
        "sequence_shape": {"sequence_shape": (3, 5)},
        "vocabulary_size": {"vocabulary_size": 5},
        "centres": {"init": KNOWN[:2, :4]},
        "prior": {"cluster_prior": [1.0, -1.0, 2.0]},
        "short prior": {"cluster_prior": [1.0]},
        "dictionary": {"dictionary": KNOWN[:, :5]},
        "tasks": {"auxiliary_clusters": [2] * 9},
        "large tasks": {"auxiliary_clusters": 500},
        "clusters": {"n_clusters": 500},
        "attributes": {"class_attributes": KNOWN[:3, :4]},
        "no graph": {"affinity": "precomputed"},
        "copies": {"augmentation": lambda batch: batch[:, :3]},
        "margins": {"margin": {"a": 1.0}},
        "wide margin": {"margin": 5.0, "divergence": "js"},
        "a file": {"checkpoint": folder / "file"},
        "regularisers": {"regularizers": [nn.ReLU()]},
        "callbacks": {"callbacks": [3]},
    }
    (folder / "file").write_text("")
    for title, options in cases.items():
        if all("__" in key or key in params for key in options):
            model = make(**options)
            yield title, error_of(model.fit, *arguments)


def files(folder: Path) -> Iterator[tuple[str, Any]]:
    """Files that aren't there, damaged or not trusted."""
    make, arguments, _ = MODELS["classifier"]
    model = fitted(make(module=Trusted), *arguments)
    path = folder / "model.safetensors"
    save(model, path)
    yield "not trusted", error_of(load, path)
    yield "trusted by name", error_of(load, path, trusted=["Trusted"])
    yield "trusted", load(path, trusted=[Trusted]).predict(ALL)
    yield "missing", error_of(load, folder / "missing")
    for title, content in (("empty", b""), ("cut", path.read_bytes()[:-9]), ("text", b"text")):
        (folder / title).write_bytes(content)
        yield title, error_of(load, folder / title)
    altered = bytearray(path.read_bytes())
    altered[-20] ^= 1
    (folder / "altered").write_bytes(altered)
    yield "altered", error_of(load, folder / "altered")
    yield "a function of no module", error_of(save, make(module=lambda **_: nn.ReLU()), path)
    yield "no folder", error_of(save, model, folder / "no" / "folder")
    yield "no estimator", error_of(export, 3, folder / "model.pt2")
    yield "not fitted", error_of(export, make(), folder / "model.pt2")
    yield "format", error_of(export, model, folder / "model.pt2", format="nonsense")


class Trusted(nn.Module):
    """A network of the user's."""

    def __init__(self, input_shape, n_outputs):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(64, 5), nn.Linear(5, n_outputs)

    def forward(self, x):
        return self.fc2(self.fc1(x).relu())


SCENARIOS: dict[str, Scenario] = {
    **{f"refused networks, {name}": partial(networks, name) for name in OF_STEPS},
    "refused files": files,
}
