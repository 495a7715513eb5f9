"""What an epoch of the classics costs, beside ClustPy's and a loop of torch alone, in turns.

A machine that others share makes the seconds of long runs hard to compare. Here fits of few epochs
follow each other in one process, one turn for each seed, and the least of all turns counts.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import torch

import skdeepclust
from benchmarks.common.records import Record
from benchmarks.common.runs import Cost
from benchmarks.common.tables import grouped, markdown
from benchmarks.compare.methods import make_an_optimizer
from benchmarks.compare.samples import Samples
from skdeepclust.classics._base import HIDDEN
from skdeepclust.networks import MLPAutoencoder

N_EPOCHS = 2
# As many as both libraries have by default.
PRETRAINING, CLUSTERING = 100, 150
BATCH_SIZE = 256

COSTS = {f"{name}, one epoch": name for name in ("DEC", "IDEC", "DCN", "VaDE")}
# Fits for some epochs of each of the two phases.
Fit = Callable[[int, int], Any]


def cpu_seconds(fit: Fit, n_pretraining: int, n_clustering: int) -> float:
    with Cost() as cost, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        fit(n_pretraining, n_clustering)
    return cost.record["cpu_s"]


def of_phases(fit: Fit) -> tuple[float, float]:
    """Return the CPU seconds of an epoch of each phase."""
    few = cpu_seconds(fit, 1, 1)
    longer = cpu_seconds(fit, 1 + N_EPOCHS, 1), cpu_seconds(fit, 1, 1 + N_EPOCHS)
    return tuple((seconds - few) / N_EPOCHS for seconds in longer)


def bare_loop(samples: Samples) -> Fit:
    """Train the autoencoder by torch alone; nothing is clustered."""
    rows = torch.from_numpy(samples.X)
    network = MLPAutoencoder(rows.shape[1:], 10, hidden=HIDDEN, batch_norm=False)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)

    def fit(n_pretraining: int, n_clustering: int) -> None:
        for _ in range(n_pretraining):
            for batch in torch.randperm(len(rows)).split(BATCH_SIZE):
                x = rows[batch]
                loss = (network(x) - x).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    return fit


def epoch_costs(name: str, samples: Samples, value: Any, seed: int) -> Record:
    """Measure this library's, in single and in half precision, ClustPy's and the loop."""
    from clustpy import deep

    make_an_optimizer()
    X, n_clusters = samples.X, samples.n_classes
    ours, theirs = getattr(skdeepclust, f"{name}Clusterer"), getattr(deep, name)

    def of_precision(precision: str) -> Fit:
        return lambda before, during: ours(
            n_clusters, pretrain_epochs=before, max_epochs=during, precision=precision
        ).fit(X)

    fits: dict[str, Fit] = {
        "ours": of_precision("32"),
        "clustpy": lambda before, during: theirs(
            n_clusters, pretrain_epochs=before, clustering_epochs=during, device="cpu"
        ).fit(X),
        "bf16": of_precision("bf16"),
        "loop": bare_loop(samples),
    }
    return {key: of_phases(fit) for key, fit in fits.items()}


def table(records: Sequence[Record]) -> str:
    """Return the least seconds of an epoch, and shares of ClustPy's of a whole fit."""
    runs = [r for r in records if r["experiment"] == "epoch costs" and "error" not in r]
    rows = []
    for (data, setting), turns in grouped(runs, lambda r: (r["data"], r["setting"])).items():
        least = {
            key: [min(turn[key][phase] for turn in turns) for phase in (0, 1)]
            for key in ("ours", "clustpy", "bf16", "loop")
        }
        fit = {key: PRETRAINING * a + CLUSTERING * b for key, (a, b) in least.items()}
        seconds = [least[key][0] for key in ("loop", "ours", "clustpy")]
        seconds += [least[key][1] for key in ("ours", "clustpy")]
        shares = [fit[key] / fit["clustpy"] for key in ("ours", "bf16")]
        cells = (*(f"{s:.2f}" for s in seconds), *(f"{share:.2f}" for share in shares))
        rows.append([data, COSTS[setting], len(turns), *cells])
    header = ["data", "method", "turns", "before: bare loop", "ours", "ClustPy's"]
    header += ["clustering: ours", "ClustPy's", "ours / ClustPy's", "with bfloat16"]
    return markdown(header, rows)


TABLES: Mapping[str, Callable[[Sequence[Record]], str]] = {"compare-classics-costs": table}
