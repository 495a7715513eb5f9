"""A benchmark says what it has run, shows what it was asked for, and loses nothing recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks.common import results, runs, selection, tables
from benchmarks.compare import tables as compare_tables
from benchmarks.compare import time_tables
from benchmarks.docs import versions
from benchmarks.forced_apart import run as forced_apart
from benchmarks.scaling import run as scaling
from benchmarks.tagnet import tables as tagnet_tables
from benchmarks.triplet_dec import run as triplet_dec

SCORES = {"NMI": 0.5, "ARI": 0.5, "score": 0.5, "cpu_s": 1.0, "wall_s": 1.0, "peak_rss_mb": 9.0}


@pytest.fixture
def out(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results" / "some.jsonl"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def told(record: dict[str, Any]) -> tuple[int, Any]:
    return record["seed"], record.get("value")


class Fake:
    """Jobs that take no time; each tells how often a job of this kind was done."""

    def __init__(self, runs: ModuleType) -> None:
        self.runs, self.count = runs, 0

    def measure(self) -> dict[str, Any]:
        self.count += 1
        return {"value": self.count}

    def jobs(self, *seeds: int, measure: Callable | None = None) -> list:
        return [
            self.runs.Job("fake", "digits", "default", seed, measure or self.measure)
            for seed in seeds
        ]


@pytest.fixture
def fake() -> Fake:
    return Fake(runs)


# ---------------------------------------------------------------- what is said


def test_runs_are_told_by_where_they_come_from(fake, out, capsys) -> None:
    def said(*seeds: int, **options) -> str:
        fake.runs.run_missing(fake.jobs(*seeds), out, **options)
        return capsys.readouterr().out.splitlines()[-1]

    assert said(0) == "1 run made, 0 taken from results/some.jsonl"
    assert said(0, 1, 2) == "2 runs made, 1 taken from results/some.jsonl"
    assert said(1) == "nothing was run: 1 run taken from results/some.jsonl"
    assert said(0, 2) == "nothing was run: 2 runs taken from results/some.jsonl"
    assert said(0, 2, fresh=True) == "2 runs made, 0 taken from results/some.jsonl"
    assert said(0, 0, 3, 3) == "1 run made, 1 taken from results/some.jsonl"  # each once
    assert len(rows(out)) == 4


def test_a_file_elsewhere_is_told_as_it_was_given(out) -> None:
    assert results.shown_path(out) == "results/some.jsonl"
    assert results.shown_path(Path("results/some.jsonl")) == "results/some.jsonl"
    assert results.shown_path(out.parents[2] / "x.jsonl") == str(out.parents[2] / "x.jsonl")


def test_what_is_always_measured_is_told_as_made(out, capsys) -> None:
    assert results.kept(({"value": value} for value in (1, 2)), out) == rows(out)
    results.kept([{"value": 3}], out)
    assert [row["value"] for row in rows(out)] == [1, 2, 3]
    assert capsys.readouterr().out.splitlines() == [
        "2 runs made, 0 taken from results/some.jsonl",
        "1 run made, 0 taken from results/some.jsonl",
    ]


# ---------------------------------------------------------------- what is made anew


def test_fresh_runs_take_the_place_of_recorded_ones(fake, out) -> None:
    fake.runs.run_missing(fake.jobs(0, 1, 2), out)
    before = out.read_text().splitlines()
    runs = fake.runs.run_missing(fake.jobs(1, 3), out, fresh=True)
    assert [told(row) for row in rows(out)] == [(0, 1), (1, 4), (2, 3), (3, 5)]
    assert [told(row) for row in runs.records()] == [(1, 4), (3, 5)]
    after = out.read_text().splitlines()
    assert (after[0], after[2]) == (before[0], before[2])
    assert list(out.parent.iterdir()) == [out]


def test_each_fresh_run_is_kept_once_it_is_done(fake, out) -> None:
    fake.runs.run_missing(fake.jobs(0, 1), out)

    def cut_off() -> None:
        assert told(rows(out)[0]) == (0, 3)
        raise KeyboardInterrupt

    jobs = fake.jobs(0) + fake.jobs(1, measure=cut_off)
    with pytest.raises(KeyboardInterrupt):
        fake.runs.run_missing(jobs, out, fresh=True)
    assert [told(row) for row in rows(out)] == [(0, 3), (1, 2)]


def test_a_fresh_run_that_fails_costs_no_result(fake, out, capsys) -> None:
    def fail() -> None:
        raise ImportError("the peer isn't installed")

    fake.runs.run_missing(fake.jobs(0), out)
    jobs = fake.jobs(0, 1, measure=fail)
    runs = fake.runs.run_missing(jobs, out, keep_errors=True, fresh=True)
    assert [told(row) for row in rows(out)] == [(0, 1), (1, None)]
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("1 run made, 1 taken from ")
    assert said.endswith("; 1 run failed, recorded results stay")
    assert len(runs.records()) == 2
    runs = fake.runs.run_missing(jobs, out, keep_errors=True, fresh=True)  # a failure for another
    assert len(runs.made) == len(runs.failed) == 1
    fake.runs.run_missing(fake.jobs(1), out, fresh=True)
    assert [told(row) for row in rows(out)] == [(0, 1), (1, 2)]


def test_only_the_own_rows_are_replaced(out) -> None:
    """Twice the same key, as in files put together; a line that was cut off; no end of line."""
    key = {"experiment": "fake", "data": "digits", "setting": "default"}
    lines = [json.dumps({**key, "seed": seed, "value": 0}) for seed in (0, 1, 0)]
    torn = '{"experiment": "fake", "da'
    out.parent.mkdir()
    out.write_text("\n".join([lines[0], torn, *lines[1:]]))
    results.replace_record(out, {**key, "seed": 0, "value": "ä"})
    expected = json.dumps({**key, "seed": 0, "value": "ä"}, ensure_ascii=False)
    assert out.read_text(encoding="utf-8") == "\n".join([expected, torn, lines[1], ""])


# ---------------------------------------------------------------- what is shown


def test_a_script_shows_what_it_was_asked_for(out, monkeypatch, capsys) -> None:
    accuracies = iter([0.25, 0.75, 0.5, 0.125])

    def measured(*_) -> dict[str, Any]:
        return {"ACC": next(accuracies), **SCORES}

    def shown(*arguments: str) -> list[str]:
        command = ["--data", "digits", "--settings", "default", "--out", str(out), *arguments]
        triplet_dec.main(command)
        printed = capsys.readouterr().out.splitlines()
        (note,) = (line for line in printed if " taken from " in line)
        rows = [line.split("|") for line in printed if line.startswith("| digits ")]
        return [note.partition(" taken")[0], *(f"{row[3]}{row[4]}".strip() for row in rows)]

    monkeypatch.setattr(triplet_dec, "measured", measured)
    assert shown("--seeds", "0", "1") == ["2 runs made, 0", "2  0.500 ± 0.354"]
    assert shown("--seeds", "1") == ["nothing was run: 1 run", "1  0.750"]
    assert shown("--seeds", "1", "2") == ["1 run made, 1", "2  0.625 ± 0.177"]
    assert shown("--seeds", "0", "--fresh") == ["1 run made, 0", "1  0.125"]
    assert shown("--seeds", "0", "--table")[0] == "nothing was run: 3 runs"
    with pytest.raises(SystemExit):
        shown("--fresh", "--table")


def test_a_choice_is_made_of_runs_that_are_taken_or_anew(out, capsys) -> None:
    valid = {0.1: 0.7, 0.2: 0.8}

    class Told(selection.Task):
        def candidates(self, setting: str) -> list:
            return [{"lam": lam} for lam in valid]

        def parts(self, mnist: str | None) -> None:
            return None

        def select(self, parts, changes, seed: int) -> dict[str, Any]:
            return {"valid": valid[changes["lam"]]}

        def test(self, parts, changes, seed: int) -> dict[str, Any]:
            return {"AMI": changes["lam"]}

    def shown(*arguments: str) -> list[str]:
        options = forced_apart.parse(["--out", str(out), *arguments])
        options.tasks = ["told"]  # a task that the command line doesn't know
        task = Told("none", 1, 1, 1, {}, 2, 3, ["DeCov"])
        tables = {"tests": lambda records: f"| - |\n| {tested(records)} |"}
        selection.run_and_print(options, {"told": task}, forced_apart.SETTINGS, tables)
        printed = capsys.readouterr().out.splitlines()
        (note,) = (line for line in printed if " taken from " in line)
        return [note.partition(" taken")[0], printed[-1]]

    def tested(records: list[dict[str, Any]]) -> list:
        return [(r["seed"], r["AMI"]) for r in records if r["stage"] == "test"]

    assert shown() == ["7 runs made, 0", "| [(0, 0.2), (1, 0.2), (2, 0.2)] |"]
    assert shown("--seeds", "1") == ["nothing was run: 5 runs", "| [(1, 0.2)] |"]
    valid[0.1] = 0.9  # what the strength is chosen by is made anew, too
    assert shown("--seeds", "1", "--fresh") == ["5 runs made, 0", "| [(1, 0.1)] |"]
    assert len(rows(out)) == 8
    out.write_text(out.read_text() * 2)  # files put together
    assert shown("--table")[0] == "nothing was run: 8 runs"


def test_a_figure_of_nothing_is_refused(out) -> None:
    for draw in (time_tables.draw_time, compare_tables.draw_numbers, tagnet_tables.draw_sweep):
        with pytest.raises(SystemExit, match="No run"):
            draw([], out)


def test_tables_without_a_row_are_left_out() -> None:
    full_and_empty = {
        "full": lambda rows: tables.markdown(["a"], [["b"]]),
        "empty": lambda rows: tables.markdown("a", []),
    }
    assert results.shown(full_and_empty, []) == "full\n\n| a |\n| - |\n| b |"


def test_a_size_is_recorded_or_made_or_left_out(out, monkeypatch, capsys) -> None:
    """The slow row that is there is shown; no time is spent on what only the first fit costs."""
    made = []

    def measure(axis: str, name: str, size: dict[str, int]) -> dict[str, Any]:
        made.append(size[axis])
        return {"axis": axis, **size, "cpu_s": size[axis] / 100, "fit_mb": 1.0}

    monkeypatch.setattr(scaling, "measure", measure)
    options = ["--axes", "samples", "--estimators", "ForcedApartEmbedder", "--out", str(out)]
    options += ["--seconds", "5", "--values"]
    scaling.main([*options, "100", "300", "1000"])
    assert made == [500, 100, 300]
    printed = capsys.readouterr().out
    assert "ForcedApartEmbedder, samples 1000 and more: would take more than 5 s" in printed
    assert "2 runs made, 0 taken from results/some.jsonl" in printed
    scaling.main([*options, "100", "300"])
    assert made == [500, 100, 300]
    assert "nothing was run: 2 runs taken" in capsys.readouterr().out
    scaling.main([*options, "300", "--fresh"])
    assert made[3:] == [500, 300]


# ---------------------------------------------------------------- versions


def test_versions_of_results_and_lock_are_one_line(tmp_path) -> None:
    found = [
        {"python": "3.11.7", "torch": "2.14.1+cu130", "scikit-learn": "1.9.1"},
        {"python": "3.11.7", "torch": "2.13.0+cpu", "scikit-learn": "1.10.0"},
        {"python": "3.11.7", "torch": "2.9.0", "numpy": "2.4.6"},
    ]
    lines = [json.dumps({"versions": each}) for each in found]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines[:2], '{"no": "versions"}', ""]))
    (tmp_path / "b.jsonl").write_text(lines[2])
    lock = tmp_path / "requirements.lock"
    expected = "The results were recorded with Python 3.11.7, NumPy 2.4.6, scikit-learn 1.9.1"
    expected += " to 1.10.0, torch 2.9.0 to 2.14.1"
    assert versions.versions_line(tmp_path, lock) == f"{expected}."
    assert versions.versions_line(tmp_path, None) == f"{expected}."
    lock.write_text(
        "# made by a tool: torch==1.0\n"
        "--index-url https://example.org/simple\n"
        'numpy==2.3.5 ; python_version < "3.12" \\\n    --hash=sha256:0f== \\\n'
        'numpy==2.4.6 ; python_version >= "3.12" \\\n    --hash=sha256:1f\n'
        "Scikit_Learn==1.9.1 \\\n    --hash=sha256:2f\n    # via skdeepclust\n"
        "torch==2.13.0\ntorchvision==0.30.0\n"
    )
    expected += "; the lock has NumPy 2.3.5 to 2.4.6, scikit-learn 1.9.1, torch 2.13.0."
    assert versions.versions_line(tmp_path, lock) == expected
