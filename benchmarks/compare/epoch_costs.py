"""What an epoch of the classics costs, beside ClustPy's and a loop of torch alone, in turns.

A machine that others share makes the seconds of long runs hard to compare. Here fits of few epochs
follow each other in one process, one turn for each seed, and the cheapest epoch of all counts.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

import torch
from skorch.callbacks import Callback

import skdeepclust
from benchmarks.common.records import Record
from benchmarks.common.tables import grouped, markdown
from benchmarks.compare.methods import make_an_optimizer
from benchmarks.compare.samples import Samples
from skdeepclust.classics._base import HIDDEN
from skdeepclust.networks import MLPAutoencoder

N_EPOCHS = 4
# As many as both libraries have by default.
PRETRAINING, CLUSTERING = 100, 150
BATCH_SIZE = 256

COSTS = {f"{name}, one epoch": name for name in ("DEC", "IDEC", "DCN", "VaDE")}


class Clock(Callback):
    """Takes the CPU seconds of each epoch of each phase."""

    def __init__(self) -> None:
        self.spent: list[list[float]] = []

    def on_train_begin(self, net: Any, **more: Any) -> None:
        self.begin()

    def on_epoch_end(self, net: Any, **more: Any) -> None:
        self.end_epoch()

    def begin(self) -> None:
        self.spent.append([])
        self.since = time.process_time()

    def end_epoch(self) -> None:
        now = time.process_time()
        self.spent[-1].append(now - self.since)
        self.since = now


class Bar:
    """Stands for tqdm's, through which ClustPy's epochs go, one bar for each phase."""

    def __init__(self, clock: Clock, n_epochs: int):
        self.clock, self.n_epochs = clock, n_epochs

    def __iter__(self) -> Iterator[int]:
        self.clock.begin()
        for epoch in range(self.n_epochs):
            yield epoch
            self.clock.end_epoch()

    def set_postfix(self, values: Any) -> None:
        pass


def of_ours(name: str, samples: Samples, precision: str) -> list[float]:
    clock = Clock()
    epochs = {"pretrain_epochs": N_EPOCHS, "max_epochs": N_EPOCHS}
    clusterer = getattr(skdeepclust, f"{name}Clusterer")
    clusterer(samples.n_classes, precision=precision, callbacks=[clock], **epochs).fit(samples.X)
    return [min(phase) for phase in clock.spent]


def of_clustpy(name: str, samples: Samples) -> list[float]:
    from clustpy import deep

    clock = Clock()
    epochs = {"pretrain_epochs": N_EPOCHS, "clustering_epochs": N_EPOCHS}
    model = getattr(deep, name)(samples.n_classes, device="cpu", **epochs)
    with (
        mock.patch("tqdm.trange", lambda n_epochs, **more: Bar(clock, n_epochs)),
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
    ):
        model.fit(samples.X)
    return [min(phase) for phase in clock.spent]


def of_bare_loop(samples: Samples) -> list[float]:
    """Train the autoencoder by torch alone; nothing is clustered."""
    rows, clock = torch.from_numpy(samples.X), Clock()
    network = MLPAutoencoder(rows.shape[1:], 10, hidden=HIDDEN, batch_norm=False)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    for _ in Bar(clock, N_EPOCHS):
        for batch in torch.randperm(len(rows)).split(BATCH_SIZE):
            x = rows[batch]
            loss = (network(x) - x).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return [min(clock.spent[0]), 0.0]


def epoch_costs(name: str, samples: Samples, value: Any, seed: int) -> Record:
    """Measure this library's, in single and in half precision, ClustPy's and the loop."""
    make_an_optimizer()
    return {
        "ours": of_ours(name, samples, "32"),
        "clustpy": of_clustpy(name, samples),
        "bf16": of_ours(name, samples, "bf16"),
        "loop": of_bare_loop(samples),
    }


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
    header = ["data", "method", "turns", "bare loop", "before", "ClustPy's"]
    header += ["clustering", "ClustPy's", "fit / ClustPy's", "bfloat16 / ClustPy's"]
    return markdown(header, rows)


TABLES: Mapping[str, Callable[[Sequence[Record]], str]] = {"compare-classics-costs": table}
