"""Parsimonious representations: is it clusters that help, or that activations shrink?

    python -m benchmarks.parsimonious.run                          # every task
    python -m benchmarks.parsimonious.run --tasks "digits, 150 labels" "digits"
    python -m benchmarks.parsimonious.run --settings baseline "one cluster" --seeds 0 1 2
    python -m benchmarks.parsimonious.run --set max_epochs=100     # a variation, under its own name
    python -m benchmarks.parsimonious.run --table                  # the tables of what was run

Each setting has as many candidate strengths as any other of its task. The strength is chosen by
the mean score on a validation part over the same selection seeds (1000, 1001 ...); then the test
seeds (0, 1 ...) draw other training samples and initial weights, and are scored on test samples.

Each run is one JSON line in --out. A run that is there already is not repeated, so that the same
command goes on where it was cut off; --fresh repeats it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.common.selection import parse as parse_options
from benchmarks.common.selection import run_and_print
from benchmarks.parsimonious.settings import SETTINGS
from benchmarks.parsimonious.tables import TABLES
from benchmarks.parsimonious.tasks import TASKS


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    return parse_options(arguments, __doc__, "parsimonious.jsonl", TASKS, SETTINGS)


def main(arguments: Sequence[str] | None = None) -> None:
    run_and_print(parse(arguments), TASKS, SETTINGS, TABLES)


if __name__ == "__main__":
    main()
