"""The inventories that link the documentation to other projects: `docs/inventories.py`."""

from __future__ import annotations

import importlib
import re
from functools import reduce
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "inventories"
FILES = sorted(FOLDER.glob("*.txt"))
# Pages of more than one name. Every other page is called like the name or its module.
SHARED = {
    "api/collections_api.html",
    "callbacks.html",
    "net.html",
    "reference/arrays.scalars.html",
    "reference/random/generator.html",
    "reference/random/legacy.html",
    "tensor_attributes.html",
    "tensors.html",
}


@pytest.fixture(scope="module")
def inventories() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        return importlib.import_module("inventories")


def rows(path: Path) -> list[list[str]]:
    return [line.split(" ") for line in path.read_text(encoding="utf-8").splitlines()[3:]]


def test_each_file_is_what_the_command_writes(inventories: ModuleType) -> None:
    texts = inventories.inventories()
    assert {path.stem for path in FILES} == set(texts) == set(inventories.PROJECTS)
    for path in FILES:
        # The version is that of the packages which the command has read.
        written, new = (
            re.sub(r"# Version: .*", "", text)
            for text in (path.read_text(encoding="utf-8"), texts[path.stem])
        )
        assert written == new, "run `python docs/inventories.py`"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_is_an_inventory_of_the_first_format(path: Path) -> None:
    first, project, version = path.read_text(encoding="utf-8").splitlines()[:3]
    assert first == "# Sphinx inventory version 1"
    assert re.fullmatch(r"# Project: [\w-]+", project)
    assert re.fullmatch(r"# Version: \d+\.\d+", version)
    assert rows(path)
    for name, kind, page in rows(path):  # a line of other than three words stops Sphinx
        assert kind in ("class", "function", "mod")
        base = name if kind == "mod" else name.rpartition(".")[0]
        pages = (name, base) if path.stem == "python" else (name,)
        assert page.split("/")[-1].removesuffix(".html") in pages or page in SHARED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_name_is_there(path: Path) -> None:
    for name, kind, _ in rows(path):
        if kind == "mod":
            importlib.import_module(name)
            continue
        module, _, attribute = name.rpartition(".")
        value = getattr(importlib.import_module(module), attribute)
        assert isinstance(value, type) == (kind == "class"), name


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("sklearn.cluster.KMeans", "sklearn.cluster.KMeans"),
        ("torch.nn.Flatten", "torch.nn.modules.flatten.Flatten"),
        ("torch.nn.Parameter", "torch.nn.parameter.Parameter"),
        ("skorch.NeuralNet", "skorch.net.NeuralNet"),
        ("os.path.join", "os.path.join"),
        ("numpy.abs", None),  # documented as numpy.absolute
        ("numpy.random", None),  # a module whose page follows no pattern
        ("sklearn.cluster.KMeans.fit", None),
        ("sklearn.cluster.NoSuchName", None),
        ("sklearn.feature_extraction.text.ENGLISH_STOP_WORDS", None),
        ("skdeepclust.TripletDECClusterer", None),
    ],
)
def test_a_name_without_a_sure_page_is_left_out(
    inventories: ModuleType, name: str, known: str | None
) -> None:
    found = inventories.entry(name)
    assert (found and found.name) == known


def test_names_are_read_from_imports_and_attributes(inventories: ModuleType) -> None:
    source = """
import numpy as np
import scipy.sparse
from torch import nn as layers
def f(x):
    from sklearn.cluster import KMeans
    return layers.Linear(1, 2)(np.linalg.norm(x)), scipy.sparse.triu(x).shape, x.copy()
"""
    assert set(inventories.names_in_code(source)) == {
        "numpy",
        "numpy.linalg",
        "numpy.linalg.norm",
        "scipy",
        "scipy.sparse",
        "scipy.sparse.triu",
        "sklearn.cluster.KMeans",
        "torch.nn",
        "torch.nn.Linear",
    }


def test_types_that_docstrings_write_are_links(inventories: ModuleType) -> None:
    aliases = inventories.aliases()
    assert aliases["Tensor"] == ":obj:`Tensor <torch.Tensor>`"
    assert aliases["skorch.NeuralNet"] == ":obj:`skorch.NeuralNet <skorch.net.NeuralNet>`"
    linked = {name for path in FILES for name, *_ in rows(path)}
    targets = {re.search(r"<(.+)>", alias)[1] for alias in aliases.values()}
    own = {name for name in targets if name.startswith("skdeepclust.")}
    assert targets - own <= linked
    for name in own:
        first, *rest = name.split(".")
        assert reduce(getattr, rest, importlib.import_module(first))


def test_nothing_is_fetched(inventories: ModuleType) -> None:
    mapping = inventories.mapping()
    assert mapping.keys() == inventories.PROJECTS.keys()
    for address, file in mapping.values():
        assert re.fullmatch(r"https://\S+/", address)
        assert (ROOT / "docs" / file).is_file()
