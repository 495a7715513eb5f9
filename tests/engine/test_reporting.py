"""What a fit says: nothing, a line an epoch in a pipe, bars in a terminal or a notebook."""

from __future__ import annotations

import io
import multiprocessing
import re
import sys
import threading
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import rich
from helpers.small_fits import KNOWN, NETWORKS, assert_same
from helpers.stopped_fits import Stopped, after_epochs_of
from rich.console import Console
from skorch.callbacks import PrintLog

from skdeepclust import TAGnetClusterer, TripletDECClusterer
from skdeepclust._engine import reports
from skdeepclust._engine.reports import current_report, reporting
from skdeepclust.dictionary import KSVD


@pytest.fixture
def terminal(monkeypatch):
    """Stand in for a terminal of 120 columns; what is written to it can be read."""
    console = Console(file=io.StringIO(), force_terminal=True, force_interactive=True, width=120)
    monkeypatch.setattr(rich, "get_console", lambda: console)
    return console.file


@pytest.fixture
def no_clock(monkeypatch):
    """Steps take less than a second on any machine."""
    monkeypatch.setattr(reports, "SECONDS_OF_A_SHORT_STEP", float("inf"))


def last_screen(terminal) -> list[str]:
    """Return the lines that the bars have left behind, without colours."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    rows = [line.strip() for part in text.split("\r") for line in part.splitlines()]
    found: dict[str, str] = {}
    for row in filter(None, rows):
        found[row.split("━")[0].split("╸")[0].strip()] = row
    return list(found.values())


@pytest.mark.usefixtures("few_head_steps")
@pytest.mark.parametrize("name", NETWORKS)
def test_one_line_an_epoch_in_a_pipe_and_the_same_result(name, capsys, no_clock):
    model, arguments = NETWORKS[name]()
    silent = model.fit(*arguments)
    assert capsys.readouterr().out == ""
    model, arguments = NETWORKS[name]()
    loud = model.set_params(verbose=1).fit(*arguments)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(loud.history_)
    for line, row in zip(lines, loud.history_, strict=True):
        title = f"{type(model).__name__}, {row['phase']}"
        assert re.match(rf"{title}( #\d)? {row['epoch']}/\d+: loss {row['loss']:.4g}\b", line)
        assert re.search(r"\(\d+\.\d s\)$", line)
        for part in set(row) - {"phase", "epoch", "attempt", "seconds"}:
            assert f"{part.replace('_', ' ')} {row[part]:.4g}" in line
    assert_same(silent, loud)


def test_two_is_the_table_of_skorch_without_lines(capsys, no_clock):
    model, arguments = NETWORKS["embedder"]()
    model.set_params(verbose=2).fit(*arguments)
    out = capsys.readouterr().out
    assert "train_loss" in out
    assert type(model).__name__ not in out


def test_the_table_of_skorch_is_made_where_it_is_printed(monkeypatch):
    made = []
    monkeypatch.setattr(PrintLog, "table", lambda log, row: made.append(row) or "a\nb\nc")
    model, arguments = NETWORKS["embedder"]()
    for verbose, expected in ((0, 0), (1, 0), (2, len(model.fit(*arguments).history_))):
        made.clear()
        model.set_params(verbose=verbose).fit(*arguments)
        assert len(made) == expected


def test_bars_of_phases_and_steps_in_a_terminal(terminal, capsys):
    stdout = sys.stdout
    model, arguments = NETWORKS["triplet dec"]()
    model.set_params(verbose=1, n_init=3, n_starts=1).fit(*arguments)
    assert capsys.readouterr().out == ""
    assert sys.stdout is stdout
    title, *rows = last_screen(terminal)
    names = [row.split("━")[0].strip() for row in rows]
    assert title == "TripletDECClusterer"
    assert names == [
        "neighbors", "reconstruction", "warmup", "initial clusters",
        "candidates", "candidates #2",  # of the embedding and of the input
        "clustering",
    ]  # fmt: skip
    counts = {name: row.split("━")[-1].split()[0] for name, row in zip(names, rows, strict=True)}
    assert counts["candidates #2"] == "1/1"  # a third of them
    assert counts["clustering"] == "2/2"
    assert re.match(r"\d:\d\d:\d\d", counts["initial clusters"])
    assert f"loss {model.history_[-1]['loss']:.4g}" in rows[-1]


def test_attempts_share_a_bar(terminal):
    model, arguments = NETWORKS["triplet dec"]()
    model.set_params(verbose=1, n_init=4, n_starts=2).fit(*arguments)
    n_attempts = 1 + max(row.get("attempt", 0) for row in model.history_)
    rows = [row for row in last_screen(terminal) if row.startswith("clustering")]
    assert n_attempts == 2
    assert rows[-1].startswith("clustering #2")


def test_what_is_learned_within_a_step_is_part_of_it(terminal):
    TAGnetClusterer(
        3, n_components=8, dictionary="ksvd", n_init=4, max_epochs=1, random_state=0, verbose=1
    ).fit(KNOWN)
    rows = last_screen(terminal)
    assert any(re.match(r"dictionary\s+━", row) for row in rows)
    assert any(re.match(r"candidates\s+━+ +4/4", row) for row in rows)
    assert any(re.match(r"iterations\s+━.* relative error 0\.\d+", row) for row in rows)


def test_an_estimator_that_is_silent_is_so_within_one_that_is_not(capsys, no_clock):
    with reporting("outer", 1) as report, report.task("step", is_step=True):
        with reporting("inner", 0), current_report().task("phase", 1):
            current_report().advance(1, {"loss": 1.0})
        assert current_report() is report
    assert capsys.readouterr().out == ""


class Failure(Exception):
    pass


def fail() -> None:
    with reporting("model", 1) as report, report.task("phase", 5):
        report.advance(2, {"loss": 0.5})
        raise Failure


def test_bars_end_with_a_fit_that_fails(terminal):
    stdout, threads = sys.stdout, set(threading.enumerate())
    with pytest.raises(Failure):
        fail()
    assert sys.stdout is stdout
    for thread in set(threading.enumerate()) - threads:  # that of the bars ends by itself
        thread.join(10)
        assert not thread.is_alive()
    assert type(current_report()) is reports.Report
    assert re.search(r"phase .* 2/5 .* loss 0\.5", last_screen(terminal)[-1])


def test_the_bar_of_a_phase_that_ended_early_is_full(terminal):
    with reporting("model", 1) as report, report.task("phase", 50):
        report.advance(2)
    assert "╺" not in last_screen(terminal)[-1]
    assert "2/50" in last_screen(terminal)[-1]


def test_names_are_no_markup(terminal):
    with reporting("model [red]", 1) as report, report.task("[bold]phase", 1):
        report.advance(1, {"[loss]": 0.5})
    title, row = last_screen(terminal)
    assert title == "model [red]"
    assert row.startswith("[bold]phase")
    assert row.endswith("[loss] 0.5")


def fit_quickly() -> None:
    KSVD(4, random_state=0, max_iter=3, tol=0, verbose=1).fit(KNOWN)


def stopped_in_its_last_epoch(folder):
    model, arguments = NETWORKS["triplet dec"]()
    model.set_params(verbose=1, checkpoint=folder, n_starts=1)
    with after_epochs_of("clustering", 2), pytest.raises(Stopped):
        model.fit(*arguments)
    return model, arguments


def counts(text: str) -> list[str]:
    return re.findall(r"TripletDECClusterer, (\w+ \d/\d)", text)


def test_lines_of_a_fit_that_goes_on_are_those_of_its_other_epochs(tmp_path, capsys):
    model, arguments = stopped_in_its_last_epoch(tmp_path)
    before = counts(capsys.readouterr().out)
    assert before == ["reconstruction 1/1", "warmup 1/1", "clustering 1/2"]
    model.fit(*arguments)
    assert counts(capsys.readouterr().out) == ["clustering 2/2"]


def test_bars_of_a_fit_that_goes_on_show_all_of_it(tmp_path, request):
    model, arguments = stopped_in_its_last_epoch(tmp_path)
    terminal = request.getfixturevalue("terminal")
    model.fit(*arguments)
    rows = {row.split("━")[0].strip(): row for row in last_screen(terminal)}
    for phase, count in {"reconstruction": "1/1", "warmup": "1/1", "clustering": "2/2"}.items():
        assert re.search(rf"━ +{count} ", rows[phase])


@pytest.mark.parametrize("place", ["thread", "worker", "no rich", "pipe"])
def test_lines_where_bars_have_no_place(place, monkeypatch, request, capsys):
    if place != "pipe":
        request.getfixturevalue("terminal")
    if place == "no rich":
        monkeypatch.setitem(sys.modules, "rich", None)
    if place == "worker":
        process = SimpleNamespace(name="LokyProcess-1")
        monkeypatch.setattr(multiprocessing, "current_process", lambda: process)
    if place == "thread":
        thread = threading.Thread(target=fit_quickly)
        thread.start()
        thread.join()
    else:
        fit_quickly()
    assert capsys.readouterr().out.count("KSVD, iterations") == 3


def test_lines_of_long_steps(capsys, monkeypatch):
    now = iter(np.arange(0.0, 1000.0, 4.0))  # seconds between any two looks at the clock
    monkeypatch.setattr(reports.time, "perf_counter", lambda: next(now))
    with reporting("model", 1), current_report().task("step", is_step=True):
        assert list(current_report().track("parts", "abcdef", 6)) == list("abcdef")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "model, step, parts 3/6", "model, step, parts 6/6", "model, step done",
    ]  # fmt: skip


class Cell:
    """Stand in for the output of a notebook's cell."""

    def __init__(self):
        self.shown = []

    def display(self, table, display_id):
        self.update(table)
        return self

    def update(self, table):
        with Console(file=io.StringIO(), width=100).capture() as capture:
            capture._console.print(table)
        self.shown.append(capture.get())


def test_one_output_of_a_notebook_is_replaced(monkeypatch, capsys):
    cell, module = Cell(), ModuleType("IPython.display")
    module.display = cell.display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    console = Console(force_jupyter=True, file=io.StringIO(), width=100)
    monkeypatch.setattr(rich, "get_console", lambda: console)
    model = TripletDECClusterer(
        3, image_shape=(8, 8), pretrain_epochs=1, warmup_epochs=0, max_epochs=3, random_state=0,
        n_init=1, verbose=1,
    ).fit(KNOWN)  # fmt: skip
    assert capsys.readouterr().out == ""
    assert "TripletDECClusterer" in cell.shown[0]
    assert any("initial clusters" in each and "clustering" not in each for each in cell.shown)
    assert f"loss {model.history_[-1]['loss']:.4g}" in cell.shown[-1]
    assert "have stayed in their initial clusters" in cell.shown[-1]
    assert len(cell.shown) > 3


def rows_of_three_groups():
    rng = np.random.default_rng(0)
    return rng.normal(size=(90, 4)) + 9 * np.eye(4)[np.arange(90) % 3]


@pytest.mark.parametrize("in_terminal", [False, True])
def test_a_fit_says_where_the_network_adds_little(in_terminal, capsys, request):
    screen = request.getfixturevalue("terminal") if in_terminal else None
    model = TripletDECClusterer(
        3, max_epochs=1, pretrain_epochs=1, n_init=2, random_state=0, verbose=1
    )
    model.fit(rows_of_three_groups())
    assert (model.labels_ == model.initial_labels_).all()
    said = "100.0% of the samples have stayed in their initial clusters. The network adds little"
    text = " ".join(last_screen(screen)) if in_terminal else capsys.readouterr().out
    assert said in text


def test_what_a_network_adds_is_said_only_where_no_warmup_has_made_the_start(capsys, no_clock):
    model, arguments = NETWORKS["triplet dec"]()
    model.set_params(verbose=1).fit(*arguments)
    assert "initial clusters." not in capsys.readouterr().out
