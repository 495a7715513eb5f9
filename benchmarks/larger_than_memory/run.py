"""Training on a file larger than the memory that the operating system grants.

    python -m benchmarks.larger_than_memory.run                     # a quarter of a gigabyte
    python -m benchmarks.larger_than_memory.run --gigabytes 20      # needs as much room on the disk
    python -m benchmarks.larger_than_memory.run --sources memmap dask --table

Samples of ten clusters are written to a file that numpy maps. Each estimator trains on it, one
epoch a phase, and then labels or transforms all of it by batches, in a process of its own of which
the kernel limits the data segment (RLIMIT_DATA): heap and anonymous memory, which is all that a
program allocates. The pages of a mapped file don't count, as they may be dropped at any time; with
a limit on the address space (RLIMIT_AS) a file larger than the limit couldn't be mapped at all.
That the limit holds shows at the end: an array as large as the file can't be allocated. The source
"dask" is the same file in chunks, of which a shuffle reads whole ones.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.options import add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.processes import measured_in_fresh_process
from benchmarks.common.records import Record
from benchmarks.common.runs import Job, results
from benchmarks.common.surroundings import thread_limit
from benchmarks.larger_than_memory.tables import table
from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TripletDECClusterer,
)

N_FEATURES = 4096  # 64 x 64 in single precision: 16 kB a sample
N_CLUSTERS = 10
ROWS_AT_ONCE = 4096
SMALL = {"module__hidden": (32,), "random_state": 0}
ESTIMATORS: dict[str, Callable[[], Any]] = {
    "ParsimoniousAutoencoder": lambda: ParsimoniousAutoencoder(
        n_components=10, max_epochs=1, **SMALL
    ),
    "ParsimoniousClassifier": lambda: ParsimoniousClassifier(max_epochs=1, **SMALL),
    "ForcedApartEmbedder": lambda: ForcedApartEmbedder(max_epochs=1, batch_size=256, **SMALL),
    "TripletDECClusterer": lambda: TripletDECClusterer(
        N_CLUSTERS,
        n_components=10,
        pretrain_epochs=1,
        warmup_epochs=1,
        max_epochs=1,
        n_init=2,
        n_starts=1,
        **SMALL,
    ),
}


# ---------------------------------------------------------------- the file


def write(folder: Path, gigabytes: float) -> None:
    """Write X.npy and y.npy: ten clusters in random order, with noise."""
    n_samples = max(ROWS_AT_ONCE, int(gigabytes * 1e9 / (4 * N_FEATURES)))
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(N_CLUSTERS, N_FEATURES)).astype(np.float32)
    y = rng.integers(N_CLUSTERS, size=n_samples)
    np.save(folder / "y.npy", y)
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (n_samples, N_FEATURES))
    for start in range(0, n_samples, ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        noise = rng.standard_normal((len(y[rows]), N_FEATURES), dtype=np.float32)
        X[rows] = centers[y[rows]] + noise
    X.flush()


def opened(folder: Path, source: str) -> Any:
    X = np.load(folder / "X.npy", mmap_mode="r")
    if source == "memmap":
        return X
    import dask.array

    return dask.array.from_array(X, chunks=(ROWS_AT_ONCE, N_FEATURES))


# ---------------------------------------------------------------- the process with the limit


class Peak(threading.Thread):
    """Notes the largest anonymous memory of this process, ten times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.megabytes, self.done = 0.0, threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.1):
            self.megabytes = max(self.megabytes, anonymous_mb())


def anonymous_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def whole_copy(X: np.ndarray) -> str:
    try:
        np.ones(X.shape, X.dtype)
    except MemoryError:
        return "MemoryError"
    return "fits"


def measure(folder: Path, source: str, name: str, limit_mb: int) -> Record:
    """Fit in this process, which has only imported."""
    X, y = opened(folder, source), np.load(folder / "y.npy")
    import resource  # of Unix: there is no such limit on Windows

    resource.setrlimit(resource.RLIMIT_DATA, (limit_mb * 2**20, limit_mb * 2**20))
    peak = Peak()
    peak.start()
    model = ESTIMATORS[name]()
    begin = time.perf_counter()
    model.fit(X, y)
    fit_s = time.perf_counter() - begin
    begin = time.perf_counter()
    answer = model.predict if hasattr(model, "predict") else model.transform
    np.asarray(answer(X))
    answer_s = time.perf_counter() - begin
    peak.done.set()
    return {
        "gigabytes": round(X.nbytes / 1e9, 2),
        "n_samples": len(y),
        "limit_mb": limit_mb,
        "fit_s": round(fit_s, 1),
        "epochs": len(model.history_),
        "epoch_s": round(sum(row["seconds"] for row in model.history_) / len(model.history_), 1),
        "answer_s": round(answer_s, 1),
        "peak_anonymous_mb": round(peak.megabytes, 1),
        "whole_copy": whole_copy(X),
    }


def measure_in_fresh_process(
    written: Callable[[], Path], source: str, name: str, options: argparse.Namespace
) -> Record:
    folder = written()
    arguments = ["--threads", str(options.threads), "--limit", str(options.limit)]
    arguments += ["--fit", str(folder), source, name]
    return measured_in_fresh_process(__spec__.name, arguments)


def jobs(options: argparse.Namespace, folder: Path) -> Iterator[Job]:
    @cache  # and not at all where every run is there already
    def written() -> Path:
        try:
            write(folder, options.gigabytes)
        except OSError as error:  # no method's failure, but the disk's
            raise SystemExit(f"The file of samples can't be written ({error}).") from error
        return folder

    for source in options.sources:
        data = f"{options.gigabytes:g} GB, {source}"
        for name in options.estimators:
            fit = partial(measure_in_fresh_process, written, source, name, options)
            yield Job("larger_than_memory", data, name, 0, fit)


# ---------------------------------------------------------------- command line


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--gigabytes", type=float, default=0.25)
    parser.add_argument("--limit", type=int, default=2000, help="megabytes (default: %(default)s)")
    parser.add_argument("--estimators", nargs="+", choices=ESTIMATORS, default=list(ESTIMATORS))
    parser.add_argument("--sources", nargs="+", choices=["memmap", "dask"], default=["memmap"])
    parser.add_argument("--folder", help="where the file is written (default: a temporary folder)")
    parser.add_argument("--fit", nargs=3, help=argparse.SUPPRESS)  # of the fresh process
    add_options(parser, "larger_than_memory.jsonl")
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.fit:
        folder, source, name = options.fit
        with thread_limit(options.threads):
            print(json.dumps(measure(Path(folder), source, name, options.limit)))
        return
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        records = results(options, jobs(options, folder), keep_errors=True)
    finally:
        shutil.rmtree(folder)
    print(table([record for record in records if "error" not in record]))


if __name__ == "__main__":
    main()
