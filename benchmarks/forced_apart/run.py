"""Forced Apart: does K-means on the code find classes that the network was never told?

    python -m benchmarks.forced_apart.run                          # every task
    python -m benchmarks.forced_apart.run --tasks "digits, MLP" "MNIST, MLP"
    python -m benchmarks.forced_apart.run --settings none multi --seeds 0 1 2
    python -m benchmarks.forced_apart.run --set max_epochs=100     # a variation, under its own name
    python -m benchmarks.forced_apart.run --table                  # the tables of what was run

A network learns whether a sample is of the first or the second half of the classes, or without
any label to reconstruct samples. Then K-means looks for as many clusters in the code as there are
classes. The hidden classes are seen by two things alone: the choice of margin and weight, by the
AMI on a validation part, as in the paper, and the evaluation on test samples. Each loss has as
many candidates as any other. They are chosen over the same selection seeds (1000, 1001 ...);
then the test seeds (0, 1 ...) draw other training samples and initial weights.

Each run is one JSON line in --out. A run that is there already is not repeated, so that the same
command goes on where it was cut off; --fresh repeats it. Processes that run side by
side need files of their own; put together, by `cat`, these are one file of results.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.common.selection import parse as parse_options
from benchmarks.common.selection import run_and_print
from benchmarks.forced_apart.settings import SETTINGS
from benchmarks.forced_apart.tables import TABLES
from benchmarks.forced_apart.tasks import TASKS


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    return parse_options(arguments, __doc__, "forced_apart.jsonl", TASKS, SETTINGS)


def main(arguments: Sequence[str] | None = None) -> None:
    run_and_print(parse(arguments), TASKS, SETTINGS, TABLES)


if __name__ == "__main__":
    main()
