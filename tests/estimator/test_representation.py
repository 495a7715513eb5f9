"""What a notebook shows of an estimator: its phases and its network, read back from the HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from helpers.needs import needs_fitted_attributes
from helpers.small_fits import KNOWN, NETWORKS, fitted
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from torch import nn

from skdeepclust import ParsimoniousAutoencoder
from skdeepclust._estimator.notebook import _network_table, _phases_table


class Tables(HTMLParser):
    """The rows of each table under its title; elements have to be nested rightly."""

    def __init__(self, html: str):
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert tag in ("div", "details", "summary", "table", "tbody", "tr", "th", "td")
        assert [name for name, _ in attrs] in ([], ["class"])  # nothing is loaded or run
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] == "summary":
            self.rows = self.found.setdefault(data, [])
        else:
            assert self.open[-1] in ("td", "th")
            self.rows[-1][-1] += data


def tables_of(model) -> dict[str, list[list[str]]]:
    html = _phases_table(model.history_, getattr(model, "attempt_", None))
    html += _network_table(model.module_)
    assert html in model._repr_html_()
    return Tables(html).found


@needs_fitted_attributes
@pytest.mark.parametrize("name", NETWORKS)
def test_phases_and_network_of_a_fitted_estimator(name):
    model = fitted(name)
    phases, network = tables_of(model).items()
    assert phases[0] == "Phases"
    names = [row[0].partition(" #")[0] for row in phases[1][1:]]
    assert list(dict.fromkeys(names)) == list(dict.fromkeys(r["phase"] for r in model.history_))
    assert sum(int(row[1]) for row in phases[1][1:]) == len(model.history_)
    assert f"loss {model.history_[-1]['loss']:.4g}" in phases[1][-1][2]
    total = sum(each.numel() for each in model.module_.parameters())
    assert network[0].startswith(f"Network: {total:,} parameters")
    assert sum(int(row[2].replace(",", "")) for row in network[1][1:]) == total


def test_attempts_have_rows_and_one_is_kept():
    history = [
        {"phase": "pre", "epoch": 1, "loss": 3.0, "seconds": 1.0},
        {"phase": "pre", "epoch": 2, "loss": 2.0, "seconds": 2.0},
        {"phase": "main", "epoch": 1, "loss": 1.0, "part": 0.5, "seconds": 0.2, "attempt": 0},
        {"phase": "main", "epoch": 1, "loss": 0.9, "note": "x", "seconds": 0.1, "attempt": 1},
        {"phase": "main", "epoch": 1, "loss": 0.8, "seconds": None},
        {"phase": "main", "epoch": 1, "loss": 0.7},
    ]
    rows = Tables(_phases_table(history, 1)).found["Phases"]
    assert rows == [
        ["Phase", "Epochs", "After the last epoch", "Seconds"],
        ["pre", "2", "loss 2", "3.0"],
        ["main #1", "1", "loss 1, part 0.5", "0.2"],
        ["main #2, kept", "1", "loss 0.9", "0.1"],
        ["main", "1", "loss 0.8", "0.0"],
        ["main", "1", "loss 0.7", "0.0"],
    ]


class Hostile(nn.Module):
    def extra_repr(self) -> str:
        return "<script>alert('&')</script>"


def test_what_a_user_has_named_is_escaped():
    rows = Tables(_network_table(nn.Sequential(nn.Linear(2, 3), Hostile()))).found
    assert rows["Network: 9 parameters"][2] == ["1", "Hostile(<script>alert('&')</script>)", "0"]
    history = [{"phase": "<b>", "epoch": 1, "loss": 1.0, "<i>": 2.0}]
    assert Tables(_phases_table(history, None)).found["Phases"][1][:3] == [
        "<b>", "1", "loss 1, <i> 2",
    ]  # fmt: skip


def test_shared_and_fixed_parameters_and_many_layers():
    linear = nn.Linear(2, 2)
    fixed = nn.Linear(3, 1).requires_grad_(False)
    (title,) = Tables(_network_table(nn.Sequential(linear, linear, fixed))).found
    assert title == "Network: 10 parameters, 6 of them trained"
    ((_, rows),) = Tables(
        _network_table(nn.Sequential(*(nn.ReLU() for _ in range(103))))
    ).found.items()
    assert len(rows) == 102
    assert rows[-1][0] == "3 more"


def test_nothing_is_shown_before_a_fit_or_without_diagrams():
    assert "<summary>Phases" not in ParsimoniousAutoencoder()._repr_html_()
    with config_context(display="text"):
        assert not hasattr(ParsimoniousAutoencoder(), "_repr_html_")


@needs_fitted_attributes
def test_diagrams_of_pipelines_show_it():
    model, _ = NETWORKS["triplet dec"]()
    pipeline = make_pipeline(MinMaxScaler(), model)
    assert "<summary>Phases" not in pipeline._repr_html_()
    html = pipeline.fit(KNOWN)._repr_html_()
    assert html.count("<summary>Phases") == html.count("<summary>Network") == 1
