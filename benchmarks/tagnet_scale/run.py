"""TAGnet's time and memory against the number of samples, with the graph and without.

    python -m benchmarks.tagnet_scale.run                          # 5,000 to 70,000 images
    python -m benchmarks.tagnet_scale.run --samples 5000 10000 --modes whole
    python -m benchmarks.tagnet_scale.run --table

Each fit has a process of its own. "whole" trains on all samples at once, "batches" on 1,024 at a
time with messages of the epoch's start. The first epoch isn't counted, of the others the fastest is
what is told. Seconds before the training are those of dictionary, graph, partition and heads.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks.common.data import load
from benchmarks.common.options import add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.processes import measured_in_fresh_process
from benchmarks.common.records import Record
from benchmarks.common.runs import Job, results
from benchmarks.common.surroundings import peak_memory_mb, thread_limit
from benchmarks.tagnet_scale.tables import GRAPHS, table
from skdeepclust import TAGnetClusterer

SIZES = (5_000, 10_000, 20_000, 40_000, 70_000)
BATCH_SIZES = {"whole": 10**9, "batches": 1024}


def measure(n_samples: int, mode: str, setting: str, mnist: str | None, epochs: int) -> Record:
    """Fit in this process, which has only imported and loaded."""
    X, _, _ = load("mnist", mnist)
    X, new = X[:n_samples], X[-1000:] // 2
    before = peak_memory_mb()
    model = TAGnetClusterer(
        10,
        graph_weight=GRAPHS[setting],
        batch_size=BATCH_SIZES[mode],
        n_init=1,
        max_epochs=epochs,
        random_state=0,
    )
    wall = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # after so few epochs clusters may be empty
        model.fit(X)
    wall = time.perf_counter() - wall
    training = [row["seconds"] for row in model.history_ if row["phase"] == "clustering"]
    fit_mb = peak_memory_mb() - before
    begin = time.perf_counter()
    model.predict(new)
    return {
        "n_samples": n_samples,
        "epoch_s": round(min(training[1:]), 4),
        "before_s": round(wall - sum(training), 2),
        "predict_1000_s": round(time.perf_counter() - begin, 3),
        "fit_mb": round(fit_mb, 1),
        "peak_mb": round(peak_memory_mb(), 1),
    }


def measure_in_fresh_process(
    n_samples: int, mode: str, setting: str, options: argparse.Namespace
) -> Record:
    arguments = ["--fit", json.dumps([n_samples, mode, setting])]
    arguments += ["--threads", str(options.threads), "--epochs", str(options.epochs)]
    arguments += ["--mnist", options.mnist] if options.mnist else []
    return measured_in_fresh_process(__spec__.name, arguments)


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    for n_samples in options.samples:
        for mode in options.modes:
            for setting in GRAPHS:
                fit = partial(measure_in_fresh_process, n_samples, mode, setting, options)
                yield Job(f"scale {n_samples}", mode, setting, 0, fit)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--samples", nargs="+", type=int, default=SIZES)
    parser.add_argument("--modes", nargs="+", choices=BATCH_SIZES, default=[*BATCH_SIZES])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--fit", type=json.loads, help=argparse.SUPPRESS)
    add_options(parser, "tagnet_scale.jsonl")
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.fit:
        with thread_limit(options.threads):
            print(json.dumps(measure(*options.fit, options.mnist, options.epochs)))
        return
    print(table(results(options, jobs(options))))


if __name__ == "__main__":
    main()
