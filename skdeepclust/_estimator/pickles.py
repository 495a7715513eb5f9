"""What of an estimator a pickle, a copy and a file keep, and how it comes back."""

from __future__ import annotations

import warnings
from dataclasses import asdict, fields
from typing import Any

import torch

from skdeepclust._engine.precision import moved
from skdeepclust._engine.rng import resolve_device, seeded
from skdeepclust._engine.state import to_numpy, to_tensor
from skdeepclust._inputs.samples import InputSpec
from skdeepclust._training.outcome import Resume
from skdeepclust._training.regularization import attach

# What lives as long as a fit, the net, which only a fit can rebuild, and what follows from the
# network: it isn't kept in pickles.
LEFT_OUT = {"net_", "_fit", "_runner", "_checkpoint", "_stage_codes", "_callback_fit_ctx"}
LEFT_OUT |= {"_skl_callbacks_to_teardown"}


def state_of(estimator: Any) -> dict[str, Any]:
    """Return the attributes of an estimator, those of a fitted one without tensors."""
    state = {k: v for k, v in vars(estimator).items() if k not in LEFT_OUT}
    if "module_" in state:
        state["module_"] = to_numpy(dict(estimator.module_.state_dict()))
        state["_resume"] = to_numpy(estimator._resume.as_dict())
        state["_input"] = asdict(estimator._input)
    return state


def take_up(estimator: Any, state: dict[str, Any]) -> None:
    """Rebuild the network of a fitted estimator, which has the other attributes already."""
    estimator._input = _kept_input(estimator, state)
    arrays = to_tensor(state["module_"])
    estimator._resume = Resume(**to_tensor(state["_resume"]))
    with seeded(0, torch.device("cpu")):  # the initial values are drawn, then replaced
        module = estimator._make_module()
    dtype = next(value.dtype for value in arrays.values() if value.is_floating_point())
    moved(module, torch.device("cpu"), dtype).load_state_dict(arrays)
    estimator.module_ = module.to(_device_or_cpu(estimator)).eval()
    # which have left as numpy arrays by themselves
    attach(estimator.regularizers_, estimator.module_, estimator._input)


def _kept_input(estimator: Any, state: dict[str, Any]) -> InputSpec:
    """Return the specification of samples of a state, also of one of earlier versions."""
    names = ("sample_shape", "input_shape")
    shapes = {name: vars(estimator).pop(f"_{name}", ()) for name in names}
    kept = state.get("_input", {**state, **shapes})
    names = [each.name for each in fields(estimator._input_class)]
    values = {name: kept[name] for name in names if name in kept}
    return estimator._input_class(**values)


def _device_or_cpu(estimator: Any) -> torch.device:
    try:
        return resolve_device(estimator.device)
    except ValueError:
        warnings.warn(
            f"This {type(estimator).__name__} was fitted on device={estimator.device!r}, which "
            "isn't on this machine: it predicts on the CPU. Call set_params(device='auto') before "
            "another fit.",
            UserWarning,
            stacklevel=4,
        )
        return torch.device("cpu")
