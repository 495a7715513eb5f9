"""The benchmark of parsimonious representations chooses on one part and tests on another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.parsimonious import run as script
from benchmarks.parsimonious import tables, tasks

ONE_LAM = {"lam": (0.1,), "baseline": (0.0,)}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# ---------------------------------------------------------------- runs


def test_strengths_are_chosen_before_the_test(monkeypatch, tmp_path) -> None:
    candidates = {"baseline": (0.0,), "lam": (0.1, 1000.0)}
    task = tasks.Classification(
        "digits", 200, 300, 797, {"max_epochs": 3}, 2, 2, ("baseline", "one cluster"), candidates
    )
    monkeypatch.setitem(script.TASKS, "few", task)
    monkeypatch.setattr(script, "parse", _with_few(script.parse))
    out = tmp_path / "results.jsonl"
    script.main(["--out", str(out), "--set", "batch_size=50"])
    records = lines(out)
    selection = [r for r in records if r["stage"] == "selection"]
    assert [r["seed"] for r in selection] == [1000, 1001] * 3
    assert [r["strength"] for r in selection] == [0, 0, 0.1, 0.1, 1000, 1000]
    assert all(0 < r["valid"] <= 1 and "test" not in r for r in selection)
    tests = [r for r in records if r["stage"] == "test"]
    assert [(r["seed"], r["setting"], r["strength"]) for r in tests] == [
        (0, "baseline", 0),
        (0, "one cluster", 0.1),  # a pull of 1000 leaves nothing to tell classes by
        (1, "baseline", 0),
        (1, "one cluster", 0.1),
    ]
    for record in tests:
        assert record["data"] == "few, batch_size=50"
        assert record["parameters"]["batch_size"] == 50
        assert record.keys() >= {"train", "test", "NMI train", "NMI test", "cpu_s", "versions"}

    script.main(["--out", str(out), "--set", "batch_size=50", "--seeds", "1", "2"])
    assert lines(out)[:-2] == records
    assert [r["seed"] for r in lines(out)[-2:]] == [2, 2]


def _with_few(parse):
    def parse_with_few(arguments):
        options = parse(arguments)
        options.tasks = ["few"]  # a task that the command line doesn't know
        return options

    return parse_with_few


def test_autoencoder() -> None:
    parameters = {"max_epochs": 1, "n_components": 2}
    task = tasks.Reconstruction("digits", 100, 50, 60, parameters, strengths=ONE_LAM)
    parts = task.parts(None)
    assert task.candidates("baseline") == (0.0,)
    assert task.candidates("one cluster") == (0.1,)
    chosen, tested = task.select(parts, {"lam": 0}, 0), task.test(parts, {"lam": 0}, 0)
    # pixels of digits between 0 and 1 have a variance of about 64 * .14
    assert 2 < -chosen["valid"] < 20
    assert 2 < tested["train"] < 20
    assert 2 < tested["test"] < 20


def test_zero_shot() -> None:
    task = tasks.ZeroShot("digits", 200, 300, 447, {"max_epochs": 1}, n_each=2, n_unseen=3)
    parts = task.parts(None)
    assert 0 <= task.select(parts, {"lam": 0}, 0)["valid"] <= 1
    assert 0 <= task.test(parts, {"lam": 0}, 0)["test"] <= 1


# ---------------------------------------------------------------- samples


def test_no_sample_is_in_two_parts() -> None:
    parts = tasks.TASKS["digits, 150 labels"].parts(None)
    assert [len(part.y) for part in parts] == [700, 300, 797]
    rows = np.concatenate([part.X for part in parts])
    assert len(np.unique(rows, axis=0)) == 1797
    assert (rows.min(), rows.max()) == (0, 1)


def test_a_seed_draws_other_training_samples() -> None:
    task = tasks.TASKS["digits, 150 labels"]
    pool = task.parts(None).pool
    first, again, other = (task.train(pool, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.X, again.X)
    assert len(np.unique(np.concatenate([first.X, other.X]), axis=0)) > 200
    assert np.bincount(first.y).min() >= 13  # of 150


def test_pairs() -> None:
    seen, valid, test = (set(map(tuple, pairs.tolist())) for pairs in tasks.PAIRS)
    assert (len(seen), len(valid), len(test)) == (70, 10, 20)
    assert len(seen | valid | test) == 100
    for side in (0, 1):  # each attribute has been seen
        assert {pair[side] for pair in seen} == set(range(10))


def test_images_of_pairs() -> None:
    digits = tasks.Part(
        np.stack([np.full((2, 2), d, dtype=float) for d in (3, 7)]), np.array([3, 7])
    )
    task = tasks.ZeroShot("digits", 2, 0, 0, {})
    X, y = task.images(digits, np.array([[3, 7], [7, 7]]), 2, np.random.default_rng(0))
    np.testing.assert_array_equal(X[:, 1], [[3, 3, 7, 7]] * 2 + [[7, 7, 7, 7]] * 2)
    np.testing.assert_array_equal(tasks.averaged(X, 2), [[[3, 7]], [[3, 7]], [[7, 7]], [[7, 7]]])
    np.testing.assert_array_equal(y, [37, 37, 77, 77])


# ---------------------------------------------------------------- settings and tables


def test_settings_have_as_many_candidates() -> None:
    for task in tasks.TASKS.values():
        numbers = {len(task.candidates(name)) for name in task.settings if name != "baseline"}
        assert len(numbers) == 1


def test_convolutions_are_pulled_less() -> None:
    layers = script.SETTINGS["spatial, 50 clusters"](0.5)["layers"]
    assert layers["conv2"] == {"clustering": "spatial", "lam": 0.005}
    assert layers["fc1"] == {"clustering": "sample", "lam": 0.5}


def fake(setting: str, seed: int, stage: str = "test", **values: Any) -> dict[str, Any]:
    key = {"experiment": "classification", "data": "digits", "setting": setting, "seed": seed}
    strength = 0.0 if setting == "baseline" else 2.5
    return {**key, "stage": stage, "strength": strength, "train": 1.0, "cpu_s": 3.0, **values}


def test_table() -> None:
    records = [
        fake("DeCov", 1000, "selection", valid=0.75),
        fake("DeCov", 1000, "selection", valid=0.875, strength=9.0),  # another candidate
        fake("DeCov", 1001, "selection", valid=0.25),
        *(fake("baseline", seed, test=test) for seed, test in enumerate([0.5, 0.6])),
        *(fake("DeCov", seed, test=test) for seed, test in enumerate([0.54, 0.62, 0.1])),
    ]
    _, _, baseline, decov = tables.classification_table(records).splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in (baseline, decov)]
    # by hand: std of 50 and 60 is sqrt(50); the differences 4 and 2 have a standard error of 1
    assert cells[0][:4] == ["digits", "baseline", "", "2"]
    assert cells[0][4:] == ["100.00 ± 0.00", "", "55.00 ± 7.07", "", "3.0"]
    assert cells[1][:4] == ["digits", "DeCov", "2.5", "3"]
    assert cells[1][5] == "50.00"
    assert cells[1][7] == "+3.00 ± 1.00"


def test_an_autoencoder_has_errors() -> None:
    of = {"experiment": "autoencoder", "test": 7.5, "train": 5.25}
    records = [fake("baseline", 1000, "selection", **of, valid=-6.0), fake("baseline", 0, **of)]
    row = tables.autoencoder_table(records).splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[4:7] == ["5.25", "6.00", "7.50"]
