"""Every benchmark in one place: what the documentation's tables and figures are made of.

    python -m benchmarks.run                     # all of them: a day of one core
    python -m benchmarks.run --quick             # a slice of each in ten minutes, of digits alone
    python -m benchmarks.run compare tagnet      # some of them
    python -m benchmarks.run --list

Results go to benchmarks/results, one JSON line a run. What is there is not repeated, so that the
same command goes on where it was cut off. Then `benchmarks.docs.update` writes the tables of the
documentation anew. With --quick results go to build/bench-quick, and nothing else is changed.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.common import processes
from benchmarks.common.records import ROOT

QUICK = ROOT / "build" / "bench-quick"


class Benchmark(NamedTuple):
    """Its folder, what it shows, and its options for all of it and for a slice of it."""

    folder: str
    shows: str
    whole: str = ""
    quick: str | None = None  # None: not a part of the slice


REGISTRY = {
    "compare": Benchmark(
        "compare",
        "peers, new samples, numbers of clusters, unequal classes",
        quick="--data digits --seeds 0 --experiments methods --methods TripletDECClusterer "
        "TAGnetClusterer KMeans SpectralClustering 'UMAP + GaussianMixture' 'ClustPy N2D'",
    ),
    "triplet_dec": Benchmark(
        "triplet_dec",
        "Triplet DEC: ablations and the paper's settings",
        "--settings all --data digits mnist-5k",
        "--data digits --seeds 0 1",
    ),
    "triplet_dec_large": Benchmark(
        "triplet_dec", "Triplet DEC on 70,000 images", "--data mnist --seeds 0 1"
    ),
    "tagnet": Benchmark(
        "tagnet",
        "TAGnet: its paper's tables and figures",
        quick="--data digits --seeds 0 --experiments tables",
    ),
    "tagnet_large": Benchmark(
        "tagnet", "TAGnet on 70,000 images", "--data mnist --seeds 0 --experiments tables"
    ),
    "tagnet_attributes": Benchmark(
        "tagnet",
        "TAGnet's auxiliary tasks on samples with several labels",
        "--data stickfigures nrletters-1000 --experiments attributes",
    ),
    "parsimonious": Benchmark(
        "parsimonious",
        "parsimonious representations: few labels, autoencoders, unseen classes",
        quick="--tasks 'digits, 150 labels' --seeds 0 1 "
        "--settings baseline 'one cluster' 'sample, 10 clusters'",
    ),
    "forced_apart": Benchmark(
        "forced_apart",
        "Forced Apart: hidden classes under coarse labels, or none",
        quick="--tasks 'digits, MLP' --settings none multi --seeds 0 1",
    ),
    "repair": Benchmark(
        "repair",
        "training that goes wrong: the best epoch, clusters that die",
        quick="--experiments dead",
    ),
    "answers": Benchmark(
        "answers",
        "novelty, consensus, trees, sizes, samples in parts and explanations of clusters",
        quick="--data digits --experiments sizes --seeds 0",
    ),
    "builds": Benchmark("builds", "Triplet DEC of this tree beside that of another commit"),
    "overhead": Benchmark("overhead", "a training step beside a plain loop"),
    "precision": Benchmark(
        "precision",
        "mixed precision and compilation",
        "--data digits mnist-5k",
        "--data digits --seeds 0 --settings float32 bf16",
    ),
    "devices": Benchmark("devices", "a GPU beside the processor, where there is one"),
    "serving": Benchmark("serving", "a server of an exported estimator under load"),
    "checks": Benchmark("checks", "what looking at the values of X costs"),
    "import_time": Benchmark("import_time", "what importing the package takes"),
    "memory": Benchmark("memory", "memory of a fit on a memory map"),
    "data_parallel": Benchmark("data_parallel", "fits by several processes"),
    "regularizer_cost": Benchmark("regularizer_cost", "what a regularised layer costs"),
    "forced_apart_cost": Benchmark("forced_apart_cost", "what pairwise losses cost"),
    "ksvd": Benchmark("ksvd", "dictionaries beside scikit-learn's"),
    "mixtures": Benchmark("mixtures", "the mixtures of initial clusters beside scikit-learn's"),
    "larger_than_memory": Benchmark(
        "larger_than_memory",
        "training on a file larger than the granted memory",
        "--gigabytes 20",
    ),
    "scaling": Benchmark("scaling", "time and memory against samples, clusters, width, batch"),
    "tagnet_scale": Benchmark("tagnet_scale", "TAGnet's time and memory against the samples"),
}


def command_of(benchmark: Benchmark, quick: bool, options: Sequence[str]) -> list[str]:
    """Return the command line of a benchmark."""
    given = shlex.split((benchmark.quick if quick else benchmark.whole) or "")
    if quick:
        given += ["--out", str(QUICK / f"{benchmark.folder}.jsonl")]
    return processes.command(f"benchmarks.{benchmark.folder}.run", [*given, *options])


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
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
    failed, environment = [], processes.environment()
    for number, (name, benchmark) in enumerate(chosen.items(), 1):
        print(f"[{number}/{len(chosen)}] {name}: {benchmark.shows}", flush=True)
        if not options.list:
            done = subprocess.run(
                command_of(benchmark, options.quick, others), env=environment, check=False
            )
            failed += [name] if done.returncode else []
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    elif not (options.list or options.quick):
        update = processes.command("benchmarks.docs.update", [])
        subprocess.run(update, env=environment, check=True)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
