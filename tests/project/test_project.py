"""Rules that no single module's tests can hold: layers, sizes, documentation, metadata."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from helpers.public_objects import PUBLIC
from helpers.source_trees import PACKAGE, ROOT
from sklearn.base import BaseEstimator

import skdeepclust

# ---------------------------------------------------------------- files


def project_files() -> list[Path]:
    """Return every file that git tracks or would track."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "--exclude-standard"]
    command += ["--cached", "--others"]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in output.splitlines() if (path := ROOT / name).is_file()]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function's body, its docstring left out."""
    body = function.body[ast.get_docstring(function) is not None :]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def lines_of_prose(tree: ast.AST) -> int:
    """Count the lines that state an interface: docstrings, declared parameters, `__init__`."""
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
            count += len((ast.get_docstring(node, clean=False) or "").splitlines())
        constructs = isinstance(node, ast.FunctionDef) and node.name == "__init__"
        declares = isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call)
        if declares:
            declares = ast.unparse(node.value.func) in ("parameter", "learned")
        if constructs or declares:
            count += (node.end_lineno or 0) - node.lineno + 1
    return count


def too_long(path: Path) -> Iterator[str]:
    """Yield what a file has too much of."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    if len(source.splitlines()) - lines_of_prose(tree) > 300:
        yield "more than 300 lines: split the file"
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS) and body_lines(node) > 40:
            yield f"more than 40 lines in {node.name}"


def test_files_and_functions_are_short() -> None:
    files = [path for path in project_files() if path.suffix == ".py"]
    assert len(files) > 600
    assert not {name_of(path): found for path in files if (found := [*too_long(path)])}


def test_no_file_names_a_path_of_one_machine() -> None:
    pattern = re.compile(r"(?<![\w.~-])/(?:work|tmp|root|home)/")
    texts = {name_of(path): path.read_text(errors="replace") for path in project_files()}
    assert not [name for name, text in texts.items() if pattern.search(text)]


def test_nothing_says_to_install_a_name_that_is_not_published() -> None:
    """On PyPI the name could be somebody else's: what is missing is called by its own name."""
    pattern = re.compile(rf"pip install ['\"]?{PACKAGE}|{PACKAGE}\[")
    texts = {name_of(path): path.read_text(errors="replace") for path in project_files()}
    assert not [name for name, text in texts.items() if pattern.search(text)]


# ---------------------------------------------------------------- documentation


def public_methods() -> dict[str, Callable[..., Any]]:
    """Return the methods that this package defines and whose docstring lists parameters."""
    found = {}
    for path, cls in PUBLIC.items():
        for name in dir(cls) if inspect.isclass(cls) else []:
            method = getattr(cls, name, None)
            ours = (getattr(method, "__module__", None) or "").startswith(PACKAGE)
            if name[0] != "_" and ours and callable(method) and described_parameters(method):
                found[f"{path}.{name}"] = method
    return found


def described_parameters(described: Any) -> dict[str, str]:
    """Return the type line of each parameter in the docstring's section "Parameters"."""
    doc = inspect.getdoc(described) or ""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n---+$|\Z)", doc, re.M | re.S)
    lines = re.findall(r"^(\*{0,2}\w[\w, *]*?) *: *(.*)$", section[1] if section else "", re.M)
    return {name.lstrip("*"): line for names, line in lines for name in names.split(", ")}


def same_value(text: str, value: object) -> bool:
    try:
        literal = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text.strip("`") in {repr(value), getattr(value, "__qualname__", None)}
    return type(literal) is type(value) and literal == value


def docstring_problems(described: Any) -> Iterator[str]:
    """Yield what differs between the parameters in a signature and in the docstring."""
    parameters = dict(inspect.signature(described).parameters)
    parameters.pop("self", None)
    lines = described_parameters(described)
    yield from (f"{name}: not in the signature" for name in lines if name not in parameters)
    for name, parameter in parameters.items():
        if name not in lines:
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                yield f"{name}: not in the docstring"
        elif parameter.default is parameter.empty:
            if "default=" in lines[name]:
                yield f"{name}: has no default"
        elif not lines[name].lower().startswith("ignored"):
            text = lines[name].rpartition("default=")[2].strip()
            if "default=" not in lines[name] or not same_value(text, parameter.default):
                yield f"{name}: {lines[name]!r}, but the default is {parameter.default!r}"


def test_docstrings_have_the_parameters_and_defaults_of_the_signature() -> None:
    described = PUBLIC | public_methods()
    assert len(described) > 300
    found = {path: [*docstring_problems(each)] for path, each in described.items()}
    assert not {path: problems for path, problems in found.items() if problems}


def needs_example(path: str) -> bool:
    value = PUBLIC[path]
    is_estimator = inspect.isclass(value) and issubclass(value, BaseEstimator)
    return is_estimator or path.startswith(f"{PACKAGE}.losses.")


def has_example(path: str) -> bool:
    return ">>> " in (inspect.getdoc(PUBLIC[path]) or "").partition("\nExamples\n--------\n")[2]


def test_estimators_and_losses_have_an_example() -> None:
    needy = [path for path in PUBLIC if needs_example(path)]
    assert len(needy) > 40
    assert not [path for path in needy if not has_example(path)]


# ---------------------------------------------------------------- metadata


def test_citation_file() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == skdeepclust.__version__
    assert len(citation["references"]) == 9
    for work in [citation, *citation["references"]]:
        assert work["title"]
        assert all(author.keys() & {"name", "family-names"} for author in work["authors"])
    assert all({"type", "year"} <= paper.keys() for paper in citation["references"])


def test_the_version_is_written_once_and_is_in_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == f"{PACKAGE}/__init__.py"
    version = skdeepclust.__version__
    heading = "Unreleased" if ".dev" in version else version
    assert f"\n## [{heading}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
