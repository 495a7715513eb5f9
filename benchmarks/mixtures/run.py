"""The Gaussian mixtures of the initial clusters beside scikit-learn's, from the same starts.

    python -m benchmarks.mixtures.run
    python -m benchmarks.mixtures.run --data digits --n-components 8 --seeds 1

Both partition the principal components of the pixels. Ours are fitted side by side, scikit-learn's
one after the other, with one thread. "ratio" is the median over seeds of our seconds relative to
those of scikit-learn, and "different" the largest share of samples that both put elsewhere.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean, median
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from benchmarks.common.data import load
from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import kept, recorded
from benchmarks.common.surroundings import surroundings, thread_limit
from benchmarks.common.tables import grouped, markdown
from skdeepclust._clusters.partitions import (
    MIXTURE_REGULARIZATIONS,
    MIXTURE_STARTS,
    candidate_partitions,
)

N_INIT = 15  # of TripletDECClusterer


def ours(points: np.ndarray, n_clusters: int, seed: int) -> list[np.ndarray]:
    rows = np.arange(len(points))
    return list(
        candidate_partitions(
            points, n_clusters, rows=rows, init="gmm", n_init=N_INIT, random_state=seed
        )
    )


def theirs(points: np.ndarray, n_clusters: int, seed: int) -> list[np.ndarray]:
    def of(values: Sequence[Any], i: int) -> Any:
        return values[i % len(values)]

    points = points.astype(np.float64)
    mixtures = [
        GaussianMixture(
            n_clusters,
            reg_covar=of(MIXTURE_REGULARIZATIONS, i),
            init_params=of(MIXTURE_STARTS, i),
            random_state=seed + i,
        )
        for i in range(N_INIT)
    ]
    return [mixture.fit(points).predict(points) for mixture in mixtures]


def timed(function: Callable, *args: Any) -> tuple[list[np.ndarray], float]:
    cpu = time.process_time()
    found = function(*args)
    return found, round(time.process_time() - cpu, 3)


def run(options: argparse.Namespace) -> Iterator[Record]:
    for data in options.data:
        X, y = load(data, options.mnist)[:2]
        n_clusters = len(np.unique(y))
        points = PCA(options.n_components, random_state=0).fit_transform(X.reshape(len(X), -1))
        points = (points / np.sqrt(points.var(0).sum())).astype(np.float32)
        timed(ours, points[:500], n_clusters, 0)  # what is loaded first
        for seed in range(options.seeds):
            labels, seconds = timed(ours, points, n_clusters, seed)
            expected, expected_seconds = timed(theirs, points, n_clusters, seed)
            different = [float((a != b).mean()) for a, b in zip(labels, expected, strict=True)]
            yield {
                "experiment": "mixtures",
                "data": data,
                "seed": seed,
                "n_components": options.n_components,
                "cpu_seconds": seconds,
                "cpu_seconds_of_scikit_learn": expected_seconds,
                "different": round(max(different), 5),
                **surroundings(),
            }


def table(records: Sequence[Record]) -> str:
    rows = []
    for (data, n_components), runs in grouped(
        records, lambda r: (r["data"], r["n_components"])
    ).items():
        ours, theirs = (
            [run[name] for run in runs] for name in ("cpu_seconds", "cpu_seconds_of_scikit_learn")
        )
        ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
        worst = max(run["different"] for run in runs)
        seconds = [f"{fmean(each):.2f}" for each in (ours, theirs)]
        rows.append([data, n_components, len(runs), *seconds, f"{ratio:.2f}", f"{worst:.4f}"])
    header = ["data", "dimensions", "seeds", "CPU s", "scikit-learn's", "ratio", "different"]
    return markdown(header, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", nargs="+", default=["digits", "mnist-5k"])
    parser.add_argument("--n-components", type=int, default=32, help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=3, help="default: %(default)s")
    add_options(parser, "mixtures.jsonl", ALWAYS_FRESH)
    options = parse_options(parser, arguments)
    if options.table:
        records = recorded(options.out)
    else:
        with thread_limit(options.threads), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a start needn't be the optimum
            records = kept(run(options), options.out)
    print(table(records))


if __name__ == "__main__":
    main()
