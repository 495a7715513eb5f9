"""The benchmark of fits by several processes counts what is sent, and its arithmetic is right."""

from __future__ import annotations

import pytest
import torch

from benchmarks.data_parallel import run as script
from benchmarks.data_parallel import tables
from skdeepclust._engine.sharding import Shard


def test_one_of_many_sees_copies_of_its_own_rows_and_counts_them() -> None:
    traffic = script.Traffic()
    shard = Shard(script.OneOfMany(4, traffic), 6)
    rows = torch.arange(12.0).view(6, 2)
    gathered = shard.gather(rows[shard.own])  # rows 0 and 4
    assert gathered[:, 0].tolist() == [0, 0, 0, 0, 8, 8]
    assert traffic.sent["gathered"] == 2 * 2 * 4
    assert shard.ranks.sum_(torch.ones(3)).tolist() == [4, 4, 4]
    shard.ranks.average_([torch.ones(5), torch.ones(5)])
    assert traffic.sent["reduced"] == 3 * 4 + 10 * 4
    assert traffic.sent["calls"] == 3


def test_the_arithmetic_of_a_step() -> None:
    record = {"size": 8, "reduced": 4e6, "gathered": 1e5, "calls": 10}
    seconds = tables.network_seconds(record, 1e9, 1e-5)
    assert seconds == pytest.approx((2 * 4e6 * 7 / 8 + 7e5) / 1e9 + 10 * 6 * 1e-5)
    assert tables.network_seconds({**record, "size": 1}, 1e9, 1e-5) == 0


def test_the_tables() -> None:
    head = {"data": "digits", "method": "A", "batch_size": 64, "gathered": 1e5, "calls": 10}
    records = [
        {**head, "kind": kind, "size": size, "step_seconds": 1 / size, "cpu_seconds": 1 / size,
         "reduced": 4e6}
        for kind in ("processes", "worker")
        for size in (1, 2)
    ]  # fmt: skip
    assert tables.processes_table(records).splitlines()[-1].split(" | ")[5].strip() == "2.00"
    last = tables.workers_table(records).splitlines()[-1]
    assert "| 2.0 " in last  # the network takes a hundredth of a step
    assert "| 500 " in last
