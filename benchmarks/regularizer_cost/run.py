"""What the clustering regulariser costs: a training step with it against the same step without.

    python -m benchmarks.regularizer_cost.run            # CIFAR-quick, batches of 100, 100 centres
    python -m benchmarks.regularizer_cost.run --quick    # a few small settings, to see that it runs

A step is forward pass, cross entropy, backward pass and update of `CIFARQuick` on images of noise.
Rounds of the network without regulariser alternate with rounds of each setting; the median of
their ratios is told, of CPU seconds, which other work on the machine disturbs less, and of
seconds. "naive" writes the method down as it stands: all distances by `cdist`, centres by a
product with one-hot labels, derivatives by autograd.

Beside the time stands the largest tensor that a penalty makes, and what it does to the centres to
see a part of the rows only: after an epoch on MNIST, the mean squared distance of all rows to the
nearest centre, relative to that of centres which have seen all rows. The network is the same for
all of them, since it is trained without the penalty.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import kept, recorded
from benchmarks.common.surroundings import surroundings, thread_limit
from benchmarks.regularizer_cost.centers import Epoch, outputs_of, relative_distances
from benchmarks.regularizer_cost.settings import KINDS, QUICK, SETTINGS, Setting
from benchmarks.regularizer_cost.tables import table
from skdeepclust.losses import unfold
from skdeepclust.networks import CIFARQuick
from skdeepclust.regularizers import Regularizer

STEPS_A_ROUND = 3
TARGETS = {"conv3, fc1": 1.10, "all": 1.30}
SMALL = {"rounds": 1, "batch_size": 20, "n_clusters": 5, "image_size": 8, "data": "digits-200"}


# ---------------------------------------------------------------- time


class Step:
    """A training step of a network on images of noise, with a regulariser or without."""

    def __init__(self, image_size: int, batch_size: int, regularizer: Regularizer | None = None):
        self.network = CIFARQuick((3, image_size, image_size), 10)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=1e-3, momentum=0.9)
        self.x = torch.randn(batch_size, 3, image_size, image_size)
        self.y = torch.randint(10, (batch_size,))
        self.regularizer = regularizer

    def __call__(self) -> None:
        self.optimizer.zero_grad()
        self.loss().backward()
        self.optimizer.step()

    def loss(self) -> Tensor:
        if self.regularizer is None:
            return functional.cross_entropy(self.network(self.x), self.y)
        with self.regularizer.watch(self.network):
            loss = functional.cross_entropy(self.network(self.x), self.y)
        return loss + self.regularizer.penalty()

    def warm_up(self) -> None:
        """Run until all centres are there; a step draws no more of them than it has rows."""
        self()
        while any(len(each.centers) < each.n_clusters for each in self.running()):
            self.x.normal_()
            self()

    def running(self) -> Iterator[nn.Module]:
        return iter(getattr(self.regularizer, "running", ()))


def seconds(step: Callable[[], None]) -> tuple[float, float]:
    """Return seconds and CPU seconds of a few steps."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(STEPS_A_ROUND):
        step()
    return time.perf_counter() - wall, time.process_time() - cpu


def keep_freed_memory() -> None:
    """Let the C library keep what is freed from now on, up to twice as much as here.

    By default it depends on luck, with and without regulariser, whether the largest activations
    are given back to the system in each step, and cost page faults in the next one.
    """
    torch.ones(32_000_000 // 4)


def measure(setting: Setting, plain: Step, options: argparse.Namespace) -> Record:
    """Return what a setting costs in time and memory."""
    regularizer = setting.regularizer(options.n_clusters)
    step = Step(options.image_size, options.batch_size, regularizer)
    step.warm_up()
    plain.warm_up()
    rounds = np.array([(seconds(plain), seconds(step)) for _ in range(options.rounds)])
    wall, cpu = rounds.transpose(2, 0, 1)  # (rounds, without and with)
    return {
        "plain_ms": round(1e3 * median(cpu[:, 0]) / STEPS_A_ROUND, 2),
        "step_ms": round(1e3 * median(cpu[:, 1]) / STEPS_A_ROUND, 2),
        "ratio": round(median(cpu[:, 1] / cpu[:, 0]), 3),
        "wall_ratio": round(median(wall[:, 1] / wall[:, 0]), 3),
        **memory(setting, step, regularizer),
    }


# ---------------------------------------------------------------- memory


class LargestTensor(TorchDispatchMode):
    """Remember the size of the largest tensor that an operation returns."""

    n_bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.n_bytes = max(self.n_bytes, leaf.nbytes)
        return result


def memory(setting: Setting, step: Step, regularizer: Regularizer) -> Record:
    """Return the size of the largest tensor of a penalty, beside the layer's and all distances."""
    with regularizer.watch(step.network):
        outputs = outputs_of(step.network, (*setting.convolutions, "fc1"), step.x)
    with LargestTensor() as largest:
        regularizer.penalty()
    kinds = {"fc1": "sample"}
    n_rows = max(len(unfold(y, kinds.get(name, setting.kind))) for name, y in outputs.items())
    return {
        "largest_bytes": largest.n_bytes,
        "output_bytes": max(y.nbytes for y in outputs.values()),
        "distances_bytes": n_rows * regularizer.n_clusters * step.x.itemsize,
    }


# ---------------------------------------------------------------- command line


def verdicts(records: Sequence[Record]) -> Iterator[str]:
    """Tell whether the targets are met, where a part of the rows may do."""
    for layers, target in TARGETS.items():
        for kind in KINDS:
            ratios = [r["ratio"] for r in records if (r["layers"], r["kind"]) == (layers, kind)]
            if ratios:
                word = "within" if min(ratios) <= target else "above"
                yield f"{layers}, {kind}: {min(ratios):.3f} is {word} the target of {target}."


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--rounds", type=int, default=15, help="default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=100, help="default: %(default)s")
    parser.add_argument("--n-clusters", type=int, default=100, help="default: %(default)s")
    parser.add_argument("--image-size", type=int, default=32, help="default: %(default)s")
    parser.add_argument("--data", default="mnist-5k", help="for the centres; default: %(default)s")
    parser.add_argument("--seeds", type=int, default=3, help="of the centres, default: 3; 0: none")
    parser.add_argument("--quick", action="store_true", help="measure little, and only roughly")
    add_options(parser, "regularizer_cost.jsonl", ALWAYS_FRESH)
    options = parse_options(parser, arguments)
    if options.quick:
        vars(options).update(SMALL, seeds=min(1, options.seeds))
    return options


def run(options: argparse.Namespace) -> Iterator[Record]:
    """Measure all settings, and yield a record of each."""
    keep_freed_memory()
    settings = QUICK if options.quick else SETTINGS
    plain = Step(options.image_size, options.batch_size)
    fractions = sorted({setting.row_fraction for setting in settings} - {1.0}, reverse=True)
    epoch = Epoch(options.data, options.mnist, options.batch_size)
    relative = relative_distances(epoch, fractions, options.n_clusters, options.seeds)
    names = ("rounds", "batch_size", "n_clusters", "image_size", "data", "seeds")
    for setting in settings:
        yield {
            "experiment": "regularizer_cost",
            **{name: getattr(options, name) for name in names},
            "layers": setting.layers,
            "kind": setting.kind,
            "row_fraction": setting.row_fraction,
            **measure(setting, plain, options),
            "relative_distance": relative.get((setting.kind, setting.row_fraction)),
            **surroundings(),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.table:
        print(table(recorded(options.out)))
        return
    with thread_limit(options.threads), warnings.catch_warnings():
        # as many centres as samples, as the paper has it; what it regularises isn't measured here
        warnings.filterwarnings("ignore", "n_clusters=.* sample clusters share batches")
        records = kept(run(options), options.out)
    print(table(records))
    if not options.quick:
        print(*verdicts(records), sep="\n")


if __name__ == "__main__":
    main()
