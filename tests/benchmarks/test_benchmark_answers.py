"""The benchmark of what is asked of a clustering: from runs to tables."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.answers import experiments, peers, run, stream, tables
from benchmarks.answers.tables import TABLES
from benchmarks.compare.samples import Samples, load_samples


@pytest.fixture
def samples() -> Samples:
    return load_samples("digits-400")


def test_sizes_from_runs_to_tables(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setitem(run.INSIDE, "sizes", {"digits": ("KMeans", "PCA + GaussianMixture")})
    monkeypatch.setattr(run, "PROGRAMS", ((200, 4),))
    out = tmp_path / "answers.jsonl"
    command = ["--experiments", "sizes", "assignment", "--seeds", "0", "--out", str(out)]
    run.main(command)
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [record["experiment"] for record in records] == ["sizes", "sizes", "assignment"]
    for record in records[:2]:
        assert record["least, bounded, known"] >= 0.88 * record["mean size"]
        assert record["most, bounded, known"] <= 1.12 * record["mean size"]
        assert record["most, free, known"] > record["most, bounded, known"]
    assert "| digits | KMeans " in capsys.readouterr().out
    run.main(command)
    assert len(out.read_text().splitlines()) == 3


def test_a_withheld_class_is_in_no_fit(samples) -> None:
    known, usual, new = experiments.withheld(samples, 3)
    assert set(samples.y[new]) == {3}
    assert 3 not in samples.y[np.concatenate([known, usual])]
    assert len({*known, *usual, *new}) == len(samples.y)


def test_novelty_has_a_row_for_each_score(samples) -> None:
    settings = (experiments.PEERS, "PCA + GaussianMixture")
    records = [
        {"experiment": "novelty", "data": "digits", "setting": setting, "seed": digit}
        | experiments.novelty(samples, setting, digit)
        for setting in settings
        for digit in (0, 6)
    ]
    assert all(0 < record["input, k=1"] <= 1 for record in records[2:])
    assert len(TABLES["novelty"](records).splitlines()) == 2 + 2 + 3
    assert len(TABLES["novelty-neighbors"](records).splitlines()) == 2 + 2
    assert len(TABLES["novelty-refused"](records).splitlines()) == 2 + 3
    assert len(TABLES["novelty-cost"](records).splitlines()) == 2 + 1
    other = {"experiment": "novelty", "data": "digits", "setting": peers.HDBSCAN_SCORES, "seed": 0}
    records.append({**other, "HDBSCAN": 0.5})
    assert "| HDBSCAN " in TABLES["novelty"](records)
    assert len(TABLES["novelty-neighbors"](records).splitlines()) == 2 + 2


def test_the_worst_class_is_that_of_the_lowest_mean() -> None:
    values = {0: 0.9, 10: 0.5, 1: 0.6, 11: 0.6}
    runs = [{"seed": seed, "score": value} for seed, value in values.items()]
    assert tables.auroc(runs, "score") == ["0.650 ± 0.173", "0.600", 4]


def test_what_others_find_has_a_row(samples, monkeypatch) -> None:
    monkeypatch.setitem(peers.COUNTERS, "signs", lambda X, seed: np.where(X[:, 20] > 0.5, 0, -1))
    found = peers.number(samples, "signs", 0)
    assert found["found"] == 1
    assert 0 < found["noise"] < 1
    record = {"experiment": "number", "data": "digits", "setting": "signs", "seed": 0, **found}
    assert len(TABLES["number"]([record]).splitlines()) == 3
    bounded = {f"{kind}, bounded, {place}": 1.0 for kind in ("least", "most", "ACC")
               for place in ("known", "new")}  # fmt: skip
    record = {"experiment": "sizes", "data": "digits", "setting": peers.BOUNDED_KMEANS, "seed": 0}
    assert len(TABLES["sizes"]([{**record, "mean size": 2.0, **bounded}]).splitlines()) == 2 + 2


@pytest.mark.parametrize(
    ("experiment", "table"),
    [
        ("consensus",) * 2,
        ("hierarchy",) * 2,
        ("explained",) * 2,
        ("explained", "explained-costs"),
        ("cost", "answers-cost"),
    ],
)
def test_other_experiments_have_a_row_each(samples, experiment, table) -> None:
    found = run.MEASURE[experiment](samples, "PCA + GaussianMixture", 0)
    record = {"experiment": experiment, "data": "digits", "setting": "mixture", "seed": 0, **found}
    assert len(TABLES[table]([record]).splitlines()) == 3


def test_parts_are_all_samples_and_new_classes_come_last(samples) -> None:
    parts = stream.parts_of(samples, 0)
    rows = np.concatenate([parts.first, parts.second, parts.third])
    assert sorted(rows) == list(range(len(samples.y)))
    assert not np.isin(samples.y[parts.first], parts.new).any()
    assert not np.isin(samples.y[parts.second], parts.new).any()
    assert len(np.unique(samples.y[parts.uneven])) == 4


def test_a_stream_has_a_row_for_each_way_of_going_on(samples) -> None:
    records = [
        {"experiment": "stream", "data": "digits", "setting": setting, "seed": 0}
        | stream.stream(samples, setting, 0)
        for setting in (stream.GOES_ON, "KMeans")
    ]
    assert records[1]["parts: kept"] > 0.9
    assert records[1]["parts: kept"] > records[1]["anew: kept"]
    assert len(TABLES["stream"](records).splitlines()) == 2 + 1 + 3
    assert len(TABLES["stream-check"](records).splitlines()) == 2 + 1
