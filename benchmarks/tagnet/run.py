"""TAGnet: the tables and figures of its paper, on digits and MNIST.

    python -m benchmarks.tagnet.run                                  # everything but 70,000 images
    python -m benchmarks.tagnet.run --experiments tables --data mnist --seeds 0
    python -m benchmarks.tagnet.run --experiments sweep --figure sweep.png
    python -m benchmarks.tagnet.run --table                          # the tables of what was run

"tables" compares methods (Table 1), "auxiliary" the numbers of clusters of auxiliary tasks (Table
3), "attributes" such tasks where samples have other labels, too (Table 2; --data stickfigures
nrletters), "sweep" the weight of the graph and the number of stages, trained and not (Fig. 4),
"classes" the number of classes (Fig. 5), "noise" (Fig. 6) and "missing" what Gaussian noise and
missing pixels do. Labels are seen by the evaluation alone.

Each run is one JSON line in --out. A run that is there already is not repeated, so that the same
command goes on where it was cut off; --fresh repeats it. Processes that run side by side need files
of their own; put together, by `cat`, these are one file of results.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.common.options import add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import shown
from benchmarks.common.runs import Cost, Job, results, scores
from benchmarks.tagnet.settings import (
    GRAPH_WEIGHTS,
    LEVELS,
    LOSSES,
    MAX_SAMPLES,
    NUMBERS_OF_CLUSTERS,
    ROBUST,
    SETTINGS,
    SMALL_ONLY,
    STAGES,
    Method,
    Samples,
    load_samples,
    on_stages,
    tagnet,
    with_attributes,
)
from benchmarks.tagnet.tables import TABLES, draw_sweep

EXPERIMENTS = ("tables", "auxiliary", "attributes", "sweep", "classes", "noise", "missing")
NUMBERS_OF_CLASSES = (2, 4, 6, 8)


class Run(NamedTuple):
    """A method on samples; `values` are of an experiment's own."""

    setting: str
    method: Method
    samples: Samples
    values: dict[str, Any]


# ---------------------------------------------------------------- the experiments


def runs(experiment: str, samples: Samples, settings: Sequence[str], seed: int) -> Iterator[Run]:
    """Yield the runs of an experiment."""
    if experiment == "tables":
        for name in settings:
            yield Run(name, SETTINGS[name], samples, {})
    elif experiment == "auxiliary":
        yield from auxiliary_runs(samples)
    elif experiment == "attributes":
        yield from attribute_runs(samples)
    elif experiment == "sweep":
        yield from sweep_runs(samples)
    elif experiment == "classes":
        for number in NUMBERS_OF_CLASSES:
            part = samples.of_classes(number, seed)
            yield from robust_runs(part, "n_classes", number)
    else:
        for level in LEVELS:
            worse = samples.noisy if experiment == "noise" else samples.with_missing
            yield from robust_runs(worse(level, seed), "level", level)


def auxiliary_runs(samples: Samples) -> Iterator[Run]:
    for loss, changed in LOSSES.items():
        for number in NUMBERS_OF_CLUSTERS:
            tasks = on_stages(number, number)
            values = {"loss_name": loss, "number": number}
            method = tagnet(auxiliary_clusters=tasks, **changed)
            yield Run(f"{loss}, {number} clusters", method, samples, values)


def attribute_runs(samples: Samples) -> Iterator[Run]:
    """Without tasks, with one of each attribute, with both; nothing for samples without any."""
    if samples.attributes is None:
        return
    numbers = [len(np.unique(column)) for column in samples.attributes.T]
    for loss, changed in LOSSES.items():
        for used in itertools.product((False, True), repeat=2):
            first, second = (n if use else None for n, use in zip(numbers, used, strict=True))
            values = {"loss_name": loss, "first": first, "second": second}
            method = with_attributes(first, second, **changed)
            yield Run(f"{loss}, {first} and {second}", method, samples, values)


def robust_runs(samples: Samples, name: str, value: float) -> Iterator[Run]:
    for setting in ROBUST:
        values = {"method": setting, name: value}
        yield Run(f"{setting}, {name}={value}", SETTINGS[setting], samples, values)


def sweep_runs(samples: Samples) -> Iterator[Run]:
    weights = [{"graph_weight": weight} for weight in (*GRAPH_WEIGHTS, "auto")]
    for changed in (*weights, *({"n_stages": number} for number in STAGES)):
        for trained in (False, True):
            parameters = {**changed, **({} if trained else {"max_epochs": 0})}
            name = ", ".join(f"{key}={value}" for key, value in parameters.items())
            yield Run(name, tagnet(**parameters), samples, {**changed, "trained": trained})


def left_out(setting: str, samples: Samples) -> bool:
    return len(samples.X) > MAX_SAMPLES and setting.startswith(SMALL_ONLY)


# ---------------------------------------------------------------- the runs


def measure(run: Run, seed: int) -> Record:
    """Run a method and return what is to be told of it."""
    with Cost() as cost:
        labels, told = run.method(run.samples, seed)
    about = {**run.values, "n_samples": len(run.samples.y)}
    return {**about, **scores(run.samples.y, labels), **told, **cost.record}


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    for data in options.data:
        samples = load_samples(data, options.mnist)
        for experiment in options.experiments:
            for seed in options.seeds:
                for run in runs(experiment, samples, options.settings, seed):
                    if not left_out(run.setting, samples):
                        yield Job(experiment, data, run.setting, seed, partial(measure, run, seed))


# ---------------------------------------------------------------- command line


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", nargs="+", default=["digits", "mnist-5k"])
    parser.add_argument("--experiments", nargs="+", choices=EXPERIMENTS, default=EXPERIMENTS)
    parser.add_argument(
        "--settings", nargs="+", choices=SETTINGS, default=[*SETTINGS], metavar="NAME"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--figure", type=Path, help="draw the sweep into this file")
    add_options(parser, "tagnet.jsonl")
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    records = results(options, jobs(options))
    print(shown(TABLES, records))
    if options.figure is not None:
        draw_sweep(records, options.figure)


if __name__ == "__main__":
    main()
