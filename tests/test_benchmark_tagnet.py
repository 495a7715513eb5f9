"""The benchmark of TAGnet: from runs to tables and the figure."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("tagnet")


@pytest.fixture
def scale(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("tagnet_scale")


def test_from_runs_to_tables(script, tmp_path, capsys) -> None:
    out = tmp_path / "results.jsonl"
    command = ["--data", "digits-150", "--seeds", "0", "--out", str(out), "--experiments", "tables"]
    command += ["--settings", "KMeans", "SC + KMeans", "BE", "TAGnet, 2 stages"]
    script.main(command)
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [record["setting"] for record in records] == command[-4:]
    assert all(0.4 < record["ACC"] <= 1 for record in records)
    assert {"start_ACC", "graph_gain", "score"} <= set(records[-1])
    table = capsys.readouterr().out
    script.main(command)  # everything is there
    assert len(out.read_text().splitlines()) == 4
    assert "| digits-150 | TAGnet, 2 stages | 1     |" in table


def test_the_sweep_and_its_figure(script, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(script, "GRAPH_WEIGHTS", (0.0,))
    monkeypatch.setattr(script, "STAGES", (0, 2))
    out, figure = tmp_path / "results.jsonl", tmp_path / "sweep.png"
    tables = importlib.import_module("_tagnet_tables")
    monkeypatch.setattr(tables, "GRAPH_WEIGHTS", (0.0,))
    monkeypatch.setattr(tables, "STAGES", (0, 2))
    command = ["--data", "digits-100", "--seeds", "0", "--out", str(out), "--experiments", "sweep"]
    script.main([*command, "--figure", str(figure)])
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(records) == 8  # two weights, one of them "auto", and two numbers of stages, twice
    assert {record["trained"] for record in records} == {True, False}
    assert figure.stat().st_size > 10_000


def test_worse_samples(script) -> None:
    X = np.random.default_rng(0).random((200, 20)).astype(np.float32)
    samples = script.Samples(X, np.arange(200) % 5, (4, 5))
    assert np.std(samples.noisy(0.2, seed=0).X - X) == pytest.approx(0.2, abs=0.01)
    assert np.mean(samples.with_missing(0.3, seed=0).X == 0) == pytest.approx(0.3, abs=0.02)
    part = samples.of_classes(3, seed=0)
    assert part.n_clusters == 3
    assert len(part.X) == len(part.y) == 120


def test_robustness_has_a_row_for_each_method(script) -> None:
    jobs = list(script.jobs("noise", script.Samples(np.ones((9, 4)), np.arange(9), (2, 2)), (), 0))
    records = [
        {"experiment": "noise", "data": "digits", "seed": 0, "ACC": 0.5, **job.values}
        for job in jobs
    ]
    table = script.TABLES["tagnet-robustness"](records)
    assert len(table.splitlines()) == 2 + len(script.ROBUST)


def test_a_fit_is_measured(scale, digits, monkeypatch) -> None:
    monkeypatch.setattr(scale, "load", lambda *_: (*digits, (8, 8)))
    records = [
        {
            "data": "batches",
            "setting": setting,
            **scale.measure(n, "batches", setting, None, epochs=2),
        }
        for n in (200, 400)
        for setting in scale.GRAPHS
    ]
    assert all(record["epoch_s"] > 0 for record in records)
    table = scale.table(records)
    assert "| batches  | 400 |" in table
    assert "grows as n^" in table
