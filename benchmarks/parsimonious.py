"""Parsimonious representations: is it clusters that help, or that activations shrink?

    python benchmarks/parsimonious.py                              # every task
    python benchmarks/parsimonious.py --tasks "digits, 150 labels" "digits"
    python benchmarks/parsimonious.py --settings baseline "one cluster" --seeds 0 1 2
    python benchmarks/parsimonious.py --set max_epochs=100         # a variation, under its own name
    python benchmarks/parsimonious.py --table                      # the tables of what was run

Each setting has as many candidate strengths as any other of its task. The strength is chosen by
the mean score on a validation part over the same selection seeds (1000, 1001 ...); then the test
seeds (0, 1 ...) draw other training samples and initial weights, and are scored on test samples.

Each run is one JSON line in --out. A run that is there already is not repeated, so that the same
command goes on where it was cut off; --fresh repeats it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from _parsimonious_settings import SETTINGS
from _parsimonious_tables import TABLES
from _parsimonious_tasks import TASKS
from _selection import parse as parse_options
from _selection import run_and_print


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    return parse_options(arguments, __doc__, "parsimonious.jsonl", TASKS, SETTINGS)


def main(arguments: Sequence[str] | None = None) -> None:
    run_and_print(parse(arguments), TASKS, SETTINGS, TABLES)


if __name__ == "__main__":
    main()
