"""A stand-in for CUDA graphs on a processor: what is recorded waits until it is replayed.

As on a device, a replay reads and writes the same memory each time, draws new numbers from the
default generator and runs no Python; what waits for a number can't be recorded.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def tensors_of(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


class Recorded(TorchDispatchMode):
    """Keeps each operation, and what memory was like before the first one that changed it."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Callable, tuple, dict, list[torch.Tensor]]] = []
        self.before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func.overloadpacket.__name__ in ("_local_scalar_dense", "nonzero"):
            raise RuntimeError("operation not permitted when stream is capturing")
        given = dict(zip([each.name for each in func._schema.arguments], args, strict=False))
        for each in func._schema.arguments:
            # of the statistics of batch normalisation, schemas don't say that they are written
            is_written = each.alias_info is not None and each.alias_info.is_write
            if is_written or each.name in ("running_mean", "running_var"):
                for tensor in tensors_of({**given, **kwargs}.get(each.name)):
                    memory = tensor.untyped_storage()
                    self.before.setdefault(memory.data_ptr(), (memory, memory.clone()))
        out = func(*args, **kwargs)
        self.operations.append((func, args, kwargs, tensors_of(out)))
        return out


class ProcessorGraphs:
    """In place of `CudaGraphs`; counts."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.n_aside = self.n_recorded = self.n_replayed = 0

    @contextmanager
    def aside(self):
        self.n_aside += 1
        yield

    def draws_elsewhere(self) -> bytes:
        return pickle.dumps([random.getstate(), np.random.get_state()])  # noqa: NPY002

    def record(self, function: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        generator = torch.default_generator.get_state()
        recorded = Recorded()
        try:
            with recorded:
                result = function()
        finally:
            torch.default_generator.set_state(generator)
            for memory, before in recorded.before.values():
                memory.copy_(before)
        self.n_recorded += 1

        @torch.no_grad()
        def replay() -> None:
            self.n_replayed += 1
            for func, args, kwargs, outs in recorded.operations:
                new = tensors_of(func(*args, **kwargs))
                for own, value in zip(outs, new, strict=True):
                    if own.data_ptr() != value.data_ptr():
                        own.copy_(value)

        return replay, result
