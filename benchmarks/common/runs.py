"""Runs of a benchmark: those that are missing, one JSON line each, with the time that is left."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from benchmarks.common.records import KEY, Record, key_of
from benchmarks.common.results import Runs, recorded
from benchmarks.common.surroundings import (
    peak_memory_mb,
    reset_peak_memory,
    surroundings,
    thread_limit,
)
from skdeepclust.metrics import clustering_accuracy_score


class Job(NamedTuple):
    """A run with its key (experiment, data, setting, seed) and what it measures."""

    experiment: str
    data: str
    setting: str
    seed: int
    measure: Callable[[], Record]

    @property
    def key(self) -> tuple:
        return self[: len(KEY)]


class Cost:
    """Measures seconds and the peak of memory of what runs inside of it."""

    def __enter__(self) -> Cost:
        reset_peak_memory()
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        self.record = {
            "cpu_s": round(cpu, 3),
            "wall_s": round(wall, 3),
            "peak_rss_mb": round(peak_memory_mb(), 1),
        }


def results(
    options: argparse.Namespace, jobs: Iterable[Job], *, keep_errors: bool = False
) -> list[Record]:
    """Return what a command line asks for: its runs, or with --table all that the file has."""
    if options.table:
        return recorded(options.out, key_of)
    with thread_limit(options.threads):
        runs = run_missing(jobs, options.out, keep_errors=keep_errors, fresh=options.fresh)
    return runs.records()


def run_missing(
    jobs: Iterable[Job], out: Path, *, keep_errors: bool = False, fresh: bool = False
) -> Runs:
    """Do the runs that the file doesn't hold, with `fresh` all; say how many were made."""
    runs = Runs(out, fresh=fresh)
    make_missing(jobs, runs, keep_errors=keep_errors)
    print(runs)
    return runs


def make_missing(jobs: Iterable[Job], runs: Runs, *, keep_errors: bool = False) -> None:
    """Make the runs that are missing, and show how many are left and for how long.

    With `keep_errors`, that a method fails is a result as any other.
    """
    missing = list({job.key: job for job in jobs if runs.lacks(job.key)}.values())
    out = runs.out
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = [TextColumn(column) if isinstance(column, str) else column for column in columns]
    with Progress(*shown, disable=not missing) as progress:
        bar = progress.add_task(out.stem, total=len(missing))
        for number, job in enumerate(missing, 1):
            progress.update(bar, description=f"{out.stem}: {job.data}, {job.setting}")
            found = measured(job, keep_errors=keep_errors)
            record = {**dict(zip(KEY, job.key, strict=True)), **found}
            if runs.is_lost_by(record):
                runs.leave(record)
            else:
                runs.keep(record)
            progress.advance(bar)
            progress.console.print(f"{number}/{len(missing)}  {line(record)}", highlight=False)


def measured(job: Job, *, keep_errors: bool = False) -> Record:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            record = job.measure()
        except Exception as error:
            if not keep_errors:
                raise
            record = {"error": f"{type(error).__name__}: {error}"[:300]}
    told = sorted({f"{w.category.__name__}: {w.message}" for w in caught})
    return {**record, "warnings": [text[:300] for text in told], **surroundings()}


def line(record: Record) -> str:
    """Return what a log shows of a run."""
    key = "  ".join(str(record[name]) for name in KEY)
    values = (f"{name} {record[name]:.4g}" for name in ("ACC", "NMI", "cpu_s") if name in record)
    return f"{key}  {'  '.join(values)}{record.get('error', '')}"


def scores(y: np.ndarray, labels: np.ndarray) -> Record:
    """Return scores in [0, 1]; a sample of noise is a cluster of its own."""
    labels = np.asarray(labels).astype(np.int64)
    noise = labels < 0
    known = labels.copy()
    known[noise] = labels.max() + 1 + np.arange(noise.sum())
    # Matching is on the clusters alone: a noise sample's own cluster is never a class.
    matched = clustering_accuracy_score(y[~noise], labels[~noise]) if (~noise).any() else 0.0
    return {
        "ACC": matched * float((~noise).mean()),
        "NMI": normalized_mutual_info_score(y, known),
        "ARI": adjusted_rand_score(y, known),
        "clusters_used": len(np.unique(labels[~noise])),
        "noise": float(noise.mean()),
    }
