"""Measurements in a process of its own, so that nothing else counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.common.records import Record


def command(module: str, arguments: Sequence[str]) -> list[str]:
    """Return the command line that runs a module, with the Python that is running."""
    return [sys.executable, "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Return this process's environment, in which the same packages are found from any folder."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def measured_in_fresh_process(module: str, arguments: Sequence[str]) -> Record:
    """Return the record that a module prints as its last line."""
    answer = subprocess.run(
        command(module, arguments),
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout.splitlines()[-1])
