"""The options that every benchmark has."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from benchmarks.common.records import RESULTS

FRESH = (
    "make all runs that are asked for anew; each new record takes the place of the recorded one "
    "as soon as its run is done, one that fails leaves it. What is cut off begins again: to be "
    "able to go on, name another file by --out instead"
)
ALWAYS_FRESH = "has no effect: this benchmark measures anew each time, and adds to --out"


def add_options(parser: argparse.ArgumentParser, out: str, fresh: str = FRESH) -> None:
    """Add the options of every benchmark."""
    parser.prog = f"python -m benchmarks.{Path(out).stem}.run"
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


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read a command line, and see before the first run that its results can be written."""
    options = parser.parse_args(arguments)
    in_fresh_process = getattr(options, "fit", None)  # which leaves writing to the other
    if not (options.table or in_fresh_process):
        try:
            check_writable(options.out, options.fresh)
        except OSError as error:
            parser.error(f"--out {options.out} can't be written: {error}")
    return options


def check_writable(path: Path, replaceable: bool) -> None:
    """Raise OSError unless a file can be added to, and if need be replaced; leave it as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("ab"):
        pass
    if is_new:
        path.unlink()
    if replaceable:
        with TemporaryFile(dir=path.resolve().parent):
            pass


def variation(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} should be NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value
