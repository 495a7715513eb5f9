"""Settings of torch, NumPy and scikit-learn, kept out of what an estimator computes."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from sklearn import config_context

# Devices that torch.autocast may be on for.
AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")
# The largest block that glibc's allocator learns from, 32 MiB, without what it adds to it.
LARGEST_LEARNED = 2**25 - 2**13
# What numpy does by itself.
DEFAULT_ERRORS: dict[str, Any] = {
    "divide": "warn",
    "over": "warn",
    "under": "ignore",
    "invalid": "warn",
}


class DefaultDtype:
    """Lets new tensors be float32, as long as anybody in whatever thread asks for that.

    The default dtype is that of the whole process: it is put back when the last one has come to
    its end.
    """

    def __init__(self) -> None:
        self._lock, self._n_inside, self._before = threading.Lock(), 0, torch.float32

    @contextmanager
    def __call__(self) -> Generator[None]:
        """Hold inside the block."""
        with self._lock:
            self._n_inside += 1
            if self._n_inside == 1:
                self._before = self._set(torch.float32)
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1
                if not self._n_inside:
                    self._set(self._before)

    @staticmethod
    def _set(dtype: torch.dtype) -> torch.dtype:
        before = torch.get_default_dtype()
        if before is not dtype:
            torch.set_default_dtype(dtype)
        return before


_default_float32 = DefaultDtype()


@contextmanager
def ordinary_torch() -> Generator[None]:
    """Compute inside the block as torch does when nobody has changed its settings.

    Gradients are recorded, new tensors are float32 and on the CPU unless something else is asked
    for, and nothing is cast to half precision; numpy raises no errors of floats that it wouldn't by
    itself. After the block all of that is what it was.
    """
    with ExitStack() as stack:
        stack.enter_context(ordinary_errors())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(_default_float32())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for device in AUTOCAST_DEVICES:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


def keep_freed_memory() -> None:
    """Let glibc's allocator keep what a training step frees, for the next one.

    By itself it hands large blocks, and what is free at the end of its heap, back to the system.
    The next step then pays for each page once more, in up to a quarter of its time. From the
    size of a block that is freed it learns what to keep: at most twice the size of this one, which
    nobody writes to. Other allocators do nothing of the kind.
    """
    np.empty(LARGEST_LEARNED, np.uint8)


@contextmanager
def plain_arrays() -> Generator[None]:
    """Let neither data frames come from transformers inside the block, nor dispatch on input."""
    with (
        config_context(array_api_dispatch=False, transform_output="default"),
        ordinary_errors(),
    ):
        yield


def ordinary_errors() -> np.errstate:
    """Let numpy raise no error of floats inside the block that it doesn't raise by itself.

    A user who looks for such errors in code of their own means no exponential of scikit-learn's
    that underflows.
    """
    raised = [kind for kind, action in np.geterr().items() if action == "raise"]
    return np.errstate(**{kind: DEFAULT_ERRORS[kind] for kind in raised})
