"""How a network runs over samples: a batch of a training step, or all of X without gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skdeepclust._engine.batches import Batches
from skdeepclust._engine.distributed import Strategy, alone, strategy
from skdeepclust._engine.precision import first_weight, half_dtype
from skdeepclust._engine.rng import deterministic
from skdeepclust._engine.sharding import Shard, sharded

# Batches of inference all have one size, to which the last one is filled up: a batch_size that
# stands for "all samples at once" must not decide it.
MAX_INFERENCE_BATCH_SIZE = 4096


@dataclass(frozen=True)
class Runner:
    """A network, and how it is run.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    input_shape : tuple of int
        Shape of a sample as it sees it.
    batch_size : int
        Number of samples at a time.
    precision : {"32", "bf16", "fp16", "auto"}, default="32"
        That of training steps.
    origin : ndarray of shape () or (n_features,), default=None
        From where the values of samples are told; `None` is zero.
    strategy : Strategy
        How the work is shared.

    Attributes
    ----------
    device, dtype
        Those of the network.
    half_dtype : torch.dtype or None
        The dtype in which training steps run the network; `None` is its own.
    """

    module: nn.Module
    input_shape: tuple[int, ...]
    batch_size: int
    precision: str = "32"
    origin: np.ndarray | None = None
    strategy: Strategy = field(default_factory=strategy)
    device: torch.device = field(init=False)
    dtype: torch.dtype = field(init=False)
    half_dtype: torch.dtype | None = field(init=False)

    def __post_init__(self) -> None:
        first = first_weight(self.module)
        assert first is not None  # what has none was refused
        half = None if self.precision == "32" else half_dtype(self.precision, first.device)
        vars(self).update(device=first.device, dtype=first.dtype, half_dtype=half)

    def by_rows(self, function: Callable[..., Any], *tensors: Tensor, n_views: int = 1) -> Any:
        """Return `function` of a batch, which has a row, or a tuple of such, for each sample.

        A row must not depend on other samples, but by batch normalisation: with several
        processes, each computes its share of the rows. With `n_views`, the function has so many
        rows for each sample: the first of all samples, then the second of all.
        """
        # compiled steps are those of one process, and context variables would cut them into parts
        if self.strategy.size == 1 or torch.compiler.is_compiling():
            return function(*tensors)
        return sharded(function, *tensors, n_views=n_views)

    def run(self, network: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """Return what the network, or a part of it, makes of a batch, in the network's dtype.

        In training steps it runs in mixed precision; losses and distances stay outside. What is
        inferred, such as targets, initial clusters and predictions, isn't rounded to half
        precision: it doesn't depend on whether the device can do that.
        """
        half = self.half_dtype if torch.is_grad_enabled() else None

        def run(*rows: Tensor) -> Tensor:
            options = {"dtype": half or torch.bfloat16, "enabled": half is not None}
            with torch.autocast(self.device.type, **options):
                out = network(*rows)
            return out.to(self.dtype)

        return self.by_rows(run, *tensors)

    @torch.no_grad()
    def infer(
        self,
        function: Callable[..., Tensor],
        X,
        extra: Mapping | None = None,
        *,
        sample_shape: tuple[int, ...] | None = None,
    ) -> Tensor:
        """Return `function` of validated X, by batches, as a tensor on the network's device.

        What `extra` has of each sample is handed over by name. Within a fit of several processes
        each takes its share of the batches.
        """
        self.module.eval()
        size, n_samples = self.batch_size, X.shape[0]
        # what one process does for all isn't shared, even within a fit of several
        ranks = self.strategy if self.strategy.size == 1 else strategy()
        batches = partial(self.batches, X, extra, sample_shape=sample_shape)
        with deterministic(self.device) if self.device.type == "cuda" else nullcontext():
            if ranks.size == 1:
                return batches().joined(function, n_samples)
            with alone():  # what it runs isn't shared once more
                if n_samples <= size:
                    return batches().joined(function, n_samples)
                shard = Shard(ranks, -(-n_samples // size))
                order = torch.cat(torch.arange(n_samples).split(size)[shard.own])
                own = batches(order=order).joined(function, shard.n_run * size)
        return shard.gather(own.unflatten(0, (-1, size))).flatten(0, 1)[:n_samples]

    def batches(
        self,
        X,
        extra: Mapping | None = None,
        *,
        sample_shape: tuple[int, ...] | None = None,
        order: Tensor | None = None,
    ) -> Batches:
        """Return X by batches as the network takes them, in its order or a given one."""
        return Batches(
            X,
            extra,
            batch_size=self.batch_size,
            sample_shape=self.input_shape if sample_shape is None else sample_shape,
            # of another shape are no samples but what was made of them
            origin=self.origin if sample_shape is None else None,
            dtype=self.dtype,
            device=self.device,
            order=order,
        )


class UnlessKept:
    """A property in place of which an instance may keep an attribute of that name for a while."""

    def __init__(self, function: Callable[[Any], Runner]):
        self.function = function

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else self.function(instance)


def like(X: Any, out: Tensor) -> Any:
    """Return what was computed for a user's X: a tensor if X is one, on its device, else numpy."""
    return out.to(X.device) if isinstance(X, Tensor) else out.cpu().numpy()
