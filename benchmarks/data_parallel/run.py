"""A fit by several processes: seconds and bytes of a training step, here and for more workers.

    python -m benchmarks.data_parallel.run             # 1 and 2 processes of one thread each
    python -m benchmarks.data_parallel.run --table     # and what follows for 8 to 1,024 workers

Two kinds of lines are written. "processes": real ones on this machine, which talk over loopback.
"worker": one process does what one of so many workers does in a step, the rows of the others being
copies of its own; nothing is sent, bytes that would be are counted. That is the time of a worker
without the network between them, whose share is then worked out for a link of a stated speed. Of
wall seconds the fastest step counts, of CPU seconds the median: other work may share the machine.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from skorch.callbacks import Callback

from benchmarks.common.data import load
from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.processes import command, environment
from benchmarks.common.records import Record
from benchmarks.common.results import kept, recorded, shown
from benchmarks.common.surroundings import surroundings
from benchmarks.data_parallel.tables import TABLES
from skdeepclust import ParsimoniousClassifier, TripletDECClusterer
from skdeepclust._engine import distributed
from skdeepclust._engine.distributed import Ranks

EPOCHS = 3  # of which the first warms up
METHODS = ("TripletDECClusterer", "ParsimoniousClassifier")


class Traffic:
    """What one process sends, counted in place of the functions that send it, which go on."""

    def __init__(self) -> None:
        self.sent = dict.fromkeys(("reduced", "gathered", "calls", "seconds"), 0.0)

    def watch(self) -> None:
        self._count(dist, "all_reduce", "reduced", 0)
        self._count(distributed, "_all_gather", "gathered", 1)

    def _count(self, module: Any, name: str, kind: str, place: int) -> None:
        function = getattr(module, name)

        def counted(*arguments, **options):
            begin = time.perf_counter()
            result = function(*arguments, **options)
            if result is not None:  # a work that is under way
                result.wait()
            self.add(kind, arguments[place].nbytes)
            self.sent["seconds"] += time.perf_counter() - begin
            return result

        setattr(module, name, counted)

    def add(self, kind: str, n_bytes: int) -> None:
        self.sent[kind] += n_bytes
        self.sent["calls"] += 1


class OneOfMany(Ranks):
    """The first of many workers, of which there are no others."""

    def __init__(self, size: int, traffic: Traffic):
        super().__init__(0, size)
        self.traffic = traffic

    def all_gather(self, own: torch.Tensor) -> torch.Tensor:
        self.traffic.add("gathered", own.nbytes)
        return own.detach().expand(self.size, *own.shape).contiguous()

    def sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        self.traffic.add("reduced", tensor.nbytes)
        return tensor.mul_(self.size)

    def average_(self, tensors) -> None:
        for bucket in distributed._buckets(tensors):
            self.traffic.add("reduced", sum(each.nbytes for each in bucket))

    def from_first(self, function, *, at_once=False):
        with distributed.alone():
            return function()

    def check_alike(self, values, advice) -> None:
        return None


class Steps(Callback):
    """Seconds of the fastest step of each epoch, CPU seconds, and what is sent in a step."""

    def __init__(self, traffic: Traffic):
        self.traffic, self.epochs = traffic, []

    def __deepcopy__(self, memo):
        return self

    def on_epoch_begin(self, net, **kwargs) -> None:
        self.seconds, self.cpu_seconds, self.before = [], [], dict(self.traffic.sent)

    def on_batch_begin(self, net, **kwargs) -> None:
        self.begin, self.cpu_begin = time.perf_counter(), time.process_time()

    def on_batch_end(self, net, **kwargs) -> None:
        self.seconds.append(time.perf_counter() - self.begin)
        self.cpu_seconds.append(time.process_time() - self.cpu_begin)

    def on_epoch_end(self, net, **kwargs) -> None:
        n_steps = len(self.seconds)
        sent = {k: (v - self.before[k]) / n_steps for k, v in self.traffic.sent.items()}
        own = {"step_seconds": min(self.seconds), "cpu_seconds": float(np.median(self.cpu_seconds))}
        self.epochs.append({**own, **sent})


def estimator(method: str, image_shape, batch_size: int, steps: Steps):
    """Return an estimator whose only phase, or only one that counts, is the one measured."""
    shared = {
        "image_shape": image_shape,
        "batch_size": batch_size,
        "random_state": 0,
        "callbacks": [steps],
    }
    if method == "ParsimoniousClassifier":
        return ParsimoniousClassifier(n_clusters=50, max_epochs=EPOCHS, **shared)
    phases = {"pretrain_epochs": 0, "warmup_epochs": EPOCHS, "max_epochs": 0}
    return TripletDECClusterer(10, init="kmeans", n_init=1, n_neighbors=0, **phases, **shared)


def measure(options: argparse.Namespace, method: str, batch_size: int, workers: int = 0) -> Record:
    """Fit, as a process of those that there are, or as one of many workers that there aren't."""
    X, y, image_shape = load(options.data, options.mnist)
    torch.set_num_threads(1)
    traffic = Traffic()
    steps = Steps(traffic)
    if workers:
        distributed._find = lambda: OneOfMany(workers, traffic)  # as if they were there
    else:
        traffic.watch()
    estimator(method, image_shape, batch_size, steps).fit(X, y)
    rows = steps.epochs[1:]
    fastest = min(row["step_seconds"] for row in rows)
    medians = {name: float(np.median([row[name] for row in rows])) for name in rows[0]}
    return {**medians, "step_seconds": fastest}


def run_processes(options: argparse.Namespace, size: int, *arguments: str) -> Record:
    """Run this module in several processes; return what the first has measured, and CPU of all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    shared = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    own = ["--data", options.data, *(["--mnist", options.mnist] if options.mnist else [])]
    processes = [
        subprocess.Popen(
            command(__spec__.name, [*own, "--fit", *arguments]),
            env={**environment(), "OMP_NUM_THREADS": "1", **shared, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit("A process has failed; what it says stands above.")
    found = [json.loads(output.splitlines()[-1]) for output in outputs]
    return {**found[0], "cpu_seconds_of_each": [each["cpu_seconds"] for each in found]}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", default="mnist-5k", help="default: %(default)s")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[256, 2500])
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 8, 64, 256, 1024])
    parser.add_argument("--fit", nargs=3, help=argparse.SUPPRESS)
    add_options(parser, "data_parallel.jsonl", ALWAYS_FRESH)
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.fit:
        method, batch_size, workers = options.fit
        print(json.dumps(measure(options, method, int(batch_size), int(workers))))
        return
    records = recorded(options.out) if options.table else kept(run_all(options), options.out)
    print(shown(TABLES, records))


def run_all(options: argparse.Namespace) -> Iterator[Record]:
    for method in options.methods:
        for batch_size in options.batch_sizes:
            yield from run_method(options, method, batch_size)


def run_method(options: argparse.Namespace, method: str, batch_size: int) -> Iterator[Record]:
    """Measure one method, and yield a record for each number of processes and workers."""
    head = {"experiment": "distributed", "data": options.data, "method": method}
    head["batch_size"] = batch_size
    for kind, sizes in (("processes", options.processes), ("worker", options.workers)):
        for size in sizes:
            if kind == "worker" and size > batch_size:
                continue
            n_processes, workers = (size, 0) if kind == "processes" else (1, size)
            found = run_processes(options, n_processes, method, str(batch_size), str(workers))
            print(method, batch_size, kind, size, found, flush=True)
            record = {**head, "kind": kind, "size": size, **found, **surroundings()}
            yield {**record, "n_threads": 1}


if __name__ == "__main__":
    main()
