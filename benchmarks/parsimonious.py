"""Parsimonious representations: is it clusters that help, or that activations shrink?

    python benchmarks/parsimonious.py                              # every task
    python benchmarks/parsimonious.py --tasks "digits, 150 labels" "digits"
    python benchmarks/parsimonious.py --settings baseline "one cluster" --seeds 0 1 2
    python benchmarks/parsimonious.py --set max_epochs=100         # a variation, under its own name
    python benchmarks/parsimonious.py --table                      # the tables of what was run

Each setting has as many candidate strengths as any other of its task. The strength is chosen by
the mean score on a validation part over the same selection seeds (1000, 1001 ...); then the test
seeds (0, 1 ...) draw other training samples and initial weights, and are scored on test samples.

Each run is one JSON line in --out. A run that is there already is not repeated, so that the same
command goes on where it was cut off; delete the file to begin again.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from _common import (
    KEY,
    Record,
    add_options,
    append_record,
    key_of,
    read_records,
    surroundings,
    thread_limit,
    variation,
)
from _parsimonious_settings import SETTINGS
from _parsimonious_tables import TABLES
from _parsimonious_tasks import TASKS, Parts, Task

SELECTION_SEED = 1000


def run_key(record: Record) -> tuple:
    """Return what tells one run from another."""
    return (*key_of(record), record["stage"], record["strength"])


class Runner:
    """Does those runs of a task that are not done, and remembers their results."""

    def __init__(self, name: str, options: argparse.Namespace, known: dict[tuple, Record]) -> None:
        self.name, self.options, self.known = name, options, known
        self.task: Task = TASKS[name]
        self.changes = dict(options.set)
        self._parts: Parts | None = None

    def __call__(self) -> None:
        settings = [name for name in self.task.settings if name in self.options.settings]
        chosen = {setting: self.best_strength(setting) for setting in settings}
        for seed in self.options.seeds or range(self.task.n_seeds):
            for setting in settings:
                self.record("test", setting, chosen[setting], seed)

    def best_strength(self, setting: str) -> float:
        """Choose the candidate of the highest mean score on the validation part."""
        seeds = range(SELECTION_SEED, SELECTION_SEED + self.task.n_selection)
        scores = {
            strength: fmean(
                self.record("selection", setting, strength, seed)["valid"] for seed in seeds
            )
            for strength in self.task.candidates(setting)
        }
        return max(scores, key=lambda strength: scores[strength])

    def record(self, stage: str, setting: str, strength: float, seed: int) -> Record:
        """Return the result of a run, from the file if it is there."""
        variation = "".join(f", {name}={value!r}" for name, value in self.changes.items())
        values = (self.task.experiment, self.name + variation, setting, seed)
        key = {**dict(zip(KEY, values, strict=True)), "stage": stage, "strength": strength}
        if run_key(key) not in self.known:
            parameters = {**SETTINGS[setting](strength), **self.changes}
            run = self.task.select if stage == "selection" else self.task.test
            result = self.measured(run, parameters, seed)
            record = {**key, **result}
            append_record(self.options.out, record)
            self.known[run_key(record)] = record
            scores = {k: v for k, v in result.items() if isinstance(v, float)}
            told = "  ".join(f"{name} {value:.4g}" for name, value in scores.items())
            print(f"{'  '.join(map(str, key.values()))}  {told}", flush=True)
        return self.known[run_key(key)]

    def measured(self, run: Callable, parameters: dict[str, Any], seed: int) -> Record:
        if self._parts is None:
            self._parts = self.task.parts(self.options.mnist)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = run(self._parts, parameters, seed)
        return {
            "parameters": {**self.task.parameters, **parameters},
            "n_train": self.task.n_train,
            **result,
            "warnings": sorted({f"{w.category.__name__}: {w.message}" for w in caught}),
            **surroundings(),
        }


# ---------------------------------------------------------------- command line


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument(
        "--tasks",
        nargs="+",
        default=[*TASKS],
        choices=[*TASKS],
        metavar="TASK",
        help="%(choices)s (default: all)",
    )
    parser.add_argument(
        "--settings",
        nargs="+",
        default=[*SETTINGS],
        choices=[*SETTINGS],
        metavar="NAME",
        help="%(choices)s (default: all of the task)",
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, help="test seeds (default: as many as the task has)"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        type=variation,
        default=[],
        metavar="NAME=VALUE",
        help="parameters to change in all settings",
    )
    add_options(parser, "parsimonious.jsonl")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if not options.table:
        known = {run_key(record): record for record in read_records(options.out)}
        with thread_limit(options.threads):
            for name in options.tasks:
                Runner(name, options, known)()
    records = read_records(options.out)
    print("\n\n".join(f"{name}\n\n{table(records)}" for name, table in TABLES.items()))


if __name__ == "__main__":
    main()
