"""What happens at the ends of each epoch of a phase, as one list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn

from skdeepclust._engine.distributed import strategy
from skdeepclust._engine.reports import current_report
from skdeepclust._training.epoch_watch import EpochWatch
from skdeepclust._training.phase_net import PhaseNet, PhaseStopped
from skdeepclust.regularizers import Regularizer


class Listener(Protocol):
    """Hears of the ends of epochs: in the order of the list when one begins, backwards after it."""

    def begin_epoch(self, net: PhaseNet, epoch: int) -> object: ...
    def end_epoch(self, net: PhaseNet) -> object: ...


@dataclass
class CallbackTask:
    """An epoch as a task of scikit-learn's callbacks, which may end the phase."""

    context: Any
    about: dict[str, Any]

    def begin_epoch(self, net: PhaseNet, epoch: int) -> None:
        self.of_epoch = self.context.subcontext("epoch")
        self.of_epoch.call_on_fit_task_begin(**self.about)

    def end_epoch(self, net: PhaseNet) -> None:
        stop = self.of_epoch.call_on_fit_task_end(**self.about, reconstruction_attributes={})
        if strategy().from_first(lambda: stop, at_once=True):
            raise PhaseStopped


@dataclass
class Begin:
    """A function that is called with the number of the epoch before it begins."""

    function: Callable[[int], object]

    def begin_epoch(self, net: PhaseNet, epoch: int) -> None:
        self.function(epoch)

    def end_epoch(self, net: PhaseNet) -> None:
        return None


@dataclass
class Progress:
    """The report of the fit, unless skorch prints its table."""

    verbose: int

    def begin_epoch(self, net: PhaseNet, epoch: int) -> None:
        return None

    def end_epoch(self, net: PhaseNet) -> None:
        if self.verbose <= 1:
            current_report().advance(len(net.history), net.values_of(net.history[-1]))


@dataclass
class Watching:
    """The watch of a criterion."""

    watch: EpochWatch
    trained: nn.Module

    def begin_epoch(self, net: PhaseNet, epoch: int) -> None:
        self.watch.begin_epoch(self.trained)

    def end_epoch(self, net: PhaseNet) -> None:
        self.watch.end_epoch(net.history[-1])


@dataclass
class Regularizers:
    """Regularisers that change between epochs."""

    regularizers: Sequence[Regularizer]

    def begin_epoch(self, net: PhaseNet, epoch: int) -> None:
        return None

    def end_epoch(self, net: PhaseNet) -> None:
        for each in self.regularizers:
            each.end_epoch()
