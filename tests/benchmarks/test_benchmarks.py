"""The benchmarks run, write what their tables need, skip what is done, compare like with like."""

from __future__ import annotations

import importlib
import json
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.common import data, options, records, runs, surroundings
from benchmarks.devices import run as devices
from benchmarks.docs import update
from benchmarks.memory import run as memory
from benchmarks.overhead import loop
from benchmarks.overhead import run as overhead
from benchmarks.triplet_dec import run as triplet_dec

SURROUNDINGS = {"n_threads", "versions", "processor", "date"}
TINY = ["pretrain_epochs=1", "warmup_epochs=1", "max_epochs=1", "n_init=2"]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# ---------------------------------------------------------------- quality


def test_runs_are_written_once(tmp_path, capsys) -> None:
    out = tmp_path / "new" / "results.jsonl"
    options = ["--data", "digits-120", "--settings", "no-warmup", "KMeans", "--set", *TINY]
    options += ["--out", str(out), "--seeds"]
    triplet_dec.main([*options, "0"])
    deep, control = lines(out)
    assert deep["setting"] == f"no-warmup, {', '.join(TINY)}"
    assert deep["parameters"].items() >= {"n_clusters": 10, "image_shape": [8, 8]}.items()
    assert set(deep["phase_s"]) == {"reconstruction", "warmup", "clustering"}  # --set comes last
    assert 0 <= deep["score"] <= 1
    assert control["setting"] == "KMeans"
    assert control["score"] is None
    for record in (deep, control):
        assert (record["experiment"], record["data"]) == ("triplet_dec", "digits-120")
        assert record["seed"] == 0
        assert record["n_samples"] == 120
        assert record.keys() >= SURROUNDINGS | {"NMI", "ARI", "clusters_used", "wall_s"}
        assert 0 < record["ACC"] <= 1
        assert record["cpu_s"] > 0
        assert record["peak_rss_mb"] > 50
    assert "no-warmup" in capsys.readouterr().out

    triplet_dec.main([*options, "0", "1"])
    assert [record["seed"] for record in lines(out)] == [0, 0, 1, 1]
    assert lines(out)[:2] == [deep, control]


def test_every_setting_runs(tmp_path) -> None:
    out = tmp_path / "results.jsonl"
    options = ["--data", "digits-100", "--seeds", "0", "--set", *TINY, "--out", str(out)]
    triplet_dec.main([*options, "--settings", "all", "default"])
    names = [record["setting"].split(",")[0] for record in lines(out)]
    assert names == [*triplet_dec.SETTINGS, *triplet_dec.CONTROLS]


def test_warnings_are_kept(digits) -> None:
    class Warns(triplet_dec.KMeans):
        def fit_predict(self, X):
            warnings.warn("nothing converged", UserWarning, stacklevel=1)
            return super().fit_predict(X)

    def measure():
        return triplet_dec.run(Warns(10, n_init=1), *(part[:100] for part in digits))

    job = runs.Job("triplet_dec", "digits-100", "KMeans", 0, measure)
    assert runs.measured(job)["warnings"] == ["UserWarning: nothing converged"]


def test_errors_are_results_where_peers_are_compared(tmp_path) -> None:
    def fail():
        raise RuntimeError("diverged")

    job = runs.Job("methods", "digits", "a peer", 0, fail)
    with pytest.raises(RuntimeError, match="diverged"):
        runs.run_missing([job], tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    runs.run_missing([job], tmp_path / "out.jsonl", keep_errors=True)
    (record,) = lines(tmp_path / "out.jsonl")
    assert record["error"] == "RuntimeError: diverged"


def fake(seed: int, accuracy: float, **values: Any) -> dict[str, Any]:
    key = {"experiment": "triplet_dec", "data": "digits", "setting": "default", "seed": seed}
    scores = {"ACC": accuracy, "NMI": 0.5, "ARI": 0.25, "score": accuracy, "warnings": []}
    return {**key, **scores, "cpu_s": 2.0, "wall_s": 1.0, "peak_rss_mb": 100.0, **values}


def test_table(tmp_path, capsys) -> None:
    warning = "ConvergenceWarning: 9 of n_clusters=10 clusters have samples"
    runs = [fake(0, 0.7), fake(1, 0.9, score=0.1, cpu_s=4.0), fake(2, 0.8, warnings=[warning])]
    out = tmp_path / "results.jsonl"
    # the last run was cut off
    out.write_text("".join(json.dumps(run) + "\n" for run in runs) + '{"experiment": "tripl')
    triplet_dec.main(["--table", "--out", str(out)])
    note, _, rule, row = capsys.readouterr().out.splitlines()
    assert note == f"nothing was run: 3 runs taken from {out}"
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    # by hand: std of .7, .9, .8 is sqrt((.01 + .01) / 2); of 2, 4, 2 it is sqrt(4 / 3)
    assert cells[:4] == ["digits", "default", "3", "0.800 ± 0.100"]
    assert cells[4:6] == ["0.700", "0.800"]  # the worst; that of the highest score
    assert cells[6:8] == ["0.500 ± 0.000", "0.250 ± 0.000"]
    assert cells[8:] == ["2.7 ± 1.2", "100"]
    assert set(rule) == set("| -")


def test_a_torn_line_harms_no_other(tmp_path) -> None:
    out = tmp_path / "results.jsonl"
    records.append_record(out, {"seed": 0})
    out.write_text(out.read_text() + '{"seed": 1, "AC')
    records.append_record(out, {"seed": 2})
    assert records.read_records(out) == [{"seed": 0}, {"seed": 2}]


# ---------------------------------------------------------------- data and surroundings


def test_a_size_draws_the_same_samples(digits) -> None:
    X, y, image_shape = data.load("digits-1k")
    rows = np.random.default_rng(0).choice(1797, 1000, replace=False)
    np.testing.assert_array_equal(X, digits[0][rows])
    np.testing.assert_array_equal(y, digits[1][rows])
    assert image_shape == (8, 8)


def test_what_cannot_be_loaded_is_told(tmp_path) -> None:
    with pytest.raises(SystemExit, match="'digit'"):
        data.load("digit")
    with pytest.raises(SystemExit, match="1797"):
        data.load("digits-2k")
    with pytest.raises(SystemExit, match="--mnist FOLDER"):
        data.load("mnist", str(tmp_path))


def test_thread_limit_is_lifted() -> None:
    before = torch.get_num_threads()
    with surroundings.thread_limit(before + 1):
        assert surroundings.surroundings()["n_threads"] == before + 1
    assert torch.get_num_threads() == before


# ---------------------------------------------------------------- overhead and memory


def mirror(x: torch.Tensor) -> torch.Tensor:
    return x.flip(-1)


def test_the_plain_loop_trains_what_the_estimator_trains(digits, monkeypatch) -> None:
    """With one batch and a network that stands still, both tell the same losses."""
    monkeypatch.setitem(loop.OBJECTIVE, "lr", 1e-12)
    X = digits[0][:50]
    # so many epochs that the running batch statistics, which P depends on, stand still too
    estimator = loop.make_estimator((8, 8), 50, augmentation=mirror, random_state=0).fit(X)
    plain = loop.make_plain_loop(estimator, X, mirror)
    ours = [row["loss"] for row in estimator.history_]
    epoch = plain.start("warmup")
    np.testing.assert_allclose([epoch() for _ in range(4)], ours[:4], rtol=1e-4)
    epoch = plain.start("clustering")
    np.testing.assert_allclose([epoch() for _ in range(2)], ours[-2:], rtol=1e-4)


def test_overhead(tmp_path, capsys) -> None:
    out = tmp_path / "overhead.jsonl"
    options = ["--data", "digits-200", "--rounds", "1", "--epochs", "1", "--out", str(out)]
    overhead.main([*options, "--profile"])
    (record,) = lines(out)
    assert record.keys() >= SURROUNDINGS | {"rounds", "n_samples", "steps_per_epoch"}
    for phase in ("warmup", "clustering"):
        step = record[phase]
        assert step["ratio"] == pytest.approx(step["estimator_ms"] / step["plain_ms"], rel=1e-2)
    note, _, printed = capsys.readouterr().out.partition("\n")
    assert note == f"1 run made, 0 taken from {out}"
    assert "run_single_epoch" in printed  # the profile
    overhead.main(["--table", "--out", str(out)])
    note, _, table = capsys.readouterr().out.rstrip().partition("\n")
    assert note == f"nothing was run: 1 run taken from {out}"
    assert printed.startswith(table)


def test_memory(tmp_path, capsys) -> None:
    out = tmp_path / "memory.jsonl"
    options = ["--data", "digits", "--samples", "60", "--dtype", "float32", "--out", str(out)]
    memory.main(options)
    (record,) = lines(out)
    assert record.keys() >= SURROUNDINGS
    assert (record["data"], record["dtype"]) == ("digits-60", "float32")
    assert record["map_mb"] == pytest.approx(60 * 64 * 4 / 1e6, abs=0.1)
    assert record["fit_mb"] == pytest.approx(record["peak_mb"] - record["import_mb"], abs=0.2)
    assert 0 < record["fit_mb"] < record["peak_mb"]
    assert "within the limit" in capsys.readouterr().out


# ---------------------------------------------------------------- the documentation


def test_the_pages_show_the_results() -> None:
    for page in update.PAGES:
        text = page.read_text(encoding="utf-8")
        assert update.MARKER.search(text)
        assert update.updated(text) == text, "run python -m benchmarks.docs.update"


# ---------------------------------------------------------------- devices


def test_a_gpu_is_told_beside_its_processor(tmp_path, capsys) -> None:
    out = tmp_path / "results.jsonl"
    options = ["--data", "digits-60", "--devices", "cpu", "--out", str(out)]
    devices.main([*options, "--estimators", "ForcedApartEmbedder"])
    (on_cpu,) = lines(out)
    assert on_cpu["setting"] == "ForcedApartEmbedder, cpu"
    assert on_cpu["wall_s"] > 0
    assert on_cpu["device_mb"] is None
    assert "ForcedApartEmbedder" in capsys.readouterr().out
    gpu = {"setting": "ForcedApartEmbedder, cuda", "device": "one GPU", "device_mb": 12.3}
    header, _, _, row = devices.table(
        [on_cpu, {**on_cpu, **gpu, "wall_s": on_cpu["wall_s"] / 4}]
    ).splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    told = dict(zip([cell.strip() for cell in header.strip("|").split("|")], cells, strict=True))
    assert told["device"] == "one GPU"
    assert told["times as fast"] == "4.0"
    assert told["GPU MB"] == "12"


# ---------------------------------------------------------------- command lines

RUNS = sorted(path.parent.name for path in Path(records.ROOT, "benchmarks").glob("*/run.py"))
MODULES = ["benchmarks.run", "benchmarks.docs.update", *(f"benchmarks.{name}.run" for name in RUNS)]


def imported(name: str) -> ModuleType:
    if name == "benchmarks.mutation.run":
        pytest.importorskip("mutmut")
    return importlib.import_module(name)


@pytest.mark.parametrize("name", MODULES)
def test_help_is_all_that_help_does(name, monkeypatch, capsys) -> None:
    def write(*arguments, **options) -> None:
        raise AssertionError("help writes a file")

    module = imported(name)
    monkeypatch.setattr(Path, "write_text", write)
    with pytest.raises(SystemExit) as exit:
        module.main(["--help"])
    assert exit.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: python -m {name} ")
    assert f"\n    python -m {name}" in told


@pytest.mark.parametrize("name", sorted(set(RUNS) - {"mutation"}))
def test_results_that_cant_be_written_are_told_before_the_first_run(name, tmp_path, capsys) -> None:
    module = imported(f"benchmarks.{name}.run")
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "file" / "results.jsonl"):
        with pytest.raises(SystemExit) as exit:
            module.main(["--out", str(out)])
        assert exit.value.code == 2
        told = capsys.readouterr()
        assert f"--out {out} can't be written" in told.err
        assert told.out == ""


def test_a_look_whether_a_file_can_be_written_leaves_it(tmp_path) -> None:
    out = tmp_path / "new" / "results.jsonl"
    options.check_writable(out, replaceable=True)
    assert list(out.parent.iterdir()) == []
    out.write_text("{}")
    options.check_writable(out, replaceable=True)
    assert out.read_text() == "{}"
    assert list(out.parent.iterdir()) == [out]
