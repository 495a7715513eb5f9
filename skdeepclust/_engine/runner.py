"""How a network runs over samples: a batch of a training step, or all of X without gradients.

Batches are gathered whole, by index, from whatever holds the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skdeepclust._engine.distributed import Strategy, alone, strategy
from skdeepclust._engine.precision import first_weight, half_dtype
from skdeepclust._engine.rng import deterministic
from skdeepclust._engine.sharding import Shard, sharded
from skdeepclust._engine.stored_arrays import StoredArray

# Batches of inference all have one size, to which the last one is filled up: a batch_size that
# stands for "all samples at once" must not decide it.
MAX_INFERENCE_BATCH_SIZE = 4096


class Batches:
    """Mini-batches of about `batch_size` rows, gathered by index and moved to a device.

    A `torch.utils.data.DataLoader` collates row by row and draws from the global generator; here
    a batch is one gather from a numpy array, a memory map, a CSR matrix or a tensor, so that X is
    never copied or converted as a whole; of an array with chunks, whole blocks are read. The rows
    are spread evenly over the batches: no batch is a small remainder, on which batch normalisation
    and in-batch negatives would be unreliable.

    Parameters
    ----------
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        The samples.
    extra : mapping of str to array-like of shape (n_samples, ...), default=None
        What else the loss takes of each sample, such as weights or labels.
    batch_size : int
        Largest number of rows in a batch (one more where a batch of one row would be left).
    sample_shape : tuple of int
        Shape into which each row is folded.
    dtype : torch.dtype
        Floating dtype of the batches.
    device : torch.device
        Device of the batches.
    generator : torch.Generator, default=None
        Shuffles the rows, anew at each iteration; `None` keeps their order.
    order : Tensor of int64 of shape (n_samples,), default=None
        The order of the rows if they are not shuffled; `None`: that of X.
    origin : ndarray of shape () or (n_features,), default=None
        Subtracted from the rows before they are rounded to `dtype`; `None` is zero.
    n_drawn : int, default=None
        Of more rows, so many are drawn at each iteration that shuffles them; `None`: all. Of an
        array whose blocks are mixed a few at a time all come: rows of a few may be alike.
    """

    def __init__(
        self,
        X,
        extra: Mapping | None = None,
        *,
        batch_size: int,
        sample_shape: tuple[int, ...],
        dtype: torch.dtype,
        device: torch.device,
        generator: torch.Generator | None = None,
        order: torch.Tensor | None = None,
        origin: np.ndarray | None = None,
        n_drawn: int | None = None,
    ):
        self.X = X
        self.n_drawn = X.shape[0]
        # to count blocks takes a look at all rows
        if n_drawn is not None and not (isinstance(X, StoredArray) and X.is_mixed_in_parts):
            self.n_drawn = min(n_drawn, self.n_drawn)
        self.extra = {key: _to_tensor(v, device, dtype) for key, v in (extra or {}).items()}
        self.batch_size, self.sample_shape = batch_size, sample_shape
        self.dtype, self.device, self.generator = dtype, device, generator
        self.order = None if order is None else order.cpu()
        # where X is, once: a copy with each batch would wait for the device
        self.origin = None if origin is None else _as_exact_as(X, origin, dtype)

    def __len__(self) -> int:
        # batch normalisation can't train on one row: at most half as many batches as rows
        return max(1, min(-(-self.n_drawn // self.batch_size), self.n_drawn // 2))

    def __iter__(self) -> Iterator[tuple[torch.Tensor, dict[str, torch.Tensor]]]:
        n_samples = self.X.shape[0]
        if self.generator is None:  # inference: full batches of one shape
            order = torch.arange(n_samples) if self.order is None else self.order
            parts = order.split(self.batch_size)
        else:
            if isinstance(self.X, StoredArray):
                order = self.X.shuffled(self.generator)
            else:
                order = torch.randperm(n_samples, generator=self.generator)
            parts = order[: self.n_drawn].tensor_split(len(self))
        for rows in parts:
            idx = _moved(rows, self.device)
            more = {key: value[idx] for key, value in self.extra.items()}
            yield self.gather(rows), {"idx": idx, **more}

    def joined(self, function: Callable[..., torch.Tensor], n_out: int) -> torch.Tensor:
        """Return `function` of all batches, without `idx`, as one tensor of `n_out` rows.

        The last batch repeats its rows until it has the size of the others: a row's value then
        doesn't depend on how many came with it.
        """
        out, n_done = torch.empty(0), 0
        for x, more in self:
            del more["idx"]
            if len(x) < self.batch_size:
                repeated = torch.arange(self.batch_size, device=x.device) % len(x)
                x, more = x[repeated], {name: value[repeated] for name, value in more.items()}
            part = function(x, **more)[: n_out - n_done]
            if not n_done:  # to join the parts would take twice the memory
                out = part.new_empty((n_out, *part.shape[1:]))
            out[n_done : n_done + len(part)] = part
            n_done += len(part)
        return out

    def gather(self, rows: torch.Tensor) -> torch.Tensor:
        """Return some rows as the network takes them."""
        if isinstance(self.X, torch.Tensor):
            batch = self.X[_moved(rows, self.X.device)]
        else:
            picked = self.X[rows.cpu().numpy()]
            dense = isinstance(picked, np.ndarray)
            batch = torch.from_numpy(picked if dense else picked.toarray())
        if self.origin is not None:
            batch = batch.to(self.origin.dtype) - self.origin
        if batch.dtype == torch.float64:  # which is twice as long, and not on every device
            batch = batch.to(self.dtype)
        # others are converted after the move: uint8 images travel as bytes
        batch = _moved(batch, self.device).to(self.dtype)
        return batch.reshape(len(batch), *self.sample_shape)


@dataclass(frozen=True)
class Runner:
    """A network, and how it is run.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    input_shape : tuple of int
        Shape of a sample as it sees it.
    batch_size : int
        Number of samples at a time.
    precision : {"32", "bf16", "fp16", "auto"}, default="32"
        That of training steps.
    origin : ndarray of shape () or (n_features,), default=None
        From where the values of samples are told; `None` is zero.
    strategy : Strategy
        How the work is shared.
    memory : LastAnswer, default=None
        Keeps the last answer of `recall`; `None`: nothing is kept.

    Attributes
    ----------
    device, dtype
        Those of the network.
    half_dtype : torch.dtype or None
        The dtype in which training steps run the network; `None` is its own.
    """

    module: nn.Module
    input_shape: tuple[int, ...]
    batch_size: int
    precision: str = "32"
    origin: np.ndarray | None = None
    strategy: Strategy = field(default_factory=strategy)
    memory: LastAnswer | None = None
    device: torch.device = field(init=False)
    dtype: torch.dtype = field(init=False)
    half_dtype: torch.dtype | None = field(init=False)

    def __post_init__(self) -> None:
        first = first_weight(self.module)
        assert first is not None  # what has none was refused
        half = None if self.precision == "32" else half_dtype(self.precision, first.device)
        vars(self).update(device=first.device, dtype=first.dtype, half_dtype=half)

    def by_rows(self, function: Callable[..., Any], *tensors: Tensor, n_views: int = 1) -> Any:
        """Return `function` of a batch, which has a row, or a tuple of such, for each sample.

        A row must not depend on other samples, but by batch normalisation: with several
        processes, each computes its share of the rows. With `n_views`, the function has so many
        rows for each sample: the first of all samples, then the second of all.
        """
        # compiled steps are those of one process, and context variables would cut them into parts
        if self.strategy.size == 1 or torch.compiler.is_compiling():
            return function(*tensors)
        return sharded(function, *tensors, n_views=n_views)

    def run(self, network: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """Return what the network, or a part of it, makes of a batch, in the network's dtype.

        In training steps it runs in mixed precision; losses and distances stay outside. What is
        inferred, such as targets, initial clusters and predictions, isn't rounded to half
        precision: it doesn't depend on whether the device can do that.
        """
        half = self.half_dtype if torch.is_grad_enabled() else None

        def run(*rows: Tensor) -> Tensor:
            options = {"dtype": half or torch.bfloat16, "enabled": half is not None}
            with torch.autocast(self.device.type, **options):
                out = network(*rows)
            return out.to(self.dtype)

        return self.by_rows(run, *tensors)

    @torch.no_grad()
    def infer(
        self,
        function: Callable[..., Tensor],
        X,
        extra: Mapping | None = None,
        *,
        sample_shape: tuple[int, ...] | None = None,
    ) -> Tensor:
        """Return `function` of validated X, by batches, as a tensor on the network's device.

        What `extra` has of each sample is handed over by name. Within a fit of several processes
        each takes its share of the batches.
        """
        self.module.eval()
        size, n_samples = self.batch_size, X.shape[0]
        # what one process does for all isn't shared, even within a fit of several
        ranks = self.strategy if self.strategy.size == 1 else strategy()
        batches = partial(self.batches, X, extra, sample_shape=sample_shape)
        with deterministic(self.device) if self.device.type == "cuda" else nullcontext():
            if ranks.size == 1:
                return batches().joined(function, n_samples)
            with alone():  # what it runs isn't shared once more
                if n_samples <= size:
                    return batches().joined(function, n_samples)
                shard = Shard(ranks, -(-n_samples // size))
                order = torch.cat(torch.arange(n_samples).split(size)[shard.own])
                own = batches(order=order).joined(function, shard.n_run * size)
        return shard.gather(own.unflatten(0, (-1, size))).flatten(0, 1)[:n_samples]

    def remembering(self) -> Runner:
        """Return one that keeps its last answer, as is good within a fit that nobody steps into."""
        return replace(self, memory=LastAnswer())

    def forget(self) -> None:
        """Let the next question be answered anew: a network has more state than its weights."""
        if self.memory is not None:
            self.memory.forget()

    def recall(self, function: Callable[..., Tensor], X) -> Tensor:
        """Return `infer(function, X)`, from memory if neither X nor the weights have changed.

        What the module names in `of_clusters` doesn't count: the function doesn't depend on it.
        The answer isn't to be changed.
        """
        self.module.eval()
        # of several processes all must run, or none
        if self.memory is None or self.strategy.size > 1:
            return self.infer(function, X)
        module: Any = self.module
        left_out = getattr(module, "of_clusters", ())
        tensors = dict(chain(module.named_parameters(), module.named_buffers()))
        weights = [each.detach() for name, each in tensors.items() if name not in left_out]
        return self.memory.of((function, X), weights, self.infer)

    def batches(
        self,
        X,
        extra: Mapping | None = None,
        *,
        sample_shape: tuple[int, ...] | None = None,
        order: Tensor | None = None,
    ) -> Batches:
        """Return X by batches as the network takes them, in its order or a given one."""
        return Batches(
            X,
            extra,
            batch_size=self.batch_size,
            sample_shape=self.input_shape if sample_shape is None else sample_shape,
            # of another shape are no samples but what was made of them
            origin=self.origin if sample_shape is None else None,
            dtype=self.dtype,
            device=self.device,
            order=order,
        )


class LastAnswer:
    """What a network has last made of samples, with these and the weights that it had then."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Keep nothing."""
        self._asked: tuple[Any, Any] = None, None
        self._weights: list[Tensor] = []
        self._answer = torch.empty(0)

    def of(
        self, asked: tuple[Any, Any], weights: Sequence[Tensor], answer: Callable[..., Tensor]
    ) -> Tensor:
        """Return `answer(*asked)`, or what it was.

        Parameters
        ----------
        asked : tuple
            A function, compared by value, and samples, of which only the same object is the same.
        weights : sequence of Tensor
            Those of the network.
        answer : callable
            Runs it.
        """
        is_asked = self._asked[0] == asked[0] and self._asked[1] is asked[1]
        are_equal = map(torch.equal, self._weights, weights)
        if not is_asked or len(self._weights) != len(weights) or not all(are_equal):
            self.forget()  # not two of them at a time
            self._answer = answer(*asked)
            self._asked, self._weights = asked, [each.clone() for each in weights]
        return self._answer


def _moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on a device; one that comes to the CPU has arrived: it is read at once."""
    return tensor.to(device, non_blocking=device.type != "cpu")


def _as_exact_as(X, origin: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """Return the origin where X is, in the dtype of X, or in `dtype` where X holds integers."""
    own = X[:1] if isinstance(X, torch.Tensor) else torch.from_numpy(np.empty(0, X.dtype))
    exact = own.dtype if own.is_floating_point() else dtype
    return torch.from_numpy(origin).to(own.device, exact)


def _to_tensor(values, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    # torch warns of what can't be written to, though nobody writes
    tensor = torch.as_tensor(np.require(values, requirements="W"))
    return (tensor.to(dtype) if tensor.is_floating_point() else tensor).to(device)


class UnlessKept:
    """A property in place of which an instance may keep an attribute of that name for a while."""

    def __init__(self, function: Callable[[Any], Runner]):
        self.function = function

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else self.function(instance)


def like(X: Any, out: Tensor) -> Any:
    """Return what was computed for a user's X: a tensor if X is one, on its device, else numpy."""
    return out.to(X.device) if isinstance(X, Tensor) else out.cpu().numpy()
