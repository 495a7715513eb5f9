"""Files that appear under their names when they are complete, and what killed writers leave."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where a file that is open can't be deleted
    fcntl = None

# Longer names have no room for what a part's name has beside them.
MOST_BYTES_OF_NAME = 200


@contextmanager
def replacing(path: Path) -> Generator[BinaryIO]:
    """Give a file to write to, which takes the place of `path` at the end.

    A link stays, and what it leads to is replaced. The file has the permissions of the one that
    it replaces. What isn't a plain file, such as a pipe or a device, is written to as it is.

    Parameters
    ----------
    path : Path
        What is replaced.

    Raises
    ------
    OSError
        If it can't be written; what was there before is as it was.
    """
    try:
        mode = _mode_of(path)
        if mode is None or stat.S_ISREG(mode):
            with _in_part(Path(os.path.realpath(path)), mode) as file:
                yield file
        else:
            with path.open("wb") as file:
                yield file
    except OSError as error:
        error.filename = str(path)
        del error.filename2  # the part's, which users don't know; with None it would be shown
        raise


@contextmanager
def _in_part(path: Path, mode: int | None) -> Generator[BinaryIO]:
    _clear(path)
    part, file = _new_part(path, mode)
    try:
        with file:
            yield file
            file.flush()
            if mode is not None and os.fstat(file.fileno()).st_mode != mode:
                part.chmod(stat.S_IMODE(mode))
            os.fsync(file.fileno())
            if fcntl is not None:  # while the lock is held
                part.replace(path)
        if fcntl is None:  # pragma: no cover - Windows
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _mode_of(path: Path) -> int | None:
    """Return the mode of a file, or None if there is none."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _prefix(path: Path) -> str:
    name = path.name
    if len(os.fsencode(name)) > MOST_BYTES_OF_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".{name}."


def _new_part(path: Path, mode: int | None) -> tuple[Path, BinaryIO]:
    """Make a file beside `path`, locked as long as it is open; its permissions are a new file's."""
    allowed = 0o666 if mode is None else 0o600  # nobody reads what only some may read
    while True:
        part = path.with_name(f"{_prefix(path)}{uuid.uuid4().hex}.part")
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(part, flags, allowed), "wb")
        # another writer may have taken it, in this moment, for one that was left
        if _lock(file) is not False and os.fstat(file.fileno()).st_nlink:
            return part, file
        file.close()
        part.unlink(missing_ok=True)


def _lock(file: BinaryIO) -> bool | None:
    """Lock a file; return False if somebody else has it, None if it can't be known."""
    if fcntl is None:  # pragma: no cover - Windows
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    return True


def _clear(path: Path) -> None:
    """Delete the parts that killed writers have left, but none that is being written."""
    pattern = re.compile(re.escape(_prefix(path)) + r"[0-9a-f]{32}\.part(\.\w+)?")
    with suppress(OSError):  # a folder that can't be listed can still be written to
        for part in [each for each in path.parent.iterdir() if pattern.fullmatch(each.name)]:
            with suppress(OSError), part.open("rb+") as file:
                if fcntl is not None and not _lock(file):
                    continue
                part.unlink()
            if fcntl is None:  # pragma: no cover - Windows, where that fails if it is in use
                with suppress(OSError):
                    part.unlink()
