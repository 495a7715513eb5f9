"""K-SVD against scikit-learn's MiniBatchDictionaryLearning: seconds, and error at one sparsity.

    python -m benchmarks.ksvd.run                      # MNIST-5k, 128 atoms, 10 a sample
    python -m benchmarks.ksvd.run --data digits --n-components 32 --n-nonzero-coefs 4

Each dictionary is judged by the relative error that orthogonal matching pursuit with the same
number of atoms a sample leaves of the samples it was learned on. Pixels are in [0, 1]. "ratio" is
the median, over seeds, of the seconds of a setting relative to those of K-SVD with the same seed.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np
from sklearn.decomposition import MiniBatchDictionaryLearning
from sklearn.exceptions import ConvergenceWarning

from benchmarks.common.data import load
from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import kept, recorded
from benchmarks.common.surroundings import changed_parameters, surroundings, thread_limit
from benchmarks.common.tables import grouped, markdown, mean_and_std
from skdeepclust.dictionary import KSVD

PENALTIES = (0.1, 0.5, 1.0)  # alpha of MiniBatchDictionaryLearning; its default is 1


def models(options: argparse.Namespace, seed: int) -> dict[str, KSVD | MiniBatchDictionaryLearning]:
    common = {"n_components": options.n_components, "random_state": seed}
    found = {"K-SVD": KSVD(n_nonzero_coefs=options.n_nonzero_coefs, **common)}
    for alpha in PENALTIES:
        found[f"MiniBatchDictionaryLearning, alpha={alpha}"] = MiniBatchDictionaryLearning(
            alpha=alpha, max_iter=20, fit_algorithm="cd", **common
        )
    return found


def relative_error(atoms: np.ndarray, X: np.ndarray, n_nonzero_coefs: int) -> float:
    """Return the error of the best codes that matching pursuit finds with a dictionary."""
    ksvd = KSVD(len(atoms), n_nonzero_coefs=n_nonzero_coefs, max_iter=1, random_state=0).fit(X)
    norms = np.linalg.norm(atoms, axis=1, keepdims=True)
    ksvd.components_ = atoms / np.maximum(norms, np.finfo(atoms.dtype).tiny)
    return float(np.sqrt(-ksvd.score(X) / np.mean(np.square(X, dtype=np.float64))))


def measure(model: KSVD | MiniBatchDictionaryLearning, X: np.ndarray, n_nonzero: int) -> Record:
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(X)
    return {
        "parameters": changed_parameters(model),
        "seconds": round(time.perf_counter() - wall, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "error": round(relative_error(model.components_, X, n_nonzero), 5),
        "n_iter": int(model.n_iter_),
    }


def run(options: argparse.Namespace) -> Iterator[Record]:
    X = load(options.data, options.mnist)[0]
    X = X.reshape(len(X), -1).astype(np.float32) / X.max()
    for seed in range(options.seeds):
        for setting, model in models(options, seed).items():
            yield {
                "experiment": "ksvd",
                "data": options.data,
                "setting": setting,
                "seed": seed,
                "n_nonzero_coefs": options.n_nonzero_coefs,
                "n_components": options.n_components,
                **measure(model, X, options.n_nonzero_coefs),
                **surroundings(),
            }


def table(records: Sequence[Record]) -> str:
    """Return a row a setting; of runs with the same setting and seed, the newest."""
    names = ("data", "n_components", "n_nonzero_coefs", "n_threads")
    newest = {(*(r[n] for n in names), r["setting"], r["seed"]): r for r in records}
    rows = []
    groups = grouped(newest.values(), lambda r: (*(r[n] for n in names), r["setting"]))
    for key, runs in groups.items():
        ours = [newest.get((*key[:-1], "K-SVD", run["seed"])) for run in runs]
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(runs, ours, strict=True) if b]
        row = [key[-1], *key[:-1], mean_and_std([r["error"] for r in runs], 4)]
        row += [mean_and_std([r["seconds"] for r in runs], 2)]
        rows.append([*row, f"{median(ratios):.2f}" if ratios else ""])
    header = ["dictionary", "data", "atoms", "atoms a sample", "threads"]
    return markdown([*header, "relative error", "seconds", "ratio"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", default="mnist-5k", help="default: %(default)s")
    parser.add_argument("--n-components", type=int, default=128, help="default: %(default)s")
    parser.add_argument("--n-nonzero-coefs", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=3, help="default: %(default)s")
    add_options(parser, "ksvd.jsonl", ALWAYS_FRESH)
    options = parse_options(parser, arguments)
    if options.table:
        records = recorded(options.out)
    else:
        with thread_limit(options.threads), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of the codes of single batches
            records = kept(run(options), options.out)
    print(table(records))


if __name__ == "__main__":
    main()
