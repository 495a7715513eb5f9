"""A folder's lock: one fit at a time, free when its holder dies, and nothing left behind."""

from __future__ import annotations

import errno
import subprocess
import sys
import time

import filelock
import pytest

from skdeepclust._storage.folder_lock import FolderLock, is_locked

HOLD = """
import sys, time
from pathlib import Path
from skdeepclust._storage.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("has it", flush=True)
time.sleep(60)
"""


def test_one_at_a_time_and_nothing_is_left(tmp_path):
    path = tmp_path / "new" / "fit"
    lock = FolderLock(path)
    assert path.is_dir()
    assert is_locked(path)
    with pytest.raises(BlockingIOError):
        FolderLock(path)
    assert not is_locked(tmp_path / "other")
    lock.release()
    lock.release()
    assert not is_locked(path)
    assert [each.name for each in path.parent.iterdir()] == ["fit"]


def test_a_lock_ends_with_its_process(tmp_path):
    path = tmp_path / "fit"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "has it\n"
        assert is_locked(path)
        with pytest.raises(BlockingIOError):
            FolderLock(path)
        process.kill()
    begin = time.monotonic()
    assert not is_locked(path)
    FolderLock(path).release()
    assert time.monotonic() - begin < 0.5
    assert list(tmp_path.iterdir()) == [path]


def test_a_look_brings_nothing_back(tmp_path):
    path = tmp_path / "fit"
    (tmp_path / ".fit.lock").touch()  # of a fit that was killed, whose folder somebody deleted
    assert not is_locked(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError("no flock")]
)
def test_a_file_system_without_locks(error, tmp_path, monkeypatch):
    def acquire(lock, timeout):
        raise error

    monkeypatch.setattr(filelock.BaseFileLock, "acquire", acquire)
    lock = FolderLock(tmp_path / "fit")
    assert (tmp_path / "fit").is_dir()
    lock.release()


def test_a_folder_that_cant_be_made_leaves_no_lock(tmp_path):
    (tmp_path / "fit").touch()
    with pytest.raises(FileExistsError):
        FolderLock(tmp_path / "fit")
    assert list(tmp_path.iterdir()) == [tmp_path / "fit"]
    with pytest.raises(OSError, match="fit"):
        FolderLock(tmp_path / "fit" / "inside")
