"""Benchmarks of serving, precision and imports run, and measure what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.checks import run as checks
from benchmarks.import_time import run as import_time
from benchmarks.precision import run as precision
from benchmarks.serving import run as serving


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_documented_server_is_loaded(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(serving, "BATCHES", (3,))
    monkeypatch.setattr(serving, "CLIENTS", (1,))
    out = tmp_path / "serving.jsonl"
    serving.main(["--seconds", "0.2", "--out", str(out)])
    records = lines(out)
    ways = ["estimator.predict", "ONNX Runtime", "server"]
    assert [(r["way"], r["clients"], r["batch"]) for r in records] == [(w, 1, 3) for w in ways]
    for record in records:
        assert record["samples_per_s"] == pytest.approx(3 * record["requests_per_s"], abs=1)
        assert 0 < record["p50_ms"] <= record["p95_ms"] <= record["p99_ms"]
    note, *table = capsys.readouterr().out.splitlines()
    assert note == f"3 runs made, 0 taken from {out}"
    assert len(table) == 5


class LargestFeature:
    """Stands for a session of ONNX Runtime."""

    def run(self, names, inputs):
        return (inputs["X"].argmax(1),)


def test_wrong_answers_are_no_throughput() -> None:
    with serving.server(LargestFeature()) as port:
        assert serving.client(port, [[1.0, 2.0]], [1], 0.05)
        with pytest.raises(AssertionError):
            serving.client(port, [[1.0, 2.0]], [0], 0.05)


def test_settings_of_precision(tmp_path) -> None:
    out = tmp_path / "precision.jsonl"
    tiny = ["pretrain_epochs=1", "warmup_epochs=1", "max_epochs=1", "n_init=1"]
    options = ["--data", "digits-60", "--seeds", "0", "--set", *tiny, "--out", str(out)]
    precision.main([*options, "--settings", "float32", "fp16"])
    plain, half = lines(out)
    assert (plain["setting"], half["setting"]) == ("float32", "fp16")
    assert plain["emulated"] is False
    assert half["emulated"] is precision.is_emulated("fp16")
    assert half["score"] != plain["score"]  # whether emulated or not, it isn't single precision
    assert set(plain["epoch_s"]) == {"reconstruction", "warmup", "clustering"}


def test_emulated_products_add_up_in_single_precision() -> None:
    a, b = torch.randn(2, 50, 50, generator=torch.Generator().manual_seed(0)).half()
    a.requires_grad_()
    with precision.WideSums():
        product = a @ b
        product.sum().backward()
    assert product.dtype == torch.half
    assert torch.equal(product, (a.float() @ b.float()).half())
    expected = torch.ones(50, 50) @ b.float().T
    assert torch.equal(a.grad, expected.half())


def test_imports_are_timed_in_fresh_processes(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(import_time, "STATEMENTS", ["import skdeepclust"])
    out = tmp_path / "import.jsonl"
    import_time.main(["--repeats", "1", "--out", str(out)])
    (record,) = lines(out)
    assert 0 < record["added"]["import skdeepclust"]["cpu_ms"] < import_time.TARGET_MS
    assert "the target is 150" in capsys.readouterr().out


def test_looks_at_the_values_of_x_cost_next_to_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(checks, "REPEATS", 2)
    out = tmp_path / "checks.jsonl"
    checks.main(["--data", "digits-600", "--out", str(out)])
    (record,) = lines(out)
    assert record["share_of_fit"] < 0.01
    assert record["peak_mb"] < 0.05 * record["process_mb"]
