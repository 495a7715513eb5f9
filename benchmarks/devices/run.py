"""Fits of the estimators on a GPU beside one thread of the processor of the same machine.

    python -m benchmarks.devices.run                          # all devices that there are
    python -m benchmarks.devices.run --devices cuda --data mnist --estimators TripletDECClusterer
    python -m benchmarks.devices.run --table

All settings are the defaults. "bf16" is mixed precision, "compiled" is `compile=True`, "recorded"
`compile="cuda_graph"`, "batches of 1024" asks for so many samples a step. A small fit of the same
kind comes first and isn't counted: it loads the libraries of the device. Seconds are those of a
clock.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from statistics import fmean
from typing import Any

import numpy as np
import torch

from benchmarks.common.data import load
from benchmarks.common.options import add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.runs import Job, results, scores
from benchmarks.common.surroundings import processor_name
from benchmarks.common.tables import grouped, markdown, mean_and_std
from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
)

ESTIMATORS: dict[str, Callable[..., Any]] = {
    "TripletDECClusterer": partial(TripletDECClusterer, 10),
    "TAGnetClusterer": partial(TAGnetClusterer, 10),
    "ParsimoniousAutoencoder": partial(ParsimoniousAutoencoder, n_clusters=10),
    "ParsimoniousClassifier": ParsimoniousClassifier,
    "ForcedApartEmbedder": ForcedApartEmbedder,
}
OF_IMAGES = ("TripletDECClusterer", "ParsimoniousClassifier")
# Of the clusterer that trains longest, on a GPU.
VARIANTS: dict[str, dict[str, Any]] = {
    "": {},
    "bf16": {"precision": "bf16"},
    "compiled": {"compile": True},
    "recorded": {"compile": "cuda_graph"},
    "batches of 1024": {"batch_size": 1024},
}
N_WARM = 300  # samples of the fit that isn't counted


def fit(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """Fit, with labels where they are needed, and wait for the device."""
    model.fit(X, y) if isinstance(model, ParsimoniousClassifier) else model.fit(X)
    if model.device == "cuda":
        torch.cuda.synchronize()
    return model


def run(make: Callable[[], Any], X: np.ndarray, y: np.ndarray) -> Record:
    small = make()
    few = {name: 1 for name in ("pretrain_epochs", "warmup_epochs") if hasattr(small, name)}
    if not small.compile:
        fit(small.set_params(max_epochs=1, **few), X[:N_WARM], y[:N_WARM])
    model, on_gpu = make(), small.device == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    begin = time.perf_counter()
    fit(model, X, y)
    seconds = time.perf_counter() - begin
    phases = grouped(model.history_, lambda row: row["phase"])
    found = scores(y, model.labels_) if hasattr(model, "labels_") else {}
    return {
        **found,
        "wall_s": round(seconds, 3),
        # the first epochs of a phase compile it
        "epoch_s": {
            name: round(min(r["seconds"] for r in rows), 4) for name, rows in phases.items()
        },
        "device_mb": round(torch.cuda.max_memory_allocated() / 1e6, 1) if on_gpu else None,
        "device": torch.cuda.get_device_name() if on_gpu else processor_name(),
    }


def settings(options: argparse.Namespace) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield estimators with the names and parameters of what is measured of them."""
    for name in options.estimators:
        for device in options.devices:
            on_gpu = device == "cuda" and name == "TripletDECClusterer"
            for variant in options.variants if on_gpu else [""]:
                setting = ", ".join(filter(None, (name, device, variant)))
                yield name, setting, {"device": device, **VARIANTS[variant]}


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    for data in options.data:
        samples = cache(partial(load, data, options.mnist))

        def measure(name: str, parameters: dict[str, Any], samples=samples) -> Record:
            X, y, image_shape = samples()
            shape = {"image_shape": image_shape} if name in OF_IMAGES else {}
            return run(partial(ESTIMATORS[name], **shape, **parameters), X, y)

        for seed in options.seeds:
            for name, setting, parameters in settings(options):
                given = {"random_state": seed, **parameters}
                yield Job("devices", data, setting, seed, partial(measure, name, given))


def table(records: Sequence[Record]) -> str:
    """Return seconds on each device, and how many times as fast as its processor a GPU is."""
    header = ["data", "estimator", "device", "threads", "seeds", "ACC", "seconds"]
    header += ["times as fast", "GPU MB"]
    rows = []
    for (data, setting), runs in grouped(records, lambda r: (r["data"], r["setting"])).items():
        name, device, *variant = setting.split(", ")
        on_cpu = [
            r["wall_s"] for r in records if (r["data"], r["setting"]) == (data, f"{name}, cpu")
        ]
        seconds = [run["wall_s"] for run in runs]
        known = [run["ACC"] for run in runs if "ACC" in run]
        rows.append(
            [
                data,
                name,
                ", ".join([runs[0]["device"].removesuffix(" Processor"), *variant]),
                runs[0]["n_threads"],
                len(runs),
                mean_and_std(known) if known else "",
                mean_and_std(seconds, 1),
                f"{fmean(on_cpu) / fmean(seconds):.1f}" if on_cpu and device != "cpu" else "",
                f"{max(run['device_mb'] for run in runs):.0f}" if device == "cuda" else "",
            ]
        )
    return markdown(header, rows)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    there = ["cpu", *["cuda"] * torch.cuda.is_available()]
    parser.add_argument("--data", nargs="+", default=["digits", "mnist-5k"])
    parser.add_argument("--devices", nargs="+", choices=["cpu", "cuda"], default=there)
    parser.add_argument(
        "--estimators", nargs="+", choices=ESTIMATORS, default=list(ESTIMATORS), metavar="NAME"
    )
    parser.add_argument(
        "--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="default: 0")
    add_options(parser, "devices.jsonl")
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    print(table(results(options, jobs(options))))


if __name__ == "__main__":
    main()
