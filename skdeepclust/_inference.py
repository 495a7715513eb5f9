"""Inference in batches, and mixed precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from skdeepclust._batches import Batches
from skdeepclust._precision import half_dtype

# Batches of inference all have one size, to which the last one is filled up: a batch_size that
# stands for "all samples at once" must not decide it.
MAX_INFERENCE_BATCH_SIZE = 4096


class InferenceMixin:
    """Adds `_infer`, `_apply` and `_autocast` to an estimator that holds a network as `module_`."""

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

        What is inferred, such as targets, initial clusters and predictions, has all its digits:
        it doesn't depend on what the device can do.
        """
        device = self._module_device
        dtype = half_dtype(self.precision, device) if torch.is_grad_enabled() else None
        return torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)

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

        What `extra` has of each sample is handed over by name.
        """
        self.module_.eval()
        batch_size = self._inference_batch_size
        batches = Batches(
            X,
            extra,
            batch_size=batch_size,
            sample_shape=self._input_shape if sample_shape is None else sample_shape,
            dtype=self._module_dtype,
            device=self._module_device,
        )
        out, n_done = torch.empty(0), 0
        for x, more in batches:
            del more["idx"]
            n_rows = len(x)
            if n_rows < batch_size:
                # one shape of batch, so that a row's value doesn't depend on how many came with it
                repeated = torch.arange(batch_size, device=x.device) % n_rows
                x, more = x[repeated], {name: value[repeated] for name, value in more.items()}
            part = function(x, **more)[:n_rows]
            if not n_done:  # to join the parts would take twice the memory
                out = part.new_empty((X.shape[0], *part.shape[1:]))
            out[n_done : n_done + n_rows] = part
            n_done += n_rows
        return out

    def _apply(self, function: Callable[[Tensor], Tensor], X):
        """Return `function` of a user's X: a tensor if X is one, on its device, else numpy."""
        return self._like(X, self._infer(function, self._check(X)))

    @staticmethod
    def _like(X, out: Tensor):
        """Return what was computed for a user's X: a tensor if X is one, else numpy."""
        return out.to(X.device) if isinstance(X, Tensor) else out.cpu().numpy()
