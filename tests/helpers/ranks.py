"""Starts several processes that know of each other, as a launcher does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
PATH = os.pathsep.join([str(TESTS.parent), str(TESTS)])


def environment(rank: int, size: int, port: int) -> dict[str, str]:
    own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_PORT": port}
    return {name: str(value) for name, value in own.items()} | {"MASTER_ADDR": "127.0.0.1"}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(size: int, *command: str) -> list[subprocess.Popen[str]]:
    """Start `python -W error ...` as each of several ranks."""
    port = free_port()
    shared = {**os.environ, "PYTHONPATH": PATH, "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            [sys.executable, "-W", "error", *command],
            env={**shared, **environment(rank, size, port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]


def fork(size: int, function: Callable[..., None], *arguments: Any) -> None:
    """Call a function in copies of this process, each of a rank, which import nothing anew."""
    port, children = free_port(), []
    for rank in range(size):
        child = os.fork()
        if child == 0:
            os.environ.update(environment(rank, size, port))
            function(*arguments)
            sys.exit()
        children.append(child)
    status = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert status == [0] * size, status


def finish(processes: list[subprocess.Popen[str]], timeout: float) -> None:
    """Wait for all of them, and assert that they have done well."""
    try:
        errors = [process.communicate(timeout=timeout)[1] for process in processes]
    finally:
        end(processes)
    for process, text in zip(processes, errors, strict=True):
        assert process.returncode == 0, text


def end(processes: list[subprocess.Popen[str]]) -> None:
    """Let none of them outlive a test."""
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
