"""What it costs to look at the values of X: its range, its origin, its digits.

    python -m benchmarks.checks.run

CPU seconds and peak memory of what `fit` and `predict` find out of X beside what they do with it,
as shares of a whole default fit, and of a prediction, in the same process.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable, Sequence
from resource import RUSAGE_SELF, getrusage
from statistics import median
from typing import Any

from benchmarks.common.data import load
from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import kept, recorded
from benchmarks.common.surroundings import surroundings, thread_limit
from benchmarks.common.tables import markdown
from skdeepclust import ParsimoniousClassifier

REPEATS = 20


def cpu_seconds(function: Callable[[], Any], repeats: int = REPEATS) -> float:
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        function()
        times.append(time.process_time() - begin)
    return median(times)


def peak_bytes(function: Callable[[], Any]) -> int:
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def measure(X, y, image_shape) -> Record:
    """Return seconds and bytes of the looks, the fit and a prediction."""
    model = ParsimoniousClassifier(image_shape=image_shape, random_state=0)
    fit = cpu_seconds(lambda: model.fit(X, y), repeats=1)
    spec = model._input

    def learn() -> Any:
        return spec.with_values(X, "float32")

    def compare() -> None:
        spec.check(X)

    predict = cpu_seconds(lambda: model.predict(X), repeats=3)
    learned, compared = cpu_seconds(learn), cpu_seconds(compare)
    return {
        "n_samples": len(X),
        "fit_s": round(fit, 3),
        "predict_s": round(predict, 4),
        "learn_s": round(learned, 5),
        "compare_s": round(compared, 5),
        "share_of_fit": round(learned / fit, 5),
        "share_of_predict": round(compared / predict, 5),
        "peak_mb": round(peak_bytes(learn) / 1e6, 2),
        "process_mb": round(getrusage(RUSAGE_SELF).ru_maxrss / 1e3, 1),
    }


def table(records: Sequence[Record]) -> str:
    rows = [
        [
            record["data"],
            f"{100 * record['share_of_fit']:.3f} %",
            f"{100 * record['share_of_predict']:.2f} %",
            f"{record['peak_mb']:.1f} of {record['process_mb']:.0f}",
        ]
        for record in records
    ]
    return markdown(
        ["data", "of a fit's time", "of a prediction's time", "peak memory, MB of the process's"],
        rows,
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", nargs="+", default=["digits", "mnist-5k"])
    add_options(parser, "checks.jsonl", ALWAYS_FRESH)
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.table:
        print(table(recorded(options.out)))
        return
    records = []
    with thread_limit(options.threads):
        for name in options.data:
            X, y, image_shape = load(name, options.mnist)
            found = measure(X, y, image_shape)
            records.append({"experiment": "checks", "data": name, **found, **surroundings()})
    kept(records, options.out)
    print(table(records))


if __name__ == "__main__":
    main()
