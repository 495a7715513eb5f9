"""Time and memory of a fit against the samples, the clusters, the width and the batch.

    python -m benchmarks.scaling.run                           # 1,000 to 1,000,000 samples
    python -m benchmarks.scaling.run --axes samples --estimators ParsimoniousAutoencoder
    python -m benchmarks.scaling.run --table --figure scaling.png

Samples are of ten Gaussian clusters in 16 dimensions; each phase has one epoch. While one quantity
varies, the others stay as they are. A value is left out when those before it make one expect more
than `--seconds` of CPU time: the table says where that was. Exponents are slopes of the logarithms
over the three largest values, where fixed costs count least; those of memory are left out where a
fit takes less than 30 MB. One thread, seconds of the CPU.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.datasets import make_blobs

from benchmarks.common.options import add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import Runs, recorded
from benchmarks.common.runs import Cost, Job, make_missing
from benchmarks.common.surroundings import peak_memory_mb, reset_peak_memory, thread_limit
from benchmarks.scaling.settings import (
    APPROXIMATE,
    AXES,
    BASE,
    ESTIMATORS,
    WITHOUT,
    approximate_search,
)
from benchmarks.scaling.tables import draw, exponent, table


def measure(axis: str, name: str, size: dict[str, int]) -> Record:
    X, y = make_blobs(size["samples"], 16, centers=10, cluster_std=3.0, random_state=0)
    X = X.astype(np.float32)
    reset_peak_memory()
    before = peak_memory_mb()
    cost = Cost()
    with cost, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # after one epoch clusters may be empty
        ESTIMATORS[name](size).fit(X, y)
    fit_mb = round(cost.record["peak_rss_mb"] - before, 1)
    return {"axis": axis, **size, **cost.record, "fit_mb": fit_mb}


def run_axis(axis: str, name: str, options: argparse.Namespace, runs: Runs) -> None:
    """Run one quantity upwards, as long as the next run may be expected to end in time."""
    jobs = {
        value: Job(
            "scaling",
            f"{axis} {value}",
            name,
            0,
            partial(measure, axis, name, {**BASE, axis: value}),
        )
        for value in options.values or AXES[axis]
    }
    missing = {value: job for value, job in jobs.items() if runs.lacks(job.key)}
    if missing:
        measure(axis, name, {**BASE, "samples": 500})  # what only the first one costs
    for value, job in missing.items():
        if expected_seconds(axis, name, value, runs) > options.seconds:
            print(f"{name}, {axis} {value} and more: would take more than {options.seconds:g} s")
            return
        make_missing([job], runs)


def expected_seconds(axis: str, name: str, value: int, runs: Runs) -> float:
    """Return what a run takes if time grows as it did up to the largest value so far."""
    known = [r for r in runs.known.values() if (r["axis"], r["setting"]) == (axis, name)]
    if not known:
        return 0.0
    last = max(known, key=lambda record: record[axis])
    slope = np.nanmax([exponent(known, axis, "cpu_s"), 1.0])
    return last["cpu_s"] * (value / last[axis]) ** slope


# ---------------------------------------------------------------- command line


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--axes", nargs="+", choices=AXES, default=list(AXES))
    parser.add_argument("--estimators", nargs="+", choices=ESTIMATORS, default=list(ESTIMATORS))
    parser.add_argument("--values", nargs="+", type=int, help="in place of those of the axis")
    parser.add_argument("--seconds", type=float, default=120, help="at most, of a run")
    parser.add_argument("--figure", type=Path, help="draw the curves there")
    add_options(parser, "scaling.jsonl")
    return parse_options(parser, arguments)


def run_all(options: argparse.Namespace) -> list[Record]:
    if APPROXIMATE in options.estimators:
        approximate_search()  # a package that is missing ends the run before its first hour
    runs = Runs(options.out, fresh=options.fresh)
    with thread_limit(options.threads):
        for axis in options.axes:
            for name in options.estimators:
                if name not in WITHOUT.get(axis, ()):
                    run_axis(axis, name, options, runs)
    print(runs)
    return runs.records()


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    records = recorded(options.out) if options.table else run_all(options)
    print(table(records))
    if options.figure is not None:
        draw(records, options.figure)


if __name__ == "__main__":
    main()
