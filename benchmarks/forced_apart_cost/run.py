"""What the loss of Forced Apart costs, forward and backward, against the forms one would write.

    python -m benchmarks.forced_apart_cost.run           # batches of 128 to 8192, 15 and 128 units
    python -m benchmarks.forced_apart_cost.run --quick   # a few small settings, to see that it runs

"all pairs" is the form of the paper: two matrices with all combinations of two samples. "dense"
takes all divergences from one matrix product, masks pairs with different labels, and leaves
derivatives to autograd; "grouped" does so for each label by itself. "products" are the three
matrix products alone that value and derivatives need, label by label, each in one piece.

Rounds of the library's loss alternate with rounds of each other form; the median of their ratios
of CPU seconds is told: how many times longer the other form takes. Memory is the peak of what
tensors hold at a time beside the inputs, as torch's profiler counts allocations, derivatives
included. All pairs are left out where they would need more than 3 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import kept, recorded
from benchmarks.common.surroundings import surroundings, thread_limit
from benchmarks.forced_apart_cost.forms import OTHERS, Loss, groups_of, ours
from benchmarks.forced_apart_cost.settings import (
    BYTES_OF_ALL_PAIRS,
    LABELS,
    QUICK_SIZES,
    SECONDS_A_FORM,
    SECONDS_A_ROUND,
    SIZES,
    UNITS,
)
from benchmarks.forced_apart_cost.tables import table, verdicts

MIB = 2**20

# or the profiler tells of each of its starts
os.environ.setdefault("KINETO_LOG_LEVEL", "99")


# ---------------------------------------------------------------- measurements


def is_measured(name: str, n: int, k: int, n_labels: int) -> bool:
    """Leave out what needs too much memory, and without labels the groups: it is dense then."""
    if name == "all pairs":  # ten matrices of its size, derivatives included
        return 10 * 4 * n * n * k < BYTES_OF_ALL_PAIRS
    return name != "grouped" or n_labels > 1


class Step:
    """Forward and backward pass of a form of the loss."""

    def __init__(self, loss: Loss, activations: Tensor, labels: Tensor | None, margin: float):
        self.loss, self.labels, self.margin = loss, labels, margin
        self.activations = activations.clone().requires_grad_()

    def __call__(self) -> None:
        self.activations.grad = None
        self.loss(self.activations, self.labels, self.margin).backward()


def products(activations: Tensor, labels: Tensor | None) -> Callable[[], None]:
    """Return the three matrix products of each label, as a function without arguments."""
    groups = groups_of(activations, labels)
    hinges = [torch.randn(len(group), len(group)) for group in groups]

    def run() -> None:
        for group, hinge in zip(groups, hinges, strict=True):
            torch.mm(group, group.T)
            torch.mm(hinge, group)
            torch.mm(hinge.T, group)

    return run


def cpu_seconds(step: Callable[[], None], n_steps: int) -> float:
    start = time.process_time()
    for _ in range(n_steps):
        step()
    return (time.process_time() - start) / n_steps


def steps_a_round(step: Callable[[], None]) -> int:
    """Return how many steps take about the time of a round; the first one warms up."""
    step()
    return max(1, min(200, round(SECONDS_A_ROUND / max(1e-6, cpu_seconds(step, 1)))))


def compare(
    first: Callable[[], None], other: Callable[[], None], rounds: int
) -> tuple[float, float, float]:
    """Return median CPU seconds of both, and the median ratio of the other to the first."""
    counts = steps_a_round(first), steps_a_round(other)
    times: list[tuple[float, float]] = []
    start = time.process_time()
    while len(times) < rounds:
        times.append((cpu_seconds(first, counts[0]), cpu_seconds(other, counts[1])))
        if len(times) >= 2 and time.process_time() - start > SECONDS_A_FORM:
            break
    return (
        median(a for a, _ in times),
        median(b for _, b in times),
        median(b / a for a, b in times),
    )


def peak_mib(step: Callable[[], None]) -> float:
    """Return the peak of what is allocated in a step; what was there before doesn't count."""
    if isinstance(step, Step):
        step.activations.grad = None
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiled.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    events = [event for event in events if event["name"] == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event["ts"]):
        held += event["args"]["Bytes"]
        peak = max(peak, held)
    return peak / MIB


def measure(n: int, k: int, n_labels: int, rounds: int, margin: float) -> Record:
    """Return what the forms cost for one size of the activations."""
    generator = torch.Generator().manual_seed(0)
    activations = 2 * torch.randn(n, k, generator=generator)
    labels = torch.randint(n_labels, (n,), generator=generator) if n_labels > 1 else None
    own = Step(ours, activations, labels, margin)
    others = {}
    for name, loss in OTHERS.items():
        if is_measured(name, n, k, n_labels):
            step = Step(loss, activations, labels, margin)
            _, seconds, ratio = compare(own, step, rounds)
            others[name] = {"ms": 1e3 * seconds, "ratio": ratio, "mib": peak_mib(step)}
    own_seconds, seconds, ratio = compare(own, products(activations, labels), rounds)
    return {
        "ms": 1e3 * own_seconds,
        "mib": peak_mib(own),
        "others": others,
        "products_ms": 1e3 * seconds,
        "products_ratio": ratio,
    }


# ---------------------------------------------------------------- command line


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--rounds", type=int, default=15, help="at most; default: %(default)s")
    parser.add_argument("--margin", type=float, default=3.0, help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="measure little, and only roughly")
    add_options(parser, "forced_apart_cost.jsonl", ALWAYS_FRESH)
    options = parse_options(parser, arguments)
    if options.quick:
        options.rounds = 1
    return options


def run(options: argparse.Namespace) -> Iterator[Record]:
    """Measure all settings, and yield a record of each."""
    sizes, units = (QUICK_SIZES, UNITS[:1]) if options.quick else (SIZES, UNITS)
    for n, k, n_labels in product(sizes, units, LABELS):
        yield {
            "experiment": "forced_apart_cost",
            "rounds": options.rounds,
            "margin": options.margin,
            "n": n,
            "k": k,
            "n_labels": n_labels,
            **measure(n, k, n_labels, options.rounds, options.margin),
            **surroundings(),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.table:
        print(table(recorded(options.out)))
        return
    with thread_limit(options.threads):
        records = kept(run(options), options.out)
    print(table(records))
    if not options.quick:
        print(*verdicts(records), sep="\n")


if __name__ == "__main__":
    main()
