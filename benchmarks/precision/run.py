"""Mixed precision and compilation of TripletDECClusterer: accuracy and time beside float32.

    python -m benchmarks.precision.run                  # MNIST-5k, three seeds: half an hour
    python -m benchmarks.precision.run --data digits

All other settings are the defaults. Where the
processor has no arithmetic in half precision, the estimator would fall back to float32; here it
doesn't, so that accuracy can be told: products then take and return numbers in half precision and
add them up in single precision, as the units for matrices of GPUs do. Such a run is marked
"emulated" and its time says nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from benchmarks.common.data import load
from benchmarks.common.options import add_options, variation
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.runs import Cost, Job, results, scores
from benchmarks.common.tables import grouped
from benchmarks.precision.tables import table
from skdeepclust import TripletDECClusterer
from skdeepclust._engine.precision import DTYPES, has_arithmetic

SETTINGS: dict[str, dict[str, Any]] = {
    "float32": {},
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
    "compiled": {"compile": True},
}
PRODUCTS = {"convolution", "convolution_backward", "mm", "addmm", "bmm"}
# Points of ACC between a setting and float32, at most.
TARGET = 0.5


class WideSums(TorchDispatchMode):
    """Products of numbers in half precision whose sums are in single precision."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = function.overloadpacket.__name__
        first = next((a for a in args if isinstance(a, torch.Tensor)), None)
        if name not in PRODUCTS or first is None or first.dtype not in HALF:
            return function(*args, **kwargs)
        back = first.dtype
        out = function(*tree_map(widened, args), **tree_map(widened, kwargs))
        return tree_map(lambda x: x.to(back) if isinstance(x, torch.Tensor) else x, out)


HALF = (torch.float16, torch.bfloat16)


def widened(value: Any) -> Any:
    return value.float() if isinstance(value, torch.Tensor) and value.dtype in HALF else value


@contextmanager
def emulation() -> Iterator[None]:
    """Let networks run in half precision on a processor that has no such arithmetic."""
    half = mock.patch("skdeepclust._engine.precision.has_arithmetic", return_value=True)
    with half, WideSums():
        yield


def is_emulated(setting: str) -> bool:
    dtype = DTYPES[SETTINGS[setting].get("precision", "32")]
    return dtype is not None and not has_arithmetic("cpu", dtype)


def run(X: np.ndarray, y: np.ndarray, parameters: dict[str, Any], emulated: bool) -> Record:
    model = TripletDECClusterer(10, device="cpu", **parameters)
    with emulation() if emulated else nullcontext(), Cost() as cost:
        labels = model.fit_predict(X)
    # the first epochs of a phase compile it
    phases = grouped(model.history_, lambda row: row["phase"])
    epoch = {phase: round(min(r["seconds"] for r in rows), 4) for phase, rows in phases.items()}
    found = {**scores(y, labels), "score": model.score(X), "epoch_s": epoch}
    return {**found, "emulated": emulated, **cost.record}


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    for data in options.data:
        X, y, image_shape = load(data, options.mnist)
        for seed in options.seeds:
            for setting in options.settings:
                chosen = dict(SETTINGS[setting], image_shape=image_shape, random_state=seed)
                measure = partial(run, X, y, {**chosen, **dict(options.set)}, is_emulated(setting))
                yield Job("precision", data, setting, seed, measure)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", nargs="+", default=["mnist-5k"], help="default: mnist-5k")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument(
        "--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS), help="default: all"
    )
    parser.add_argument(
        "--set", nargs="+", type=variation, default=[], metavar="NAME=VALUE", help="parameters"
    )
    add_options(parser, "precision.jsonl")
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    print(table(results(options, jobs(options))))


if __name__ == "__main__":
    main()
