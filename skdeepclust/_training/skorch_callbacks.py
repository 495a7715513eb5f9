"""Callbacks of skorch as phases use them."""

from __future__ import annotations

import torch
from skorch.callbacks import EarlyStopping, LRScheduler, PrintLog


class QuietLog(PrintLog):
    """Skorch's, which makes the line of each epoch also where nothing is printed."""

    def on_epoch_end(self, net, **kwargs) -> None:
        if net.verbose:
            super().on_epoch_end(net, **kwargs)


def cosine_decay(n_steps: int) -> LRScheduler:
    """Let the learning rate fall to 0 along half a cosine of `n_steps` steps."""
    return LRScheduler(
        policy=torch.optim.lr_scheduler.CosineAnnealingLR, T_max=n_steps, step_every="batch"
    )


def early_stopping(monitor: str, patience: int) -> EarlyStopping:
    """End a phase when a part of the validation loss no longer falls, and keep the best epoch."""
    return EarlyStopping(monitor=f"valid_{monitor}", patience=patience, load_best=True)
