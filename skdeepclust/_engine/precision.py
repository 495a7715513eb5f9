"""Mixed precision and compilation where the device can do them, and one warning where it can't."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from traceback import walk_tb
from typing import Any

import torch
from torch import Tensor, nn

from skdeepclust._engine.distributed import Strategy

# What `precision` may be, with the dtype of the network under it.
DTYPES: dict[str, torch.dtype | None] = {
    "32": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "auto": torch.bfloat16,
}
# Any of these features of a processor is arithmetic in that dtype: x86, then ARM.
FEATURES = {
    torch.bfloat16: ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"),
    torch.float16: ("avx512_fp16", "amx_fp16", "fp16_arith"),
}
COMPILERS = ("torch._dynamo", "torch._inductor")
# A compiled step draws the random numbers of a step that isn't.
OPTIONS: dict[str, Any] = {"fallback_random": True}
# What has been found out about types of devices: a dict, because torch's tracing warns of caches.
_FOUND: dict[tuple[str, torch.dtype], bool] = {}


def has_arithmetic(device_type: str, dtype: torch.dtype) -> bool:
    """Tell whether devices of a type compute in half precision themselves.

    Elsewhere torch emulates it, which takes several times as long as single precision.
    """
    key = device_type, dtype
    if key not in _FOUND:
        _FOUND[key] = _ask_for_arithmetic(device_type, dtype)
    return _FOUND[key]


def _ask_for_arithmetic(device_type: str, dtype: torch.dtype) -> bool:
    if device_type == "cpu":
        return any(processor_features().get(name, False) for name in FEATURES[dtype])
    if dtype is torch.float16:
        return True
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device_type != "mps" or torch.backends.mps.is_macos_or_newer(14, 0)


def processor_features() -> dict[str, bool]:
    """Return the features of the processor by name, as far as this version of torch tells them."""
    if hasattr(torch.cpu, "get_capabilities"):
        return dict(torch.cpu.get_capabilities())
    return {
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported(),
        "amx_bf16": torch.cpu._is_amx_tile_supported(),
    }


def first_weight(module: nn.Module) -> Tensor | None:
    """Return the parameter of a network that tells its device and dtype, `None` if there is none.

    Samples come in its dtype. So it is the first that holds floating-point numbers: integers, such
    as indices, and complex numbers stand beside them.
    """
    weights = [*module.parameters()]
    return next((each for each in weights if each.is_floating_point()), next(iter(weights), None))


def moved(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Bring a network to a device and a dtype; complex numbers stay complex.

    `Module.to` would leave their real part.
    """
    tensors = [*module.parameters(), *module.buffers()]
    if not any(each.is_complex() for each in tensors):
        return module.to(device, dtype)
    module.to(device)
    for each in [*module.parameters(), *module.buffers()]:
        if each.is_floating_point() or each.is_complex():
            each.data = each.data.to(dtype.to_complex() if each.is_complex() else dtype)
    return module


def half_dtype(precision: str, device: torch.device) -> torch.dtype | None:
    """Return the dtype in which a network runs on a device; `None` is that of its weights."""
    dtype = DTYPES[precision]
    return dtype if dtype is not None and has_arithmetic(device.type, dtype) else None


def check_precision(precision: str, dtype: torch.dtype, device: torch.device) -> None:
    """Refuse a dtype that a device lacks; warn if a precision that was asked for isn't taken."""
    if device.type == "mps" and dtype is torch.float64:
        raise ValueError(
            f"dtype='float64' on device {str(device)!r}, which has no double precision: set "
            "dtype='float32' or device='cpu'."
        )
    if precision in ("32", "auto") or half_dtype(precision, device) is not None:
        return
    warnings.warn(
        f"precision={precision!r}: device {str(device)!r} has no such arithmetic, and emulating it "
        "takes longer than full precision, which is taken instead. precision='auto' takes 'bf16' "
        "where the device has it, without this warning.",
        UserWarning,
        stacklevel=2,
    )


class Compiler:
    """Compiles the losses of a fit that asks for it, if that hasn't failed in an earlier phase.

    Parameters
    ----------
    strategy : Strategy
        How the work of the fit is shared.
    """

    def __init__(self, strategy: Strategy):
        self.strategy, self._works = strategy, True

    def __call__(self, loss: Callable[..., Any]) -> Callable[..., Any]:
        """Return the loss, compiled where it can be."""
        if not self._works:
            return loss
        if self.strategy.size == 1:
            return CompiledLoss(loss, self._give_up)
        self._works = False
        warnings.warn(
            "compile=True has no effect on a fit by several processes: what they tell each "
            "other within a step can't be compiled.",
            UserWarning,
            stacklevel=4,
        )
        return loss

    def _give_up(self, error: Exception) -> None:
        self._works = False
        warnings.warn(
            "compile=True: torch can't compile the training step here, and goes on without "
            f"it ({type(error).__name__}: {str(error).strip().splitlines()[0]}). On a "
            "CPU it needs a C++ compiler.",
            UserWarning,
            stacklevel=2,
        )


class CompiledLoss:
    """A loss under `torch.compile`, which goes on without it where there is no compiler.

    Parameters
    ----------
    loss : callable
        What a phase minimises.
    on_failure : callable
        Called with the error if it can't be compiled.
    """

    def __init__(self, loss: Callable, on_failure: Callable[[Exception], object]):
        self.loss, self.on_failure = loss, on_failure
        try:
            self.compiled = torch.compile(loss, options=OPTIONS)
        except RuntimeError as error:  # a version of Python that torch can't compile
            self._give_up(error)

    def __call__(self, *args, **kwargs) -> dict[str, Tensor]:
        try:
            return self.compiled(*args, **kwargs)
        except Exception as error:
            if not self.give_up_on(error):
                raise
            return self.loss(*args, **kwargs)

    def give_up_on(self, error: Exception) -> bool:
        """Whether an error of the backward pass is the compiler's; then go on without it."""
        if self.compiled is self.loss or not _is_of_compiler(error):
            return False
        self._give_up(error)
        return True

    def _give_up(self, error: Exception) -> None:
        self.compiled = self.loss
        self.on_failure(error)


def _is_of_compiler(error: Exception) -> bool:
    """Whether an error is of the compiler's kinds, or was raised in what the compiler has made."""
    frames = (str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__))
    in_compiled_code = any(name.startswith("torch._inductor") for name in frames)
    return in_compiled_code or type(error).__module__.startswith(COMPILERS)
