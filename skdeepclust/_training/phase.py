"""What a net holds as long as it trains a phase, and whether Ctrl-C has ended it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from skdeepclust._engine.captured import Steps
from skdeepclust._engine.distributed import Strategy
from skdeepclust._training.listeners import Listeners


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
    step : Step
        The step of the checkpoint that the phase is.
    state, set_state : callable
        Return and take up what the fit has changed.
    strategy : Strategy
        How the work is shared.
    steps : Steps
        How a step is taken.
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
    steps: Steps
    listeners: Listeners
    scaler: torch.amp.GradScaler | None = None


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
