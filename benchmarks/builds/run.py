"""Estimators of this tree beside those of another commit: accuracy and CPU seconds, side by side.

    python -m benchmarks.builds.run                       # Triplet DEC on digits
    python -m benchmarks.builds.run --base 6bffb54 --data mnist-5k --mnist FOLDER --seeds 20 21
    python -m benchmarks.builds.run --estimators TAGnetClusterer ForcedApartEmbedder
    python -m benchmarks.builds.run --data mnist --mnist FOLDER --base-seeds 20 --umap

Each fit runs on one thread in a process of its own, in which the package comes from one tree alone.
For each seed the two trees take turns, so that a busy moment is both's. The seeds, 20 to 39, are
those on which no setting was chosen.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.common.data import load
from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import kept, recorded
from benchmarks.common.surroundings import surroundings
from benchmarks.common.tables import markdown, mean_and_std

ROOT = Path(__file__).resolve().parents[2]
SEEDS = tuple(range(20, 40))
DATA = ("digits", "mnist-5k", "mnist")
ESTIMATORS = (
    "TripletDECClusterer",
    "TAGnetClusterer",
    "ForcedApartEmbedder",
    "ParsimoniousClassifier",
)
UMAP = "UMAP + mixture"  # UMAP as its documentation sets it for clustering
# What the two last estimators give is judged by KMeans of the embedding, and by the other half's
# labels. What numba compiles for UMAP isn't timed.
CODE = """
import json, resource, sys, time
import numpy as np, skdeepclust, torch
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from skdeepclust.metrics import clustering_accuracy_score
torch.set_num_threads(1)
held, seed, name = np.load(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
X, y, shape = held["X"], held["y"], tuple(held["shape"])
k, found, rows = len(set(y)), {}, X.reshape(len(X), -1)
if name == "UMAP + mixture":
    from sklearn.mixture import GaussianMixture
    from umap import UMAP
    for some in (500, 5_000):
        made = np.random.default_rng(0).random((some, 20), dtype=np.float32)
        UMAP(n_epochs=5, random_state=0, n_jobs=1).fit(made)
begin = time.process_time()
if name == "UMAP + mixture":
    reducer = UMAP(n_neighbors=30, min_dist=0.0, n_components=10, random_state=seed, n_jobs=1)
    embedded = reducer.fit_transform(rows)
    labels = GaussianMixture(k, n_init=3, random_state=seed).fit_predict(embedded)
elif name == "ParsimoniousClassifier":
    model = skdeepclust.ParsimoniousClassifier(random_state=seed).fit(rows[::2], y[::2])
elif name == "ForcedApartEmbedder":
    model = skdeepclust.ForcedApartEmbedder(random_state=seed).fit(rows)
elif name == "TAGnetClusterer":
    model = skdeepclust.TAGnetClusterer(k, random_state=seed).fit(rows)
else:
    model = skdeepclust.TripletDECClusterer(k, image_shape=shape, random_state=seed).fit(X)
    if hasattr(model, "initial_labels_"):  # of later builds
        start = clustering_accuracy_score(y, model.initial_labels_)
        found["ACC of start"] = round(start, 4)
seconds = time.process_time() - begin
if name == "ForcedApartEmbedder":
    labels = KMeans(k, n_init=10, random_state=seed).fit_predict(model.transform(rows))
elif name == "ParsimoniousClassifier":
    y, labels = y[1::2], model.predict(rows[1::2])
elif name != "UMAP + mixture":
    labels = model.labels_
print(json.dumps({
    "cpu_s": round(seconds, 2),
    "ACC": round(clustering_accuracy_score(y, labels), 4),
    "NMI": round(normalized_mutual_info_score(y, labels), 4),
    **found,
    "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
"""


@contextlib.contextmanager
def tree_of(commit: str) -> Iterator[Path]:
    """Return the package of a commit in a temporary folder."""
    command = ["git", "archive", "--format=tar", commit, "skdeepclust"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True)
    if archive.returncode:
        raise SystemExit(f"--base {commit} is no commit: {archive.stderr.decode()}")
    with tempfile.TemporaryDirectory(prefix="build-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def fitted(tree: Path, samples: Path, seed: int, estimator: str) -> Record:
    """Return what one fit gives, in a process that finds the package in one tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-c", CODE, str(samples), str(seed), estimator]
    done = subprocess.run(
        command, env=environment, cwd=samples.parent, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def measured(options: argparse.Namespace) -> Iterator[Record]:
    """Yield a record of each fit."""
    with tree_of(options.base) as base, tempfile.TemporaryDirectory() as folder:
        builds = {"before": base, "now": ROOT, **({UMAP: ROOT} if options.umap else {})}
        for data in options.data:
            X, y, shape = load(data, options.mnist)
            samples = Path(folder) / f"{data}.npz"
            np.savez(samples, X=X, y=y, shape=shape)
            each = product(options.estimators, options.seeds, builds.items())
            for estimator, seed, (build, tree) in each:
                if build == "before" and seed not in (options.base_seeds or options.seeds):
                    continue
                head = {"experiment": "builds", "data": data, "setting": build, "seed": seed}
                head |= {"base": options.base, "estimator": estimator}
                record = {
                    **head,
                    **fitted(tree, samples, seed, UMAP if build == UMAP else estimator),
                }
                print(json.dumps(record), flush=True)
                yield {**record, **surroundings()}


def table(records: Sequence[Record]) -> str:
    """Return both builds beside each other, and the ratio of their seconds."""
    # of runs with the same seed, the newest
    names = ("base", "estimator", "data", "setting", "seed")
    newest = {tuple(record[name] for name in names): record for record in records}
    groups: dict[tuple[str, ...], list[Record]] = {}
    for key, record in newest.items():
        groups.setdefault(key[:-1], []).append(record)
    rows = []
    for (*what, build), runs in groups.items():
        before = groups.get((*what, "before"), runs)
        ratio = np.mean([run["cpu_s"] for run in runs]) / np.mean([run["cpu_s"] for run in before])
        worst = min(run["ACC"] for run in runs)
        start = [run["ACC of start"] for run in runs if "ACC of start" in run]
        values = [mean_and_std(each) if each else "" for each in ([r["ACC"] for r in runs], start)]
        memory = max(run["peak_rss_mb"] for run in runs)
        rows.append(
            [
                *what[1:],
                what[0] if build == "before" else build,
                len(runs),
                values[0],
                f"{worst:.3f}",
                values[1],
            ]
        )
        rows[-1] += [mean_and_std([run["cpu_s"] for run in runs], 1), f"{ratio:.2f}", memory]
    header = [
        "estimator",
        "data",
        "build",
        "seeds",
        "ACC",
        "worst",
        "ACC of the start",
        "CPU s",
        "ratio",
        "MB",
    ]
    return markdown(header, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--base", default="4c5486b", help="the other commit")
    parser.add_argument("--data", nargs="+", default=["digits"], choices=DATA)
    parser.add_argument(
        "--estimators", nargs="+", default=ESTIMATORS[:1], choices=ESTIMATORS, metavar="NAME"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, help="default: 20 to 39")
    parser.add_argument(
        "--base-seeds", nargs="+", type=int, help="those of the other commit; default: all"
    )
    parser.add_argument("--umap", action="store_true", help="fit UMAP and a mixture beside them")
    add_options(parser, "builds.jsonl", ALWAYS_FRESH)
    options = parse_options(parser, arguments)
    print(table(recorded(options.out) if options.table else kept(measured(options), options.out)))


if __name__ == "__main__":
    main()
