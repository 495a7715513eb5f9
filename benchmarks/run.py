"""Every benchmark in one place: what the documentation's tables and figures are made of.

    python benchmarks/run.py                     # all of them: a day of one core
    python benchmarks/run.py --quick             # a slice of each in ten minutes, of digits alone
    python benchmarks/run.py compare tagnet      # some of them
    python benchmarks/run.py --list

Results go to benchmarks/results, one JSON line a run. What is there is not repeated, so that the
same command goes on where it was cut off. Then `update_docs.py` writes the tables of the
documentation anew. With --quick results go to build/bench-quick, and nothing else is changed.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
QUICK = HERE.parent / "build" / "bench-quick"


class Benchmark(NamedTuple):
    """A script, what it shows, and its options for all of it and for a slice of it."""

    script: str
    shows: str
    whole: str = ""
    quick: str | None = None  # None: not a part of the slice


REGISTRY = {
    "compare": Benchmark(
        "compare.py",
        "peers, new samples, numbers of clusters, unequal classes",
        quick="--data digits --seeds 0 --experiments methods --methods TripletDECClusterer "
        "TAGnetClusterer KMeans SpectralClustering 'UMAP + GaussianMixture' 'ClustPy N2D'",
    ),
    "triplet_dec": Benchmark(
        "triplet_dec.py",
        "Triplet DEC: ablations and the paper's settings",
        "--settings all --data digits mnist-5k",
        "--data digits --seeds 0 1",
    ),
    "triplet_dec_large": Benchmark(
        "triplet_dec.py", "Triplet DEC on 70,000 images", "--data mnist --seeds 0 1"
    ),
    "tagnet": Benchmark(
        "tagnet.py",
        "TAGnet: its paper's tables and figures",
        quick="--data digits --seeds 0 --experiments tables",
    ),
    "tagnet_large": Benchmark(
        "tagnet.py", "TAGnet on 70,000 images", "--data mnist --seeds 0 --experiments tables"
    ),
    "tagnet_attributes": Benchmark(
        "tagnet.py",
        "TAGnet's auxiliary tasks on samples with several labels",
        "--data stickfigures nrletters-1000 --experiments attributes",
    ),
    "parsimonious": Benchmark(
        "parsimonious.py",
        "parsimonious representations: few labels, autoencoders, unseen classes",
        quick="--tasks 'digits, 150 labels' --seeds 0 1 "
        "--settings baseline 'one cluster' 'sample, 10 clusters'",
    ),
    "forced_apart": Benchmark(
        "forced_apart.py",
        "Forced Apart: hidden classes under coarse labels, or none",
        quick="--tasks 'digits, MLP' --settings none multi --seeds 0 1",
    ),
    "repair": Benchmark(
        "repair.py",
        "training that goes wrong: the best epoch, clusters that die",
        quick="--experiments dead",
    ),
    "overhead": Benchmark("overhead.py", "a training step beside a plain loop"),
    "precision": Benchmark(
        "precision.py",
        "mixed precision and compilation",
        "--data digits mnist-5k",
        "--data digits --seeds 0 --settings float32 bf16",
    ),
    "devices": Benchmark("devices.py", "a GPU beside the processor, where there is one"),
    "serving": Benchmark("serving.py", "a server of an exported estimator under load"),
    "import_time": Benchmark("import_time.py", "what importing the package takes"),
    "memory": Benchmark("memory.py", "memory of a fit on a memory map"),
    "data_parallel": Benchmark("data_parallel.py", "fits by several processes"),
    "regularizer_cost": Benchmark("regularizer_cost.py", "what a regularised layer costs"),
    "forced_apart_cost": Benchmark("forced_apart_cost.py", "what pairwise losses cost"),
    "ksvd": Benchmark("ksvd.py", "dictionaries beside scikit-learn's"),
    "larger_than_memory": Benchmark(
        "larger_than_memory.py",
        "training on a file larger than the granted memory",
        "--gigabytes 20",
    ),
    "scaling": Benchmark("scaling.py", "time and memory against samples, clusters, width, batch"),
    "tagnet_scale": Benchmark("tagnet_scale.py", "TAGnet's time and memory against the samples"),
}


def command(benchmark: Benchmark, quick: bool, options: Sequence[str]) -> list[str]:
    """Return the command line of a benchmark."""
    given = shlex.split((benchmark.quick if quick else benchmark.whole) or "")
    if quick:
        given += ["--out", str(QUICK / f"{Path(benchmark.script).stem}.jsonl")]
    return [sys.executable, str(HERE / benchmark.script), *given, *options]


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=usage,
        epilog="Other options, such as --mnist FOLDER or --fresh, go to each of the benchmarks.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks (default: all)")
    parser.add_argument("--quick", action="store_true", help="a slice of each, in ten minutes")
    parser.add_argument("--list", action="store_true", help="show the benchmarks, run none")
    options, others = parser.parse_known_args(arguments)
    if unknown := set(options.names) - set(REGISTRY):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(REGISTRY)}")
    return options, others


def main(arguments: Sequence[str] | None = None) -> int:
    options, others = parse(arguments)
    chosen = {
        name: benchmark
        for name, benchmark in REGISTRY.items()
        if name in (options.names or REGISTRY) and not (options.quick and benchmark.quick is None)
    }
    failed = []
    for number, (name, benchmark) in enumerate(chosen.items(), 1):
        print(f"[{number}/{len(chosen)}] {name}: {benchmark.shows}", flush=True)
        if not options.list:
            done = subprocess.run(command(benchmark, options.quick, others), check=False)
            failed += [name] if done.returncode else []
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    elif not (options.list or options.quick):
        subprocess.run([sys.executable, str(HERE / "update_docs.py")], check=True)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
