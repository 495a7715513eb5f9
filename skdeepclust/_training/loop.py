"""The training loop: phases, each of which is one private skorch net, and attempts of them."""

from __future__ import annotations

import copy
import functools
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from types import SimpleNamespace
from typing import Any

import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from skdeepclust._clusters.repair import EpochWatch
from skdeepclust._compat import allow_another_subtask
from skdeepclust._engine.distributed import active, is_first
from skdeepclust._engine.precision import CompiledLoss, half_dtype
from skdeepclust._engine.reports import current_report
from skdeepclust._storage.checkpoint import Checkpoint, NoCheckpoint, SharedCheckpoint
from skdeepclust._training.phase_net import (
    NonFiniteError,
    PhaseData,
    PhaseNet,
    cosine_decay,
    early_stopping,
    gather_batches,
    predefined_split,
)

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}
# Of the learning rate, for the second try of a phase whose loss has become non-finite.
RETRY_SHARE = 0.1
# What each of several attempts sets.
OF_ATTEMPT = ("_resume", "net_", "best_epoch_")


class TrainingMixin:
    """Adds `_train` and `_keep_best` to an estimator."""

    module_: Any
    net_: PhaseNet
    regularizers_: list
    history_: list[dict[str, Any]]
    callbacks: Any
    optimizer: Any
    lr: float
    batch_size: Any
    precision: str
    compile: bool
    verbose: int
    _fit: SimpleNamespace
    _resume: dict[str, Any]
    _checkpoint: NoCheckpoint | Checkpoint | SharedCheckpoint
    _input_shape: tuple[int, ...]
    _module_device: torch.device
    _module_dtype: torch.dtype
    _component: Callable[[str], dict[str, Any]]
    _regularized: Callable[..., Callable]
    _end_epoch_of_regularizers: Callable[[], None]
    _trained: Callable[[], nn.ModuleList]
    _on_first: Callable[[Callable[[], Any]], Any]
    _share_generators: Callable[[], None]
    _training_state: Callable[[], dict[str, Any]]
    _set_training_state: Callable[[dict[str, Any]], None]

    def _train(
        self,
        phase: str,
        loss: Callable[..., dict[str, Tensor]],
        X,
        extra: Mapping | None = None,
        *,
        epochs: int,
        y=None,
        on_epoch_begin: Callable[[], object] | None = None,
        valid: tuple | None = None,
        decay_lr: bool = False,
        patience: int | None = None,
        monitor: str = "loss",
        watch: EpochWatch | None = None,
        **batches,
    ) -> None:
        """Train one phase: minimise `loss(x, idx, **extra)["loss"]` over shuffled batches of X.

        `valid` is `(X, extra)` of a validation part. With `patience`, the phase ends after as
        many epochs in which the part `monitor` of its loss hasn't fallen, and the best epoch's
        network is kept. `watch` follows a criterion that is no loss. A phase whose loss becomes
        non-finite is tried again from its start with a tenth of the learning rate. `batches` are
        options of `Batches` in which the phase differs from the other ones, such as
        `generator=None` for rows in their order.
        """
        if epochs == 0:
            return
        data = PhaseData(X, extra, y)
        held_out = None if valid is None else PhaseData(*valid)
        run = functools.partial(
            self._run_phase,
            phase,
            self._compiled(loss),
            data,
            on_epoch_begin,
            watch,
        )
        self._fit.carried += [] if watch is None else [watch]
        start = copy.deepcopy(self._training_state())
        for share, is_last in ((1.0, False), (RETRY_SHARE, True)):
            net = self._phase_net(epochs, held_out, share, **batches)
            more = list(net.callbacks or [])
            if decay_lr:
                n_steps = epochs * len(net.get_iterator(data, training=True))
                more = [cosine_decay(n_steps), *more]
            if patience is not None:
                more = [*more, early_stopping(monitor, patience)]
            net.set_params(callbacks=more)
            try:
                run(net)
                break
            except NonFiniteError as error:
                if is_last:
                    raise
                failed = [error.what, error.advice]
                net.step_.save(lambda failed=failed: {"failed": failed})
                self._warn_of_retry(error)
                self._set_training_state(start)
        if watch is not None:
            self._fit.carried.remove(watch)
            self._end_watch(watch)

    def _end_watch(self, watch: EpochWatch) -> None:
        """Keep the best epoch, and say in `history_` what each was worth."""
        watch.finish(self._trained(), len(self.net_.history))
        self._fit.watch = watch
        if not watch.keep_best:
            return
        self.best_epoch_ = watch.best
        rows = self.history_[len(self.history_) - len(self.net_.history) :]
        # a callback may have ended the last epoch before it had a value
        for row, value in zip(rows, watch.values[1:], strict=False):
            row["criterion"] = value
        if watch.best < len(watch.values) - 1:
            self._resume.pop("optimizer", None)  # its moments are those of the last epoch

    def _run_phase(
        self,
        phase: str,
        loss,
        data: PhaseData,
        on_epoch_begin,
        watch: EpochWatch | None,
        net: PhaseNet,
    ) -> None:
        """Train a net on the phase, and take up what it has come to."""
        about = {"estimator": self, "X": data.X, "y": data.y}
        context = self._fit.context.subcontext(phase, max_subtasks=net.max_epochs)
        context.call_on_fit_task_begin(**about)
        net.bind(
            self,
            self._regularized(loss),
            give_up_on=getattr(loss, "give_up_on", lambda _: False),
            phase=phase,
            context=context,
            begin_epoch=functools.partial(self._begin_epoch_of_phase, on_epoch_begin, watch),
            end_epoch=functools.partial(self._end_epoch_of_phase, net, watch),
            step=self._checkpoint.step(phase),
            scaler=torch.amp.GradScaler(self._module_device.type) if self._is_fp16 else None,
        )
        net.initialize()
        self._take_up_moments(phase, net)
        with current_report().task(phase, net.max_epochs):
            net.partial_fit(data)
        net.release()
        context.call_on_fit_task_end(**about, reconstruction_attributes={})
        self.net_ = net
        self._resume["optimizer"] = {
            "phase": phase,
            "class": type(net.optimizer_).__name__,
            "moments": net.optimizer_.state_dict()["state"],
        }
        # the seconds are those of the first process, as are last bits of unlike processors
        self.history_ += self._on_first(net.epoch_rows)

    @property
    def _is_fp16(self) -> bool:
        return half_dtype(self.precision, self._module_device) is torch.float16

    def _compiled(self, loss: Callable[..., dict[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
        """Return the loss compiled, if that is asked for and hasn't failed in an earlier phase."""
        if not self.compile or getattr(self._fit, "cannot_compile", False):
            return loss
        if active() is not None:
            self._fit.cannot_compile = True
            warnings.warn(
                "compile=True has no effect on a fit by several processes: what they tell each "
                "other within a step can't be compiled.",
                UserWarning,
                stacklevel=4,
            )
            return loss

        def warn(error: Exception) -> None:
            self._fit.cannot_compile = True
            warnings.warn(
                "compile=True: torch can't compile the training step here, and goes on without "
                f"it ({type(error).__name__}: {str(error).strip().splitlines()[0]}). On a "
                "CPU it needs a C++ compiler.",
                UserWarning,
                stacklevel=2,
            )

        return CompiledLoss(loss, warn)

    def _take_up_moments(self, phase: str, net: PhaseNet) -> None:
        resume = self._resume.get("optimizer", {})
        if (resume.get("phase"), resume.get("class")) == (phase, type(net.optimizer_).__name__):
            # moments go on; learning rate and so on are those of the parameters
            groups = net.optimizer_.state_dict()["param_groups"]
            moments = copy.deepcopy(resume["moments"])  # steps change them in place
            net.optimizer_.load_state_dict({"state": moments, "param_groups": groups})

    def _warn_of_retry(self, error: NonFiniteError) -> None:
        warnings.warn(
            f"{error.what}. The phase starts again with a tenth of the learning rate "
            f"({RETRY_SHARE * self.lr:g} for lr={self.lr:g}). Lower `lr`, or scale X, for instance "
            "with MinMaxScaler, if the result is poor.",
            ConvergenceWarning,
            stacklevel=4,
        )
        allow_another_subtask(self._fit.context)

    def _begin_epoch_of_phase(
        self, then: Callable[[], object] | None, watch: EpochWatch | None, epoch: int
    ) -> None:
        self._fit.epoch = epoch
        self._share_generators()
        if watch is not None:
            watch.begin_epoch(self._trained())
        if then is not None:
            then()

    def _end_epoch_of_phase(self, net: PhaseNet, watch: EpochWatch | None) -> None:
        self._end_epoch_of_regularizers()
        if watch is not None:
            watch.end_epoch(net.history[-1])
        if self.verbose <= 1:  # else skorch prints its table
            current_report().advance(len(net.history), net.values_of(net.history[-1]))

    def _keep_best(
        self, attempts: Iterable[Callable[[], object]], criterion: Callable[[], float]
    ) -> None:
        """Make each attempt from the same state of the network and keep the best one's.

        The best attempt is the one after which `criterion()` is largest. Rows of `history_` have
        the number of their attempt, `attempt_` is that kept.
        """
        trained = self._trained()
        start, resume = copy.deepcopy(trained.state_dict()), self._resume
        best, state, kept, watch = -math.inf, start, {}, None
        for number, attempt in enumerate(attempts):
            trained.load_state_dict(start)
            self._resume = dict(resume)
            n_before = len(self.history_)
            attempt()
            for row in self.history_[n_before:]:
                row["attempt"] = number
            value = criterion()
            if not kept or value > best:
                best, state = value, copy.deepcopy(trained.state_dict())
                kept = {k: v for k, v in vars(self).items() if k in OF_ATTEMPT}
                watch = self._fit.watch
                kept |= {"attempt_": number}
        if kept:
            trained.load_state_dict(state)
            self.__dict__.update(kept)
            self._fit.watch = watch

    def _phase_net(self, epochs: int, valid: PhaseData | None, share: float, **batches) -> PhaseNet:
        shared = {
            "sample_shape": self._input_shape,
            "dtype": self._module_dtype,
            "device": self._module_device,
        }
        training = {**shared, "generator": self._fit.shuffle, **batches}
        options = self._component("optimizer")
        optimizer = OPTIMIZERS.get(self.optimizer, self.optimizer)
        on_gpu = self._module_device.type == "cuda"
        if (on_gpu or self._is_fp16) and not {"fused", "foreach"} & options.keys():
            # one kernel for all weights; others also look at the gradients, and so wait for the
            # device, before each scaled step
            options |= {"fused": True} if "fused" in signature(optimizer).parameters else {}
        if "lr" in options:
            options["lr"] = share * options["lr"]
        return PhaseNet(
            self.module_,
            criterion=nn.Identity,
            optimizer=optimizer,
            lr=share * self.lr,
            max_epochs=epochs,
            batch_size=training.pop("batch_size", self.batch_size),
            device=None,
            use_caching=False,
            train_split=None if valid is None else predefined_split(valid),
            iterator_train=gather_batches,
            iterator_valid=gather_batches,
            callbacks=copy.deepcopy(list(self.callbacks or ())),  # skorch changes its callbacks
            verbose=max(self.verbose - 1, 0) if is_first() else 0,
            **{f"iterator_train__{k}": v for k, v in training.items()},
            **{f"iterator_valid__{k}": v for k, v in shared.items()},
            **{f"optimizer__{k}": v for k, v in options.items()},
        )
