"""The classics beside ClustPy's: tables by seed, of small networks, and seconds of epochs."""

from __future__ import annotations

import pytest

from benchmarks.compare import classic_tables, epoch_costs


def cells_of(table: str) -> list[list[str]]:
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_classics_stand_beside_clustpys_of_the_same_seeds() -> None:
    def run(setting: str, seed: int, accuracy: float) -> dict:
        same = {"experiment": "methods", "data": "digits", "NMI": 0.5, "cpu_s": 7.0}
        return {**same, "setting": setting, "seed": seed, "ACC": accuracy}

    ours, theirs = run("DECClusterer", 1, 0.9), run("ClustPy DEC", 1, 0.8)
    failed = {**run("ClustPy VaDE", 1, 0.0), "error": "it fails"}
    others = [run("ClustPy DEC", 2, 0.1), run("VaDEClusterer", 1, 0.7), failed]
    cells = cells_of(classic_tables.classics([ours, theirs, *others]))
    told = ["1", "0.900", "0.800", "0.500", "0.500", "7", "7"]
    assert cells[0] == ["digits", "DECClusterer", *told]
    assert cells[1][:5] == ["digits", "VaDEClusterer", "1", "0.700", "fails"]


def test_small_networks_stand_beside_another_start_and_clustpys() -> None:
    def run(setting: str, accuracy: float) -> dict:
        same = {"experiment": "small", "data": "digits", "seed": 0, "NMI": 0.5, "cpu_s": 7.0}
        return {**same, "setting": setting, "ACC": accuracy}

    runs = [run("DECClusterer, init='paper'", 0.7), run("ClustPy DEC", 0.6)]
    runs += [run("DECClusterer, init='search'", 0.9), run("ClustPy IDEC", 0.5)]
    cells = cells_of(classic_tables.small(runs))
    assert cells[0][:6] == ["digits", "DECClusterer", "1", "0.700", "0.900", "0.600"]
    assert cells[1][:6] == ["digits", "IDECClusterer", "0", "not run", "not run", "0.500"]


def test_the_cheapest_epoch_of_each_phase_counts(monkeypatch) -> None:
    seconds = iter([0, 5, 7, 20, 23, 24])
    monkeypatch.setattr(epoch_costs.time, "process_time", lambda: next(seconds))
    clock = epoch_costs.Clock()
    for _ in range(2):  # as ClustPy's bars
        assert list(epoch_costs.Bar(clock, 2)) == [0, 1]
    assert clock.spent == [[5, 2], [3, 1]]


def test_the_least_of_all_turns_counts() -> None:
    def turn(seed: int, ours: float) -> dict:
        of = {"ours": [ours, 0.2], "clustpy": [1.0, 0.4], "bf16": [0.25, 0.1], "loop": [0.4, 0.0]}
        key = {"experiment": "epoch costs", "data": "digits", "setting": "DEC, one epoch"}
        return {**key, "seed": seed, **of}

    failed = {"experiment": "epoch costs", "data": "digits", "setting": "VaDE, one epoch"}
    (cells,) = cells_of(epoch_costs.table([turn(0, 9.0), turn(1, 0.5), {**failed, "error": "no"}]))
    seconds = ["0.40", "0.50", "1.00", "0.20", "0.40"]
    share = (100 * 0.5 + 150 * 0.2) / (100 * 1 + 150 * 0.4)
    assert cells[:3] == ["digits", "DEC", "2"]
    assert cells[3:8] == seconds
    assert float(cells[8]) == pytest.approx(share, abs=0.01)
    assert float(cells[9]) == pytest.approx(40 / 160, abs=0.01)
