"""Compare two trees: `PYTHONPATH=tests python -m same [BASE] [--only PATTERN ...]`.

BASE is a commit, or a folder with `skdeepclust` in it; the other tree is that of this file, as it
lies there, changes that aren't committed included.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from same.compare import differences
from same.trees import ROOT, result_of, start, tree_of

# Scenarios of files, which the other tree may have left.
CROSSED = "taken up, "


def main() -> int:
    parser = argparse.ArgumentParser(prog="same", description=__doc__)
    parser.add_argument("base", nargs="?", default="HEAD", help="commit or folder (HEAD)")
    parser.add_argument("--only", nargs="+", default=["."], help="patterns of names of scenarios")
    options = parser.parse_args()
    begin = time.perf_counter()
    with tree_of(options.base) as tree, tempfile.TemporaryDirectory() as folder:
        base, now, crossed = records(tree, Path(folder), options.only)
    if not now["scenarios"]:
        parser.error(f"no scenario has a name like {options.only}")
    lines = [*differences(base["scenarios"], now["scenarios"])]
    last = {name: each for name, each in base["scenarios"].items() if name in crossed}
    lines += [f"files of the base, {line}" for line in differences(last, crossed)]
    print("\n".join([*lines, summary(now, lines, time.perf_counter() - begin)]))
    return 1 if lines else 0


def records(tree: Path, folder: Path, patterns: list[str]) -> tuple[dict, dict, dict]:
    """Return what both trees do, and what this one makes of the files that the base has left."""
    started = {}
    for which, each in (("base", tree), ("now", ROOT)):
        left = folder / f"left by {which}"
        out = folder / which / "record"
        out.parent.mkdir()
        left.mkdir()
        started[which] = start(each, out, patterns, which, SAME_LEFT=str(left)), out
    try:
        base, now = (result_of(*started[which]) for which in ("base", "now"))
    finally:
        for process, _ in started.values():
            process.kill()
    crossed: dict[str, Any] = {"scenarios": {}}
    names = [f"^{re.escape(name)}$" for name in base["scenarios"] if name.startswith(CROSSED)]
    if names:
        out = folder / "now" / "crossed"
        process = start(ROOT, out, names, "now", SAME_LEFT=str(folder / "left by base"))
        crossed = result_of(process, out)
    return base, now, crossed["scenarios"]


def summary(now: dict[str, Any], lines: list[str], seconds: float) -> str:
    seen = [each for scenario in now["scenarios"].values() for each in scenario.values()]
    arrays = sum(isinstance(each.value, np.ndarray) and each.value.ndim > 0 for each in seen)
    counts = {"fits": 0, "errors": 0, **now["counts"]}
    verdict = f"{len(lines)} of {len(now['scenarios'])} scenarios differ" if lines else "the same"
    cpu = sum(now["seconds"].values())
    return (
        f"{counts['fits']} fits, {arrays} arrays, {counts['errors']} errors: {verdict} "
        f"({seconds:.0f} s, {cpu:.0f} s of one core for each tree)"
    )


if __name__ == "__main__":
    sys.exit(main())
