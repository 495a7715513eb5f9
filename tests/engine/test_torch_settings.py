"""What a user has set in torch reaches nothing that is computed, and stays as it is set."""

from __future__ import annotations

import ctypes
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache

import numpy as np
import pytest
import torch
from helpers.small_fits import FITS, KNOWN, outputs

from skdeepclust import ParsimoniousAutoencoder
from skdeepclust._engine.global_settings import keep_freed_memory, ordinary_torch


@contextmanager
def called(function: Callable, value, before) -> Iterator[None]:
    function(value)
    try:
        yield
    finally:
        function(before)


SETTINGS: dict[str, Callable[[], AbstractContextManager]] = {
    "inference mode": torch.inference_mode,
    "no gradients": lambda: called(torch.set_grad_enabled, False, True),
    "on the CPU": lambda: called(torch.set_default_device, "cpu", None),
    "on no device": lambda: called(torch.set_default_device, "meta", None),
    "float64": lambda: called(torch.set_default_dtype, torch.float64, torch.float32),
    "deterministic": lambda: called(torch.use_deterministic_algorithms, True, False),
    "errors of numpy": lambda: np.errstate(all="raise"),
    "half precision": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}


def settings() -> list:
    return [
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.get_default_device(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_autocast_enabled("cpu"),
        np.geterr(),
    ]


def all_of(name: str) -> list[np.ndarray]:
    """Return what an estimator says after a fit, a copy of it, and after more training."""
    model, arguments = FITS[name]()
    found = outputs(model.fit(*arguments))
    if hasattr(model, "score"):
        found.append(np.asarray(model.score(*arguments[:2])))
    if hasattr(model, "inverse_transform"):
        found.append(model.inverse_transform(model.transform(KNOWN)))
    model = pickle.loads(pickle.dumps(model))
    if hasattr(model, "warm_start"):
        model.set_params(warm_start=True)
    train = model.partial_fit if hasattr(model, "partial_fit") else model.fit
    return found + outputs(train(*arguments))


@cache
def expected_of(name: str) -> list[np.ndarray]:
    return all_of(name)


@pytest.mark.usefixtures("few_head_steps")
@pytest.mark.parametrize(
    ("name", "which"),
    [*[(name, [*SETTINGS]) for name in FITS], *[("autoencoder", [one]) for one in SETTINGS]],
    ids=[*FITS, *SETTINGS],
)
def test_results_are_the_same(name, which):
    expected = expected_of(name)
    with ExitStack() as stack:
        for setting in which:
            stack.enter_context(SETTINGS[setting]())
        before = settings()
        found = all_of(name)
        assert settings() == before
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_samples_and_networks_from_inference_mode():
    X = torch.from_numpy(KNOWN.astype(np.float32))
    with torch.inference_mode():
        of_inference = X.clone()
    model = ParsimoniousAutoencoder(n_clusters=5, max_epochs=1, random_state=0)
    codes = model.fit(X).transform(X)
    assert torch.equal(model.fit(of_inference).transform(of_inference), codes)
    assert torch.equal(model.fit(X.requires_grad_(True)).transform(X), codes)


def test_the_default_dtype_is_put_back_by_the_last_thread():
    inside, leave = threading.Event(), threading.Event()

    def other_thread() -> None:
        with ordinary_torch():
            inside.set()
            leave.wait(10)

    with SETTINGS["float64"]():
        thread = threading.Thread(target=other_thread)
        with ordinary_torch():
            thread.start()
            inside.wait(10)
        assert torch.get_default_dtype() is torch.float32  # the other one is still at work
        leave.set()
        thread.join(10)
        assert torch.get_default_dtype() is torch.float64


class _Heap(ctypes.Structure):
    """What glibc says of its allocator."""

    _fields_ = [(name, ctypes.c_size_t) for name in (*"abcd", "returned_when_freed", *"fghij")]


LIBC = ctypes.CDLL(None) if os.name == "posix" else None


@pytest.mark.skipif(not hasattr(LIBC, "mallinfo2"), reason="other allocators do as they do")
def test_large_blocks_of_a_step_come_from_memory_that_is_kept():
    heap = LIBC.mallinfo2
    heap.restype = _Heap
    keep_freed_memory()
    before = heap().returned_when_freed
    block = torch.empty(2**25 - 2**16, dtype=torch.uint8)
    assert heap().returned_when_freed == before
    assert len(block)
