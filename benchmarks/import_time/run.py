"""What importing the package adds to importing torch and scikit-learn, in fresh processes.

    python -m benchmarks.import_time.run

The package alone imports nothing; a name of it imports what it needs. Milliseconds of CPU are told
beside those of the clock, because other work on the machine disturbs them less.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from statistics import median

from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import kept, recorded
from benchmarks.common.surroundings import surroundings
from benchmarks.common.tables import markdown

TARGET_MS = 150
STATEMENTS = [
    "import skdeepclust",
    "from skdeepclust import ParsimoniousClassifier",
    "from skdeepclust import TripletDECClusterer",
    "from skdeepclust import *",
]
CODE = """
import time, torch, sklearn
wall, cpu = time.perf_counter(), time.process_time()
{statement}
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def milliseconds(statement: str) -> tuple[float, float]:
    """Return what a statement takes in a process of its own: by the clock, of CPU."""
    command = [sys.executable, "-c", CODE.format(statement=statement)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall, cpu = map(float, told.split())
    return 1e3 * wall, 1e3 * cpu


def measure(repeats: int) -> Record:
    found: Record = {}
    times: dict[str, list] = {statement: [] for statement in STATEMENTS}
    for _ in range(repeats):  # in turns, so that a busy moment is everybody's
        for statement in STATEMENTS:
            times[statement].append(milliseconds(statement))
    for statement, pairs in times.items():
        wall, cpu = (median(column) for column in zip(*pairs, strict=True))
        found[statement] = {"ms": round(wall, 1), "cpu_ms": round(cpu, 1)}
    return found


def table(records: Sequence[Record]) -> str:
    rows = [
        [f"`{statement}`", *record["added"][statement].values(), record["repeats"]]
        for record in records[-1:]
        for statement in STATEMENTS
    ]
    return markdown(["after `import torch, sklearn`", "ms", "CPU ms", "processes"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--repeats", type=int, default=11, help="processes (default: 11)")
    add_options(parser, "import_time.jsonl", ALWAYS_FRESH)
    options = parse_options(parser, arguments)
    if options.table:
        records = recorded(options.out)
    else:
        head = {"experiment": "import_time", "repeats": options.repeats}
        record = {**head, "added": measure(options.repeats), **surroundings()}
        records = kept([record], options.out)
    print(table(records))
    added = records[-1]["added"][STATEMENTS[0]]["ms"]
    print(f"The package adds {added:.1f} ms; the target is {TARGET_MS}.")


if __name__ == "__main__":
    main()
