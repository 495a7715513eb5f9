"""What benchmarks share that choose on one part of the data and test on another.

A task parts its samples once: a pool from which a seed draws the training samples, a validation
part on which the strength of each setting is chosen, and test samples that nothing is chosen on.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from benchmarks.common.options import add_options, variation
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import KEY, Record, key_of
from benchmarks.common.results import Runs, recorded, shown
from benchmarks.common.surroundings import surroundings, thread_limit

SELECTION_SEED = 1000

Parameters = dict[str, Any]
# What each setting changes, given its strength.
Settings = Mapping[str, Callable[[Any], Parameters]]
# The strengths to choose from by setting: numbers, or several numbers by name.
Candidates = Mapping[str, Sequence[Any]]
Tables = Mapping[str, Callable[[Sequence[Record]], str]]


# ---------------------------------------------------------------- tasks


class Part(NamedTuple):
    """Samples and their labels."""

    X: np.ndarray
    y: np.ndarray

    def rows(self, indices: np.ndarray) -> Part:
        return Part(self.X[indices], self.y[indices])


class Parts(NamedTuple):
    """What training samples are drawn from, what strengths are chosen on, and the test."""

    pool: Part
    valid: Part
    test: Part


@dataclass(frozen=True)
class Task:
    """One table's worth of runs on one data set."""

    data: str
    n_train: int
    n_valid: int
    n_test: int
    parameters: Parameters
    n_selection: int = 2
    n_seeds: int = 5
    settings: Sequence[str] = ()
    strengths: Candidates = field(default_factory=dict)

    experiment = "task"

    def candidates(self, setting: str) -> Sequence[Any]:
        """Return the strengths to choose from, of which the first of the best is taken."""
        raise NotImplementedError

    def parts(self, mnist: str | None) -> Parts:
        """Return pool, validation part and test."""
        raise NotImplementedError

    def select(self, parts: Parts, changes: Parameters, seed: int) -> Record:
        """Return the score on the validation part, "valid": larger is better."""
        raise NotImplementedError

    def test(self, parts: Parts, changes: Parameters, seed: int) -> Record:
        """Return what the tables tell of a run."""
        raise NotImplementedError


def timed(fit: Callable, *args) -> tuple[Any, Record]:
    """Fit, and return what took how long."""
    wall, cpu = time.perf_counter(), time.process_time()
    model = fit(*args)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return model, {"cpu_s": round(cpu, 3), "wall_s": round(wall, 3)}


# ---------------------------------------------------------------- runs


def hashable(strength: Any) -> Hashable:
    """Return a number as it is, and several numbers by name as sorted pairs."""
    return tuple(sorted(strength.items())) if isinstance(strength, dict) else strength


def run_key(record: Record) -> tuple:
    """Return what tells one run from another."""
    return (*key_of(record), record["stage"], hashable(record["strength"]))


class Runner:
    """Does those runs of a task that are not done, and remembers their results."""

    def __init__(
        self,
        name: str,
        task: Task,
        settings: Settings,
        options: argparse.Namespace,
        runs: Runs,
    ) -> None:
        self.name, self.task, self.settings = name, task, settings
        self.options, self.runs = options, runs
        self.changes = dict(options.set)
        self._parts: Parts | None = None

    def __call__(self) -> None:
        settings = [name for name in self.task.settings if name in self.options.settings]
        chosen = {setting: self.best_strength(setting) for setting in settings}
        for seed in self.options.seeds or range(self.task.n_seeds):
            for setting in settings:
                self.record("test", setting, chosen[setting], seed)

    def best_strength(self, setting: str) -> Any:
        """Choose the candidate of the highest mean score on the validation part."""
        seeds = range(SELECTION_SEED, SELECTION_SEED + self.task.n_selection)

        def score(strength: Any) -> float:
            runs = (self.record("selection", setting, strength, seed) for seed in seeds)
            return fmean(run["valid"] for run in runs)

        return max(self.task.candidates(setting), key=score)

    def record(self, stage: str, setting: str, strength: Any, seed: int) -> Record:
        """Return the result of a run, from the file if it is there."""
        variation = "".join(f", {name}={value!r}" for name, value in self.changes.items())
        values = (self.task.experiment, self.name + variation, setting, seed)
        key = {**dict(zip(KEY, values, strict=True)), "stage": stage, "strength": strength}
        if self.runs.lacks(run_key(key)):
            parameters = {**self.settings[setting](strength), **self.changes}
            run = self.task.select if stage == "selection" else self.task.test
            result = self.measured(run, parameters, seed)
            self.runs.keep({**key, **result})
            scores = {k: v for k, v in result.items() if isinstance(v, float)}
            told = "  ".join(f"{name} {value:.4g}" for name, value in scores.items())
            print(f"{'  '.join(map(str, key.values()))}  {told}", flush=True)
        return self.runs.known[run_key(key)]

    def measured(self, run: Callable, parameters: Parameters, seed: int) -> Record:
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


def parse(
    arguments: Sequence[str] | None,
    description: str | None,
    out: str,
    tasks: Mapping[str, Task],
    settings: Settings,
) -> argparse.Namespace:
    """Read the options of such a benchmark."""
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=usage)
    parser.add_argument(
        "--tasks",
        nargs="+",
        default=[*tasks],
        choices=[*tasks],
        metavar="TASK",
        help="%(choices)s (default: all)",
    )
    parser.add_argument(
        "--settings",
        nargs="+",
        default=[*settings],
        choices=[*settings],
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
    add_options(parser, out)
    return parse_options(parser, arguments)


def run_and_print(
    options: argparse.Namespace, tasks: Mapping[str, Task], settings: Settings, tables: Tables
) -> None:
    """Do the runs that are missing, and print the tables of those that were asked for."""
    if options.table:
        print(shown(tables, recorded(options.out, run_key)))
        return
    runs = Runs(options.out, key=run_key, fresh=options.fresh)
    with thread_limit(options.threads):
        for name in options.tasks:
            Runner(name, tasks[name], settings, options, runs)()
    print(runs)
    print(shown(tables, runs.records()))
