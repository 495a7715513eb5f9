"""Peak memory of a fit on MNIST, above that of the imports; the images lie in a memory map.

    python -m benchmarks.memory.run                     # 70,000 x 784 bytes
    python -m benchmarks.memory.run --dtype float32 --samples 20000

A fresh process is measured, so that nothing else counts. One epoch a phase is enough: further
epochs repeat what the first one needs. Pages of the map that are in memory count as well.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common.data import load
from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.processes import measured_in_fresh_process
from benchmarks.common.records import Record
from benchmarks.common.results import kept, recorded
from benchmarks.common.surroundings import peak_memory_mb, surroundings, thread_limit
from benchmarks.common.tables import markdown
from skdeepclust import TripletDECClusterer

LIMIT_MB = 1500
ONE_EPOCH = {"pretrain_epochs": 1, "warmup_epochs": 1, "max_epochs": 1, "n_init": 1}


def measure(path: str, image_shape: Sequence[int]) -> Record:
    """Fit on the memory map at `path`; to be called in a process that has only imported."""
    before = peak_memory_mb()
    X = np.load(path, mmap_mode="r")
    begin = time.perf_counter()
    clusterer = TripletDECClusterer(10, image_shape=tuple(image_shape), random_state=0, **ONE_EPOCH)
    clusterer.fit(X)
    return {
        "import_mb": round(before, 1),
        "peak_mb": round(peak_memory_mb(), 1),
        "fit_mb": round(peak_memory_mb() - before, 1),
        "map_mb": round(X.nbytes / 1e6, 1),
        "wall_s": round(time.perf_counter() - begin, 1),
        **surroundings(),
    }


def measure_in_fresh_process(
    X: np.ndarray, image_shape: Sequence[int], dtype: str, n_threads: int
) -> Record:
    """Write X as a memory map of `dtype` and measure a fit on it in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "X.npy")
        np.save(path, X.astype(dtype))
        arguments = ["--threads", str(n_threads), "--fit", str(path)]
        arguments += ["--image-shape", *map(str, image_shape)]
        return measured_in_fresh_process(__spec__.name, arguments)


def table(records: Sequence[Record]) -> str:
    names = ["data", "dtype", "map_mb", "import_mb", "peak_mb", "fit_mb", "wall_s", "date"]
    return markdown(names, [[record[name] for name in names] for record in records])


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", choices=["digits", "mnist"], default="mnist")
    parser.add_argument("--samples", type=int, help="number of samples (default: all)")
    parser.add_argument("--dtype", default="uint8", choices=["uint8", "float32", "float64"])
    parser.add_argument("--fit", help=argparse.SUPPRESS)  # what the fresh process is asked for
    parser.add_argument("--image-shape", type=int, nargs=2, help=argparse.SUPPRESS)
    add_options(parser, "memory.jsonl", ALWAYS_FRESH)
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.fit:
        with thread_limit(options.threads):
            print(json.dumps(measure(options.fit, options.image_shape)))
        return
    if options.table:
        print(table(recorded(options.out)))
        return
    data = options.data if options.samples is None else f"{options.data}-{options.samples}"
    X, _, image_shape = load(data, options.mnist)
    measured = measure_in_fresh_process(X, image_shape, options.dtype, options.threads)
    record = {"experiment": "memory", "data": data, "dtype": options.dtype, **measured}
    kept([record], options.out)
    print(table([record]))
    verdict = "within" if record["fit_mb"] <= LIMIT_MB else "above"
    print(f"The fit takes {record['fit_mb']:.0f} MB, {verdict} the limit of {LIMIT_MB} MB.")


if __name__ == "__main__":
    main()
