"""What a net holds as long as it trains a phase, and the error of numbers that have no end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from skdeepclust._engine.captured import RecordedSteps
from skdeepclust._engine.distributed import Strategy
from skdeepclust._engine.runner import Runner
from skdeepclust._training.listeners import Listeners

# Samples of which the outputs are looked at once more at the end.
N_ROWS_TRIED = 1_000


@dataclass
class Phase:
    """What a net holds as long as its phase lasts.

    Parameters
    ----------
    estimator : estimator
        Who is asked for predictions by scoring callbacks.
    loss : callable
        `loss(x, idx, **extra) -> {"loss": tensor, part: tensor, ...}`.
    give_up_on : callable
        Tells whether a step that ended in an error is to be tried again.
    step : Step or None
        The step of the checkpoint that the phase is, if the fit has one.
    state, set_state : callable
        Return and take up what the fit has changed.
    strategy : Strategy
        How the work is shared.
    steps : RecordedSteps or None
        Take a step from a recording; `None`: it runs as it is.
    listeners : Listeners
        Who hears of the ends of its epochs.
    scaler : torch.amp.GradScaler or None
        Scales losses in float16.
    """

    estimator: Any
    loss: Callable[..., dict[str, torch.Tensor]]
    give_up_on: Callable[[Exception], bool]
    step: Any
    state: Callable[[], dict[str, Any]]
    set_state: Callable[[dict[str, Any]], None]
    strategy: Strategy
    steps: RecordedSteps | None
    listeners: Listeners
    scaler: torch.amp.GradScaler | None = None


class NonFiniteError(ValueError):
    """The loss or the weights became non-finite; `what` says when and which, without advice."""

    def __init__(self, what: str, advice: str):
        super().__init__(what, advice)
        self.what, self.advice = what, advice

    def __str__(self) -> str:
        return f"{self.what}. {self.advice}"


def finite_mean(errors: Any, weight: np.ndarray | None, lr: float) -> float:
    """Return the mean error of a network, or raise NonFiniteError if the last step was wild."""
    mean = float(np.average(errors, weights=weight))
    if abs(mean) < float("inf"):
        return mean
    raise _after_last_step("The reconstruction error is", lr)


def check_finite(function: Callable[[Any], torch.Tensor], runner: Runner, X, lr: float) -> None:
    """Raise NonFiniteError if a network with finite weights makes something else of samples."""
    if not runner.infer(function, X[:N_ROWS_TRIED]).isfinite().all():
        raise _after_last_step("Outputs of the network are", lr)


def _after_last_step(what: str, lr: float) -> NonFiniteError:
    return NonFiniteError(f"{what} non-finite after the last step", advice_on(lr))


def advice_on(lr: float) -> str:
    """Return what helps against values that are non-finite."""
    return f"Lower `lr` (now {lr:g}) or scale X, for instance with MinMaxScaler."
