"""Names of the package come when they are asked for, and are the ones that type checkers see."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import skdeepclust

TREE = ast.parse(Path(skdeepclust.__file__).read_text(encoding="utf-8"))


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_type_checkers_see_what_is_imported() -> None:
    (block,) = [node for node in TREE.body if isinstance(node, ast.If)]
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen.keys() | {"__version__"} == set(skdeepclust.__all__)
    for name, module in seen.items():
        assert getattr(skdeepclust, name) is getattr(importlib.import_module(module), name)


def test_the_package_alone_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import skdeepclust; "
    code += "print(*set(sys.modules) - before)"
    assert "torch" not in run(code).split()
    assert "sklearn" not in run(code).split()


def test_all_names_come_in_a_fresh_process() -> None:
    code = "from skdeepclust import *; import skdeepclust; "
    code += "print(TAGnetClusterer.__module__, save.__module__, 'export' in dir(skdeepclust))"
    assert run(code).split() == ["skdeepclust.tagnet", "skdeepclust.persistence", "True"]


@pytest.mark.parametrize("module", sorted(skdeepclust._MODULES))
def test_modules_are_attributes_of_the_package(module) -> None:
    assert getattr(skdeepclust, module) is importlib.import_module(f"skdeepclust.{module}")


def test_public_modules_are_all_there() -> None:
    folder = Path(skdeepclust.__file__).parent
    names = {path.stem for path in folder.iterdir() if not path.name.startswith(("_", "py.typed"))}
    assert names == skdeepclust._MODULES
    assert names <= set(dir(skdeepclust))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'TripletDEC'"):
        skdeepclust.TripletDEC  # noqa: B018
