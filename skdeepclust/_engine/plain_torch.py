"""What is inside computes alike, whatever torch is set to outside."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def plain_torch(*, gradients: bool) -> Generator[None]:
    """Leave out what the caller has set for code of their own, and put it back after the block.

    These are `torch.inference_mode`, `torch.no_grad`, `torch.autocast`, `set_default_device` and
    `set_default_dtype`. Devices and dtypes of estimators are those of their parameters.

    Parameters
    ----------
    gradients : bool
        Whether gradients are kept track of inside.
    """
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.set_grad_enabled(gradients))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        # a context that each call of torch inside goes through
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if torch.get_default_dtype() != torch.float32:
            stack.callback(torch.set_default_dtype, torch.get_default_dtype())
            torch.set_default_dtype(torch.float32)
        yield
