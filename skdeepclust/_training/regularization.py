"""Regularisers in a fit: those of a method and those that the user gives."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn

from skdeepclust._inputs.samples import InputSpec
from skdeepclust.networks._layers import module_device_and_dtype
from skdeepclust.regularizers import Regularizer

Loss = Callable[..., dict[str, Tensor]]


def copies_of(given: Sequence[Any] | None) -> list[Regularizer]:
    """Return copies of what the user gives, or raise TypeError if these aren't regularisers."""
    for each in given or ():
        if not isinstance(each, Regularizer):
            raise TypeError(
                f"regularizers holds {each!r}; give instances of the classes in "
                "skdeepclust.regularizers."
            )
    return copy.deepcopy(list(given or ()))


def take_over(regularizers: Sequence[Regularizer], before: Sequence[Regularizer]) -> None:
    """Give new regularisers the state of those of the last fit that are of the same class."""
    for each, fitted in zip(regularizers, before, strict=False):
        if type(each) is type(fitted):  # its weight may be another one by now
            each.load_state_dict(copy.deepcopy(fitted.state_dict()))


def attach(regularizers: Sequence[Regularizer], module: nn.Module, spec: InputSpec) -> None:
    """Let regularisers find their layers in a network, and know what samples look like."""
    for each in regularizers:
        each.attach(module, spec.input_shape)  # which may only now make its buffers
        each.spec = spec
        each.to(*module_device_and_dtype(module))


def regularized(loss: Loss, regularizers: Sequence[Regularizer], module: nn.Module) -> Loss:
    """Add the penalties on watched layers of a network to what `loss` returns."""

    def with_penalties(x: Tensor, **extra) -> dict[str, Tensor]:
        with ExitStack() as stack:
            for each in regularizers:
                stack.enter_context(each.watch(module))
            parts = loss(x, **extra)
        for each in regularizers:
            each.train(module.training)
            penalty = each.penalty(extra.get("sample_weight"), extra.get("y"))
            parts["loss"] = parts["loss"] + penalty
            parts[each.part] = parts.get(each.part, 0) + penalty
        return parts

    return with_penalties
