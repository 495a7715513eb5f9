"""Run sequences from the command line."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from typing import Any

import torch

from sequences.machine import Fallen, Sequence


def main() -> int:
    """Run sequences, print those that fall, and say how many there were."""
    parser = argparse.ArgumentParser(description="Public calls in random sequences.")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="number of the first sequence")
    parser.add_argument("--only", type=int, help="run this one alone")
    parser.add_argument("--show", action="store_true", help="show the calls of each")
    options = parser.parse_args()
    torch.set_num_threads(1)
    numbers: Any = range(options.seed, options.seed + options.count)
    numbers = numbers if options.only is None else [options.only]
    outcomes: Counter[str] = Counter()
    fallen: Counter[str] = Counter()
    begin, n_calls = time.perf_counter(), 0
    for n_done, number in enumerate(numbers, 1):
        sequence = Sequence(number)
        try:
            sequence.run()
        except Fallen as error:
            kind = f"{sequence.name}: {str(error)[:60]}"
            fallen[kind] += 1
            if fallen[kind] <= 3 or options.show:
                print(f"{number}: {error}\n    " + "\n    ".join(sequence.calls), flush=True)
        n_calls += len(sequence.calls) - 1
        if n_done % 1000 == 0:
            print(f"{n_done} sequences, {sum(fallen.values())} fell", flush=True)
        outcomes += sequence.outcomes
        if options.show:
            print(sequence.calls)
    seconds = time.perf_counter() - begin
    print(f"{len(numbers)} sequences, {n_calls} calls, {dict(outcomes)}, {seconds:.0f} s")
    print(f"{sum(fallen.values())} fell: {dict(fallen)}")
    return bool(fallen)


if __name__ == "__main__":
    sys.exit(main())
