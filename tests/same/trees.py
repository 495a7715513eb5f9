"""The two trees: the one of this file, and that of a commit or of another folder."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
# Whatever follows from the order of a set differs between two seeds.
HASH_SEEDS = {"base": "1", "now": "2"}
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextlib.contextmanager
def tree_of(base: str) -> Iterator[Path]:
    """Return the folder of a tree: one that is there, or the files of a commit for a while."""
    if Path(base).is_dir():
        yield Path(base).resolve()
        return
    command = ["git", "-c", "safe.directory=*", "archive", "--format=tar", base, "skdeepclust"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True)
    if archive.returncode:
        raise SystemExit(f"BASE={base} is no commit and no folder: {archive.stderr.decode()}")
    with tempfile.TemporaryDirectory(prefix="same-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def start(tree: Path, out: Path, patterns: list[str], which: str, **more: str) -> subprocess.Popen:
    """Start to record what a tree does, in a process that can import no other one."""
    paths = os.pathsep.join([str(tree), str(TESTS)])
    environment = {
        **os.environ,
        **dict.fromkeys(ONE_THREAD, "1"),
        "CUDA_VISIBLE_DEVICES": "",
        "MPLBACKEND": "Agg",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": HASH_SEEDS[which],
        "PYTHONPATH": paths,
        "SCIPY_ARRAY_API": "1",
        **more,
    }
    command = [sys.executable, "-P", "-m", "same.record", str(out), str(tree / "skdeepclust")]
    return subprocess.Popen([*command, *patterns], env=environment, cwd=out.parent)


def result_of(process: subprocess.Popen, out: Path) -> dict[str, Any]:
    if process.wait():
        raise SystemExit(f"The scenarios ended with exit status {process.returncode}.")
    return pickle.loads(out.read_bytes())
