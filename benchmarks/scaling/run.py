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
import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import make_blobs

from benchmarks.common.options import add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import Runs, recorded
from benchmarks.common.runs import Cost, Job, make_missing
from benchmarks.common.surroundings import peak_memory_mb, reset_peak_memory, thread_limit
from benchmarks.common.tables import grouped, markdown
from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
)

AXES: dict[str, tuple[int, ...]] = {
    "samples": (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000),
    "clusters": (10, 30, 100, 300),
    "width": (32, 64, 128, 256, 512),
    "batch": (64, 256, 1024),
}
BASE = {"samples": 10_000, "clusters": 10, "width": 64, "batch": 1024}
# So fast may time grow with n on the three largest sizes: n log n from 100,000 to 1,000,000 is
# 1.08 there, and measurements vary; with the other quantities, as fast as they do.
LIMITS = {"samples": 1.15}
LINEAR = 1.1
LEAST_MB = 30
LEAST = {"cpu_s": 0.0, "fit_mb": 1.0}  # of what is drawn
APPROXIMATE = "TAGnetClusterer, PyNNDescent"
ONE = {"max_epochs": 1, "random_state": 0}


def triplet_dec(size: dict[str, int], n_neighbors: int) -> TripletDECClusterer:
    return TripletDECClusterer(
        size["clusters"],
        n_components=10,
        n_neighbors=n_neighbors,
        pretrain_epochs=1,
        warmup_epochs=1,
        n_init=2,
        n_starts=1,
        batch_size=size["batch"],
        module__hidden=(size["width"],),
        **ONE,
    )


def tagnet(size: dict[str, int], **options: Any) -> TAGnetClusterer:
    return TAGnetClusterer(
        size["clusters"],
        n_components=size["width"],
        n_stages=4,
        n_init=2,
        batch_size=1024,
        **options,
        **ONE,
    )


def approximate_search() -> Any:
    try:
        from pynndescent import PyNNDescentTransformer
    except ImportError as error:
        raise SystemExit(
            "An approximate search comes with: pip install pynndescent. Without it, name the "
            "others by --estimators."
        ) from error
    return PyNNDescentTransformer(n_neighbors=11, random_state=0)


def network(cls: type, size: dict[str, int], **options: Any) -> Any:
    return cls(batch_size=size["batch"], module__hidden=(size["width"],), **options, **ONE)


ESTIMATORS: dict[str, Callable[[dict[str, int]], Any]] = {
    "ParsimoniousAutoencoder": lambda size: network(
        ParsimoniousAutoencoder, size, n_components=10, n_clusters=size["clusters"]
    ),
    "ParsimoniousClassifier": lambda size: network(
        ParsimoniousClassifier, size, n_clusters=size["clusters"]
    ),
    "ForcedApartEmbedder": lambda size: network(ForcedApartEmbedder, size),
    "ZeroShotClassifier": lambda size: ZeroShotClassifier(batch_size=size["batch"], **ONE),
    "TripletDECClusterer, n_neighbors=0": lambda size: triplet_dec(size, 0),
    "TripletDECClusterer": lambda size: triplet_dec(size, 10),
    "TAGnetClusterer": tagnet,
    APPROXIMATE: lambda size: tagnet(size, neighbors=approximate_search()),
}
# What a quantity is of no estimator that isn't named here.
WITHOUT = {
    "clusters": {"ForcedApartEmbedder", "ZeroShotClassifier"},
    "width": {"ZeroShotClassifier"},
    "batch": {"TAGnetClusterer", APPROXIMATE},
}


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


# ---------------------------------------------------------------- exponents, table, figure


def exponent(runs: Sequence[Record], axis: str, quantity: str, least: float = 0.0) -> float:
    """Return the slope of the logarithms over the three largest values, NaN where there is none."""
    largest = sorted(runs, key=lambda record: record[axis])[-3:]
    used = [record for record in largest if record[quantity] > least]
    if len(used) < 2:
        return math.nan
    x, y = (np.log([record[key] for record in used]) for key in (axis, quantity))
    return float(np.polyfit(x, y, 1)[0])


def table(records: Sequence[Record]) -> str:
    header = ["varied", "estimator", "from", "to", "CPU s at most", "MB at most", "time", "memory"]
    rows = []
    for axis in AXES:
        of_axis = [record for record in records if record["axis"] == axis]
        for name, runs in grouped(of_axis, lambda record: record["setting"]).items():
            last = max(runs, key=lambda record: record[axis])
            time = exponent(runs, axis, "cpu_s")
            memory = exponent(runs, axis, "fit_mb", LEAST_MB)
            within = not time > LIMITS.get(axis, LINEAR)
            rows.append(
                [
                    axis,
                    name,
                    f"{min(record[axis] for record in runs):,}",
                    f"{last[axis]:,}" + ("" if last[axis] == AXES[axis][-1] else " (budget)"),
                    f"{last['cpu_s']:.1f}",
                    f"{last['fit_mb']:.0f}",
                    f"^{time:.2f}" + ("" if within else ", **faster**"),
                    "" if math.isnan(memory) else f"^{memory:.2f}",
                ]
            )
    return markdown(header, rows)


def draw(records: Sequence[Record], path: Path) -> None:
    """Draw time a sample against each quantity, and memory against the samples."""
    panels = [*((axis, "cpu_s") for axis in AXES), ("samples", "fit_mb")]
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.subplots(2, -(-(len(panels) + 1) // 2)).ravel()  # and a place for the legend
    for ax, (axis, quantity) in zip(axes, panels, strict=False):
        of_axis = [record for record in records if record["axis"] == axis]
        for number, name in enumerate(ESTIMATORS):
            # logarithms; what a small fit takes isn't seen
            runs = [r for r in of_axis if r["setting"] == name and r[quantity] >= LEAST[quantity]]
            runs.sort(key=lambda record: record[axis])
            y = [
                1e6 * r[quantity] / r["samples"] if quantity == "cpu_s" else r[quantity]
                for r in runs
            ]
            x = [record[axis] for record in runs]
            ax.loglog(x, y, f"C{number}", marker="osv^Dxp*"[number], label=name)
        ax.set_xlabel(axis)
        ax.set_ylabel("CPU µs a sample" if quantity == "cpu_s" else "MB of a fit")
        if axis != "samples":
            ax.set_xticks(AXES[axis], [str(value) for value in AXES[axis]])
            ax.minorticks_off()
    axes[-1].axis("off")
    axes[-1].legend(*axes[0].get_legend_handles_labels(), loc="center")
    figure.savefig(path, dpi=120)


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
