"""The house: its wings, which import those below them alone, its folders, its private places."""

from __future__ import annotations

import ast
import graphlib
import html
import importlib
from collections import Counter

import pytest
from helpers.source_trees import PACKAGE, ROOT, TREES, imported, is_public, resolve


def is_method_file(module: str) -> bool:
    """Tell whether a public module derives a class from a base of deep estimators."""
    classes = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.ClassDef)]
    bases = [ast.unparse(base).rpartition(".")[2] for node in classes for base in node.bases]
    return is_public(module) and any(base.startswith("BaseDeep") for base in bases)


METHOD_FILES = {module for module in TREES if is_method_file(module)}
# The wings from below to above; a wing imports those below it alone.
WINGS = [
    {"_compat"},
    {"_engine"},
    {"networks"},
    {"losses", "_inputs", "graph", "dictionary", "augmentation", "metrics", "datasets"},
    {"regularizers", "_clusters", "_storage"},
    {"_training"},
    {"_estimator"},
    {"forced_apart", "parsimonious", "tagnet", "triplet_dec", "zero_shot"}
    | {"classics", "persistence", "serving", "plotting", "meta"},
    {"explain"},
    {"reporting"},
    {""},  # the package itself
]
LEVELS = {wing: level for level, wings in enumerate(WINGS) for wing in wings}
MOST_FILES = 16


def wing_of(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def imported_modules(module: str) -> set[str]:
    return {resolve(name) for name in imported(module)} & TREES.keys()


def test_there_are_method_files() -> None:
    assert f"{PACKAGE}.triplet_dec" in METHOD_FILES


def not_below(module: str) -> list[str]:
    """Return the wings from which a module imports and which don't lie below its own."""
    wing = wing_of(module)
    others = {wing_of(name) for name in imported_modules(module)} - {wing}
    return [other for other in others if LEVELS[other] >= LEVELS[wing]]


def test_wings_import_wings_below() -> None:
    assert not {module: wings for module in TREES if (wings := not_below(module))}


def test_files_import_each_other_in_no_circle() -> None:
    # of `from package.folder import name`, the folder's own file imports what stands in it
    below = {module: imported_modules(module) - {module} for module in TREES}
    tuple(graphlib.TopologicalSorter(below).static_order())


def test_the_picture_of_the_wings_shows_todays_imports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    drawing = importlib.import_module("architecture")
    shown = html.unescape(drawing.PICTURE.read_text(encoding="utf-8"))
    assert drawing.as_text(drawing.arrows()) in shown, "run python docs/architecture.py"
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    missing = [wing for wings in WINGS for wing in wings if wing and wing not in page]
    assert not missing


def test_folders_are_small_and_the_root_is_public() -> None:
    folders = Counter(path.parent for path in (ROOT / PACKAGE).rglob("*.py"))
    assert max(folders.values()) <= MOST_FILES
    private = {path.stem for path in (ROOT / PACKAGE).glob("_*.py")} - {"__init__"}
    assert private == {"_compat"}


def test_each_wing_has_its_folder_of_tests() -> None:
    wings = {wing.removeprefix("_") for wings in WINGS for wing in wings if wing}
    files = list((ROOT / "tests").rglob("test_*.py"))
    folders = {path.parent.relative_to(ROOT / "tests").as_posix() for path in files}
    assert folders == wings - {"compat"} | {"benchmarks", "project"}
    names = Counter(path.name for path in files)
    assert max(names.values()) == 1, "a name says which file is meant"


def test_method_files_do_not_import_skorch() -> None:
    names = [(file, name) for file in METHOD_FILES for name in imported(file)]
    assert not [pair for pair in names if pair[1].split(".")[0] == "skorch"]


def is_private_sklearn(name: str) -> bool:
    first, *rest = name.split(".")
    private = any(part.startswith("_") for part in rest)
    return first == "sklearn" and (private or rest[:1] == ["callback"])


def test_private_scikit_learn_is_imported_in_compat_alone() -> None:
    files = {file for file in TREES for name in imported(file) if is_private_sklearn(name)}
    assert files == {f"{PACKAGE}._compat"}
