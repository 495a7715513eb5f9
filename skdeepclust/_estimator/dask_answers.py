"""Answers for Dask arrays: Dask arrays themselves, of which nothing is computed yet."""

from __future__ import annotations

import copy
import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from skdeepclust._engine.global_settings import ordinary_torch

Method = TypeVar("Method", bound=Callable[..., Any])

# Arguments that have a row for each sample, which would have to be cut up with X.
PER_SAMPLE = ("affinity",)


def is_lazy(X: Any) -> bool:
    """Tell whether X is a Dask array."""
    return all(hasattr(X, name) for name in ("map_blocks", "chunks", "dask"))


def by_blocks(method: Method) -> Method:
    """Let a method that answers sample by sample take a Dask array, and return one.

    It is that of the method's answers to the blocks of rows, by the estimator as it is now; dtype
    and shape are known. With arguments that have a row for each sample the answer is computed.
    """
    signature = inspect.signature(method)

    @functools.wraps(method)
    @ordinary_torch()
    def answer(self, X, *args, **kwargs):
        if not is_lazy(X):
            return method(self, X, *args, **kwargs)
        given = signature.bind(self, X, *args, **kwargs).arguments
        if any(given.get(name) is not None for name in PER_SAMPLE):
            return method(self, X, *args, **kwargs)
        # of what the method refuses, this is the time to say so
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of what zeros would mean
            example = method(self, np.zeros((1, *X.shape[1:]), X.dtype), *args, **kwargs)
        whole_rows = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
        return whole_rows.map_blocks(
            _of_block,
            drop_axis=list(range(1, X.ndim)),
            new_axis=list(range(1, example.ndim)),
            chunks=(X.chunks[0], *((size,) for size in example.shape[1:])),
            meta=example[:0],
            estimator=copy.copy(self),  # which another fit doesn't change
            name_of_method=method.__name__,
            arguments=(args, kwargs),
        )

    return cast("Method", answer)


def computed(values: Any) -> Any:
    """Return an array in memory for a Dask array, and all else as it is."""
    return np.asarray(values) if is_lazy(values) else values


def _of_block(block: np.ndarray, *, estimator: Any, name_of_method: str, arguments: tuple):
    args, kwargs = arguments
    return getattr(estimator, name_of_method)(block, *args, **kwargs)
