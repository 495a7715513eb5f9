"""Fits by two processes: `python -P -m same.ranks OUT NAME...` is each of them."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from same.models import MODELS
from same.seen import COUNTS, fitted, flat, of_model
from same.small import Scenario

N_RANKS = 2
FITS = ("triplet DEC", "TAGnet", "TAGnet in batches", "classifier", "embedder")


def processes(names: tuple[str, ...], folder: Path) -> Iterator[tuple[str, Any]]:
    """Fit some models in several processes, as a launcher starts them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    shared = {"WORLD_SIZE": N_RANKS, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    started = []
    for rank in range(N_RANKS):
        own = {**shared, "RANK": rank, "LOCAL_RANK": rank}
        environment = {**os.environ, **{name: str(value) for name, value in own.items()}}
        command = [sys.executable, "-P", "-m", "same.ranks", str(folder / str(rank)), *names]
        started.append(subprocess.Popen(command, env=environment))
    try:
        yield "exit statuses", [process.wait(timeout=300) for process in started]
    finally:
        for process in started:
            process.kill()
    for rank in range(N_RANKS):
        seen = pickle.loads((folder / str(rank)).read_bytes())
        yield f"process {rank}", seen
    COUNTS["fits"] += len(names)


def main(out: str, *names: str) -> None:
    torch.set_num_threads(1)
    seen: dict[str, Any] = {}
    for name in names:
        make, arguments, new = MODELS[name]
        model = fitted(make(), *arguments)
        for key, value in of_model(model, arguments[0], new, *arguments[1:]):
            seen.update({f"{name}: {each}": part for each, part in flat(key, value)})
    Path(out).write_bytes(pickle.dumps(seen))


SCENARIOS: dict[str, Scenario] = {"two processes": partial(processes, FITS)}

if __name__ == "__main__":
    main(*sys.argv[1:])
