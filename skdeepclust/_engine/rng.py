"""Devices, and random numbers that leave the global generators as they were."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state

from skdeepclust._engine.distributed import local_cuda_device

# torch's default generator is shared by all threads of a process, so that only one seeded block
# may run at a time: fits in a thread pool stay reproducible, at the price of taking turns.
_GENERATOR_LOCK = threading.RLock()


def resolve_device(device: str | torch.device) -> torch.device:
    """Turn `device` into a `torch.device` that exists on this machine.

    Raises
    ------
    ValueError
        If the name is unknown or the device isn't there.
    """
    if isinstance(device, str) and device == "auto":
        return local_cuda_device() if torch.cuda.is_available() else torch.device("cpu")
    try:
        resolved = torch.device(device)
        if resolved.type == "cuda" and resolved.index is None and torch.cuda.is_available():
            resolved = local_cuda_device()
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError) as error:
        available = ["auto", "cpu"] + [f"cuda:{i}" for i in range(torch.cuda.device_count())]
        raise ValueError(
            f"device={device!r} can't be used on this machine; available: {', '.join(available)}."
        ) from error
    return resolved


def draw_seed(random_state) -> int:
    """Draw one integer seed; `None` gives fresh entropy and leaves numpy's global state alone."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31 - 1))
    return int(check_random_state(random_state).randint(2**31 - 1))


class Deterministic:
    """Lets convolutions of a GPU add in the same order in each run.

    The flags of cuDNN are those of the whole process: they are set as long as anybody, in whatever
    thread, asks for that, and then are what they were.
    """

    def __init__(self) -> None:
        self._lock, self._n_inside, self._before = threading.Lock(), 0, (False, False)

    @contextmanager
    def __call__(self, device: torch.device) -> Generator[None]:
        """Hold inside the block, if the device is a GPU."""
        if device.type != "cuda":
            yield
            return
        with self._lock:
            self._n_inside += 1
            if self._n_inside == 1:
                self._before = self._set(True, False)
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1
                if not self._n_inside:
                    self._set(*self._before)

    @staticmethod
    def _set(deterministic: bool, benchmark: bool) -> tuple[bool, bool]:
        cudnn = torch.backends.cudnn
        before = cudnn.deterministic, cudnn.benchmark
        cudnn.deterministic, cudnn.benchmark = deterministic, benchmark
        return before


deterministic = Deterministic()


@contextmanager
def seeded(seed: int, device: torch.device) -> Generator[None]:
    """Seed torch's default generators inside the block and put them back after it.

    What is seeded can be repeated: convolutions of a GPU add in the same order in each run.
    """
    cuda = [device] if device.type == "cuda" else []
    with _GENERATOR_LOCK, torch.random.fork_rng(devices=cuda), deterministic(device):
        # torch.manual_seed would reseed every CUDA device, also those that aren't ours
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def generator_states(shuffle: torch.Generator, device: torch.device) -> dict[str, torch.Tensor]:
    """States of the shuffling generator and of torch's own, for a warm start."""
    states = {"shuffle": shuffle.get_state(), "cpu": torch.default_generator.get_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_generator_states(
    states: dict[str, torch.Tensor], shuffle: torch.Generator, device: torch.device
) -> None:
    """Continue where `generator_states` stopped; a state of a device that is gone is left out."""
    shuffle.set_state(states["shuffle"])
    torch.default_generator.set_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


@contextmanager
def numpy_generator_kept() -> Generator[None]:
    """Put numpy's global generator back after code that draws from it without need."""
    state = np.random.get_state(legacy=False)  # noqa: NPY002 - the state is what is meant
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
