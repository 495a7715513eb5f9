"""Run scenarios with the package that is imported, and keep all that is seen of them.

`python -P -m same.record OUT PACKAGE PATTERN...`; PACKAGE is the folder that has to be imported.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import pickle
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

import skdeepclust
from same.scenarios import SCENARIOS
from same.seen import COUNTS, Seen, flat, text_of

# In lines of progress and in skorch's tables.
SECONDS = re.compile(r"\b\d+\.\d+ s\b|\b\d+\.\d{4}(?=\n)")


def run(name: str) -> dict[str, Seen]:
    """Run a scenario in an empty folder; what it warns of, prints and raises is seen, too."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 (what nothing may draw from)
    before = global_states()
    found: dict[str, Seen] = {}
    printed = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as place,
        contextlib.chdir(place),
        warnings.catch_warnings(record=True) as warned,
        contextlib.redirect_stdout(printed),
        stopped_clock() if "printed" in name else contextlib.nullcontext(),
    ):
        warnings.simplefilter("always")
        folder = Path(place)
        for key, value in watched(name, folder):
            found.update(flat(key, value))
        texts = [f"{each.category.__name__}: {each.message}" for each in warned]
        seen = {key: cleaned(value, folder) for key, value in found.items()}
        seen["warnings"] = Seen("text", text_of("\n".join(texts), folder))
        seen["printed"] = Seen("text", text_of(SECONDS.sub("", printed.getvalue()), folder))
    seen["global generators"] = Seen("text", "used" if global_states() != before else "unused")
    return seen


def stopped_clock() -> contextlib.AbstractContextManager:
    """Keep lines from being printed because something has taken long."""
    return mock.patch("time.perf_counter", return_value=0.0)


def watched(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield what a scenario does, and the error if it ends with one."""
    try:
        yield from SCENARIOS[name](folder)
    except Exception as error:
        COUNTS["errors"] += 1
        yield "error", f"{type(error).__name__}: {error}"


def cleaned(seen: Seen, folder: Path) -> Seen:
    if isinstance(seen.value, str):
        return Seen(seen.kind, text_of(seen.value, folder))
    return seen


def global_states() -> tuple[bytes, bytes]:
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    return pickle.dumps(state), torch.get_rng_state().numpy().tobytes()


def main(out: str, package: str, *patterns: str) -> None:
    imported = Path(importlib.import_module("skdeepclust").__file__ or "").parent.resolve()
    assert imported == Path(package).resolve(), f"{imported} is imported, not {package}"
    assert skdeepclust.__name__ == "skdeepclust"
    torch.set_num_threads(1)
    # torch emulates half precision where the processor has none: all paths are taken
    if hasattr(torch.cpu, "get_capabilities"):
        features = dict(torch.cpu.get_capabilities())
        features |= {name: True for name in features if "fp16" in name or "bf16" in name}
        torch.cpu.get_capabilities = lambda: features
    chosen = [name for name in SCENARIOS if any(re.search(each, name) for each in patterns)]
    record: dict[str, Any] = {"scenarios": {}, "seconds": {}}
    for name in chosen:
        begin = time.process_time()
        record["scenarios"][name] = run(name)
        record["seconds"][name] = time.process_time() - begin
        if os.environ.get("SAME_VERBOSE"):
            print(f"{record['seconds'][name]:6.2f} s  {name}", file=sys.stderr, flush=True)
    record["counts"] = dict(COUNTS)
    Path(out).write_bytes(pickle.dumps(record))


if __name__ == "__main__":
    main(*sys.argv[1:])
