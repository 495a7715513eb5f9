"""The benchmark of Forced Apart compares forms of the same loss, and counts memory rightly."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor

from benchmarks.forced_apart_cost import run as script

LABELS = {"none": None, "two": torch.arange(12) % 5 // 3}


def test_quick_run(tmp_path, capsys) -> None:
    out = tmp_path / "results.jsonl"
    script.main(["--quick", "--out", str(out)])
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(r["n"], r["n_labels"]) for r in records] == [(16, 1), (16, 2), (64, 1), (64, 2)]
    for record in records:
        assert record.keys() >= {"n_threads", "versions", "processor", "date", "products_ratio"}
        assert ("grouped" in record["others"]) == (record["n_labels"] > 1)
        assert record["others"]["all pairs"]["mib"] > record["others"]["dense"]["mib"] > 0
        assert record["mib"] > record["n"] * record["k"] * 4 / 2**20  # the derivatives, at least
    note, _, printed = capsys.readouterr().out.partition("\n")
    assert note == f"4 runs made, 0 taken from {out}"
    script.main(["--table", "--out", str(out)])
    assert capsys.readouterr().out.partition("\n")[2] == printed


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("name", ["all pairs", "dense", "grouped"])
def test_all_forms_are_the_same_loss(name: str, labels: Tensor | None) -> None:
    h = torch.randn(12, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    results = []
    for form in (script.ours, script.OTHERS[name]):
        value = form(h.requires_grad_(), labels, 1.0)
        results.append((value.detach(), torch.autograd.grad(value, h)[0]))
    torch.testing.assert_close(*results, rtol=1e-11, atol=1e-14)


def test_the_peak_is_what_is_held_at_a_time() -> None:
    def step() -> None:
        for _ in range(3):
            first = torch.ones(2**18)  # 1 MiB
            (first + 1).sum()

    # in the second round, the first tensor is still held when its successor is made
    assert script.peak_mib(step) == pytest.approx(2, rel=0.01)


def test_what_would_need_too_much_memory_is_left_out() -> None:
    assert script.is_measured("all pairs", 2048, 15, 1)
    assert not script.is_measured("all pairs", 2048, 128, 1)
    assert script.is_measured("grouped", 8192, 128, 2)
    assert not script.is_measured("grouped", 8192, 128, 1)


def test_verdicts() -> None:
    records = [
        {"n": n, "k": 15, "n_labels": n_labels, "mib": 25.0, "others": {"dense": {"ratio": 2.9}}}
        for n, n_labels in ((2048, 1), (128, 1), (512, 2))
    ]
    text = list(script.verdicts(records))
    assert [line.rpartition(" ")[2] for line in text] == ["missed.", "missed.", "met."]
