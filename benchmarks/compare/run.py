"""This library beside ClustPy, UMAP and scikit-learn: quality, seconds, memory, new samples.

    python -m benchmarks.compare.run                                  # everything: hours
    python -m benchmarks.compare.run --data digits --seeds 0 1 --experiments methods
    python -m benchmarks.compare.run --methods TripletDECClusterer "UMAP + GaussianMixture"
    python -m benchmarks.compare.run --table                          # the tables of what was run

"methods" clusters all samples, "rows" does so with tables and embeddings, "judge" ranks initial
clusters of these with and without classes, "epochs" clusters with fewer or more of Triplet DEC's,
"small" compares the classics in small networks and from another start, "parts" tells what the start
and the warm-up of Triplet DEC are worth to each, "epoch costs" takes seconds of their epochs in
turns, "halves" fits on a half and labels the other one, "numbers" asks for 2 to
20 clusters, "imbalance" leaves out most samples of some classes. Every method runs at one setting,
that of its documentation, on the same rows, with the same number of threads, in the same process.
Classes are seen by the scores alone.

`make bench` installs the peers (benchmarks/requirements.lock), but for EVoC and GemClus, which run
when they are named: pip install --no-deps evoc gemclus POT. Each run is one JSON line in --out.
A run that is there already is not repeated, so that the same command goes on where it was cut off;
--fresh repeats it. Processes that run side by side need files of their own; put together, by `cat`,
these are one file of results.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common.options import add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import shown
from benchmarks.common.runs import Cost, Job, results, scores
from benchmarks.compare.classic_tables import TABLES as CLASSICS
from benchmarks.compare.criteria import criteria, packed, versions_of_peers
from benchmarks.compare.epoch_costs import COSTS, epoch_costs
from benchmarks.compare.epoch_costs import TABLES as COST_TABLES
from benchmarks.compare.fitted import Fitted, Method
from benchmarks.compare.judge import JUDGE, judged
from benchmarks.compare.judge import TABLES as JUDGE_TABLES
from benchmarks.compare.methods import (
    EPOCHS,
    IMBALANCED,
    METHODS,
    NO_PREDICT,
    ON_REQUEST,
    PARTS,
    PLAIN,
    SMALL,
    SMALL_ONLY,
    SWEPT,
)
from benchmarks.compare.row_tables import TABLES as ROW_TABLES
from benchmarks.compare.samples import Samples, load_samples
from benchmarks.compare.tables import TABLES, draw_numbers
from benchmarks.compare.time_tables import TABLES as TIME
from benchmarks.compare.time_tables import draw_time

DATA = ("digits", "segments", "mnist-5k", "texts", "mnist")
# Tables, sensors, texts, digits without their places, patches in colour, and vectors of these.
ROWS = (
    "table", "uneven table", "vowel", "digit rows", "segments", "satimage", "penbased", "words",
    "texts", "patches", "patch vectors",
)  # fmt: skip
LARGE = ("mnist",)  # too large for some methods, and for more than one seed
SEEDS = range(5)

# ---------------------------------------------------------------- one run


def timed(method: Method, samples: Samples, n_clusters: int, seed: int) -> tuple[Fitted, Record]:
    getattr(method, "prepare", lambda: None)()
    with Cost() as cost:
        result = method(samples, n_clusters, seed)
    about = {
        "n_samples": len(samples.y),
        "n_clusters": n_clusters,
        "versions_of_peers": versions_of_peers(),
    }
    return result, {**about, **scores(samples.y, result.labels), **cost.record}


def whole(method: Method, samples: Samples, value: Any, seed: int) -> Record:
    """Cluster all samples."""
    result, record = timed(method, samples, samples.n_classes, seed)
    return {**record, **criteria(result, samples)}


def half(method: Method, samples: Samples, value: Any, seed: int) -> Record:
    """Fit on a half and label the other one."""
    ours, other = samples.halves(seed)
    result, record = timed(method, ours, samples.n_classes, seed)
    if result.predict is None:
        raise TypeError("A method that can't label new samples belongs in NO_PREDICT.")
    with Cost() as cost:
        labels = result.predict(other.X)
    new = {f"new_{name}": score for name, score in scores(other.y, labels).items()}
    return {**record, **new, "predict_cpu_s": cost.record["cpu_s"]}


def numbered(method: Method, samples: Samples, value: int, seed: int) -> Record:
    """Ask for a number of clusters, and tell what criteria without labels say of it."""
    result, record = timed(method, samples, value, seed)
    return {**record, **criteria(result, samples), "labels": packed(result.labels)}


def unequal(method: Method, samples: Samples, value: float, seed: int) -> Record:
    """Cluster samples of which some classes have few."""
    part = samples.imbalanced(value, seed)
    return {"retention": value, **timed(method, part, part.n_classes, seed)[1]}


# ---------------------------------------------------------------- all runs


class Experiment(NamedTuple):
    """What is measured of which methods on which data, once for each value."""

    measure: Callable[[Method, Samples, Any, int], Record]
    data: Sequence[str]
    methods: Mapping[str, Method]
    values: Sequence[Any] = (None,)
    value_name: str = ""


EXPERIMENTS = {
    "methods": Experiment(whole, DATA, METHODS),
    "rows": Experiment(whole, ROWS, {name: METHODS[name] for name in PLAIN}),
    "judge": Experiment(judged, ROWS, {JUDGE: None}),
    "epochs": Experiment(whole, DATA, EPOCHS),
    "epoch costs": Experiment(epoch_costs, ("digits", "segments", "mnist-5k"), COSTS),
    "small": Experiment(whole, ("digits", "segments", "mnist-5k"), SMALL),
    "parts": Experiment(whole, ("digits", "segments", "mnist-5k"), PARTS),
    "halves": Experiment(
        half,
        ("digits", "mnist-5k"),
        {name: method for name, method in METHODS.items() if name not in NO_PREDICT},
    ),
    "numbers": Experiment(
        numbered,
        ("digits", "segments", "mnist-5k"),
        SWEPT,
        (*range(2, 13), 14, 16, 18, 20),
        "clusters",
    ),
    "imbalance": Experiment(unequal, LARGE, IMBALANCED, (0.1, 0.3, 0.5, 0.7, 0.9), "retention"),
}


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    for data in options.data:
        samples = cache(partial(load_samples, data, options.mnist))
        for name in options.experiments:
            yield from jobs_of(name, EXPERIMENTS[name], data, samples, options)


def jobs_of(
    name: str,
    experiment: Experiment,
    data: str,
    samples: Callable[[], Samples],
    options: argparse.Namespace,
) -> Iterator[Job]:
    if data in (*DATA, *ROWS) and data not in experiment.data:
        return
    asked = options.methods or [m for m in experiment.methods if m not in ON_REQUEST]
    methods = [m for m in experiment.methods if m in asked]
    if data in LARGE:
        methods = [m for m in methods if m not in SMALL_ONLY]
    for seed in options.seeds or SEEDS[: 1 if data in LARGE else None]:
        for method in methods:
            for value in experiment.values:
                setting = method if value is None else f"{method}, {experiment.value_name} {value}"
                run = experiment.methods[method]
                yield Job(
                    name,
                    data,
                    setting,
                    seed,
                    lambda run=run, v=value, s=seed: experiment.measure(run, samples(), v, s),
                )


# ---------------------------------------------------------------- command line


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", nargs="+", default=tuple(dict.fromkeys((*DATA, *ROWS))))
    parser.add_argument("--experiments", nargs="+", choices=EXPERIMENTS, default=[*EXPERIMENTS])
    known = {**METHODS, **EPOCHS, **SMALL, **PARTS, **COSTS, **IMBALANCED}
    parser.add_argument(
        "--methods", nargs="+", choices=known, metavar="METHOD", help="default: all"
    )
    parser.add_argument("--seeds", nargs="+", type=int, help="default: 0 to 4, of MNIST 0")
    parser.add_argument("--figure", type=Path, help="draw criteria by number of clusters there")
    parser.add_argument("--time-figure", type=Path, help="draw ACC by CPU seconds there")
    add_options(parser, "compare.jsonl")
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    records = results(options, jobs(options), keep_errors=True)
    tables = TABLES | TIME | ROW_TABLES | JUDGE_TABLES | CLASSICS | COST_TABLES
    print(shown(tables, records))
    if options.figure is not None:
        draw_numbers(records, options.figure)
    if options.time_figure is not None:
        draw_time(records, options.time_figure)


if __name__ == "__main__":
    main()
