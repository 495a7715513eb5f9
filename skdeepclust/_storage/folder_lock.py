"""A lock on a folder that ends with the process that holds it, however it ends."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where two equal fits at once aren't noticed
    fcntl: Any = None

# A look at a lock takes it for a moment: that isn't another fit.
N_ATTEMPTS, SECONDS_BETWEEN = 10, 0.05


class FolderLock:
    """Keeps other fits out of a folder, which it makes.

    Parameters
    ----------
    path : Path
        The folder.

    Raises
    ------
    BlockingIOError
        If somebody else has it.
    OSError
        If it can't be made.
    """

    def __init__(self, path: Path):
        self._descriptor: int | None = None
        for attempt in range(N_ATTEMPTS):
            path.mkdir(parents=True, exist_ok=True)
            try:
                self._descriptor = _locked(path)
                return
            except (FileNotFoundError, BlockingIOError):
                # in this moment its last holder removes it, or somebody looks whether it is locked
                if attempt == N_ATTEMPTS - 1:
                    raise
                time.sleep(SECONDS_BETWEEN)

    def release(self) -> None:
        """Let others in."""
        _unlock(self._descriptor)
        self._descriptor = None


def is_locked(path: Path) -> bool:
    """Whether a fit is running that has this folder, or the folder is gone."""
    try:
        descriptor = _locked(path)
    except OSError:
        return True
    _unlock(descriptor)
    return False


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        pass


def _unlock(descriptor: int | None) -> None:
    if descriptor is not None:
        with suppress(OSError):  # of a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # also for processes that were forked since
        os.close(descriptor)


def _locked(path: Path) -> int | None:
    if fcntl is None:
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _lock(descriptor)
        if not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise FileNotFoundError(path)
    except BaseException:
        _unlock(descriptor)
        raise
    return descriptor
