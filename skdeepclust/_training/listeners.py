"""Who hears of the ends of each epoch of a phase: one list of what happens there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from skorch import NeuralNet
from torch import nn

from skdeepclust._engine.captured import RecordedSteps
from skdeepclust._engine.distributed import Strategy
from skdeepclust._engine.reports import Report
from skdeepclust._engine.rng import generator_states, set_generator_states
from skdeepclust._engine.runner import Runner
from skdeepclust._training.epoch_watch import EpochWatch
from skdeepclust.regularizers import Regularizer


class PhaseStopped(Exception):
    """A callback, of skorch or of scikit-learn, asked for the end of the phase."""


class Listener:
    """Hears of both ends of each epoch."""

    def begin_epoch(self, net: NeuralNet, epoch: int) -> None:
        """Do what comes before the epoch of this number, from 1."""

    def end_epoch(self, net: NeuralNet) -> None:
        """Do what comes after it."""


@dataclass
class Listeners(Listener):
    """All of a phase: in their order before an epoch, backwards after it."""

    listeners: Sequence[Listener]

    def begin_epoch(self, net: NeuralNet, epoch: int) -> None:
        for each in self.listeners:
            each.begin_epoch(net, epoch)

    def end_epoch(self, net: NeuralNet) -> None:
        for each in reversed(self.listeners):
            each.end_epoch(net)


def values_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of the loss, and what callbacks have recorded, of a row of skorch's."""
    return {
        key.removeprefix("train_"): value
        for key, value in row.items()
        if key not in ("batches", "dur", "epoch") and not key.endswith("_best")
    }


def rows_of(net: NeuralNet, phase: str) -> list[dict[str, Any]]:
    """Return the history of a net as the estimator keeps it: one dict an epoch."""
    return [
        {"phase": phase, "epoch": row["epoch"], **values_of(row), "seconds": row.get("dur")}
        for row in net.history
    ]


@dataclass
class CallbackTask(Listener):
    """An epoch as a task of scikit-learn's callbacks, which may end the phase."""

    context: Any
    about: dict[str, Any]
    strategy: Strategy

    def begin_epoch(self, net: NeuralNet, epoch: int) -> None:
        self.of_epoch = self.context.subcontext("epoch")
        self.of_epoch.call_on_fit_task_begin(**self.about)

    def end_epoch(self, net: NeuralNet) -> None:
        stop = self.of_epoch.call_on_fit_task_end(**self.about, reconstruction_attributes={})
        if self.strategy.size > 1:
            stop = self.strategy.from_first(lambda: stop, at_once=True)
        if stop:
            raise PhaseStopped


@dataclass
class Recording(Listener):
    """Tells recorded steps that what they are made of may have changed."""

    steps: RecordedSteps

    def begin_epoch(self, net: NeuralNet, epoch: int) -> None:
        self.steps.begin_epoch()


@dataclass
class Between(Listener):
    """Begins an epoch as its phase asks for, and forgets after it what the network was."""

    function: Callable[[int], object] | None
    runner: Runner

    def begin_epoch(self, net: NeuralNet, epoch: int) -> None:
        if self.function is not None:
            self.function(epoch)

    def end_epoch(self, net: NeuralNet) -> None:
        self.runner.forget()


@dataclass
class Sharing(Listener):
    """Lets all processes begin an epoch with the random numbers of the first one.

    They are the same already unless a network draws some in a way that isn't known here.
    """

    strategy: Strategy
    shuffle: torch.Generator
    device: torch.device

    def begin_epoch(self, net: NeuralNet, epoch: int) -> None:
        if self.strategy.size > 1:
            of_fit = self.shuffle, self.device
            states = self.strategy.from_first(lambda: generator_states(*of_fit), at_once=True)
            set_generator_states(states, *of_fit)


@dataclass
class Progress(Listener):
    """The report of the fit, unless skorch prints its table."""

    report: Report
    verbose: int

    def end_epoch(self, net: NeuralNet) -> None:
        if self.verbose <= 1:
            self.report.advance(len(net.history), values_of(net.history[-1]))


@dataclass
class Watching(Listener):
    """The watch of a criterion."""

    watch: EpochWatch
    trained: nn.Module

    def begin_epoch(self, net: NeuralNet, epoch: int) -> None:
        self.watch.begin_epoch(self.trained)

    def end_epoch(self, net: NeuralNet) -> None:
        self.watch.end_epoch(net.history[-1])


@dataclass
class Regularizers(Listener):
    """Regularisers that change between epochs."""

    regularizers: Sequence[Regularizer]

    def end_epoch(self, net: NeuralNet) -> None:
        for each in self.regularizers:
            each.end_epoch()
