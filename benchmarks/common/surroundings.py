"""What a measurement depends on beside its settings: threads, versions, memory, parameters."""

from __future__ import annotations

import inspect
import math
import os
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import sklearn
import torch
from threadpoolctl import threadpool_limits

import skdeepclust
from benchmarks.common.records import Record


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
