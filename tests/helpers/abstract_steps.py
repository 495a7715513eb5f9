"""A training step on the meta device: it has shapes but no numbers, so nobody can wait for one."""

from __future__ import annotations

import copy
import types
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skdeepclust._training.phase_net import PhaseNet
from skdeepclust._training.regularization import regularized
from skdeepclust._training.session import Session

META = torch.device("meta")


class OneDevice(TorchDispatchMode):
    """Raises where an operation is given tensors of two devices, or makes double precision.

    Single numbers of another device are left out.
    """

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = tree_leaves([args, kwargs or {}])
        devices = {x.device.type for x in given if isinstance(x, torch.Tensor) and x.ndim > 0}
        moves = func is torch.ops.aten._to_copy.default
        if len(devices) > 1 and not moves:
            raise AssertionError(f"{func} is given tensors of the devices {devices}")
        out = func(*args, **(kwargs or {}))
        made = [x for x in tree_leaves(out) if isinstance(x, torch.Tensor)]
        if any(x.dtype is torch.float64 and x.device.type == "meta" for x in made):
            raise AssertionError(f"{func} makes double precision, which not every device has")
        return out


class Twin:
    """Copies what a training step sees, with all tensors on the meta device."""

    def __init__(self) -> None:
        self.memo: dict[int, Any] = {}
        self.kept: list[Any] = []  # so that no id is used twice

    def __call__(self, value: Any) -> Any:
        if id(value) not in self.memo:
            self.kept.append(value)
            self.memo[id(value)] = self._copy(value)
        return self.memo[id(value)]

    def _copy(self, value: Any) -> Any:
        if isinstance(value, nn.Module):
            return copy.deepcopy(value).to(META)
        if isinstance(value, torch.Tensor):
            return value.detach().to(META)
        if type(value) in (list, tuple):
            return type(value)(map(self, value))
        if isinstance(value, tuple):  # with names
            return type(value)(*map(self, value))
        if isinstance(value, dict):
            return type(value)({key: self(each) for key, each in value.items()})
        if isinstance(value, types.MethodType):
            return types.MethodType(value.__func__, self(value.__self__))
        if isinstance(value, types.FunctionType) and value.__closure__:
            return self._function(value)
        if type(value).__module__.startswith("skdeepclust") or isinstance(
            value, types.SimpleNamespace
        ):
            return self._object(value)
        return value

    def _object(self, value: Any) -> Any:
        twin = self.memo[id(value)] = type(value).__new__(type(value))
        skipped = {"context", "history_", "_checkpoint"}
        state = {key: each for key, each in vars(value).items() if key not in skipped}
        twin.__dict__.update({key: self(each) for key, each in state.items()})
        return twin

    def _function(self, value: types.FunctionType) -> types.FunctionType:
        cells = tuple(types.CellType(self(cell.cell_contents)) for cell in value.__closure__ or ())
        return types.FunctionType(
            value.__code__, value.__globals__, value.__name__, value.__defaults__, cells
        )


def step_on_meta(owner: Any, loss_name: str, batch: tuple) -> None:
    """Run the loss of a batch and its gradient without a number being there."""
    twin = Twin()
    estimator = twin(owner)
    for each in estimator.regularizers_:
        each.attach(estimator.module_, estimator._input.input_shape)
    x, extra = batch
    # an integer that indexes is what a GPU takes from the host as well
    more = {name: value.to(META) for name, value in extra.items()}
    loss = regularized(getattr(estimator, loss_name), estimator.regularizers_, estimator.module_)
    with OneDevice():
        parts = loss(x.to(META), **more)
        assert all(value.device == META for value in parts.values())
        parts["loss"].backward()
    gradients = [p.grad for p in estimator.module_.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.device == META for gradient in gradients)


AUTOCAST = torch.autocast


def autocast_but_on_meta(device_type: str, *args, **kwargs):
    """Stand for `torch.autocast`, which knows no meta device."""
    return nullcontext() if device_type == "meta" else AUTOCAST(device_type, *args, **kwargs)


@contextmanager
def steps_on_meta(monkeypatch):
    """Let the second step of each phase run on the meta device first; yield the numbers of steps.

    In their first step regularisers draw centres, for which they have to see how many there are.
    """
    phases: Counter[str] = Counter()
    names: dict[str, str] = {}
    run_phase, step = Session._run, PhaseNet.train_step_single

    def run(self, phase: str, loss: Callable, *args) -> None:
        names[phase] = loss.__name__
        run_phase(self, phase, loss, *args)

    def train_step(self, batch, **fit_params):
        phases[self.phase_] += 1
        if phases[self.phase_] == 2:
            step_on_meta(self.bound_.estimator, names[self.phase_], batch)
        return step(self, batch, **fit_params)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_run", run)
        patch.setattr(PhaseNet, "train_step_single", train_step)
        patch.setattr(torch, "autocast", autocast_but_on_meta)
        yield phases
