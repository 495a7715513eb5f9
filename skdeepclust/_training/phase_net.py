"""One training phase as one skorch net: skorch's loop and callbacks, an estimator's loss."""

from __future__ import annotations

import signal
import threading
import warnings
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, EpochTimer, LRScheduler, PrintLog
from skorch.callbacks.scoring import ScoringBase
from skorch.helper import predefined_split

from skdeepclust._engine.reports import current_report
from skdeepclust._engine.runner import Batches
from skdeepclust._training.callback_errors import explained
from skdeepclust._training.listeners import PhaseStopped
from skdeepclust._training.net_state import net_state, set_net_state
from skdeepclust._training.phase import NonFiniteError, Phase, advice_on
from skdeepclust._training.phase_data import PhaseData
from skdeepclust._training.users_callbacks import begin_phase, labelled_for
from skdeepclust.networks._layers import train_mode

__all__ = ["PhaseNet", "cosine_decay", "early_stopping", "predefined_split"]


class Interrupts:
    """Tells whether somebody has asked for the end by Ctrl-C since the block began.

    Callbacks of skorch end a training by raising KeyboardInterrupt themselves. Signals go to the
    main thread alone.
    """

    def __init__(self) -> None:
        self.seen = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler) and threading.current_thread() is threading.main_thread():
            self._before = handler
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, *given: Any) -> None:
        self.seen = True
        self._before(*given)


class QuietLog(PrintLog):
    """Skorch's, which makes the line of each epoch also where nothing is printed."""

    def on_epoch_end(self, net, **kwargs) -> None:
        if net.verbose:
            super().on_epoch_end(net, **kwargs)


def gather_batches(data: PhaseData, batch_size: int, **options) -> Batches:
    """Stand where skorch expects a `DataLoader`."""
    return Batches(data.inputs, data.extra, batch_size=batch_size, **options)


class PhaseNet(NeuralNet):
    """A skorch net whose training step is a phase of an estimator.

    `phase_` is the name of the phase. What it is bound to, it has only while it trains: as `net_`
    it holds no reference to the estimator.
    """

    phase_: str
    bound_: Phase

    # -- one step
    def train_step_single(self, batch, **fit_params) -> dict[str, Any]:
        steps, strategy = self.bound_.steps, self.bound_.strategy
        try:
            parts = self._gradients(*batch) if steps is None else steps(self._gradients, *batch)
        except Exception as error:
            if not self.bound_.give_up_on(error):
                raise
            self.optimizer_.zero_grad()
            parts = self._gradients(*batch)  # running statistics have this batch twice
        if strategy.size > 1:
            weights = self.module_.parameters()
            strategy.average_(each.grad for each in weights if each.grad is not None)
        parts = {name: value.detach() for name, value in parts.items()}
        return {"loss": parts["loss"], "y_pred": None, "parts": parts}

    def _gradients(self, x, extra) -> dict[str, torch.Tensor]:
        parts, scaler = self.bound_.loss(x, **extra), self.bound_.scaler
        loss = parts["loss"] if scaler is None else scaler.scale(parts["loss"])
        if not loss.requires_grad:
            raise ValueError(
                f"Phase {self.phase_!r} has nothing to train: all weights that its loss depends on "
                "are frozen, by `module` or by a callback such as Freezer."
            )
        loss.backward()
        return parts

    def validation_step(self, batch, **fit_params) -> dict[str, Any]:
        x, extra = batch
        with torch.no_grad():
            parts = self.bound_.loss(x, **extra)
        return {"loss": parts["loss"], "y_pred": None, "parts": parts}

    def _step_optimizer(self, step_fn) -> None:
        scaler = self.bound_.scaler
        if scaler is None:
            super()._step_optimizer(step_fn)
        else:  # loss scaling for float16
            step_fn()
            scaler.step(self.optimizer_)
            scaler.update()

    # -- one epoch
    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params) -> None:
        """Skorch's epoch, but sums of losses stay on the device until the epoch ends."""
        if iterator is None:
            return
        self._set_training(training)
        totals: dict[str, torch.Tensor] = {}
        n_seen = 0
        for batch in iterator:
            self._notify_of_batch("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            n_rows = len(batch[0])
            for name, value in step["parts"].items():
                value = value * n_rows
                totals[name] = totals[name] + value if name in totals else value
            n_seen += n_rows
            self._notify_of_batch("on_batch_end", batch=batch, training=training, **step)
        values = torch.stack(list(totals.values())).cpu().double().div(n_seen).tolist()
        self._record(dict(zip(totals, values, strict=True)), prefix)

    def _notify_of_batch(self, method_name: str, *, training: bool, **kwargs) -> None:
        self.notify(method_name, training=training, **kwargs)
        if self.module_.training != training:  # a callback has asked for predictions
            self._set_training(training)

    def _record(self, values: dict[str, float], prefix: str) -> None:
        bad = [name for name, value in values.items() if not abs(value) < float("inf")]
        if bad:
            parts = ", ".join(f"{name}={value:.4g}" for name, value in values.items())
            raise NonFiniteError(
                f"The loss became non-finite in phase {self.phase_!r}, epoch {len(self.history)} "
                f"({prefix} {parts})",
                f"Lower `lr` (now {self.lr:g}), scale X, for instance with MinMaxScaler, or lower "
                "the weight of the part that is non-finite: "
                f"{', '.join(sorted(set(bad) - {'loss'}) or bad)}.",
            )
        for name, value in values.items():
            self.history.record(f"{prefix}_{name}", value)
        best = min(row[f"{prefix}_loss"] for row in self.history)
        self.history.record(f"{prefix}_loss_best", values["loss"] == best)

    def _set_training(self, training: bool = True) -> None:
        # skorch calls this at every step; once an epoch is enough
        train_mode(self.module_, training)

    # -- the whole phase
    def partial_fit(self, X, y=None, classes=None, **fit_params) -> PhaseNet:
        """Skorch's, but a user's Ctrl-C goes through: only a callback's own ends the phase.

        Goes on after the last epoch that is in the checkpoint, if there is one.
        """
        step = self.bound_.step
        kept = None if step is None else step.load()
        if kept is not None and "failed" in kept:
            raise NonFiniteError(*kept["failed"])
        if kept is None or not kept["finished"]:
            self.notify("on_train_begin", X=X, y=y)
        if kept is not None:
            set_net_state(self, self.bound_.scaler, kept["net"])
            current_report().resume(len(self.history))
            self.bound_.set_state(kept["training"])
            if kept["finished"]:
                return self
        self._train_on(X, y)
        self._keep(finished=True)
        return self

    def _train_on(self, X, y) -> None:
        with Interrupts() as self.interrupts_, suppress(PhaseStopped):
            self.fit_loop(X, y, epochs=self.max_epochs - len(self.history))
        del self.interrupts_
        self._check_weights()
        self.notify("on_train_end", X=X, y=y)

    def _keep(self, *, finished: bool) -> None:
        if self.bound_.step is None:
            return
        self.bound_.step.save(
            lambda: {
                "finished": finished,
                "training": self.bound_.state(),
                "net": net_state(self, self.bound_.scaler),
            }
        )

    def _check_weights(self) -> None:
        """Raise an error if the last step, after which no loss was computed, has gone wrong."""
        weights = dict(self.module_.named_parameters())
        finite = torch.stack([weight.isfinite().all() for weight in weights.values()]).tolist()
        bad = [name for name, fine in zip(weights, finite, strict=True) if not fine]
        if bad:
            raise NonFiniteError(
                f"Weights became non-finite in the last step of phase {self.phase_!r}, epoch "
                f"{len(self.history)}: {', '.join(bad[:3])}",
                advice_on(self.lr),
            )

    def notify(self, method_name, **kwargs) -> None:
        """Skorch's, with the phase's listeners around it; after `EpochTimer` has started."""
        if not hasattr(self, "bound_"):  # after its phase
            super().notify(method_name, **kwargs)
            return
        listeners = self.bound_.listeners
        try:
            self._tell_callbacks(method_name, **kwargs)
        except KeyboardInterrupt as error:
            if not hasattr(self, "interrupts_") or self.interrupts_.seen:
                raise
            raise PhaseStopped from error
        finally:
            if method_name == "on_epoch_end":
                listeners.end_epoch(self)
        if method_name == "on_epoch_begin":  # what a method raises there is no callback's
            listeners.begin_epoch(self, len(self.history))
        # the last epoch is kept with the end of the phase
        if method_name == "on_epoch_end" and len(self.history) < self.max_epochs:
            self._keep(finished=False)

    def _tell_callbacks(self, method_name: str, **kwargs) -> None:
        """Do what skorch's `notify` does, and say what to write where a callback fails."""
        getattr(self, method_name)(self, **kwargs)
        for name, callback in self.callbacks_:
            try:
                scores = isinstance(callback, ScoringBase)
                given = labelled_for(callback, kwargs) if scores else kwargs
                getattr(callback, method_name)(self, **given)
            except Exception as error:
                said = explained(error, name, callback, self, kwargs)
                if said is None:
                    raise
                raise said from error

    def initialize_callbacks(self) -> PhaseNet:
        """Take the user's callbacks, which have been initialised for the whole fit, as they are."""
        named = [each for each in self._uniquely_named_callbacks() if each[1] is not None]
        begin_phase([callback for _, callback in named])
        self.callbacks_ = named
        return self

    # -- what the scorers of EpochScoring ask of the net is asked of the estimator
    def predict(self, X):
        return self._asked("predict", X)

    def predict_proba(self, X):
        return self._asked("predict_proba", X)

    def transform(self, X):
        return self._asked("transform", X)

    def score(self, X, y=None) -> float:
        return self._asked("score", X, y)

    def _asked(self, name: str, X, *more) -> Any:
        estimator = self.bound_.estimator
        if not hasattr(estimator, name):
            raise TypeError(
                f"A scoring callback calls {name}, which {type(estimator).__name__} doesn't have: "
                "give EpochScoring a function scoring(net, X, y) instead, which may call "
                "net.transform(X)."
            )
        method = getattr(estimator, name)
        with warnings.catch_warnings():
            # samples of a fit on a DataFrame come to callbacks as an array
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            return method(self._as_given(X.X if isinstance(X, PhaseData) else X), *more)

    def _as_given(self, X: Any) -> Any:
        """Return samples in the layout of the X of the fit, such as that of images."""
        shape = self.bound_.estimator._input.sample_shape
        is_flat = isinstance(X, (np.ndarray, torch.Tensor)) and X.ndim == 2
        return X.reshape(len(X), *shape) if is_flat and len(shape) > 1 else X

    def __sklearn_tags__(self):
        return self.bound_.estimator.__sklearn_tags__()

    @property
    def classes_(self):
        return self.bound_.estimator.classes_

    @property
    def _default_callbacks(self) -> list:
        return [("epoch_timer", EpochTimer()), ("print_log", QuietLog())]


def cosine_decay(n_steps: int) -> LRScheduler:
    """Let the learning rate fall to 0 along half a cosine of `n_steps` steps."""
    return LRScheduler(
        policy=torch.optim.lr_scheduler.CosineAnnealingLR, T_max=n_steps, step_every="batch"
    )


def early_stopping(monitor: str, patience: int) -> EarlyStopping:
    """End a phase when a part of the validation loss no longer falls, and keep the best epoch."""
    return EarlyStopping(monitor=f"valid_{monitor}", patience=patience, load_best=True)
