"""Training steps as CUDA graphs: recorded once, and then launched as one.

A step of a small network is hundreds of short kernels, which take the processor longer to launch
than the device to run.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

Parts = dict[str, Tensor]
# Leaves gradients at the weights, and returns the parts of the loss.
Gradients = Callable[[Tensor, Mapping[str, Tensor]], Parts]

# What asks for this, as the parameter `compile` of an estimator.
CUDA_GRAPH = "cuda_graph"
# How far a recorded step may be from one that isn't, as a share of its largest number: some kernels
# of a device add in another order each time.
TOLERANCE = 1e-3


class CudaGraphs:
    """What a CUDA device records.

    Parameters
    ----------
    device : torch.device
        The device.
    """

    def __init__(self, device: torch.device):
        self.device, self.stream = device, torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    @contextmanager
    def aside(self) -> Generator[None]:
        """Launch on another stream inside the block, as what is recorded afterwards must have."""
        usual = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(usual)
        with torch.cuda.stream(self.stream):
            yield
        usual.wait_stream(self.stream)

    def record(self, function: Callable[[], Parts]) -> tuple[Callable[[], None], Parts]:
        """Return what launches the kernels of a function again, and where these leave its result.

        The function itself computes nothing meanwhile.
        """
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
            result = function()
        return graph.replay, result


class Steps:
    """Training steps as they are."""

    def __call__(self, gradients: Gradients, x: Tensor, extra: Mapping[str, Tensor]) -> Parts:
        """Leave gradients at the weights, and return the parts of the loss."""
        return gradients(x, extra)

    def begin_epoch(self) -> None:
        """Hear that an epoch begins."""


@dataclass
class Recording:
    """A step of batches of one shape.

    Parameters
    ----------
    inputs : list of Tensor
        Where it reads the batch.
    replay : callable
        Launches it.
    parts : dict of str to Tensor
        Where it leaves the parts of the loss.
    gradients : list of Tensor or None
        Where it leaves the gradients of the weights.
    """

    inputs: list[Tensor]
    replay: Callable[[], None]
    parts: Parts
    gradients: list[Tensor | None]

    def run(self, weights: Sequence[nn.Parameter], tensors: Sequence[Tensor]) -> Parts:
        """Take a step with another batch."""
        for own, given in zip(self.inputs, tensors, strict=True):
            own.copy_(given, non_blocking=True)
        self.replay()
        for weight, gradient in zip(weights, self.gradients, strict=True):
            weight.grad = gradient
        # the next step leaves its parts in the same place
        return {name: value.clone() for name, value in self.parts.items()}


@dataclass
class RecordedSteps(Steps):
    """Training steps that are recorded, one for each shape of a batch, and launched as one.

    The first step of a shape runs as it is, the second one is recorded. The third one is compared
    with a step that isn't: what a network or loss keeps in Python, such as a count of steps, stays
    in a recording as it was. Where that shows, or a step can't be recorded, all run as they are.

    Parameters
    ----------
    graphs : CudaGraphs
        What records.
    weights : list of Parameter
        Those of the network.
    state, set_state : callable
        Return and take up what steps change: weights, statistics, random numbers.
    is_steady : bool
        Whether steps stay the same from one epoch to the next; else each epoch has its own.
    on_failure : callable
        Called with a sentence that says why steps aren't recorded.
    """

    graphs: Any
    weights: Sequence[nn.Parameter]
    state: Callable[[], dict[str, Any]]
    set_state: Callable[[dict[str, Any]], None]
    is_steady: bool
    on_failure: Callable[[str], object]
    _works: bool = True
    _seen: set[Any] = field(default_factory=set)
    _recordings: dict[Any, Recording] = field(default_factory=dict)
    _checked: set[Any] = field(default_factory=set)

    def begin_epoch(self) -> None:
        """Forget recordings that may be of another step."""
        if not self.is_steady:
            self._seen.clear()
            self._recordings.clear()

    def __call__(self, gradients: Gradients, x: Tensor, extra: Mapping[str, Tensor]) -> Parts:
        """Take a step, as a recording if there is one of this shape by now."""
        tensors = [x, *extra.values()]
        key = tuple((*extra, *((each.shape, each.dtype) for each in tensors)))
        if not self._works:
            return gradients(x, extra)
        if key not in self._seen:
            self._seen.add(key)
            with self.graphs.aside():
                return gradients(x, extra)
        if key not in self._recordings:
            recording = self._recorded(gradients, tensors, list(extra))
            if recording is None:
                return gradients(x, extra)
            self._recordings[key] = recording
        elif key not in self._checked:
            self._checked.add(key)
            return self._compared(self._recordings[key], gradients, x, extra)
        return self._recordings[key].run(self.weights, tensors)

    def _recorded(
        self, gradients: Gradients, tensors: Sequence[Tensor], names: Sequence[str]
    ) -> Recording | None:
        """Return the recording of a step, which isn't taken; `None` if it can't be recorded."""
        inputs = [each.clone() for each in tensors]

        def step() -> Parts:
            parts = gradients(inputs[0], dict(zip(names, inputs[1:], strict=True)))
            return {name: value.detach() for name, value in parts.items()}

        self._forget_gradients()
        try:
            replay, parts = self.graphs.record(step)
        except RuntimeError as error:
            self._give_up(f"can't be recorded ({str(error).strip().splitlines()[0]})")
            return None
        return Recording(inputs, replay, parts, [weight.grad for weight in self.weights])

    def _compared(
        self, recording: Recording, gradients: Gradients, x: Tensor, extra: Mapping[str, Tensor]
    ) -> Parts:
        """Take a step both ways from the same state, and return what is right."""
        before = copy.deepcopy(self.state())
        expected = self._numbers(gradients(x, extra))
        self.set_state(before)
        parts = recording.run(self.weights, [x, *extra.values()])
        found = self._numbers(parts)
        if found.keys() == expected.keys() and all(
            _is_near(found[name], value) for name, value in expected.items()
        ):
            return parts
        self._give_up(
            "gives something else when it is recorded: something in it, in Python, changes from "
            "step to step"
        )
        self.set_state(before)
        return gradients(x, extra)

    def _numbers(self, parts: Parts) -> dict[Any, Tensor]:
        """Return the parts of the loss and copies of the gradients, which are forgotten."""
        gradients = {
            i: each.grad.clone() for i, each in enumerate(self.weights) if each.grad is not None
        }
        return {**parts, **gradients}

    def _forget_gradients(self) -> None:
        for weight in self.weights:
            weight.grad = None

    def _give_up(self, why: str) -> None:
        self._works = False
        self._recordings.clear()
        self._forget_gradients()
        self.on_failure(why)


def _is_near(found: Tensor, expected: Tensor) -> bool:
    far = (found.detach() - expected.detach()).abs().max()
    return bool(far <= TOLERANCE * expected.detach().abs().max()) or bool(expected.isnan().any())


class Recorder:
    """Records the steps of a fit, if that is asked for and can be done.

    Parameters
    ----------
    asked : bool
        Whether to record.
    device : torch.device
        Where the network is.
    n_processes : int
        Number of processes that share the fit.
    """

    def __init__(self, asked: bool, device: torch.device, n_processes: int):
        self.graphs = None
        if asked and (why := _why_not(device, n_processes)):
            _warn(why)
        elif asked:
            self.graphs = CudaGraphs(device)

    def steps(self, phase: str, module: nn.Module, **options: Any) -> Steps:
        """Return the steps of a phase; options are those of `RecordedSteps`."""
        if self.graphs is None:
            return Steps()

        def give_up(why: str) -> None:
            self.graphs = None
            _warn(f"a step of phase {phase!r} {why}")

        return RecordedSteps(self.graphs, [*module.parameters()], on_failure=give_up, **options)


def _why_not(device: torch.device, n_processes: int) -> str:
    if n_processes > 1:
        return "a fit by several processes can't be recorded"
    return "" if device.type == "cuda" else f"device {str(device)!r} records nothing"


def _warn(why: str) -> None:
    warnings.warn(
        f"compile={CUDA_GRAPH!r}: {why}; training goes on without it.", UserWarning, stacklevel=2
    )
