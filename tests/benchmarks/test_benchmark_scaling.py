"""The benchmarks of large data run, hold their limit, and find known exponents."""

from __future__ import annotations

import json
import math
import sys

import pytest
import torch

from benchmarks.larger_than_memory import run as larger_than_memory
from benchmarks.scaling import run as scaling


def run(n: int, cpu_s: float, fit_mb: float = 100.0) -> dict:
    key = {"experiment": "scaling", "data": f"samples {n}", "seed": 0, "axis": "samples"}
    return {**key, "setting": "a method", "samples": n, "cpu_s": cpu_s, "fit_mb": fit_mb}


def test_exponents_are_those_of_the_largest_values() -> None:
    runs = [run(n, 5 + 1e-6 * n**2, 1e-3 * n) for n in (10, 10_000, 30_000, 100_000)]
    assert scaling.exponent(runs, "samples", "cpu_s") == pytest.approx(2, abs=0.03)
    assert scaling.exponent(runs, "samples", "fit_mb", least=20) == pytest.approx(1)
    assert math.isnan(scaling.exponent(runs[:1], "samples", "cpu_s"))
    quadratic, linear = (
        scaling.table([run(n, 1e-6 * n**power) for n in (1000, 3000, 1_000_000)])
        for power in (2, 1)
    )
    assert "^2.00, **faster**" in quadratic
    assert "**faster**" not in linear
    assert "(budget)" not in linear
    assert "3,000 (budget)" in scaling.table([run(n, n) for n in (1000, 3000)])


def test_a_size_that_would_take_too_long_is_left_out(tmp_path, capsys) -> None:
    out = tmp_path / "scaling.jsonl"
    options = ["--axes", "samples", "--estimators", "ForcedApartEmbedder", "--out", str(out)]
    scaling.main([*options, "--values", "200", "400", "--figure", str(tmp_path / "scaling.png")])
    scaling.main([*options, "--values", "10000000", "--seconds", "1"])
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [record["samples"] for record in records] == [200, 400]
    assert all(record["cpu_s"] > 0 for record in records)
    assert (tmp_path / "scaling.png").stat().st_size > 1000
    assert "400 (budget)" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux limits anonymous memory so")
@pytest.mark.skipif(
    torch.version.cuda is not None, reason="torch for GPUs takes more than the limit by itself"
)
def test_a_fit_under_a_limit_in_which_the_file_does_not_fit(tmp_path) -> None:
    out = tmp_path / "larger.jsonl"
    options = ["--gigabytes", "0.3", "--limit", "520", "--folder", str(tmp_path)]
    options += ["--estimators", "ForcedApartEmbedder", "--out", str(out)]
    larger_than_memory.main(options)
    (record,) = (json.loads(line) for line in out.read_text(encoding="utf-8").splitlines())
    assert record["whole_copy"] == "MemoryError"
    assert 0 < record["peak_anonymous_mb"] < 520
    assert record["n_samples"] == pytest.approx(0.3e9 / (4 * 4096), abs=1)
    assert not list(tmp_path.glob("*/X.npy"))
