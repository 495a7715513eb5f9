r"""Each process runs the network on its rows of a batch; all of them see the outputs of all.

A loss gets the whole batch on every rank, and every rank computes the same loss. Where it calls the
network, through :func:`sharded`, a rank takes every size-th row, runs the network on these, and
the outputs are gathered. What the loss makes of them may couple samples in any way.

With :math:`g` the gradient of the loss in the outputs, which all ranks know, a rank passes
:math:`R g` back through its own rows, R being the number of ranks. The mean over the ranks of the
gradients of a weight is then the gradient of the loss: :math:`\frac1R \sum_r R g_r` where the
network has used the weight, and that of any rank where the loss itself has, as for centres. No
weight has to be told from another.

Batch normalisation takes its moments over the rows of all ranks, and noise, such as dropout, is
drawn for the rows of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from skdeepclust._engine.distributed import Strategy, strategy


class Shard(TorchFunctionMode):
    """One rank's rows of a batch, and the functions that see more than a row at a time.

    A rank without rows works on the first one, whose results don't count: a network may not take
    a batch of none.

    Parameters
    ----------
    ranks : Strategy
        The processes.
    n_rows : int
        Number of rows of the whole batch.
    n_views : int, default=1
        How many rows a network sees of each of them: one of all, then another one of all.
    """

    def __init__(self, ranks: Strategy, n_rows: int, n_views: int = 1):
        super().__init__()
        self.ranks, self.n_rows, self.n_views = ranks, n_rows, n_views
        self.n_own = len(range(ranks.rank, n_rows, ranks.size))
        self.n_run = max(self.n_own, 1)

    @property
    def own(self) -> slice:
        """The rows that this rank runs."""
        return slice(self.ranks.rank, None, self.ranks.size) if self.n_own else slice(1)

    def take(self, every: Tensor) -> Tensor:
        """Return the rows of this rank."""
        return every.unflatten(0, (self.n_views, -1))[:, self.own].flatten(0, 1)

    def gather(self, part: Tensor) -> Tensor:
        """Return the rows of all ranks in their order."""
        if has_channels_last(part):
            return self.gather(part.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        n_most = -(-self.n_rows // self.ranks.size)
        views = part.unflatten(0, (self.n_views, -1))
        if views.shape[1] < n_most:
            views = torch.cat([views, views[:, :1]], dim=1)
        every = self.ranks.all_gather(views).movedim(0, 2)  # (n_views, n_most, ranks, ...)
        return every.flatten(1, 2)[:, : self.n_rows].flatten(0, 1)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in NOISE:
            return self._noise(func, *args, **kwargs)
        if func is functional.batch_norm:
            return batch_norm(self, *args, **kwargs)
        return func(*args, **kwargs)

    def _noise(self, function: Callable[..., Tensor], x: Tensor, *args, **kwargs) -> Tensor:
        """Apply a function that draws numbers for each entry to the rows of a whole batch."""
        n_run, n_rows = self.n_views * self.n_run, self.n_views * self.n_rows
        if not x.ndim or len(x) % n_run:  # no rows of samples
            return function(x, *args, **kwargs)
        each = len(x) // n_run
        rows = x.unflatten(0, (n_run, each))
        if function is functional.rrelu:  # draws where numbers are negative
            whole = self.gather(rows.detach()).flatten(0, 1)
        else:
            whole = x.new_zeros(n_rows * each, *x.shape[1:])
            if has_channels_last(x):
                whole = whole.contiguous(memory_format=torch.channels_last)
        views = whole.unflatten(0, (self.n_views, self.n_rows, each))
        views[:, self.own] = rows.unflatten(0, (self.n_views, -1))
        out = function(whole, *args, **kwargs)
        return self.take(out.unflatten(0, (n_rows, each))).flatten(0, 1)


NOISE = {
    functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d,
    functional.alpha_dropout, functional.feature_alpha_dropout, functional.rrelu,
    torch.dropout, torch.alpha_dropout, torch.feature_dropout, torch.feature_alpha_dropout,
    torch.rand_like, torch.randn_like, torch.bernoulli, Tensor.bernoulli,
}  # fmt: skip


def has_channels_last(x: Tensor) -> bool:
    """Whether images lie in memory pixel by pixel: what is made of them should, too."""
    return (
        x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    )


_shard: ContextVar[Shard | None] = ContextVar("shard", default=None)


def sharded(function: Callable[..., Any], *tensors: Tensor, n_views: int = 1) -> Any:
    """Return `function(*tensors)`, of which each rank computes its rows.

    Parameters
    ----------
    function : callable
        Makes a tensor, or a tuple of tensors, of as many rows of those that it is given. A row
        must not depend on the others, but by batch normalisation.
    *tensors : Tensor of shape (n, ...)
        The whole batch, the same on all ranks.
    n_views : int, default=1
        Of how many times as many rows `function` makes a tensor, and runs a network on: one view
        of all rows that it is given, then another one of all.

    Returns
    -------
    Tensor of shape (n_views * n, ...), or a tuple of such
        The rows of all ranks.
    """
    ranks = strategy()
    if ranks.size == 1 or _shard.get() is not None:
        return function(*tensors)
    given = Shard(ranks, len(tensors[0]))
    own = [Scatter.apply(each, given) for each in tensors]
    shard = Shard(ranks, given.n_rows, n_views)
    token = _shard.set(shard)
    try:
        with shard:
            out = function(*own)
    finally:
        _shard.reset(token)
    if isinstance(out, tuple):
        return tuple(Gather.apply(each, shard) for each in out)
    return Gather.apply(out, shard)


def whole(part: Tensor) -> Tensor:
    """Return the rows of all ranks, of what a layer makes inside of `sharded`."""
    shard = _shard.get()
    return part if shard is None else Gather.apply(part, shard)


class Stretch:
    """Consecutive rows that a rank computes of what all ranks have to have.

    Parameters
    ----------
    ranks : Strategy
        The processes.
    n_rows : int
        Number of rows of all.
    """

    def __init__(self, ranks: Strategy, n_rows: int):
        self.ranks, self.n_rows = ranks, n_rows
        self.n_most = -(-n_rows // ranks.size)

    @property
    def own(self) -> slice:
        """The rows of this rank, if any."""
        start, stop = (min((self.ranks.rank + k) * self.n_most, self.n_rows) for k in (0, 1))
        return slice(start, stop)

    def blocks(self, blocks: Sequence[slice]) -> list[slice]:
        """Return what of some blocks of rows is of this rank."""
        cut = (
            slice(max(each.start, self.own.start), min(each.stop, self.own.stop)) for each in blocks
        )
        return [each for each in cut if each.start < each.stop]

    def fill_(self, rows: Tensor) -> None:
        """Write the rows of the others beside one's own."""
        if self.ranks.size > 1:
            own = rows.new_zeros(self.n_most, *rows.shape[1:])
            own[: self.own.stop - self.own.start] = rows[self.own]
            rows.copy_(self.ranks.all_gather(own).flatten(0, 1)[: self.n_rows])


def stretch_of(n_rows: int) -> Stretch:
    """Return which of some rows this process computes: all of them where no work is shared."""
    return Stretch(strategy() if _shard.get() is None else Strategy(), n_rows)


class Gather(torch.autograd.Function):
    """The rows of all ranks, of which each has its own."""

    @staticmethod
    def forward(ctx, part: Tensor, shard: Shard) -> Tensor:
        ctx.shard = shard
        return shard.gather(part)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):  # pyrefly: ignore[bad-override]
        shard = ctx.shard
        # a rank without rows has run one that doesn't count
        factor = shard.ranks.size if shard.n_own else 0
        return shard.take(gradient) * factor, None


class Scatter(torch.autograd.Function):
    """A rank's own rows of what all ranks have."""

    @staticmethod
    def forward(ctx, tensor: Tensor, shard: Shard) -> Tensor:
        ctx.shard = shard
        part = tensor[shard.own]
        if has_channels_last(tensor):
            return part.contiguous(memory_format=torch.channels_last)
        return part.contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):  # pyrefly: ignore[bad-override]
        return ctx.shard.gather(gradient) / ctx.shard.ranks.size, None


# -- batch normalisation over the rows of all ranks
def batch_norm(
    shard: Shard,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Stand in for `torch.nn.functional.batch_norm`; moments are those of all ranks' rows."""
    if not training:
        return functional.batch_norm(
            input, running_mean, running_var, weight, bias, False, momentum, eps
        )
    mean, var, count = _moments(shard, input)
    if running_mean is not None and running_var is not None:
        unbiased = var * (count / (count - 1).clamp_min(1))
        running_mean.lerp_(mean.to(running_mean), momentum)
        running_var.lerp_(unbiased.to(running_var), momentum)
    return Normalize.apply(input, weight, bias, mean, var, count, eps, shard)


@torch.no_grad()
def _moments(shard: Shard, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and variance (C,) over the rows of all ranks, and over how many numbers."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    # what batch normalisation itself uses: several times as fast as `torch.var_mean`
    mean, var = torch.batch_norm_update_stats(x, None, None, 0.0)
    count = x.new_full((1,), x[:, 0].numel() if shard.n_own else 0)
    every = shard.ranks.all_gather(torch.cat([mean, var, count]))
    means, variances = every[:, :-1].unflatten(1, (2, -1)).unbind(1)  # (ranks, C)
    share = every[:, -1:] / every[:, -1].sum()
    overall = (share * means).sum(0)
    # law of total variance: no difference of large squares
    total = (share * (variances + (means - overall).square())).sum(0)
    return overall, total, every[:, -1].sum()


class Normalize(torch.autograd.Function):
    """Batch normalisation by given moments, through which the gradient passes."""

    @staticmethod
    def forward(ctx, x, weight, bias, mean, var, count, eps, shard):
        ctx.save_for_backward(x, weight, mean, var, count)
        ctx.eps, ctx.shard = eps, shard
        return functional.batch_norm(x, mean, var, weight, bias, False, 0.0, eps)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):  # pyrefly: ignore[bad-override]
        x, weight, mean, var, count = ctx.saved_tensors
        wide, scale = x.to(mean.dtype), (var + ctx.eps).rsqrt()
        slope = torch.ones_like(mean) if weight is None else weight.to(mean.dtype)
        # as if mean and variance were constants, which it does in one pass ...
        of_x, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient.to(mean.dtype), wide, slope, mean, var, mean, scale, False, ctx.eps, [True] * 3
        )
        means = ctx.shard.ranks.sum_(torch.stack([of_bias, of_weight])) / count  # (2, C)
        # ... and through these
        factor = scale * slope * bool(ctx.shard.n_own)
        shape = (1, -1, *[1] * (x.ndim - 2))
        of_x.sub_((factor * means[0]).view(shape))
        of_x.sub_((wide - mean.view(shape)).mul_((factor * scale * means[1]).view(shape)))
        if weight is None:
            return of_x.to(x.dtype), *[None] * 7
        return of_x.to(x.dtype), of_weight.to(weight), of_bias.to(weight), *[None] * 5
