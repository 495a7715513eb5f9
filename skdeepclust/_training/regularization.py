"""Regularisers of an estimator: those of its method and those that its user gives."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from torch import Tensor, nn

from skdeepclust.networks._layers import module_device_and_dtype
from skdeepclust.regularizers import Regularizer

Loss = Callable[..., dict[str, Tensor]]


class RegularizationMixin:
    """Puts penalties on layers of `module_` and adds them to the loss of every phase."""

    module_: nn.Module
    regularizers: Sequence[Regularizer] | None
    regularizers_: list[Regularizer]
    _input_shape: tuple[int, ...]

    def _own_regularizers(self) -> list[Regularizer]:
        """Return what the method puts onto layers beside the user's regularisers: a hook."""
        return []

    def _given_regularizers(self) -> list[Regularizer]:
        given = list(self.regularizers or ())
        for each in given:
            if not isinstance(each, Regularizer):
                raise TypeError(
                    f"regularizers holds {each!r}; give instances of the classes in "
                    "skdeepclust.regularizers."
                )
        return copy.deepcopy(given)

    def _set_regularizers(self, *, warm: bool) -> None:
        """Take new regularisers, at a warm start with the state of those that were there."""
        before = self.regularizers_ if warm else []
        self.regularizers_ = self._own_regularizers() + self._given_regularizers()
        for each, fitted in zip(self.regularizers_, before, strict=False):
            if type(each) is type(fitted):  # its weight may be another one by now
                each.load_state_dict(copy.deepcopy(fitted.state_dict()))
        self._attach_regularizers()

    def _attach_regularizers(self) -> None:
        device, dtype = module_device_and_dtype(self.module_)
        for each in self.regularizers_:
            each.attach(self.module_, self._input_shape)  # which may only now make its buffers
            each.to(device, dtype)

    def _regularized(self, loss: Loss) -> Loss:
        """Add the penalties on watched layers to what `loss` returns."""
        if not self.regularizers_:
            return loss

        def regularized(x: Tensor, **extra) -> dict[str, Tensor]:
            with ExitStack() as stack:
                for each in self.regularizers_:
                    stack.enter_context(each.watch(self.module_))
                parts = loss(x, **extra)
            for each in self.regularizers_:
                each.train(self.module_.training)
                penalty = each.penalty(extra.get("sample_weight"), extra.get("y"))
                parts["loss"] = parts["loss"] + penalty
                parts[each.part] = parts.get(each.part, 0) + penalty
            return parts

        return regularized

    def _end_epoch_of_regularizers(self) -> None:
        for each in self.regularizers_:
            each.end_epoch()
