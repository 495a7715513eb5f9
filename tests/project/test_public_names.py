"""Names of the package come when they are asked for, and are the ones that type checkers see."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import skdeepclust

TREE = ast.parse(Path(skdeepclust.__file__).read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> list[tuple[str | None, str]]:
    """Return module and name of each `from module import name`."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [(node.module, alias.name) for node in found for alias in node.names]


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_type_checkers_see_what_is_imported() -> None:
    block = next(node for node in TREE.body if isinstance(node, ast.If))
    seen = {name: module for module, name in imports(block)}
    assert seen.keys() | {"__version__"} == {*skdeepclust.__all__, *skdeepclust._MODULES}
    for name, module in seen.items():
        assert getattr(skdeepclust, name) is getattr(importlib.import_module(module), name)


def test_the_package_alone_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import skdeepclust; "
    code += "print(*set(sys.modules) - before)"
    assert "torch" not in run(code).split()
    assert "sklearn" not in run(code).split()


IMPORT = """
import json, random, sys, warnings
import numpy as np, safetensors, scipy, skorch.helper, sklearn.cluster, torch
def state():
    return {{
        "numpy": int(np.random.get_state(legacy=False)["state"]["pos"]),
        "torch": hash(bytes(torch.get_rng_state().numpy())),
        "Python": hash(random.getstate()),
        "threads": torch.get_num_threads(),
        "dtype": str(torch.get_default_dtype()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "gradients": torch.is_grad_enabled(),
        "errors": np.geterr(),
        "scikit-learn": str(sklearn.get_config()),
        "warnings": len(warnings.filters),
    }}
sys.modules.update(dict.fromkeys({missing}))  # importing one raises
before = state()
from skdeepclust import *
import skdeepclust, skdeepclust.graph, skdeepclust.plotting, skdeepclust.datasets
after = state()
late = [name for name in {late} if name in sys.modules]
names = [TAGnetClusterer.__module__, save.__module__, "export" in dir(skdeepclust)]
del sys.modules["pandas"]  # in which scikit-learn looks whether it has been imported
X = np.random.default_rng(0).normal(size=(40, 5))
fitted = TripletDECClusterer(2, max_epochs=1, warmup_epochs=1, n_init=1, random_state=0).fit(X)
found = {{"before": before, "after": after, "late": late, "names": names}}
print(json.dumps({{**found, "n_labels": len(fitted.labels_)}}))
"""
# Optional packages, and the experimental callbacks of scikit-learn.
MISSING = ["matplotlib", "onnx", "onnxscript", "pandas", "rich", "sklearn.callback"]
# The compiler takes seconds to import; the others aren't needed for most of what users do.
LATE = ["torch._dynamo", "filelock"]


@pytest.fixture(scope="module")
def imported() -> dict[str, Any]:
    """Return what a process finds that imports everything where nothing optional is."""
    return json.loads(run(IMPORT.format(missing=MISSING, late=LATE)))


def test_all_names_come_in_a_fresh_process(imported) -> None:
    assert imported["names"] == ["skdeepclust.tagnet", "skdeepclust.persistence", True]


def test_an_import_changes_nothing(imported) -> None:
    assert imported["after"] == imported["before"]


def test_an_import_takes_no_time_for_what_few_need(imported) -> None:
    assert imported["late"] == []


def test_a_fit_needs_no_optional_package(imported) -> None:
    assert imported["n_labels"] == 40


@pytest.mark.parametrize("module", sorted(skdeepclust._MODULES))
def test_modules_are_attributes_of_the_package(module) -> None:
    assert getattr(skdeepclust, module) is importlib.import_module(f"skdeepclust.{module}")


def test_public_modules_are_all_there() -> None:
    folder = Path(skdeepclust.__file__).parent
    names = {path.stem for path in folder.iterdir() if not path.name.startswith(("_", "py.typed"))}
    assert names == skdeepclust._MODULES


def test_dir_lists_public_names_alone() -> None:
    code = "import skdeepclust; print(*dir(skdeepclust))"
    names = [name for name in run(code).split() if not name.startswith("__")]
    assert names == sorted({*skdeepclust.__all__, *skdeepclust._MODULES} - {"__version__"})
    assert {"__version__", "__all__", "__doc__", "__path__"} <= set(dir(skdeepclust))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'TripletDEC'"):
        skdeepclust.TripletDEC  # noqa: B018


# ---------------------------------------------------------------- what type checkers are shown

USERS = sorted((Path(__file__).parents[1] / "typed").glob("public_*.py"))
USES = ast.parse("\n".join(path.read_text(encoding="utf-8") for path in USERS))
ATTRIBUTES = {node.attr for node in ast.walk(USES) if isinstance(node, ast.Attribute)}


def names_of(module: ModuleType) -> set[str]:
    """Return the names in `__all__`, or the classes and functions that the module defines."""
    defined = {
        name
        for name, value in vars(module).items()
        if name[0] != "_" and getattr(value, "__module__", None) == module.__name__
    }
    return set(getattr(module, "__all__", defined))


@pytest.mark.parametrize("module", ["", *sorted(skdeepclust._MODULES)])
def test_type_checkers_are_shown_every_public_name(module) -> None:
    home = f"skdeepclust.{module}".rstrip(".")
    imported = {name for source, name in imports(USES) if source in (home, "skdeepclust")}
    assert names_of(importlib.import_module(home)) - imported - ATTRIBUTES == set()


ESTIMATORS = [getattr(skdeepclust, name) for name in skdeepclust.__all__ if name[0].isupper()]
ESTIMATORS += [skdeepclust.dictionary.KSVD, skdeepclust.graph.NeighborAffinity]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: estimator.__name__)
def test_type_checkers_are_shown_the_methods_and_attributes_of_estimators(estimator) -> None:
    methods = {
        name
        for base in estimator.__mro__
        if base.__module__.startswith("skdeepclust.")
        for name in vars(base)
        if name[0] != "_" and callable(getattr(estimator, name))
    }
    section = re.search(r"\nAttributes\n-+\n(.*?)(\n\n|\Z)", inspect.getdoc(estimator) or "", re.S)
    assert section is not None
    attributes = set(re.findall(r"^(\w+_) : ", section[1], re.M))
    assert {"fit"} <= methods
    assert {"n_features_in_"} <= attributes
    assert (methods | attributes) - ATTRIBUTES == set()
