"""TAGnet: the tables and figures of its paper, on digits and MNIST.

    python benchmarks/tagnet.py                                  # everything but 70,000 images
    python benchmarks/tagnet.py --experiments tables --data mnist --seeds 0
    python benchmarks/tagnet.py --experiments stages --figure sweep.png
    python benchmarks/tagnet.py --table                          # the tables of what was run

"tables" compares methods (Table 1), "auxiliary" the numbers of clusters of auxiliary tasks (Table
3), "attributes" such tasks where samples have other labels, too (Table 2; --data stickfigures
nrletters), "sweep" the weight of the graph and the number of stages, trained and not (Fig. 4),
"classes" the number of classes (Fig. 5), "noise" (Fig. 6) and "missing" what Gaussian noise and
missing pixels do. Labels are seen by the evaluation alone.

Each run is one JSON line in --out. A run that is there already is not repeated, so that the same
command goes on where it was cut off. Processes that run side by side need files of their own; put
together, by `cat`, these are one file of results.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _common import (
    Record,
    add_options,
    append_record,
    key_of,
    peak_memory_mb,
    read_records,
    reset_peak_memory,
    surroundings,
    thread_limit,
)
from _tagnet_settings import (
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
from _tagnet_tables import TABLES, draw_sweep
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from skdeepclust.metrics import clustering_accuracy_score

EXPERIMENTS = ("tables", "auxiliary", "attributes", "sweep", "classes", "noise", "missing")
NUMBERS_OF_CLASSES = (2, 4, 6, 8)


class Job(NamedTuple):
    """A method on samples; `values` are of an experiment's own."""

    setting: str
    method: Method
    samples: Samples
    values: dict[str, Any]


# ---------------------------------------------------------------- the experiments


def jobs(experiment: str, samples: Samples, settings: Sequence[str], seed: int) -> Iterator[Job]:
    """Yield the runs of an experiment."""
    if experiment == "tables":
        for name in settings:
            yield Job(name, SETTINGS[name], samples, {})
    elif experiment == "auxiliary":
        yield from auxiliary_jobs(samples)
    elif experiment == "attributes":
        yield from attribute_jobs(samples)
    elif experiment == "sweep":
        yield from sweep_jobs(samples)
    elif experiment == "classes":
        for number in NUMBERS_OF_CLASSES:
            part = samples.of_classes(number, seed)
            yield from robust_jobs(part, "n_classes", number)
    else:
        for level in LEVELS:
            worse = samples.noisy if experiment == "noise" else samples.with_missing
            yield from robust_jobs(worse(level, seed), "level", level)


def auxiliary_jobs(samples: Samples) -> Iterator[Job]:
    for loss, changed in LOSSES.items():
        for number in NUMBERS_OF_CLUSTERS:
            tasks = on_stages(number, number)
            values = {"loss_name": loss, "number": number}
            method = tagnet(auxiliary_clusters=tasks, **changed)
            yield Job(f"{loss}, {number} clusters", method, samples, values)


def attribute_jobs(samples: Samples) -> Iterator[Job]:
    """Without tasks, with one of each attribute, with both; nothing for samples without any."""
    if samples.attributes is None:
        return
    numbers = [len(np.unique(column)) for column in samples.attributes.T]
    for loss, changed in LOSSES.items():
        for used in itertools.product((False, True), repeat=2):
            first, second = (n if use else None for n, use in zip(numbers, used, strict=True))
            values = {"loss_name": loss, "first": first, "second": second}
            method = with_attributes(first, second, **changed)
            yield Job(f"{loss}, {first} and {second}", method, samples, values)


def robust_jobs(samples: Samples, name: str, value: float) -> Iterator[Job]:
    for setting in ROBUST:
        values = {"method": setting, name: value}
        yield Job(f"{setting}, {name}={value}", SETTINGS[setting], samples, values)


def sweep_jobs(samples: Samples) -> Iterator[Job]:
    weights = [{"graph_weight": weight} for weight in (*GRAPH_WEIGHTS, "auto")]
    for changed in (*weights, *({"n_stages": number} for number in STAGES)):
        for trained in (False, True):
            parameters = {**changed, **({} if trained else {"max_epochs": 0})}
            name = ", ".join(f"{key}={value}" for key, value in parameters.items())
            yield Job(name, tagnet(**parameters), samples, {**changed, "trained": trained})


def left_out(setting: str, samples: Samples) -> bool:
    return len(samples.X) > MAX_SAMPLES and setting.startswith(SMALL_ONLY)


# ---------------------------------------------------------------- one run


def run(job: Job, seed: int) -> Record:
    """Run a method and return what is to be told of it."""
    reset_peak_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        labels, told = job.method(job.samples, seed)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    y = job.samples.y
    return {
        **job.values,
        "n_samples": len(y),
        "ACC": clustering_accuracy_score(y, labels),
        "NMI": normalized_mutual_info_score(y, labels),
        "ARI": adjusted_rand_score(y, labels),
        "clusters_used": len(np.unique(labels)),
        **told,
        "cpu_s": round(cpu, 3),
        "wall_s": round(wall, 3),
        "peak_rss_mb": round(peak_memory_mb(), 1),
        "warnings": sorted({f"{w.category.__name__}: {w.message}" for w in caught}),
        **surroundings(),
    }


def run_all(options: argparse.Namespace) -> None:
    done = {key_of(record) for record in read_records(options.out)}
    for data in options.data:
        samples = load_samples(data, options.mnist)
        for experiment in options.experiments:
            for seed in options.seeds:
                for job in jobs(experiment, samples, options.settings, seed):
                    key = {
                        "experiment": experiment,
                        "data": data,
                        "setting": job.setting,
                        "seed": seed,
                    }
                    if key_of(key) not in done and not left_out(job.setting, samples):
                        record = {**key, **run(job, seed)}
                        append_record(options.out, record)
                        scores = "  ".join(f"{s} {record[s]:.4f}" for s in ("ACC", "NMI", "ARI"))
                        head = f"{experiment}  {data}  {job.setting}  seed {seed}"
                        print(f"{head}  {scores}  {record['cpu_s']:.0f} CPU s", flush=True)


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
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if not options.table:
        with thread_limit(options.threads):
            run_all(options)
    records = read_records(options.out)
    for make in TABLES.values():
        print(make(records), end="\n\n")
    if options.figure is not None:
        draw_sweep(records, options.figure)


if __name__ == "__main__":
    main()
