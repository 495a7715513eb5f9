"""Files that were damaged, or made by somebody who means harm, are refused and run nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.datasets import load_digits

from skdeepclust import load, save
from skdeepclust._storage import files
from skdeepclust.dictionary import KSVD


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "model.safetensors"


# ---------------------------------------------------------------- damage


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    file = tmp_path_factory.mktemp("saved") / "model"
    save(KSVD(4, random_state=0).fit(load_digits().data[:60]), file)
    return file.read_bytes()


def test_any_flipped_bit_is_noticed(content, path):
    generator = np.random.default_rng(0)
    positions = {*range(16), *generator.integers(len(content), size=400).tolist()}
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="can't be loaded"):
            load(path)


def test_files_that_are_cut_off_or_too_long(content, path):
    for length in (0, 1, 7, 8, 9, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="can't be loaded"):
            load(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="can't be loaded"):
        load(path)


def test_headers_that_are_too_large(path):
    for size in (files.MAX_HEADER_BYTES + 1, 2**63):
        path.write_bytes(size.to_bytes(8, "little") + b"{}")
        with pytest.raises(ValueError, match="header"):
            load(path)


def write(path: Path, estimator, arrays=None, **header) -> None:
    """Write a file as an attacker would, with the right checksum."""
    text = json.dumps({"format": 1, "estimator": estimator, "versions": {}, **header})
    arrays = arrays or {}
    metadata = {"skdeepclust": text, "sha256": files.checksum(text, arrays)}
    save_file(arrays, path, metadata=metadata)


def test_other_files_and_later_ones(path):
    save_file({"a": np.ones(3)}, path)
    with pytest.raises(ValueError, match="not one of this library"):
        load(path)
    write(path, None, format=99, versions={"skdeepclust": "9.0"})
    with pytest.raises(ValueError, match=r"format 99 by version 9\.0"):
        load(path)


def instance(module: str, name: str, state: list | None = None) -> dict:
    return {"$": "object", "class": [module, name], "state": {"$": "dict", "items": state or []}}


HOSTILE = {
    "a function": {"$": "global", "name": ["os", "system"]},
    "a builtin": {"$": "global", "name": ["builtins", "eval"]},
    "a class": instance("subprocess", "Popen"),
    "a module of somebody": instance("module_with_effect", "Class"),
    "an import of the library's": instance("skdeepclust.persistence", "Path"),
    "a function of the library": {"$": "global", "name": ["skdeepclust.datasets", "fetch_mnist"]},
    "an estimator as a factory": {"$": "global", "name": ["skdeepclust.dictionary", "KSVD"]},
    "a module in a name": instance("skdeepclust.persistence.os", "system"),
    "attributes of a class": instance("skdeepclust.dictionary", "KSVD.fit"),
    "an unknown kind": {"$": "code", "value": "1"},
    "a method of the decoder": {"$": "_class__", "value": "1"},
    "no array": {"$": "array", "name": "7"},
    "no class": {"$": "object"},
    "no state": {"$": "object", "class": ["skdeepclust.dictionary", "KSVD"], "state": 3},
    "a tuple that is none": {"$": "namedtuple", "class": ["skdeepclust.dictionary", "KSVD"]},
    "a search that is none": {"$": "search", "class": ["skdeepclust.dictionary", "KSVD"]},
    "a dtype that is none": {"$": "dtype", "value": "save"},
    "objects of numbers": {"$": "objects", "dtype": "f8", "shape": [1], "items": [1.0]},
    "a shape that is wrong": {"$": "objects", "dtype": "<U1", "shape": [3], "items": ["a"]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(name, path, tmp_path, monkeypatch):
    (tmp_path / "module_with_effect.py").write_text("raise SystemExit('this ran')\nclass Class: 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    write(path, HOSTILE[name])
    with pytest.raises(ValueError, match="can't be loaded"):
        load(path)
    assert "module_with_effect" not in sys.modules


def test_nesting_without_end_is_refused(path):
    deep = "[" * 100_000 + "]" * 100_000
    text = '{"format": 1, "estimator": ' + deep + "}"
    save_file({}, path, metadata={"skdeepclust": text, "sha256": files.checksum(text, {})})
    with pytest.raises(ValueError, match="can't be loaded"):
        load(path)


def test_indices_of_sparse_matrices_are_checked(path):
    parts = {
        "data": np.ones(1),
        "indices": np.array([10**6], dtype=np.int32),
        "indptr": np.array([0, 1], dtype=np.int32),
    }
    node = {"$": "sparse", "class": "csr_array", "shape": [1, 2]}
    node |= {name: {"$": "array", "name": name} for name in parts}
    write(path, node, parts)
    with pytest.raises(ValueError, match="can't be loaded"):
        load(path)
