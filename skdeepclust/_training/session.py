"""One fit: the phases of its training, each a skorch net, attempts of them, and its state."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from skdeepclust._compat import allow_another_subtask
from skdeepclust._engine.captured import RecordedSteps, Recorder
from skdeepclust._engine.distributed import Strategy
from skdeepclust._engine.precision import Compiler
from skdeepclust._engine.reports import Report
from skdeepclust._engine.rng import generator_states, set_generator_states
from skdeepclust._engine.runner import Runner
from skdeepclust._engine.state import to_numpy, to_tensor
from skdeepclust._storage.checkpoint import Checkpoint, SharedCheckpoint
from skdeepclust._training.callback_errors import warn_of_idle_scores
from skdeepclust._training.epoch_watch import EpochWatch
from skdeepclust._training.listeners import (
    Between,
    CallbackTask,
    Listener,
    Listeners,
    Progress,
    Recording,
    Regularizers,
    Sharing,
    Watching,
    rows_of,
)
from skdeepclust._training.net_state import take_up_moments
from skdeepclust._training.outcome import Outcome
from skdeepclust._training.phase import NonFiniteError, Phase
from skdeepclust._training.phase_data import PhaseData
from skdeepclust._training.phase_net import PhaseNet, cosine_decay, early_stopping
from skdeepclust._training.regularization import Loss, regularized
from skdeepclust._training.settings import TrainingSettings, warn_of_retry
from skdeepclust._training.standardizing import standardize
from skdeepclust._training.users_callbacks import watches_steps
from skdeepclust.networks._layers import train_mode
from skdeepclust.regularizers import Regularizer

Result = TypeVar("Result")

# Of the learning rate, for the second try of a phase whose loss has become non-finite.
RETRY_SHARE = 0.1


@dataclass
class Session:
    """A fit while it lasts.

    Parameters
    ----------
    estimator : estimator
        Whom callbacks see.
    settings : TrainingSettings
        Its parameters.
    runner : Runner
        Its network.
    regularizers : list of Regularizer
        Penalties on the network's layers.
    outcome : Outcome
        Where the training goes on from.
    history : list of dict
        One row an epoch.
    shuffle : torch.Generator
        Shuffles samples.
    context : object
        That of scikit-learn's callbacks.
    checkpoint : Checkpoint or None
        Keeps what the fit has done, if that is asked for.
    strategy : Strategy
        How the work is shared.
    report : Report
        Says how far it is.
    compiler : Compiler or None
        Compiles losses if that is asked for.
    recorder : Recorder or None
        Records steps if that is asked for.
    """

    estimator: Any
    settings: TrainingSettings
    runner: Runner
    regularizers: list[Regularizer]
    outcome: Outcome
    history: list[dict[str, Any]]
    shuffle: torch.Generator
    context: Any
    checkpoint: Checkpoint | SharedCheckpoint | None
    strategy: Strategy
    report: Report
    compiler: Compiler | None
    recorder: Recorder | None
    # Labels of all samples, for callbacks alone.
    y: Any = None
    # What changes in training beside the network, and has a state_dict.
    carried: list[Any] = field(default_factory=list)
    # Return new watches of the phases, by name, that the estimator follows without being asked.
    watches: dict[str, Callable[[], EpochWatch]] = field(default_factory=dict)
    # All that is trained.
    trained: nn.ModuleList = field(init=False)

    def __post_init__(self) -> None:
        self.trained = nn.ModuleList([self.runner.module, *self.regularizers])

    # -- phases
    def train(
        self,
        phase: str,
        loss: Loss,
        X,
        extra: Mapping | None = None,
        *,
        epochs: int,
        y=None,
        samples=None,
        on_epoch_begin: Callable[[int], object] | None = None,
        valid: tuple | None = None,
        lr: str = "lr",
        lr_factor: float = 1.0,
        decay_lr: bool = False,
        patience: int | None = None,
        monitor: str = "loss",
        watch: EpochWatch | None = None,
        **batches,
    ) -> None:
        """Train one phase: minimise `loss(x, idx, **extra)["loss"]` over shuffled batches of X.

        Parameters
        ----------
        phase : str
            Its name.
        loss : callable
            Returns a dict of scalar tensors: "loss" and parts of it.
        X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
            Validated samples.
        extra : mapping of str to ndarray
            What the loss takes of each sample.
        epochs : int
            Number of epochs; 0: nothing happens.
        y : array-like
            For callbacks; `None`: those of all samples, if the fit has any.
        samples : same as X
            What callbacks see in place of X, where that isn't what the estimator takes.
        on_epoch_begin : callable
            Called with the number of the epoch, from 1, before it begins; an `InPlace` says that
            recorded steps stay right.
        valid : tuple
            `(X, extra)` of a validation part, or `(X, extra, y)` with labels for callbacks.
        lr : str
            The estimator's parameter that is the learning rate of this phase.
        lr_factor : float
            What it is multiplied by.
        decay_lr : bool
            Whether the learning rate falls to 0 along a cosine.
        patience, monitor : int, str
            The phase ends after so many epochs in which this part of the validation loss hasn't
            fallen, and the best epoch's network is kept.
        watch : EpochWatch
            Follows a criterion that is no loss.
        **batches : dict
            Options of `Batches` in which the phase differs from other ones, such as
            `generator=None` for rows in their order.

        Raises
        ------
        NonFiniteError
            If the loss becomes non-finite, and does so again with a tenth of the learning rate.
        """
        if epochs == 0:
            return
        # the labels that there are, if the estimator learns from labels
        y, classes = self.y if y is None else y, getattr(self.estimator, "classes_", None)
        data = PhaseData(X if samples is None else samples, extra, y, X, classes=classes)
        held_out = None if valid is None else PhaseData(*valid, classes=classes)
        if valid is None and self.outcome.net is None:  # in the first phase
            warn_of_idle_scores(self.settings.callbacks or ())
        if watch is None and phase in self.watches:
            watch = self.watches[phase]()
        rate = getattr(self.estimator, lr)
        options: dict[str, Any] = {"epochs": epochs, "lr": rate, "valid": held_out, **batches}
        options = {"generator": self.shuffle, "quiet": not self.strategy.is_first, **options}
        more = [] if patience is None else [early_stopping(monitor, patience)]
        loss = loss if self.compiler is None else self.compiler(loss)
        start = copy.deepcopy(self.state(watch))
        for share, is_last in ((1.0, False), (RETRY_SHARE, True)):
            net = self.settings.net(self.runner, share=lr_factor * share, **options)
            n_steps = epochs * len(net.get_iterator(data, training=True)) if decay_lr else 0
            decay = [cosine_decay(n_steps)] if decay_lr else []
            net.callbacks = [*decay, *(net.callbacks or []), *more]
            try:
                self._run(phase, loss, data, net, on_epoch_begin, watch)
                break
            except NonFiniteError as error:
                if is_last:
                    raise
                if net.bound_.step is not None:
                    net.bound_.step.save(lambda e=error: {"failed": [e.what, e.advice]})
                warn_of_retry(error.what, lr, rate, RETRY_SHARE)
                allow_another_subtask(self.context)
                self.set_state(start, watch)
        if watch is not None:
            watch.lr = (lr, rate)
            self._end_watch(watch, net)

    def _run(
        self,
        phase: str,
        loss: Loss,
        data: PhaseData,
        net: PhaseNet,
        on_epoch_begin: Callable[[int], object] | None,
        watch: EpochWatch | None,
    ) -> None:
        """Train a net on the phase, and take up what it has come to."""
        about = {"estimator": self.estimator, **data.for_tasks()}
        context = self.context.subcontext(phase, max_subtasks=net.max_epochs)
        context.call_on_fit_task_begin(**about)
        state: dict[str, Any] = {"state": partial(self.state, watch)}
        state["set_state"] = partial(self.set_state, watch=watch)
        penalties, callbacks = self.regularizers, self.settings.callbacks or ()
        steps = None if self.recorder is None else self.recorder.steps(
            phase, net.module, on_epoch_begin, **state, has_more=bool(callbacks or penalties),
            are_watched=any(map(watches_steps, callbacks)),
        )  # fmt: skip
        task = CallbackTask(context, about, self.strategy)
        is_fp16 = self.runner.half_dtype is torch.float16
        net.phase_ = phase
        net.bound_ = Phase(
            estimator=self.estimator,
            loss=regularized(loss, penalties, self.runner.module) if penalties else loss,
            give_up_on=getattr(loss, "give_up_on", lambda _: False),
            step=None if self.checkpoint is None else self.checkpoint.step(phase),
            **state,
            strategy=self.strategy,
            steps=steps,
            listeners=Listeners([task, *self._listeners(steps, on_epoch_begin, watch)]),
            scaler=torch.amp.GradScaler(self.runner.device.type) if is_fp16 else None,
        )
        net.initialize()
        before = self.outcome.resume.optimizer or {}
        if before.get("phase") == phase:
            take_up_moments(net.optimizer_, before)
        with self.report.task(phase, net.max_epochs):
            net.partial_fit(data)
        del net.bound_
        context.call_on_fit_task_end(**about, reconstruction_attributes={})
        # the seconds are those of the first process, as are last bits of unlike processors
        self.history += self._on_first(partial(rows_of, net, phase))
        moments = {"phase": phase, "class": type(net.optimizer_).__name__}
        moments |= {"moments": net.optimizer_.state_dict()["state"]}
        resume = replace(self.outcome.resume, optimizer=moments)
        self.outcome = replace(self.outcome, resume=resume, net=net)

    def _listeners(
        self,
        steps: RecordedSteps | None,
        on_epoch_begin: Callable[[int], object] | None,
        watch: EpochWatch | None,
    ) -> list[Listener]:
        return [
            *([] if steps is None else [Recording(steps)]),
            Sharing(self.strategy, self.shuffle, self.runner.device),
            Progress(self.report, self.settings.verbose),
            *([] if watch is None else [Watching(watch, self.trained)]),
            Regularizers(self.regularizers),
            Between(on_epoch_begin, self.runner),
        ]

    def _end_watch(self, watch: EpochWatch, net: PhaseNet) -> None:
        """Keep the best epoch, and say in the history what each was worth."""
        watch.finish(self.trained, len(net.history))
        self.outcome = replace(self.outcome, watch=watch)
        if not watch.keep_best:
            return
        rows = self.history[len(self.history) - len(net.history) :]
        # a callback may have ended the last epoch before it had a value
        for row, value in zip(rows, watch.values[1:], strict=False):
            row["criterion"] = value
        resume = self.outcome.resume
        if watch.best < len(watch.values) - 1:  # moments are those of the last epoch
            resume = replace(resume, optimizer=None)
        self.outcome = replace(self.outcome, best_epoch=watch.best, resume=resume)

    def end_task(self, X) -> None:
        """Tell callbacks of scikit-learn that the fit on X has come to its end."""
        data = PhaseData(X, y=self.y, classes=getattr(self.estimator, "classes_", None))
        about = {"estimator": self.estimator, **data.for_tasks()}
        self.context.call_on_fit_task_end(**about, reconstruction_attributes={})

    def keep_best(
        self, attempts: Iterable[Callable[[], object]], criterion: Callable[[], float]
    ) -> int:
        """Make each attempt from the same state of the network and keep the best one's.

        Rows of the history have the number of their attempt.

        Parameters
        ----------
        attempts : iterable of callable
            Train phases.
        criterion : callable
            Returns what an attempt is worth, after it.

        Returns
        -------
        int
            Number of the attempt of the largest worth, the first of several.
        """
        start, before = copy.deepcopy(self.trained.state_dict()), self.outcome
        best, kept, weights, outcome = -math.inf, 0, start, before
        for number, attempt in enumerate(attempts):
            self.trained.load_state_dict(start)
            self.outcome = before
            n_before = len(self.history)
            attempt()
            for row in self.history[n_before:]:
                row["attempt"] = number
            value = criterion()
            if not number or value > best:
                best, kept, outcome = value, number, self.outcome
                weights = copy.deepcopy(self.trained.state_dict())
        self.trained.load_state_dict(weights)
        self.outcome = outcome
        return kept

    def worth(self, criterion: Callable[[], float]) -> float:
        """Return the value that the watch of the last phase has found, else `criterion()`."""
        watch = self.outcome.watch
        return criterion() if watch is None else watch.value

    # -- between phases
    def once(self, name: str, function: Callable[[], Result]) -> Result:
        """Return `function()`, or what it returned before the fit was stopped.

        Results that no file can hold, such as objects of a user's classes, are found again.
        """
        step = None if self.checkpoint is None else self.checkpoint.step(name)
        kept = None if step is None else step.load()
        if kept is not None:
            self.set_state(kept["training"])
            return kept["result"]
        with self.report.task(name.replace("_", " "), is_step=True):
            result = self._on_first(function)
        if step is not None:
            step.save(lambda: {"training": self.state(), "result": result}, droppable=True)
        return result

    def standardize(self, X, weight: np.ndarray | None) -> float:
        """Set the network's layer `standardize`, if it has one; return the deviation of X."""
        return standardize(self.runner, X, weight)

    def deviation(self, X, extra: Mapping, *, warm: bool, partial: bool) -> float:
        """Standardise, and return the deviation of X; in a stream, that of its first part."""
        found = self.outcome.resume.deviation
        if found is None or not (warm and partial):
            found = standardize(self.runner, X, extra.get("sample_weight"), keep=warm)
            resume = replace(self.outcome.resume, deviation=found)
            self.outcome = replace(self.outcome, resume=resume)
        return found

    # -- the state
    def state(self, watch: EpochWatch | None = None) -> dict[str, Any]:
        """Return what the fit has changed so far, for its checkpoint."""
        weights = self.trained.named_parameters()
        carried = self.carried if watch is None else [*self.carried, watch]
        return {
            "weights": self.trained.state_dict(),
            "frozen": [name for name, each in weights if not each.requires_grad],
            "mode": self.runner.module.training,
            "carried": [each.state_dict() for each in carried],
            "generators": generator_states(self.shuffle, self.runner.device),
        }

    def set_state(self, state: dict[str, Any], watch: EpochWatch | None = None) -> None:
        """Take up what `state` has returned."""
        self.trained.load_state_dict(state["weights"])
        for name, parameter in self.trained.named_parameters():
            parameter.requires_grad_(name not in state["frozen"])
        train_mode(self.runner.module, state["mode"])
        carried = self.carried if watch is None else [*self.carried, watch]
        for each, of_each in zip(carried, state["carried"], strict=True):
            each.load_state_dict(of_each)
        set_generator_states(state["generators"], self.shuffle, self.runner.device)

    def _on_first(self, function: Callable[[], Result]) -> Result:
        """Return `function()`, which of several processes the first one runs for all.

        The others take its result, and what it has changed of the training's state.
        """
        if self.strategy.size == 1:
            return function()
        result, training = self.strategy.from_first(lambda: (function(), to_numpy(self.state())))
        if not self.strategy.is_first:
            self.set_state(to_tensor(training))
        return result
