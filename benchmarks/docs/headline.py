"""One sentence of evidence: the accuracy on digits, for the first page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from benchmarks.common.records import Record
from benchmarks.common.tables import mean_and_std

METHODS = {
    "TripletDECClusterer": "`TripletDECClusterer`",
    "UMAP + GaussianMixture": "UMAP followed by a Gaussian mixture",
    "KMeans": "KMeans",
}


def headline(records: Sequence[Record]) -> str:
    """Return accuracy, seconds and seeds of three methods in a sentence."""
    found = {
        name: [
            run
            for run in records
            if (run["experiment"], run["data"], run["setting"]) == ("methods", "digits", name)
        ]
        for name in METHODS
    }
    ours, umap, kmeans = (
        f"{METHODS[name]} {mean_and_std([run['ACC'] for run in runs])} "
        f"({fmean(run['cpu_s'] for run in runs):.1f} s)"
        for name, runs in found.items()
    )
    seeds = {len(runs) for runs in found.values()}
    n_seeds = str(seeds.pop()) if len(seeds) == 1 else "several"
    return (
        f"Accuracy on scikit-learn's digits, without labels: {ours}, {umap}, {kmeans}; "
        f"mean ± standard deviation of {n_seeds} seeds, seconds of one core."
    )


TABLES: Mapping[str, Callable[[Sequence[Record]], str]] = {"headline": headline}
