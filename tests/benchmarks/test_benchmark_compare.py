"""The comparison with other libraries: from runs to tables, and the registry of benchmarks."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import run
from benchmarks.common import data, runs
from benchmarks.compare import criteria, judge, methods, samples, tables
from benchmarks.compare import run as compare
from benchmarks.compare import time_tables as time


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_from_runs_to_tables(tmp_path, capsys, train_briefly) -> None:
    train_briefly(5, but="heads")
    out = tmp_path / "compare.jsonl"
    command = ["--data", "digits-200", "--seeds", "0", "1", "--out", str(out)]
    command += ["--experiments", "methods", "halves", "--methods", "KMeans", "TAGnetClusterer"]
    compare.main(command)
    records = rows(out)
    assert [record["experiment"] for record in records] == ["methods"] * 4 + ["halves"] * 4
    deep, new = records[0], records[4]
    assert deep["setting"] == new["setting"] == "TAGnetClusterer"
    assert criteria.CRITERIA.keys() <= deep.keys()
    assert 0.3 < new["new_ACC"] <= 1
    assert new["n_samples"] == 100
    printed = capsys.readouterr().out
    assert "| digits-200 | **TAGnetClusterer** | 2     |" in printed
    compare.main([*command, "--table"])
    assert len(rows(out)) == 8


def test_numbers_of_clusters_and_what_criteria_say_of_them(tmp_path) -> None:
    out = tmp_path / "compare.jsonl"
    command = ["--data", "digits-150", "--seeds", "0", "1", "--out", str(out)]
    compare.main([*command, "--experiments", "numbers", "--methods", "KMeans"])
    records = rows(out)
    assert {record["n_clusters"] for record in records} == {*range(2, 13), 14, 16, 18, 20}
    curve = tables.curves(records)["digits-150", "KMeans"]
    assert curve[2]["stability"] <= 1
    best = max(curve, key=lambda number: curve[number]["ARI"])
    row = tables.numbers(records).splitlines()[-1]
    assert row.split("|")[2].strip() == str(best)


def test_the_judge_is_compared_with_classes(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(judge, "N_INIT", 5)
    out = tmp_path / "compare.jsonl"
    compare.main(
        ["--data", "digits-150", "--seeds", "0", "--experiments", "judge", "--out", str(out)]
    )
    (record,) = rows(out)
    assert record["mean_ACC"] <= record["best_ACC"]
    assert record["ACC"] <= record["best_ACC"]
    assert -1 <= record["rank_correlation"] <= 1
    *_, of_data, mean = judge.table(rows(out)).splitlines()
    assert of_data.split("|")[2:] == mean.split("|")[2:]


def test_the_last_peak_is_before_the_final_fall() -> None:
    score = {2: 0.9, 3: 0.5, 5: 0.6, 9: 0.4, 10: 0.8, 11: 0.7, 20: 0.1}
    assert tables.largest(score) == "2"
    assert tables.last_peak(score) == "10"
    assert tables.last_peak({2: 3.0, 3: 2.0, 4: 1.0}) == ""  # it only falls
    curve = {2: {"stability": math.nan}, 3: {"stability": 0.5}, 4: {}}
    assert tables.known(curve, "stability") == {3: 0.5}


def test_labels_are_kept_as_text() -> None:
    labels = np.arange(500) % 20
    assert np.array_equal(criteria.unpacked(criteria.packed(labels)), labels)


def test_a_sample_of_noise_is_never_right() -> None:
    y = np.array([0, 0, 1, 1])
    assert runs.scores(y, np.array([0, 0, 1, -1]))["ACC"] == 0.75
    assert runs.scores(y, np.array([-1, -1, -1, -1]))["ACC"] == 0
    assert runs.scores(y, np.array([0, 0, 1, -1]))["noise"] == 0.25
    assert runs.scores(y, y)["ARI"] == 1


def test_classes_become_rarer_along_a_line() -> None:
    y = np.repeat(np.arange(5), 2_000)
    some = samples.Samples(np.zeros((len(y), 1)), y, None).imbalanced(0.2, seed=0)
    shares = np.bincount(some.y) / 2_000
    np.testing.assert_allclose(shares, [0.2, 0.4, 0.6, 0.8, 1], atol=0.04)
    assert shares[-1] == 1


def test_halves_are_all_samples() -> None:
    first, second = samples.Samples(np.arange(9)[:, None], np.arange(9) % 3, None).halves(seed=0)
    both = np.concatenate([first.X, second.X]).ravel()
    assert np.array_equal(np.sort(both), np.arange(9))
    assert abs(len(first.X) - len(second.X)) == 1


def test_rank_correlations_are_over_seeds() -> None:
    runs = [
        {
            "experiment": "methods",
            "data": "digits",
            "setting": "TripletDECClusterer",
            "seed": seed,
            "ACC": accuracy,
            "score": accuracy**2,
            "input_silhouette": -accuracy,
        }
        for seed, accuracy in enumerate([0.5, 0.9, 0.7, 0.8, 0.6])
    ]
    lines = tables.trust(runs).splitlines()
    assert lines[2].split("|")[2].strip() == "+1.00"
    assert lines[3].split("|")[2].strip() == "-1.00"
    assert lines[-1].split("|")[2].strip() == "0.900"
    assert "digits" not in tables.trust(runs[:4])  # too few


def test_unequal_classes_stand_beside_the_paper() -> None:
    run = {"experiment": "imbalance", "data": "mnist", "seed": 0, "ACC": 0.9, "retention": 0.1}
    table = tables.imbalance([{**run, "setting": "KMeans, retention 0.1"}])
    assert [line.split("|")[3].strip() for line in table.splitlines()[2:]] == ["0.900", "0.880"]


def test_a_method_that_fails_has_a_row() -> None:
    run = {"experiment": "methods", "data": "digits", "setting": "ClustPy DEC", "error": "..."}
    assert "| fails |" in tables.methods([run])


# ---------------------------------------------------------------- by time


def timed(setting: str, seconds: float, accuracy: float) -> dict:
    experiment = "epochs" if "," in setting else "methods"
    run = {"experiment": experiment, "data": "digits", "seed": 0, "setting": setting}
    return {**run, "cpu_s": seconds, "ACC": accuracy}


def test_what_is_slower_and_no_better_is_not_worth_its_time(tmp_path) -> None:
    records = [
        timed("TripletDECClusterer", 24, 0.98),
        timed("ClustPy N2D", 50, 0.9),
        timed("KMeans", 0, 0.8),
        timed("SpectralClustering", 0.1, 0.8),
        timed("UMAP + KMeans", 5, 0.85),
        timed("TripletDECClusterer, 0.25 of the epochs", 4, 0.9),
    ]
    assert [cell.method for cell in time.frontier(time.measured(records))] == [
        "KMeans",
        "TripletDECClusterer, 0.25 of the epochs",
        "TripletDECClusterer",
    ]
    assert time.time(records).count("digits") == 3
    assert time.epochs(records).count("digits") == 2
    assert "digits" not in time.epochs(records[:5])  # nothing to compare with
    time.draw_time(records, tmp_path / "time.png")
    assert (tmp_path / "time.png").stat().st_size > 10_000


def test_fewer_epochs_are_an_experiment(tmp_path) -> None:
    out = tmp_path / "compare.jsonl"
    method = "TripletDECClusterer, 0.25 of the epochs"
    command = ["--data", "digits-120", "--seeds", "0", "--out", str(out)]
    compare.main([*command, "--experiments", "epochs", "--methods", method])
    (record,) = rows(out)
    assert (record["setting"], record["n_samples"]) == (method, 120)
    fitted = methods.EPOCHS[method](samples.load_samples("digits-120"), 10, 0)
    phases = [row["phase"] for row in fitted.clusterer.history_]
    assert (phases.count("warmup"), phases.count("clustering")) == (25, 4)


# ---------------------------------------------------------------- the registry


def test_the_registry_names_scripts_and_their_options(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(run, "QUICK", tmp_path)
    for benchmark in run.REGISTRY.values():
        script = importlib.import_module(f"benchmarks.{benchmark.folder}.run")
        for quick in (False, True):
            if benchmark.quick if quick else benchmark.whole:
                script.parse(
                    run.command_of(benchmark, quick, [])[3:]
                )  # exits on what it doesn't know
    assert run.main(["--list"]) == 0
    assert "compare: " in capsys.readouterr().out


def test_the_registry_tells_what_failed(monkeypatch, capfd) -> None:
    monkeypatch.setattr(run, "REGISTRY", {"import": run.Benchmark("import_time", "seconds")})
    assert run.main(["import", "--no-such-option"]) == 1
    assert "Failed: import" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        run.main(["no such benchmark"])


# ---------------------------------------------------------------- data of one's own


def test_a_file_of_ones_own(tmp_path) -> None:
    X = np.random.default_rng(0).random((60, 10, 12))
    np.savez(tmp_path / "coil.npz", X=X, y=np.repeat(["cat", "dog"], 30))
    coil = samples.load_samples(str(tmp_path / "coil.npz"))
    assert coil.X.shape == (60, 120)
    assert coil.image_shape == (10, 12)
    assert coil.y.tolist() == [0] * 30 + [1] * 30
    np.savez(tmp_path / "rows.npz", X=X[:, 0], y=np.arange(60))
    assert data.load(str(tmp_path / "rows.npz"))[2] is None
    with pytest.raises(SystemExit, match="There is no"):
        data.load(str(tmp_path / "none.npz"))


def test_images_from_openml(monkeypatch) -> None:
    asked = []

    def fetch(data_id, **options):
        asked.append(data_id)
        return np.linspace(-1, 1, 9 * 256).reshape(9, 256), np.array(list("123456789"))

    monkeypatch.setattr(data, "fetch_openml", fetch)
    X, y, image_shape = data.load("usps-5")
    assert asked == [data.OPENML["usps"][0]]
    assert X.shape == (5, 256)
    assert (X.min() >= 0, image_shape) == (True, (16, 16))
    assert set(y) <= set(range(9))

    def offline(**_):
        raise OSError("no internet")

    monkeypatch.setattr(data, "fetch_openml", offline)
    with pytest.raises(SystemExit, match=r"cifar-10 can't be fetched.*no internet"):
        data.load("cifar-10")


def test_the_figure_and_the_summary(tmp_path) -> None:
    records = []
    for number in (2, 3, 4):
        for seed in (0, 1):
            labels = (np.arange(60) + seed) % number
            values = dict.fromkeys(criteria.CRITERIA, 1 / (1 + abs(number - 3)))
            records.append(
                {
                    "experiment": "numbers",
                    "data": "digits",
                    "setting": f"TAGnetClusterer, clusters {number}",
                    "n_clusters": number,
                    "seed": seed,
                    "ACC": 0.5,
                    "ARI": 0.5 - abs(number - 3) / 10,
                    "labels": criteria.packed(labels),
                    **values,
                }
            )
    tables.draw_numbers(records, tmp_path / "numbers.png")
    assert (tmp_path / "numbers.png").stat().st_size > 10_000
    row = next(line for line in tables.numbers(records).splitlines() if "`score`" in line)
    assert row.split("|")[2].strip() == "3"
    run = {"experiment": "methods", "seed": 0, "ACC": 0.5, "NMI": 0.25, "cpu_s": 3.2}
    runs = [{**run, "data": data, "setting": "KMeans"} for data in ("digits", "segments")]
    assert tables.summary(runs).count("KMeans") == 1
