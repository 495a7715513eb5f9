"""How time and memory of TAGnet grow with the number of samples, with the graph and without.

    python benchmarks/tagnet_scale.py                          # 5,000 to 70,000 images of MNIST
    python benchmarks/tagnet_scale.py --sizes 5000 --epochs 5
    python benchmarks/tagnet_scale.py --table                  # the table of what was run

Each fit has a fresh process, so that its peak of resident memory is its own; imports and samples
count. Training takes batches of 1024, with messages of the neighbours from the epoch's start, or
all samples at once where the default does so. An epoch is the median of all but the first, its
messages included. Predictions are for 1,000 noisy images, which are in no graph.

Each fit is one JSON line in --out; one that is there already is not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from statistics import median

import numpy as np
from _common import (
    Record,
    add_options,
    append_record,
    key_of,
    load,
    markdown,
    peak_memory_mb,
    read_records,
    reset_peak_memory,
    surroundings,
    thread_limit,
)

from skdeepclust import TAGnetClusterer
from skdeepclust.tagnet import MAX_BYTES

SIZES = (5_000, 10_000, 20_000, 40_000, 70_000)
BATCHES: Mapping[str, int | str] = {"batches of 1024": 1024, "all at once": "auto"}
GRAPHS: Mapping[str, float | str] = {"graph": "auto", "no graph": 0.0}
NEW_SAMPLES = 1000
TARGET_RATIO, TARGET_MB = 1.6, 4000


class TimedTAGnet(TAGnetClusterer):
    """The clusterer, which tells how long it took to build its graph."""

    def _fit_graph(self, X, affinity=None) -> None:
        begin = time.perf_counter()
        super()._fit_graph(X, affinity=affinity)
        self.graph_s_ = time.perf_counter() - begin


def setting_of(batches: str, graph: str) -> str:
    return f"{batches}, {graph}"


SETTINGS = {setting_of(b, g): (BATCHES[b], GRAPHS[g]) for b, g in product(BATCHES, GRAPHS)}


def fits_at_once(n_samples: int) -> bool:
    """Tell whether the default takes all samples at once, in single precision."""
    defaults = TAGnetClusterer().get_params()
    size = 4 * n_samples * defaults["n_components"]
    return 2 * size * (defaults["n_stages"] + 2) <= MAX_BYTES


# ---------------------------------------------------------------- measurements


def measure(data: str, setting: str, epochs: int, mnist: str | None) -> Record:
    """Fit once; to be called in a process that has only imported."""
    pixels, _, _ = load(data, mnist)
    X = pixels.astype(np.float32) / np.float32(pixels.max())
    del pixels
    random = np.random.default_rng(0)
    rows = random.choice(len(X), min(NEW_SAMPLES, len(X)), replace=False)
    noise = random.normal(scale=0.01, size=(len(rows), X.shape[1]))
    new = X[rows] + noise.astype(np.float32)
    batch_size, graph_weight = SETTINGS[setting]
    model = TimedTAGnet(
        10,
        graph_weight=graph_weight,
        batch_size=batch_size,
        max_epochs=epochs,
        n_init=1,
        random_state=0,
    )
    reset_peak_memory()
    before = peak_memory_mb()
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(X)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_memory_mb()
    begin = time.perf_counter()
    model.predict(new)
    return {
        "n_samples": len(X),
        "graph_s": round(model.graph_s_, 3),
        "epoch_s": [round(s, 4) for s in seconds_of_epochs(model)],
        "predict_s": round(time.perf_counter() - begin, 3),
        "fit_wall_s": round(wall, 2),
        "fit_cpu_s": round(cpu, 2),
        "before_mb": round(before, 1),
        "peak_mb": round(peak, 1),
        **surroundings(),
    }


def seconds_of_epochs(model: TAGnetClusterer) -> list[float]:
    """Return the seconds of the epochs of training but the first, which warms up."""
    return [row["seconds"] for row in model.history_ if row["phase"] == "clustering"][1:]


def measure_in_fresh_process(data: str, setting: str, options: argparse.Namespace) -> Record:
    command = [sys.executable, __file__, "--fit", data, setting]
    command += ["--epochs", str(options.epochs), "--threads", str(options.threads)]
    if options.mnist is not None:
        command += ["--mnist", options.mnist]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def run_all(options: argparse.Namespace) -> None:
    done = {key_of(record) for record in read_records(options.out)}
    for n_samples, setting in product(options.sizes, SETTINGS):
        data = f"{options.data}-{n_samples}"
        key = {"experiment": "tagnet_scale", "data": data, "setting": setting, "seed": 0}
        at_once = SETTINGS[setting][0] == "auto"
        if key_of(key) in done or (at_once and not fits_at_once(n_samples)):
            continue
        record = {**key, **measure_in_fresh_process(data, setting, options)}
        append_record(options.out, record)
        epoch = f"epoch {median(record['epoch_s']):.3f} s"
        print(f"{data}  {setting}  {epoch}  peak {record['peak_mb']:.0f} MB", flush=True)


# ---------------------------------------------------------------- the table


Fits = dict[tuple[str, str], dict[int, Record]]  # by batches and graph, then by samples


def fits_of(records: Sequence[Record]) -> Fits:
    """Return the newest record of each fit."""
    fits: Fits = {pair: {} for pair in product(BATCHES, GRAPHS)}
    for record in records:
        for pair, of_size in fits.items():
            if record["setting"] == setting_of(*pair):
                of_size[record["n_samples"]] = record
    return {pair: dict(sorted(of_size.items())) for pair, of_size in fits.items()}


def seconds_an_epoch(record: Record) -> float:
    return median(record["epoch_s"])


def ratio(fits: Fits, batches: str, n_samples: int) -> float | None:
    """Return how many times longer an epoch takes with the graph."""
    pair = [fits[batches, graph].get(n_samples) for graph in GRAPHS]
    with_graph, without = pair
    if with_graph is None or without is None:
        return None
    return seconds_an_epoch(with_graph) / seconds_an_epoch(without)


def exponent(of_size: Mapping[int, Record]) -> float | None:
    """Return b of the power law a n^b that an epoch's seconds follow, by least squares of logs."""
    if len(of_size) < 2:
        return None
    seconds = [seconds_an_epoch(record) for record in of_size.values()]
    return float(np.polyfit(np.log(list(of_size)), np.log(seconds), 1)[0])


def cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def table(records: Sequence[Record]) -> str:
    """Return a row for each number of samples, and the exponents of the growth."""
    fits = fits_of(records)
    header = ["batches", "samples", "graph s", "epoch s", "without graph", "ratio"]
    header += ["predict 1,000 s", "peak MB", "MB without graph"]
    rows: list[list[str]] = []
    for batches in BATCHES:
        with_graph, without = (fits[batches, graph] for graph in GRAPHS)
        for n, record in with_graph.items():
            other = without.get(n)
            rows.append([batches, f"{n:,}", cell(record["graph_s"], 1)])
            rows[-1] += [cell(seconds_an_epoch(record), 3)]
            rows[-1] += [
                cell(other and seconds_an_epoch(other), 3),
                cell(ratio(fits, batches, n), 2),
            ]
            rows[-1] += [cell(record["predict_s"], 2), cell(record["peak_mb"], 0)]
            rows[-1] += [cell(other and other["peak_mb"], 0)]
        growth = [exponent(with_graph), exponent(without)]
        if None not in growth:
            rows.append([batches, "*exponent*", "", *(cell(b, 2) for b in growth), *[""] * 4])
    return markdown(header, rows)


def verdicts(records: Sequence[Record]) -> Iterator[str]:
    """Tell whether the targets are met."""
    fits = fits_of(records)
    for (batches, graph), of_size in fits.items():
        for n, record in of_size.items() if graph == "graph" else ():
            if n == max(SIZES):
                word = "met" if record["peak_mb"] < TARGET_MB else "missed"
                yield f"{n:,}, {batches}: {record['peak_mb']:.0f} MB; {TARGET_MB:,} is {word}."
            times = ratio(fits, batches, n)
            if times is not None:
                word = "met" if times <= TARGET_RATIO else "missed"
                yield f"{n:,}, {batches}: ratio {times:.2f}; {TARGET_RATIO:g} is {word}."


TABLES = {"tagnet-scale": table}


# ---------------------------------------------------------------- command line


def epochs_to_measure(text: str) -> int:
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError("the first epoch doesn't count: at least 2 are needed")
    return number


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", choices=["digits", "mnist"], default="mnist")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--epochs", type=epochs_to_measure, default=3, help="default: %(default)s")
    parser.add_argument("--fit", nargs=2, help=argparse.SUPPRESS)  # what a fresh process is asked
    add_options(parser, "tagnet_scale.jsonl")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.fit:
        with thread_limit(options.threads):
            print(json.dumps(measure(*options.fit, options.epochs, options.mnist)))
        return
    if not options.table:
        run_all(options)
    records = read_records(options.out)
    print(table(records), *verdicts(records), sep="\n")


if __name__ == "__main__":
    main()
