"""Training steps as CUDA graphs: recorded once, and then launched as one.

A step of a small network is hundreds of short kernels, which take the processor longer to launch
than the device to run.
"""

from __future__ import annotations

import copy
import pickle
import random
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

Parts = dict[str, Tensor]
# Leaves gradients at the weights, and returns the parts of the loss.
Gradients = Callable[[Tensor, Mapping[str, Tensor]], Parts]

# What asks for this, as the parameter `compile` of an estimator.
CUDA_GRAPH = "cuda_graph"
# How far a recorded step may be from one that isn't, as a share of its largest number: some kernels
# of a device add in another order each time.
TOLERANCE = 1e-3
# What is rounding in a number that has hardly changed.
ROUNDING = 1e-6


def _global_generators() -> list[Any]:
    state = np.random.get_state(legacy=False)  # noqa: NPY002 - the state is what is meant
    return [random.getstate(), state]


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
        graph, usual = torch.cuda.CUDAGraph(), torch.cuda.current_stream(self.device)
        try:
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                result = function()
        except RuntimeError:  # torch may then leave its own stream in place
            torch.cuda.set_stream(usual)
            raise
        return graph.replay, result

    def draws_elsewhere(self) -> bytes:
        """Return the state of generators whose numbers a recording keeps as they were."""
        return pickle.dumps([*_global_generators(), torch.default_generator.get_state().tolist()])


@dataclass(frozen=True)
class InPlace:
    """What is done before an epoch, if what steps read is changed where it lies.

    A recorded step reads the same places again: it stays right.

    Parameters
    ----------
    function : callable
        Called with the number of the epoch.
    """

    function: Callable[[int], object]

    def __call__(self, epoch: int) -> None:
        self.function(epoch)


def renewed(place: Tensor | None, value: Tensor) -> Tensor:
    """Put a value where the one before it lies, if there is one like it; return where it lies."""
    if place is None or (place.shape, place.dtype) != (value.shape, value.dtype):
        return value
    return place.copy_(value)


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


class Changing(NamedTuple):
    """What a step changes: the state of the fit, and the buffers of the network."""

    state: dict[str, Any]
    buffers: dict[str, Tensor]


@dataclass
class RecordedSteps:
    """Training steps that are recorded, one for each shape of a batch, and launched as one.

    The first step of a shape runs as it is, the second one is recorded. The third one is compared
    with a step that isn't, by all that either changes: what a network or loss keeps in Python, such
    as a count of steps, stays in a recording as it was. Where that shows, or a step can't be
    recorded or draws random numbers elsewhere than on the device, all run as they are.

    Parameters
    ----------
    graphs : CudaGraphs
        What records.
    module : torch.nn.Module
        The network.
    state, set_state : callable
        Return and take up what steps change: weights, statistics, random numbers.
    is_steady : bool
        Whether steps stay the same from one epoch to the next; else each epoch has its own.
    on_failure : callable
        Called with a sentence that says why steps aren't recorded.
    """

    graphs: Any
    module: nn.Module
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
            for known in (self._seen, self._recordings, self._checked):
                known.clear()

    def __call__(self, gradients: Gradients, x: Tensor, extra: Mapping[str, Tensor]) -> Parts:
        """Take a step, as a recording if there is one of this shape by now."""
        if not self._works:
            return gradients(x, extra)
        tensors = [x, *extra.values()]
        shapes = [(each.shape, each.dtype) for each in tensors]
        key = (*extra, *shapes, *(each.requires_grad for each in self.weights))
        if key not in self._seen:
            self._seen.add(key)
            return self._first(gradients, x, extra)
        if key not in self._recordings:
            recording = self._recorded(gradients, tensors, list(extra))
            if recording is None:
                return gradients(x, extra)
            self._recordings[key] = recording
        elif key not in self._checked:
            self._checked.add(key)
            return self._compared(self._recordings[key], gradients, x, extra)
        return self._recordings[key].run(self.weights, tensors)

    @cached_property
    def weights(self) -> list[nn.Parameter]:
        return [*self.module.parameters()]

    def _first(self, gradients: Gradients, x: Tensor, extra: Mapping[str, Tensor]) -> Parts:
        before = self.graphs.draws_elsewhere()
        with self.graphs.aside():
            parts = gradients(x, extra)
        if self.graphs.draws_elsewhere() != before:
            self._works = False
            self.on_failure("draws random numbers on the processor")
        return parts

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
        before = self._changing()
        expected = self._numbers(gradients(x, extra)), self._changing()
        self._put_back(before)
        parts = recording.run(self.weights, [x, *extra.values()])
        found = self._numbers(parts), self._changing()
        nothing = [torch.zeros_like(each) for each in expected[0]]
        if all(map(_are_near, found, expected, (nothing, before))):
            return parts
        self._give_up(
            "gives something else when it is recorded: something in it, in Python, changes from "
            "step to step"
        )
        self._put_back(before)
        return gradients(x, extra)

    def _changing(self) -> Changing:
        """Return copies of what a step changes; of the network, also what no file keeps."""
        buffers = {name: each.clone() for name, each in self.module.named_buffers()}
        return Changing(copy.deepcopy(self.state()), buffers)

    def _put_back(self, before: Changing) -> None:
        self.set_state(before.state)
        with torch.no_grad():
            for name, own in self.module.named_buffers():
                own.copy_(before.buffers[name])

    def _numbers(self, parts: Parts) -> list[Tensor]:
        """Return the parts of the loss and copies of the gradients."""
        gradients = [each.grad.clone() for each in self.weights if each.grad is not None]
        return [*(each.detach() for each in parts.values()), *gradients]

    def _forget_gradients(self) -> None:
        for weight in self.weights:
            weight.grad = None

    def _give_up(self, why: str) -> None:
        self._works = False
        self._recordings.clear()
        self._forget_gradients()
        self.on_failure(why)


def _are_near(found: Any, expected: Any, before: Any) -> bool:
    """Tell whether both ways have changed the same by the same."""
    lists = [_tensors(each) for each in (found, expected, before)]
    if len({len(each) for each in lists}) > 1:
        return False
    return all(map(_is_near, *lists))


def _tensors(values: Any) -> list[Tensor]:
    if isinstance(values, Changing):
        state = {name: each for name, each in values.state.items() if name != "generators"}
        values = [state, values.buffers]
    return [each for each in tree_leaves(values) if isinstance(each, Tensor)]


def _is_near(found: Tensor, expected: Tensor, before: Tensor) -> bool:
    if not found.shape == expected.shape == before.shape:
        return False
    found, expected, before = (each.detach().double() for each in (found, expected, before))
    if not expected.numel() or bool(expected.isnan().any()):
        return True
    largest = expected.abs().max()
    far, moved = (found - expected).abs().max(), (expected - before).abs().max()
    return bool(far <= TOLERANCE * moved + ROUNDING * largest)


class Recorder:
    """Records the steps of a fit that asks for it, if it can be done.

    Parameters
    ----------
    device : torch.device
        Where the network is.
    n_processes : int
        Number of processes that share the fit.
    """

    def __init__(self, device: torch.device, n_processes: int):
        self.graphs = None
        if why := _why_not(device, n_processes):
            _warn(why)
        else:
            self.graphs = CudaGraphs(device)

    def steps(
        self,
        phase: str,
        module: nn.Module,
        on_epoch_begin: Callable[[int], object] | None,
        *,
        are_watched: bool,
        has_more: bool,
        **options: Any,
    ) -> RecordedSteps | None:
        """Return the steps of a phase; `None`: they run as they are.

        Parameters
        ----------
        phase : str
            Its name.
        module : torch.nn.Module
            The network.
        on_epoch_begin : callable or None
            What is done before an epoch: unless it is an `InPlace`, it may lead steps elsewhere.
        are_watched : bool
            Whether a callback of the user's looks inside of steps, and may change what they do.
        has_more : bool
            Whether there are callbacks or regularisers, which may change steps between epochs.
        **options : dict
            `state` and `set_state` of `RecordedSteps`.
        """
        if self.graphs is not None and are_watched:
            self.graphs = None
            _warn("a callback hears of each step")
        if self.graphs is None:
            return None

        def give_up(why: str) -> None:
            self.graphs = None
            _warn(f"a step of phase {phase!r} {why}")

        stays = on_epoch_begin is None or isinstance(on_epoch_begin, InPlace)
        options |= {"is_steady": stays and not has_more, "on_failure": give_up}
        return RecordedSteps(self.graphs, module, **options)


def _why_not(device: torch.device, n_processes: int) -> str:
    if n_processes > 1:
        return "a fit by several processes can't be recorded"
    return "" if device.type == "cuda" else f"device {str(device)!r} records nothing"


def _warn(why: str) -> None:
    warnings.warn(
        f"compile={CUDA_GRAPH!r}: {why}; training goes on without it.", UserWarning, stacklevel=2
    )
