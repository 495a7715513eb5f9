"""What a notebook shows of the documentation: the page of an estimator, and of each parameter."""

from __future__ import annotations

import inspect
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import sklearn
from helpers.public_objects import PUBLIC, listed_names
from helpers.small_fits import FITS, fitted
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeepclust._compat import SITE
from skdeepclust.dictionary import KSVD

ROOT = Path(__file__).resolve().parents[2]
ESTIMATORS = [
    value
    for value in PUBLIC.values()
    if inspect.isclass(value) and issubclass(value, BaseEstimator)
]
HAS_TOOLTIPS = [int(part) for part in sklearn.__version__.split(".")[:2]] >= [1, 9]
needs_tooltips = pytest.mark.skipif(not HAS_TOOLTIPS, reason="an older scikit-learn has none")


class Notebook(HTMLParser):
    """The links to pages, and the link and the text of each parameter's or attribute's tooltip."""

    def __init__(self, model: BaseEstimator):
        super().__init__()
        self.pages: list[str] = []
        self.links: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.link = self.inside = ""
        self.feed(model._repr_html_())
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        kinds = (given.get("class") or "").split()
        if "sk-estimator-doc-link" in kinds and tag == "a":  # a span says whether it is fitted
            self.pages.append(given["href"])
        elif "param-doc-link" in kinds and "href" in given:
            self.link, self.inside = given["href"], "name"
        elif "param-doc-description" in kinds:
            self.inside = "text"
        elif tag == "br" and self.inside == "text":
            self.texts[self.name] += "\n"

    def handle_endtag(self, tag):
        if tag in ("a", "span"):
            self.inside = ""

    def handle_data(self, data):
        if self.inside == "name" and data.strip():
            self.name = data.strip()
            self.links[self.name], self.texts[self.name] = self.link, ""
        elif self.inside == "text":
            self.texts[self.name] += data.lstrip() if not self.texts[self.name] else data


def described(cls: type, title: str) -> dict[str, tuple[str, str]]:
    """Return the type and the description of each name in a section of the docstring."""
    doc = inspect.getdoc(cls) or ""
    section = re.search(rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n---+$|\Z)", doc, re.M | re.S)
    assert section
    entries = re.findall(r"^(\S+) : (.*)\n((?:(?: +.*)?\n)*)", section[1], re.M)
    return {name: (kind, inspect.cleandoc(text)) for name, kind, text in entries}


def assert_tooltips(notebook: Notebook, page: str, entries: dict[str, tuple[str, str]]) -> None:
    """Assert that each entry is shown as it stands in the docstring, with a link to its words."""
    for name, (kind, text) in entries.items():
        assert notebook.texts[name] == f"{name}: {kind}\n\n{text}"
        address, _, words = notebook.links[name].partition("#:~:text=")
        assert address == page
        # for `neighbors : ` scikit-learn 1.9 takes `n_neighbors : ` where that comes first
        if next(other for other in entries if other.endswith(name)) == name:
            assert unquote(words) == f"{name},-{kind.replace('`', '')}"


class Plain(BaseEstimator):
    """A clusterer of somebody else, without parameters and pages."""

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return [0] * len(X)


def made(cls: type) -> Any:
    """Return an estimator at its defaults; one that stands around another, around a plain one."""
    return cls(Plain()) if "estimator" in inspect.signature(cls).parameters else cls()


def page_of(model: BaseEstimator) -> str:
    """Return the link to the page of an estimator, after a look at whether it is built."""
    own = f".{type(model).__name__}.html"
    (page,) = {page for page in Notebook(model).pages if page.endswith(own)}
    name = page.removeprefix(f"{SITE}generated/").removesuffix(".html")
    assert page == f"{SITE}generated/{name}.html"  # what autosummary calls it
    assert name in listed_names()
    return page


def test_there_are_estimators() -> None:
    assert {type(make()[0]) for make in FITS.values()} <= set(ESTIMATORS)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_an_estimator_links_its_page(cls):
    page = page_of(made(cls))
    assert page in Notebook(make_pipeline(MinMaxScaler(), made(cls))).pages


@needs_tooltips
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_each_parameter_links_its_description_and_shows_it(cls):
    entries = described(cls, "Parameters")
    entries.pop("**module__kwargs", None)
    notebook = Notebook(made(cls))
    assert notebook.texts.keys() == entries.keys() == made(cls).get_params(deep=False).keys()
    assert_tooltips(notebook, page_of(made(cls)), entries)


@needs_tooltips
@pytest.mark.parametrize("name", FITS)
def test_each_fitted_attribute_links_its_description_and_shows_it(name):
    model = fitted(name)
    entries = described(type(model), "Attributes")
    shown = {key: value for key, value in entries.items() if key in vars(model)}
    assert shown
    assert_tooltips(Notebook(model), page_of(model), shown)


def test_an_estimator_of_somebody_else_has_no_page_here():
    class Mine(KSVD):
        pass

    assert not Notebook(Mine()).pages


def test_the_metadata_name_the_same_site() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["urls"]["Documentation"] == SITE
