"""Fits by several processes: who takes part in one, and what they tell each other.

All processes run the same script. Inside of a fit they share the work of the network (see
`_engine.sharding`); everything else each of them does for itself, so that all come to the same
result.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Result = TypeVar("Result")

# How long a process waits for another one within an epoch ...
TIMEOUT = timedelta(seconds=45)
# ... and where the first one may be busy alone, or a user's code between two fits.
PATIENCE = timedelta(hours=6)
# Gradients travel in pieces of about this size.
BUCKET_BYTES = 2**25
# Holds the process that a launcher has started: its own children inherit the variables below.
OWNER = "SKDEEPCLUST_RANK_OF_PROCESS"
LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


# The newer of its names.
_all_gather: Any = getattr(dist, "all_gather_single", getattr(dist, "all_gather_into_tensor", None))


class Strategy:
    """How the work of a fit is shared: this one is that of a process that is alone."""

    rank, size = 0, 1
    is_first = True  # writes files and prints

    def all_gather(self, own: Tensor) -> Tensor:
        """Return the tensors, all of one shape, of all processes (size, ...)."""
        return own[None]

    def sum_(self, tensor: Tensor) -> Tensor:
        """Replace a tensor by its sum over the processes."""
        return tensor

    def average_(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their means over the processes."""

    def from_first(self, function: Callable[[], Result], *, at_once: bool = False) -> Result:
        """Return what `function()` returns on the first process, where alone it runs."""
        return function()

    def check_alike(self, values: Callable[[], dict[str, Any]], advice: str) -> None:
        """Raise ValueError if one of some values isn't the same for all processes."""


class Ranks(Strategy):
    """The processes of a fit, seen from one of them.

    Parameters
    ----------
    rank : int, default=0
        Number of this process, from 0.
    size : int, default=1
        Number of processes.
    group : ProcessGroup, default=None
        Within which they wait for each other for a short time; `None`: the default group.
    """

    def __init__(self, rank: int = 0, size: int = 1, group: dist.ProcessGroup | None = None):
        self.rank, self.size, self.group = rank, size, group
        self.is_first = rank == 0

    def all_gather(self, own: Tensor) -> Tensor:
        """Return the tensors, all of one shape, of all ranks (size, ...)."""
        own = own.detach().contiguous()
        out = own.new_empty(self.size, *own.shape)
        if own.numel():
            # as bytes, which any backend takes
            parts = own.view(-1).view(torch.uint8), out.view(-1).view(torch.uint8)
            with self._contact():
                _all_gather(parts[1], parts[0], group=self.group)
        return out

    def sum_(self, tensor: Tensor) -> Tensor:
        """Replace a tensor by its sum over the ranks, which has the same bits on all of them."""
        with self._contact():
            dist.all_reduce(tensor, group=self.group)
        return tensor

    def average_(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their means over the ranks; several travel as one."""
        buckets = [(bucket, _flat(bucket)) for bucket in _buckets(tensors)]
        with self._contact():
            works = [dist.all_reduce(flat, group=self.group, async_op=True) for _, flat in buckets]
            for work in works:
                work.wait()
        for bucket, flat in buckets:
            parts = flat.div_(self.size).split([each.numel() for each in bucket])
            for each, part in zip(bucket, parts, strict=True):
                each.copy_(part.view(each.shape))

    def from_first(self, function: Callable[[], Result], *, at_once: bool = False) -> Result:
        """Return what `function()` returns on the first rank, where alone it runs; or its error.

        Where that can't be pickled, the function runs on all ranks, each for itself. The others
        wait for long, unless the first has it `at_once`.
        """
        message = _outcome(function) if self.is_first else None
        box = [None if message is None else message[0]]
        with self._contact():
            dist.broadcast_object_list(box, src=0, group=self.group if at_once else None)
        if message is not None:
            error, value = message[1:]
        elif box[0] is None:
            with alone():
                return function()
        else:
            error, value = pickle.loads(box[0])
        if error is not None:
            raise error
        return value

    def check_alike(self, values: Callable[[], dict[str, Any]], advice: str) -> None:
        """Raise ValueError on all ranks if one of some values isn't the same on all of them."""
        every: list[Any] = [None] * self.size
        own = values()
        with self._contact():
            dist.all_gather_object(every, own)
        for rank, other in enumerate(every):
            for name in {**every[0], **other}:
                first, there = every[0].get(name), other.get(name)
                if first != there:
                    raise ValueError(
                        f"The {self.size} processes of this fit differ in {name}: {first} in "
                        f"process 0, {there} in process {rank}. {advice}"
                    )

    @contextmanager
    def _contact(self) -> Generator[None]:
        try:
            yield
        except RuntimeError as error:
            raise RuntimeError(
                f"Process {self.rank} of {self.size} has lost contact with the others: one of "
                "them has failed, has ended, or hasn't answered in time. Look at what it has "
                f"printed; a checkpoint lets the fit go on. ({error})"
            ) from error


def _outcome(function: Callable[[], Any]) -> tuple[bytes | None, Exception | None, Any]:
    """Return error or result of a function, and both pickled, if they can be."""
    error, value = None, None
    try:
        with alone():
            value = function()
    except Exception as raised:
        error = raised
    try:
        return pickle.dumps((error, value)), error, value
    except Exception as unpicklable:  # whatever a user's object raises
        if error is None:
            return None, None, value
        text = RuntimeError(f"{type(error).__name__} in process 0: {error} ({unpicklable})")
        return pickle.dumps((text, None)), error, None


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Put tensors of one dtype and device together, up to a size."""
    kinds: dict[tuple, list[Tensor]] = {}
    for tensor in tensors:
        bucket = kinds.setdefault((tensor.dtype, tensor.device), [])
        bucket.append(tensor)
        if sum(each.nbytes for each in bucket) >= BUCKET_BYTES:
            yield kinds.pop((tensor.dtype, tensor.device))
    yield from kinds.values()


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([each.reshape(-1) for each in tensors])


# -- who takes part
_ALONE = Strategy()
_current: ContextVar[Strategy | None] = ContextVar("strategy", default=None)  # a thread's own


def strategy() -> Strategy:
    """Return who shares the work at this point."""
    return _current.get() or _ALONE


@contextmanager
def alone() -> Generator[None]:
    """Share nothing inside the block, not even the work of a fit in it."""
    token = _current.set(_ALONE)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def joined() -> Generator[None]:
    """Share the work inside the block, a fit, if this process is one of several."""
    if _current.get() is not None:  # a fit inside of a fit
        yield
        return
    token = _current.set(_find())
    try:
        yield
    finally:
        _current.reset(token)


def _find() -> Strategy:
    # what is done in threads, such as those of a grid search, has another order on each rank
    if not dist.is_available() or threading.current_thread() is not threading.main_thread():
        return _ALONE
    if not dist.is_initialized() and _is_launched():
        _initialize()
    if not dist.is_initialized() or dist.group.WORLD is _inherited:
        return _ALONE
    group = _quick if dist.group.WORLD is _ours else None
    size = dist.get_world_size()
    return Ranks(dist.get_rank(), size, group) if size > 1 else _ALONE


def _is_launched() -> bool:
    """Whether a launcher, such as torchrun, has started this very process as one of several."""
    if not all(os.environ.get(name) for name in LAUNCHED) or int(os.environ["WORLD_SIZE"]) < 2:
        return False
    return os.environ.setdefault(OWNER, str(os.getpid())) == str(os.getpid())


# The default group that was initialised here, a second one for short waits, and a default group
# that is a parent's of this process.
_ours: Any = None
_quick: Any = None
_inherited: Any = None


def _initialize() -> None:
    global _ours, _quick
    with_nccl = torch.cuda.is_available() and dist.is_nccl_available()
    dist.init_process_group("cpu:gloo,cuda:nccl" if with_nccl else "gloo", timeout=PATIENCE)
    _ours, _quick = dist.group.WORLD, dist.new_group(timeout=TIMEOUT)
    atexit.register(_leave)


def _leave() -> None:
    global _ours, _quick
    if dist.is_initialized() and dist.group.WORLD is _ours:
        _ours = _quick = None  # their threads end with them, which must be now
        with suppress(RuntimeError):
            dist.destroy_process_group()


def _note_fork() -> None:
    global _inherited
    _inherited = dist.group.WORLD if dist.is_initialized() else None


if dist.is_available():
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_note_fork)
    if multiprocessing.parent_process() is None:
        _is_launched()  # before there are children


def local_cuda_device() -> torch.device:
    """Return the GPU of this process: the one that a launcher has given it, or torch's current."""
    rank = os.environ.get("LOCAL_RANK")
    index = torch.cuda.current_device() if not rank else int(rank) % torch.cuda.device_count()
    return torch.device("cuda", index)
