"""What the documentation is built from: its gallery, its links, its list of the interface.

None of it needs Sphinx; `make docs` builds the pages, and `make docs-test` opens them.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from helpers.public_objects import PUBLIC, listed_names
from helpers.source_trees import TREES, is_public

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXAMPLES = sorted(ROOT.glob("examples/*/plot_*.py"), key=lambda path: path.name)


def stem(path: Path) -> str:
    return path.stem


# ---------------------------------------------------------------- the gallery


def test_examples_are_numbered_without_a_gap() -> None:
    assert len(EXAMPLES) >= 12
    assert [path.name[5:8] for path in EXAMPLES] == [f"{i + 1:02}_" for i in range(len(EXAMPLES))]
    folders = {path.parent for path in EXAMPLES}
    assert all((folder / "GALLERY_HEADER.rst").is_file() for folder in folders)


@pytest.mark.parametrize("path", EXAMPLES, ids=stem)
def test_example_has_a_header_and_a_figure(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    title, line, empty, *text = (ast.get_docstring(ast.parse(source)) or "").splitlines()
    assert re.match(rf"{int(path.name[5:7])}\. \w", title)
    assert line == "=" * len(title)
    assert not empty
    assert text
    assert source.count("\n# %%\n# ") >= 2, "cells begin with a line of text"
    assert "plt.show()" in source


def imported_names(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


@pytest.mark.parametrize("path", EXAMPLES, ids=stem)
def test_example_imports_what_there_is(path: Path) -> None:
    for module, name in imported_names(ast.parse(path.read_text(encoding="utf-8"))):
        assert find_spec(module.partition(".")[0]), module
        if module.startswith("skdeepclust") and name:
            assert hasattr(importlib.import_module(module), name), f"{module}.{name}"


QUICK = [path for path in EXAMPLES if path.stem[8:] in ("zero_shot", "table", "parsimonious")]


@pytest.mark.parametrize("path", QUICK, ids=stem)
def test_example_runs_with_an_epoch_a_phase(
    path: Path, monkeypatch: pytest.MonkeyPatch, train_briefly: Callable[..., None]
) -> None:
    figures = []
    train_briefly(1)
    monkeypatch.setattr(plt, "show", lambda: figures.extend(map(plt.figure, plt.get_fignums())))
    try:
        code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
        exec(code, {"__name__": "__main__"})
        assert figures
        for figure in figures:
            figure.canvas.draw()  # a layout without room warns
    finally:
        plt.close("all")


def test_an_example_without_its_data_is_shown_and_not_run(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    gallery = importlib.import_module("gallery")
    needy = {path for path in EXAMPLES if path.stem in gallery.NEEDS}
    assert {path.stem for path in needy} == gallery.NEEDS.keys()

    def run() -> set[Path]:
        return {path for path in EXAMPLES if re.search(gallery.what_runs(), str(path))}

    monkeypatch.setenv("SKDEEPCLUST_DATA", str(tmp_path))
    assert run() == set(EXAMPLES) - needy
    for folder in gallery.NEEDS.values():
        (tmp_path / folder).mkdir()
    assert run() == set(EXAMPLES)


# ---------------------------------------------------------------- the interface


def test_every_public_name_is_listed() -> None:
    modules = [importlib.import_module(name) for name in filter(is_public, TREES)]
    listed = {id(find(name)): name for name in listed_names()}
    missing = [path for path, value in PUBLIC.items() if id(value) not in listed]
    assert not missing, "public, and not in docs/api.rst"
    exported = {
        f"{module.__name__}.{name}"
        for module in modules
        for name in getattr(module, "__all__", ())
        if name != "__version__"
    }
    objects = {id(find(name)) for name in exported}
    assert not [name for name in exported if id(find(name)) not in listed]
    assert len(listed) >= len(objects)


def find(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def test_what_is_listed_has_a_docstring() -> None:
    values = {name: find(name) for name in listed_names()}
    described = {name: value for name, value in values.items() if not is_instance(value)}
    assert not [name for name, value in described.items() if not inspect.getdoc(value)]


def is_instance(value: object) -> bool:
    return not (inspect.isclass(value) or inspect.isfunction(value))


# ---------------------------------------------------------------- pages, links, images

PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Return what headings are called in links, as GitHub and MyST do it."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", path.read_text(encoding="utf-8")), re.M)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()).strip() for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        page = path.parent / file if file else path
        assert page.exists(), f"{target}: no such file"
        assert not anchor or anchor in anchors(page), f"{target}: no such heading"


def test_every_page_is_in_a_table_of_contents() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")]
    trees = re.findall(r"```\{toctree\}(.*?)```", "\n".join(texts), re.DOTALL)
    listed = {line.strip() for tree in trees for line in tree.splitlines()}
    pages = {path.stem for path in [*DOCS.glob("*.md"), DOCS / "api.rst"]}
    orphans = {path.stem for path in DOCS.glob("*.md") if "\norphan: true" in path.read_text()}
    assert pages - listed - orphans == {"index"}


def test_an_estimator_leads_to_its_guide() -> None:
    import skdeepclust

    for name in (
        "TripletDECClusterer",
        "TAGnetClusterer",
        "ParsimoniousClassifier",
        "ParsimoniousAutoencoder",
        "ForcedApartEmbedder",
        "ZeroShotClassifier",
    ):
        text = inspect.getdoc(getattr(skdeepclust, name)) or ""
        (page,) = re.findall(r"Read more in the :doc:`user guide </(\w+)>`\.", text)
        assert f"`{name}`" in (DOCS / f"{page}.md").read_text(encoding="utf-8")


# ---------------------------------------------------------------- words and outputs

GENERATED = re.compile(r"<!-- results:.*?<!-- end of results -->", re.DOTALL)
# What the glossary decides, and phrases that a reader has to read twice.
SPELLINGS = {
    r"\bK-[Mm]eans\b|\bk-Means\b|\bKmeans\b": "KMeans, the class, or k-means, the method",
    r"(?<![\w./])\.\d": "a zero before the point",
    r"\bMNIST-5K\b": "MNIST-5k",
    r"than which|what it is worth|a word of its own": "plain English",
}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_words_are_spelt_as_the_glossary_does(path: Path) -> None:
    text = GENERATED.sub("", FENCED.sub("", path.read_text(encoding="utf-8")))
    text = re.sub(r"`[^`]*`|\$[^$]*\$", "", text)
    found = {
        hit[0]: better for wrong, better in SPELLINGS.items() for hit in re.finditer(wrong, text)
    }
    assert not found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_an_output_is_there_and_no_block_is_to_be_left_out(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^```text\n```", text, re.MULTILINE), "run python docs/outputs.py"
    assert not re.search(r"leave this out|\*\*quick", text), "tests shorten fits by themselves"
