"""What an estimator's training has changed so far, for its checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import torch
from torch import nn

from skdeepclust._engine.distributed import active
from skdeepclust._engine.reports import current_report
from skdeepclust._engine.rng import generator_states, set_generator_states
from skdeepclust._engine.state import to_numpy, to_tensor
from skdeepclust._storage.checkpoint import Checkpoint, NoCheckpoint, SharedCheckpoint

Result = TypeVar("Result")


class ProgressMixin:
    """Adds `_once` to an estimator, and what its phases keep after each epoch."""

    module_: Any
    regularizers_: list
    _fit: SimpleNamespace
    _resume: dict[str, Any]
    _checkpoint: NoCheckpoint | Checkpoint | SharedCheckpoint = NoCheckpoint()
    _module_device: torch.device

    def _once(self, name: str, function: Callable[[], Result]) -> Result:
        """Return `function()`, or what it returned before the fit was stopped.

        Results that no file can hold, such as objects of a user's classes, are found again.
        """
        step = self._checkpoint.step(name)
        kept = step.load()
        if kept is not None:
            self._set_training_state(kept["training"])
            return kept["result"]
        with current_report().task(name.replace("_", " "), is_step=True):
            result = self._on_first(function)
        step.save(
            lambda: {"training": self._training_state(), "result": result},
            droppable=True,
        )
        return result

    def _on_first(self, function: Callable[[], Result]) -> Result:
        """Return `function()`, which of several processes the first one runs for all.

        The others take its result, and what it has changed of the training's state.
        """
        ranks = active()
        if ranks is None:
            return function()
        result, training = ranks.from_first(lambda: (function(), to_numpy(self._training_state())))
        if not ranks.is_first:
            self._set_training_state(to_tensor(training))
        return result

    def _share_generators(self) -> None:
        """Let all processes go on with the random numbers of the first one.

        They are the same already unless a network draws some in a way that isn't known here.
        """
        ranks = active()
        if ranks is not None:
            of_fit = self._fit.shuffle, self._module_device
            states = ranks.from_first(lambda: generator_states(*of_fit), at_once=True)
            set_generator_states(states, *of_fit)

    def _fitted_state(self) -> list[Any]:
        """Return all that a warm start goes on from."""
        return [self._trained().state_dict(), self._resume]

    def _training_state(self) -> dict[str, Any]:
        trained = self._trained()
        return {
            "weights": trained.state_dict(),
            "frozen": [name for name, each in trained.named_parameters() if not each.requires_grad],
            "mode": self.module_.training,
            "carried": [each.state_dict() for each in self._fit.carried],
            "generators": generator_states(self._fit.shuffle, self._module_device),
        }

    def _set_training_state(self, state: dict[str, Any]) -> None:
        trained = self._trained()
        trained.load_state_dict(state["weights"])
        for name, parameter in trained.named_parameters():
            parameter.requires_grad_(name not in state["frozen"])
        self.module_.train(state["mode"])
        for each, of_each in zip(self._fit.carried, state["carried"], strict=True):
            each.load_state_dict(of_each)
        set_generator_states(state["generators"], self._fit.shuffle, self._module_device)

    def _trained(self) -> nn.ModuleList:
        return nn.ModuleList([self.module_, *self.regularizers_])
