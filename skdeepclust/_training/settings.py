"""What the parameters of an estimator say of its training."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from skdeepclust._engine.runner import Runner
from skdeepclust._training.phase_data import PhaseData
from skdeepclust._training.phase_net import PhaseNet, gather_batches, predefined_split

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}


@dataclass(frozen=True)
class TrainingSettings:
    """The parameters of an estimator of these names; `optimizer_options` are `optimizer__NAME`."""

    optimizer: str | Callable[..., torch.optim.Optimizer]
    optimizer_options: dict[str, Any]
    batch_size: Any
    callbacks: Sequence[Any] | None
    verbose: int

    def __post_init__(self) -> None:
        """Refuse options that the optimiser doesn't take, before anything is trained."""
        taken = _arguments_of(self._optimizer_class)
        if taken is None:
            return
        takes_all = any(each.kind is each.VAR_KEYWORD for each in taken.values())
        unknown = [name for name in self.optimizer_options if name not in taken]
        if unknown and not takes_all:
            names = ", ".join(f"optimizer__{name}" for name in unknown)
            called = getattr(self._optimizer_class, "__name__", self._optimizer_class)
            known = ", ".join(name for name in taken if name != "params")
            raise TypeError(f"{names}: {called} has no such argument; it takes {known}.")

    def net(
        self,
        runner: Runner,
        *,
        epochs: int,
        lr: float,
        share: float,
        valid: PhaseData | None,
        generator: torch.Generator | None,
        quiet: bool,
        **batches: Any,
    ) -> PhaseNet:
        """Return the net of a phase.

        Parameters
        ----------
        runner : Runner
            The network.
        epochs : int
            Number of epochs.
        lr : float
            The learning rate ...
        share : float
            ... and the share of it, and of that of `optimizer__lr`, that is taken.
        valid : PhaseData or None
            Samples that are held out.
        generator : torch.Generator or None
            Shuffles the samples; `None`: they come in their order.
        quiet : bool
            Whether skorch prints nothing, as another process does.
        **batches : dict
            Options of `Batches` in which the phase differs from others.
        """
        shared = {"sample_shape": runner.input_shape, "dtype": runner.dtype}
        shared |= {"device": runner.device, "origin": runner.origin}
        training = {**shared, "generator": generator, **batches}
        options = self._optimizer_options(runner)
        if "lr" in options:
            options["lr"] = share * options["lr"]
        return PhaseNet(
            runner.module,
            criterion=nn.Identity,
            optimizer=self._optimizer_class,
            lr=share * lr,
            max_epochs=epochs,
            batch_size=training.pop("batch_size", self.batch_size),
            device=None,
            use_caching=False,
            train_split=None if valid is None else predefined_split(valid),
            iterator_train=gather_batches,
            iterator_valid=gather_batches,
            callbacks=list(self.callbacks or ()),
            verbose=0 if quiet else max(self.verbose - 1, 0),
            **{f"iterator_train__{k}": v for k, v in training.items()},
            **{f"iterator_valid__{k}": v for k, v in shared.items()},
            **{f"optimizer__{k}": v for k, v in options.items()},
        )

    @property
    def _optimizer_class(self) -> Callable[..., torch.optim.Optimizer]:
        return OPTIMIZERS[self.optimizer] if isinstance(self.optimizer, str) else self.optimizer

    def _optimizer_options(self, runner: Runner) -> dict[str, Any]:
        """Return what is given, and one kernel for all weights where the optimiser has it.

        Others launch many for each weight, and some look at the gradients, and so wait for a
        device, before each scaled step.
        """
        options = dict(self.optimizer_options)
        given = {"fused", "foreach", "differentiable"} & options.keys()
        if not given and _has_one_kernel(self._optimizer_class, runner.module):
            options["fused"] = True
        return options


def warn_of_retry(what: str, name: str, lr: float, share: float) -> None:
    """Warn that a phase starts again with a share of its learning rate, and of `what`."""
    warnings.warn(
        f"{what}. The phase starts again with a tenth of the learning rate "
        f"({share * lr:g} for {name}={lr:g}). Lower `{name}`, or scale X, for "
        "instance with MinMaxScaler, if the result is poor.",
        ConvergenceWarning,
        stacklevel=4,
    )


def _arguments_of(make: Callable[..., Any]) -> Mapping[str, Parameter] | None:
    """Return what a callable takes; of some nobody knows."""
    try:
        return signature(make).parameters
    except (TypeError, ValueError):
        return None


def _has_one_kernel(make: Callable[..., Any], module: nn.Module) -> bool:
    """Tell whether an optimiser has one kernel for all weights, which takes these."""
    fused = (_arguments_of(make) or {}).get("fused") if isinstance(make, type) else None
    if fused is None or fused.default is not None:  # a class that sets it has chosen
        return False
    # such kernels take no sparse gradients, and weights that are dense in memory alone
    if any(getattr(layer, "sparse", False) is True for layer in module.modules()):
        return False
    return all(each.is_floating_point() and _is_dense(each) for each in module.parameters())


def _is_dense(weight: Tensor) -> bool:
    """Tell whether a weight lies in memory without gaps: only then an empty one lies like it."""
    return torch.empty_like(weight, device="meta").stride() == weight.stride()
