"""Checkpoints: what a fit has done so far, in a folder, so that it can go on after a stop.

A fit is a sequence of steps: the phases of its training, and what takes long between them. Each has
a file. A fit that is started again runs all of its code from the same seed, but takes from the
files what the steps left behind: the state at their end, or that after the last epoch of the step
that was stopped. What stands between the steps then finds what it found the first time.

Each fit has a folder of its own within the one that the user gives, named by a hash of its class,
parameters and data. A file of one name for all would have to refuse a fit with other parameters,
and so every grid search; with a name for each, no fit can take up, or overwrite, what another one
has left. A parameter that was changed by mistake would then go unnoticed: hence a warning.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from skdeepclust._engine.distributed import strategy
from skdeepclust._storage.files import FAULTS, read_file, reason_of, versions, write_file
from skdeepclust._storage.fit_identity import differences, identity_of, name_of
from skdeepclust._storage.folder_lock import FolderLock, is_locked
from skdeepclust._storage.tree import Decoder, Encoder
from skdeepclust._storage.trust import Trust, UntrustedError

HINT = "A checkpoint holds numbers, texts, arrays and tensors: leave out checkpoint for such a fit."
HEADER = "fit.safetensors"


class Step:
    """A phase, or what takes long between two of them."""

    def __init__(self, path: Path):
        self.path = path

    def load(self) -> dict[str, Any] | None:
        """Return what was saved last, if anything was."""
        return read(self.path) if self.path.exists() else None

    def save(self, record: Callable[[], dict[str, Any]], *, droppable: bool = False) -> None:
        """Write a record over the last one; what no file can hold is left out if it may be."""
        encoder = Encoder(HINT)
        tree: Any = None
        try:
            tree = encoder.encode(record(), self.path.stem)
            _check_names(tree, self.path.stem)
            if droppable:  # holds objects, of which not all that can be written can be read
                Decoder(encoder.arrays, Trust()).decode(tree)
        except FAULTS:
            if droppable:
                return
            raise
        write(self.path, tree, encoder.arrays)


def _check_names(tree: Any, path: str) -> None:
    """Raise TypeError for what could be written, but not read again."""
    try:
        Trust().check(tree)
    except UntrustedError as error:
        listed = ", ".join(".".join(name) for name in error.names)
        raise TypeError(f"{path} names {listed}. {HINT}") from error


class Checkpoint:
    """What one fit keeps.

    Parameters
    ----------
    folder : str or path-like
        Where checkpoints are.
    arguments : dict of str to object
        What `fit` was given.
    """

    def __init__(self, folder: str | os.PathLike[str], arguments: dict[str, Any]):
        self.folder, self.arguments = folder, arguments
        self._lock: FolderLock | None = None
        self._path = Path()
        self._identity: dict[str, Any] = {}
        self._n_steps, self._is_new = 0, False

    def start(self, estimator: Any, fitted: Any) -> None:
        """Find what there is of this fit; `fitted` is the state that a warm start goes on from."""
        self._identity = identity_of(estimator, self.arguments, fitted)
        self.arguments = {}
        self._path = Path(self.folder) / name_of(self._identity)
        self._open()
        if self._header.exists():
            self._check()
            return
        for left in self._path.glob("*.safetensors"):  # of a fit that ended while it tidied up
            left.unlink()
        self._warn_of_others()

    def _open(self) -> None:
        try:
            self._lock = FolderLock(self._path)
            for part in self._path.glob(".*.part"):  # of a write that was stopped
                part.unlink()
        except BlockingIOError as error:
            raise RuntimeError(
                f"checkpoint={str(self.folder)!r} is in use: another fit with the same parameters "
                f"and data is running and writes to {str(self._path)!r}. Wait for it, or give this "
                "one another folder."
            ) from error
        except OSError as error:
            raise unwritable(self._path, error) from error

    @property
    def _header(self) -> Path:
        return self._path / HEADER

    def _check(self) -> None:
        kept = read(self._header)
        found = differences(self._identity, kept["identity"])
        package = __name__.partition(".")[0]
        then, now = kept["versions"][package], versions()[package]
        if then != now:
            found.append(f"{package} (version {now} now, {then} then)")
        if found:
            raise ValueError(
                f"The checkpoint in {str(self._path)!r} is that of another fit, which differs in "
                f"{', '.join(found)}. Start that fit again to go on with it, or delete the folder."
            )

    def _warn_of_others(self) -> None:
        """Say that a fit was left that may be meant, because something was changed by mistake."""
        found = []
        for path in self._path.parent.glob(f"{self._path.name.rpartition('-')[0]}-*"):
            with suppress(ValueError, KeyError, OSError):
                if path != self._path and not is_locked(path):
                    found.append(
                        (differences(self._identity, read(path / HEADER)["identity"]), path)
                    )
        if found:
            different, path = min(found, key=lambda each: len(each[0]))
            warnings.warn(
                f"checkpoint={str(self.folder)!r} has no checkpoint of this fit, which starts from "
                f"its beginning. There is one in {path.name!r} that differs in "
                f"{', '.join(different)}. Delete it if that fit isn't to go on.",
                UserWarning,
                stacklevel=2,
            )

    def keep_seed(self, seed: int) -> int:
        """Return the seed with which the fit began, `seed` if it begins now."""
        if self._header.exists():
            return read(self._header)["seed"]
        self._is_new = True
        header = {"identity": self._identity, "versions": versions(), "seed": seed}
        write(self._header, Encoder(HINT).encode(header, "fit"), {})
        return seed

    def step(self, name: str) -> Step:
        """Return the next step, which has to come in the same order each time."""
        self._n_steps += 1
        return Step(self._path / f"{self._n_steps:02d}-{name}.safetensors")

    def remove(self) -> None:
        """Take away what the finished fit has kept."""
        if self._lock is None:  # there was no training
            return
        self._is_new = False
        try:
            self._header.unlink(missing_ok=True)  # without it, the rest counts for nothing
            for step in self._path.glob("*.safetensors"):
                step.unlink()
            self._path.rmdir()
        except OSError as error:
            warnings.warn(
                f"The checkpoint {str(self._path)!r} of a finished fit can't be deleted: {error}.",
                UserWarning,
                stacklevel=2,
            )

    def close(self) -> None:
        """Let others have the folder; it is removed if no step has come to its first record."""
        if self._lock is None:
            return
        if self._is_new and len(list(self._path.glob("*.safetensors"))) <= 1:
            self.remove()
        self._lock.release()


class SharedCheckpoint:
    """That of a fit by several processes: the first one reads and writes for all.

    Parameters
    ----------
    checkpoint : Checkpoint or Step
        What the first process keeps; of no use to the others.
    """

    def __init__(self, checkpoint: Any):
        self._own = checkpoint

    def start(self, estimator: Any, fitted: Any) -> None:
        strategy().from_first(lambda: self._own.start(estimator, fitted))

    def keep_seed(self, seed: int) -> int:
        return strategy().from_first(lambda: self._own.keep_seed(seed))

    def step(self, name: str) -> SharedCheckpoint:
        return SharedCheckpoint(self._own.step(name))

    def load(self) -> dict[str, Any] | None:
        return strategy().from_first(self._own.load)

    def save(self, record: Callable[[], dict[str, Any]], *, droppable: bool = False) -> None:
        strategy().from_first(lambda: self._own.save(record, droppable=droppable))


@contextmanager
def checkpointed(
    folder: str | os.PathLike[str], arguments: dict[str, Any]
) -> Generator[Checkpoint | SharedCheckpoint]:
    """Give a fit its checkpoint, and remove it when the fit has come to its end."""
    checkpoint = Checkpoint(folder, arguments)
    try:
        yield checkpoint if strategy().size == 1 else SharedCheckpoint(checkpoint)
        if strategy().is_first:
            checkpoint.remove()
    finally:
        checkpoint.close()


def read(path: Path) -> Any:
    """Read a file of a checkpoint; no code of it is run."""
    try:
        tree, arrays = read_file(path)
        return Decoder(arrays, Trust()).decode(tree)
    except FAULTS as error:
        raise ValueError(
            f"The checkpoint {str(path)!r} can't be read: {reason_of(error)}. Delete its folder, "
            f"{str(path.parent)!r}, to start the fit from its beginning."
        ) from error


def write(path: Path, tree: Any, arrays: dict[str, Any]) -> None:
    """Write a file of a checkpoint at once or not at all."""
    try:
        write_file(path, tree, arrays)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> OSError:
    """Return the error for a folder or a file that can't be written."""
    return OSError(
        f"The checkpoint {str(path)!r} can't be written: {error}. What it had before is still "
        "there: make room, or make the folder writable, and start the same fit again to go on; or "
        "leave out checkpoint."
    )
