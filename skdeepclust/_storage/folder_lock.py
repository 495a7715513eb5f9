"""A lock on a folder that ends with the process that holds it, however it ends."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

# A look at a lock takes it for a moment: that isn't another fit.
N_ATTEMPTS, SECONDS_TO_WAIT = 10, 0.5
# What some file systems without locks answer; filelock has something for others.
WITHOUT_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP}


class FolderLock:
    """Keeps other fits out of a folder, which it makes.

    The folder itself can't be locked on Windows. A file in it would have to go before the folder
    does, and so before its lock: hence one beside it, which is there as long as the lock is.

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
        path.mkdir(parents=True, exist_ok=True)  # whose error says what is wrong with it
        self._lock = _locked(_file(path), SECONDS_TO_WAIT)
        try:  # its last holder may have removed it in between
            path.mkdir(parents=True, exist_ok=True)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let others in."""
        _unlock(self._lock)


def is_locked(path: Path) -> bool:
    """Whether a fit is running that has this folder."""
    if not _file(path).exists():
        return False
    try:
        lock = _locked(_file(path), 0)
    except OSError:
        return True
    if path.exists():
        lock.release()
    else:  # its fit has ended since, and the file has just come again
        _unlock(lock)
    return False


def _file(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _locked(file: Path, seconds: float) -> BaseFileLock:
    from filelock import FileLock, Timeout  # only here: few fits need it

    lock = FileLock(file, thread_local=False)
    try:
        _acquire(lock, file, seconds)
    except Timeout as error:
        raise BlockingIOError(errno.EWOULDBLOCK, "in use", str(file)) from error
    except NotImplementedError:  # a file system without locks, filelock before 3.24
        pass
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
    return lock


def _acquire(lock: BaseFileLock, file: Path, seconds: float) -> None:
    for attempt in range(N_ATTEMPTS):
        try:
            lock.acquire(timeout=seconds)
        except FileNotFoundError:  # in this moment its last holder deletes it
            if attempt == N_ATTEMPTS - 1:
                raise
            continue
        if file.exists():
            return
        lock.release()  # before 3.21 filelock locks what is deleted
    raise FileNotFoundError(errno.ENOENT, "deleted again and again", str(file))


def _unlock(lock: BaseFileLock) -> None:
    with suppress(OSError):  # on Windows, where filelock deletes it afterwards
        Path(lock.lock_file).unlink()
    lock.release()
