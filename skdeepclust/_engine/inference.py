"""Inference in batches, and mixed precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from skdeepclust._engine.batches import Batches
from skdeepclust._engine.distributed import Ranks, active, alone
from skdeepclust._engine.precision import half_dtype
from skdeepclust._engine.rng import deterministic
from skdeepclust._engine.sharding import Shard, sharded

# Batches of inference all have one size, to which the last one is filled up: a batch_size that
# stands for "all samples at once" must not decide it.
MAX_INFERENCE_BATCH_SIZE = 4096


class InferenceMixin:
    """Adds `_run`, `_infer` and `_apply` to an estimator that holds a network as `module_`."""

    module_: Any
    batch_size: Any
    precision: str
    _input_shape: tuple[int, ...]
    _check: Callable[..., Any]

    @property
    def _module_device(self) -> torch.device:
        return next(self.module_.parameters()).device

    @property
    def _module_dtype(self) -> torch.dtype:
        return next(self.module_.parameters()).dtype

    @property
    def _inference_batch_size(self) -> int:
        return min(self.batch_size, MAX_INFERENCE_BATCH_SIZE)

    def _autocast(self) -> torch.autocast:
        """Mixed precision for the network in training steps; losses and distances stay outside.

        What is inferred, such as targets, initial clusters and predictions, isn't rounded to half
        precision: it doesn't depend on whether the device can do that.
        """
        device = self._module_device
        dtype = half_dtype(self.precision, device) if torch.is_grad_enabled() else None
        return torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)

    def _by_rows(self, function: Callable[..., Any], *tensors: Tensor, n_views: int = 1) -> Any:
        """Return `function` of a batch, which has a row, or a tuple of such, for each sample.

        A row must not depend on other samples, but by batch normalisation: with several
        processes, each computes its share of the rows. With `n_views`, the function has so many
        rows for each sample: the first of all samples, then the second of all.
        """
        return sharded(function, *tensors, n_views=n_views)

    def _run(self, network: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """Return what the network, or a part of it, makes of a batch, in the network's dtype."""

        def run(*rows: Tensor) -> Tensor:
            with self._autocast():
                out = network(*rows)
            return out.to(self._module_dtype)

        return self._by_rows(run, *tensors)

    @torch.no_grad()
    def _infer(
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
        self.module_.eval()
        batch_size, n_samples = self._inference_batch_size, X.shape[0]
        n_batches = -(-n_samples // batch_size)
        ranks = None if n_batches == 1 else active()
        shard = Shard(ranks or Ranks(), n_batches)
        batches = Batches(
            X,
            extra,
            batch_size=batch_size,
            sample_shape=self._input_shape if sample_shape is None else sample_shape,
            dtype=self._module_dtype,
            device=self._module_device,
            order=torch.cat(torch.arange(n_samples).split(batch_size)[shard.own]),
        )
        n_out, n_done = n_samples if ranks is None else shard.n_run * batch_size, 0
        out = torch.empty(0)
        with alone(), deterministic(self._module_device):
            for x, more in batches.filled_up():
                part = function(x, **more)[: n_out - n_done]
                if not n_done:  # to join the parts would take twice the memory
                    out = part.new_empty((n_out, *part.shape[1:]))
                out[n_done : n_done + len(part)] = part
                n_done += len(part)
        if ranks is None:
            return out
        return shard.gather(out.unflatten(0, (-1, batch_size))).flatten(0, 1)[:n_samples]

    def _apply(self, function: Callable[[Tensor], Tensor], X):
        """Return `function` of a user's X: a tensor if X is one, on its device, else numpy."""
        return self._like(X, self._infer(function, self._check(X)))

    @staticmethod
    def _like(X, out: Tensor):
        """Return what was computed for a user's X: a tensor if X is one, else numpy."""
        return out.to(X.device) if isinstance(X, Tensor) else out.cpu().numpy()
