"""What the benchmarks share: data sets, threads, one JSON line a run, tables from these lines."""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import math
import os
import platform
import re
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.datasets import fetch_openml, load_digits
from threadpoolctl import threadpool_limits

import skdeepclust
from skdeepclust.datasets import fetch_mnist

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
# Where MNIST may lie beside a checkout; the option --mnist and SKDEEPCLUST_DATA come first.
BESIDE = ROOT.parent / "shared" / "data" / "mnist"
KEY = ("experiment", "data", "setting", "seed")

Record = dict[str, Any]


# ---------------------------------------------------------------- data


# Data sets that scikit-learn fetches from OpenML, which needs the internet or a copy in its cache.
OPENML = {"usps": (41082, (16, 16)), "cifar-10": (40927, (3, 32, 32))}


def load(
    name: str, mnist: str | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...] | None]:
    """Load a data set: X (n_samples, n_features), y (n_samples,), image_shape.

    `name` is "digits", "mnist" (70,000: training images, then test images), "usps" or "cifar-10",
    or a file of your own, such as "coil20.npz", with arrays X (n_samples, ...) and y; X of more
    than two dimensions holds images. A number behind a name, as in "mnist-5k" or "digits-300",
    draws as many samples, always the same ones. `mnist` is the folder with the four IDX files.
    """
    if name.endswith(".npz"):
        return _from_file(Path(name))
    match = re.fullmatch(rf"({'|'.join(('digits', 'mnist', *OPENML))})(?:-(\d+)(k?))?", name)
    if match is None:
        known = ", ".join(("digits", "mnist", *OPENML))
        raise SystemExit(f"No data set {name!r}: there are {known}, mnist-5k, FILE.npz ...")
    base, size, thousand = match.groups()
    X, y, image_shape = _whole(base, mnist)
    if size is not None:
        n_samples = int(size) * (1000 if thousand else 1)
        if n_samples > len(X):
            raise SystemExit(f"{base} has {len(X)} samples, not {n_samples}.")
        rows = np.random.default_rng(0).choice(len(X), n_samples, replace=False)
        X, y = X[rows], y[rows]
    return X, y, image_shape


def _whole(name: str, mnist: str | None) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    if name == "digits":
        return *load_digits(return_X_y=True), (8, 8)
    if name == "mnist":
        return *_load_mnist(mnist), (28, 28)
    number, image_shape = OPENML[name]
    try:
        X, y = fetch_openml(data_id=number, return_X_y=True, as_frame=False, parser="liac-arff")
    except OSError as error:
        raise SystemExit(f"{name} can't be fetched from OpenML ({error}).") from error
    return X - X.min(), np.unique(y, return_inverse=True)[1], image_shape


def _from_file(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[int, ...] | None]:
    if not path.is_file():
        raise SystemExit(f"There is no {path}.")
    with np.load(path) as arrays:
        X, y = arrays["X"], np.unique(arrays["y"], return_inverse=True)[1]
    return X.reshape(len(X), -1), y, X.shape[1:] if X.ndim > 2 else None


def _load_mnist(folder: str | None) -> tuple[np.ndarray, np.ndarray]:
    if folder is None and "SKDEEPCLUST_DATA" not in os.environ and BESIDE.is_dir():
        folder = str(BESIDE)
    try:
        return fetch_mnist(folder=folder, return_X_y=True)
    except OSError as error:
        raise SystemExit(
            f"MNIST can't be loaded ({error}). Name the folder that holds its four IDX files by "
            "--mnist FOLDER, or the one that holds the folder mnist by SKDEEPCLUST_DATA."
        ) from error


# ---------------------------------------------------------------- options and surroundings


FRESH = (
    "make all runs that are asked for anew; each new record takes the place of the recorded one "
    "as soon as its run is done, one that fails leaves it. What is cut off begins again: to be "
    "able to go on, name another file by --out instead"
)
ALWAYS_FRESH = "has no effect: this benchmark measures anew each time, and adds to --out"


def add_options(parser: argparse.ArgumentParser, out: str, fresh: str = FRESH) -> None:
    """Add the options of every benchmark."""
    parser.add_argument(
        "--mnist",
        metavar="FOLDER",
        help="folder with the four IDX files of MNIST (default: the folder mnist in the one that "
        "SKDEEPCLUST_DATA names, or ../shared/data/mnist beside the repository, or a download)",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of torch and BLAS (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS / out,
        help=f"file of results, one JSON line each (default: benchmarks/results/{out})",
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--table", action="store_true", help="measure nothing; print the table of all of --out"
    )
    way.add_argument("--fresh", action="store_true", help=fresh)


def variation(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} should be NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


@contextmanager
def thread_limit(n_threads: int) -> Iterator[None]:
    """Let torch, BLAS and OpenMP use `n_threads` threads inside the block."""
    before = torch.get_num_threads()
    os.environ["NUMBA_NUM_THREADS"] = str(n_threads)  # numba, not yet imported, sets OpenMP's
    with threadpool_limits(n_threads):
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def surroundings() -> Record:
    """Return what a measurement depends on beside its settings."""
    return {
        "n_threads": torch.get_num_threads(),
        "versions": {
            "skdeepclust": skdeepclust.__version__,
            "torch": torch.__version__,
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "processor": processor_name(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.is_file() else ""
    names = re.findall(r"^model name\s*:\s*(.+)$", text, re.M)
    return names[0] if names else platform.processor() or platform.machine()


def reset_peak_memory() -> None:
    """Start the peak of resident memory anew, where the system can do so (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb() -> float:
    """Return the peak of resident memory of this process, in units of 10^6 bytes."""
    status = Path("/proc/self/status")
    text = status.read_text() if status.is_file() else ""
    if high_water_mark := re.search(r"^VmHWM:\s*(\d+) kB$", text, re.M):
        return int(high_water_mark[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    try:
        import resource  # not on Windows
    except ImportError:
        return math.nan
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def changed_parameters(model) -> Record:
    """Return the parameters of an estimator that differ from their defaults, seeds left out."""
    defaults = {k: p.default for k, p in inspect.signature(type(model)).parameters.items()}
    return {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name != "random_state" and not _same(value, defaults.get(name, inspect.Parameter.empty))
    }


def _same(value: object, default: object) -> bool:
    return type(value) is type(default) and repr(value) == repr(default)


# ---------------------------------------------------------------- results


def read_records(path: Path) -> list[Record]:
    """Read the results; a line on which a run was cut off is left out."""
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        with suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return records


def append_record(path: Path, record: Record) -> None:
    """Add one line to the results; what is not JSON is written as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(record, ensure_ascii=False, default=str)
    torn = path.is_file() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n" if torn else f"{line}\n")


def key_of(record: Record) -> tuple:
    """Return what tells one run from another."""
    return tuple(record[name] for name in KEY)


# ---------------------------------------------------------------- tables


def grouped(
    records: Iterable[Record], key: Callable[[Record], Hashable]
) -> dict[Hashable, list[Record]]:
    """Group records, in the order in which the keys first appear."""
    groups: dict[Hashable, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


def mean_and_std(values: Sequence[float], digits: int = 3) -> str:
    """Return "mean ± std" with the standard deviation of a sample; "mean" of a single value."""
    mean = f"{fmean(values):.{digits}f}"
    return f"{mean} ± {stdev(values):.{digits}f}" if len(values) > 1 else mean


def difference(
    runs: Sequence[Record],
    others: Sequence[Record],
    name: str,
    *,
    scale: float = 1,
    digits: int = 3,
) -> str:
    """Return the mean difference of runs with the same seed, and its standard error."""
    other = {run["seed"]: run[name] for run in others}
    pairs = [scale * (run[name] - other[run["seed"]]) for run in runs if run["seed"] in other]
    if not pairs:
        return ""
    error = f" ± {stdev(pairs) / math.sqrt(len(pairs)):.{digits}f}" if len(pairs) > 1 else ""
    return f"{fmean(pairs):+.{digits}f}{error}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown, its columns aligned."""
    cells = [list(map(str, row)) for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in cells
    )
