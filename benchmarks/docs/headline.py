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
        f"{METHODS[name]} {whole(mean_and_std([run['ACC'] for run in runs]))} "
        f"({whole(seconds(runs))})"
        for name, runs in found.items()
    )
    seeds = {len(runs) for runs in found.values()}
    n_seeds = str(seeds.pop()) if len(seeds) == 1 else "several"
    return (
        f"Accuracy on scikit-learn's digits, without labels: {ours}, {umap}, {kmeans}; "
        f"mean ± standard deviation of {n_seeds} seeds, seconds of one core."
    )


def seconds(runs: Sequence[Record]) -> str:
    """Return the mean seconds of one core."""
    return f"{fmean(run['cpu_s'] for run in runs):.1f} s"


def whole(text: str) -> str:
    """Return a number with its deviation or unit that no line cuts in two."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


TABLES: Mapping[str, Callable[[Sequence[Record]], str]] = {"headline": headline}
