"""Repair of training that goes wrong: the best epoch, clusters that die, with and without.

    python -m benchmarks.repair.run                       # digits, 3 seeds: 10 minutes of one core
    python -m benchmarks.repair.run --experiments dead    # one of the experiments
    python -m benchmarks.repair.run --table               # the tables of what was run

"best epoch" compares `restore_best=True` with the last epoch, at the default learning rate, at one
that is too large, and after too short a preparation. "dead" leaves out that a cluster of Triplet
DEC without samples gets half of the largest one.

Each run is one JSON line in --out. A run that is there already is not repeated, but by
--fresh.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

from benchmarks.common.data import load
from benchmarks.common.options import add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import shown
from benchmarks.common.runs import Cost, Job, results, scores
from benchmarks.common.surroundings import changed_parameters
from benchmarks.repair.tables import TABLES
from skdeepclust import TAGnetClusterer, TripletDECClusterer

EXPERIMENTS = ("best epoch", "dead")


class NoneTakenUp(TripletDECClusterer):
    """Triplet DEC as it was, in which a cluster without samples stays one."""

    def _revive(self, X, assignment, weight):
        return assignment


def triplet_dec(shape, seed: int, cls=TripletDECClusterer, **options):
    return cls(10, image_shape=shape, random_state=seed, **options)


def tagnet(shape, seed: int, **options):
    return TAGnetClusterer(10, random_state=seed, **options)


SHORT = {"pretrain_epochs": 1, "warmup_epochs": 2, "max_epochs": 5}
CASES: dict[str, Callable[..., Any]] = {
    "Triplet DEC": triplet_dec,
    "Triplet DEC, lr=0.03": partial(triplet_dec, lr=0.03),
    "Triplet DEC, lr=0.1": partial(triplet_dec, lr=0.1),
    "Triplet DEC, short": partial(triplet_dec, **SHORT),
    "TAGnet": tagnet,
    "TAGnet, lr=0.03": partial(tagnet, lr=0.03),
    "TAGnet, lr=0.1": partial(tagnet, lr=0.1),
}
KEPT = {"last epoch": False, "best epoch": True}
# What makes clusters die: few samples, few epochs, large steps. Of all digits none died.
FEW = "digits-300"
FAST = {
    "pretrain_epochs": 5,
    "warmup_epochs": 10,
    "max_epochs": 12,
    "n_init": 2,
    "n_starts": 1,
    "batch_size": 256,
}
DYING: dict[str, dict[str, Any]] = {
    "lr=0.1": {**FAST, "lr": 0.1},
    "lr=0.3": {**FAST, "lr": 0.3},
    "lr=0.1, no entropy": {**FAST, "lr": 0.1, "entropy_weight": 0},
}
TAKEN_UP = {"left dead": NoneTakenUp, "taken up": TripletDECClusterer}


# ---------------------------------------------------------------- runs


def clustered(make: Callable[..., Any], samples: Callable, seed: int) -> Record:
    """Fit a clusterer; tell what its criterion and its scores came to."""
    X, y, shape = samples()
    model = make(shape, seed)
    with Cost() as cost:
        model.fit(X)
    attempt = getattr(model, "attempt_", None)
    rows = [r for r in model.history_ if r["phase"] == "clustering" and r.get("attempt") == attempt]
    return {
        "parameters": changed_parameters(model),
        **scores(y, model.labels_),
        "score": model.score(X),
        "best_epoch": getattr(model, "best_epoch_", None),
        "n_epochs": len(rows),
        **cost.record,
    }


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    for data in options.data:
        samples = cache(partial(load, data, options.mnist))
        some = cache(partial(load, FEW, options.mnist))
        for seed in options.seeds:
            if "best epoch" in options.experiments:
                for case, make in CASES.items():
                    for kept, restore_best in KEPT.items():
                        measure = partial(
                            clustered, partial(make, restore_best=restore_best), samples, seed
                        )
                        yield Job("best epoch", data, f"{case}: {kept}", seed, measure)
            if "dead" in options.experiments:
                for case, parameters in DYING.items():
                    for name, cls in TAKEN_UP.items():
                        make = partial(triplet_dec, cls=cls, **parameters)
                        measure = partial(clustered, make, some, seed)
                        yield Job("dead", FEW, f"Triplet DEC, {case}: {name}", seed, measure)


# ---------------------------------------------------------------- command line


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", nargs="+", default=["digits"])
    parser.add_argument("--experiments", nargs="+", choices=EXPERIMENTS, default=EXPERIMENTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    add_options(parser, "repair.jsonl")
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    print(shown(TABLES, results(options, jobs(options))))


if __name__ == "__main__":
    main()
