"""Sums of max(0, m - D(p_i || p_j)) over pairs, in tiles: no matrix of all pairs is ever kept.

Shapes: N samples, k units. A kernel makes value and derivative in one pass over the tiles; p is
the softmax of logits, and the derivative is taken with respect to log p. Matrices lie on their
side, a column for each sample: with few units, softmax, sums and products are faster that way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from skdeepclust.losses._clustering import tiny

# a tile is written and read several times: on a CPU it stays in the cache, a device likes more
BYTES_OF_A_TILE = {"cpu": 2**20}
BYTES_OF_A_TILE_ELSEWHERE = 2**26
# with fewer units, a softmax of columns is quicker, even if rows have to be turned for it
UNITS_OF_ROWS = 24


class Pairs(NamedTuple):
    """Which ordered pairs of N samples are summed over.

    Samples are taken in `order`, and cut into runs: only pairs inside of a run count. With
    `labels`, both samples must have the same one; without `itself`, they must be two samples.
    `factor` is one on all pairs, or that of each sample (N,), the same for both samples of a pair.
    Labels and factors are those of the samples in that order.
    """

    runs: list[int]
    order: Tensor | None = None
    labels: Tensor | None = None
    factor: Tensor | float = 1.0
    itself: bool = True

    def tiles(self, side: int) -> Iterator[tuple[slice, slice]]:
        """Cut the pairs of each run into tiles of at most `side` times `side`."""
        start = 0
        for n_samples in self.runs:
            stop = start + n_samples
            parts = [slice(i, min(i + side, stop)) for i in range(start, stop, side)]
            yield from ((rows, columns) for rows in parts for columns in parts)
            start = stop

    def drop_others_(self, tile: Tensor, rows: slice, columns: slice) -> None:
        """Set to 0 what belongs to pairs that don't count."""
        if self.labels is not None:
            # numbers in the tile's dtype: comparing into bool, or multiplying by it, is slow
            labels = self.labels.to(tile.dtype)
            same = torch.eq(labels[rows, None], labels[columns], out=torch.empty_like(tile))
            tile.mul_(same)
        if not self.itself and rows == columns:
            tile.fill_diagonal_(0)


def tile_side(like: Tensor, n_numbers: int = 1) -> int:
    """Return the side of a square tile that holds `n_numbers` of the dtype for each pair."""
    n_bytes = BYTES_OF_A_TILE.get(like.device.type, BYTES_OF_A_TILE_ELSEWHERE)
    return max(1, math.isqrt(n_bytes // (like.itemsize * max(1, n_numbers))))


class PairwiseHinge(Function):
    r"""Sum of :math:`w_i w_j \max(0, m - D(p_i \| p_j))` over pairs, from logits (N, k).

    Weights of about 1 are best, since sums of ones are exact. It can be differentiated once, with
    respect to the logits.
    """

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        weight: Tensor | None,
        margin: float,
        divergence: str,
        pairs: Pairs,
        side: int | None = None,
    ) -> Tensor:
        """Return the sum ()."""
        order = pairs.order
        if order is not None:
            logits = logits.index_select(0, order)
            weight = None if weight is None else weight.index_select(0, order)
        is_product = divergence != "js"
        side = side or tile_side(logits, 1 if is_product else logits.shape[1])
        small = max(pairs.runs, default=0) <= side and is_product
        if small and logits.shape[1] >= UNITS_OF_ROWS:
            log_p = logits.log_softmax(1)  # (N, k)
        else:
            log_p = logits.T.contiguous().log_softmax(0).T
        p = log_p.exp()
        # under autocast, products in half precision would take other pairs for active
        with torch.autocast(logits.device.type, enabled=False):
            if small:
                sums, to_log_p = of_small_runs(p, log_p, weight, margin, divergence, pairs)
            else:
                kernel = KERNELS[divergence]
                sums, to_log_p = kernel(p.T, log_p.T, weight, margin, pairs, side)
                to_log_p = to_log_p.T
        factor = pairs.factor
        value = sums.mul_(factor).sum()
        to_log_p.addcmul_(p, to_log_p.sum(1, keepdim=True), value=-1)
        to_log_p.mul_(factor[:, None] if isinstance(factor, Tensor) else factor)
        to_logits = to_log_p.contiguous()
        if order is not None:
            to_logits = torch.empty_like(logits).index_copy_(0, order, to_logits)
        ctx.save_for_backward(to_logits)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):  # pyrefly: ignore[bad-override]
        """Return the derivative with respect to the logits."""
        (to_logits,) = ctx.saved_tensors
        return gradient * to_logits, None, None, None, None, None


# the sum for each first sample of a pair (N,), and the derivative to log p; without the factors
Result = tuple[Tensor, Tensor]

# ---------------------------------------------------------------- divergences that are products


def product_hinge(
    left: Tensor, right: Tensor, weight: Tensor | None, pairs: Pairs, side: int
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return the sums over j of :math:`w_i w_j \max(0, l_i^T r_j)`, and the derivatives to l, r.

    With A the matrix that is 1 where the product is positive, and weights of 1, these are
    :math:`\sum_i l_i^T (A r)_i`, A r and :math:`A^T l`: three products and one comparison.
    """
    if weight is not None:  # never negative, so it goes through the hinge
        left, right = left * weight, right * weight
    to_left, to_right = torch.zeros_like(left), torch.zeros_like(right)
    for rows, columns in pairs.tiles(side):
        of_rows, of_columns = left[:, rows], right[:, columns]  # (d, side)
        active = torch.mm(of_rows.T, of_columns).gt_(0)  # 0 or 1, (side, side)
        pairs.drop_others_(active, rows, columns)
        to_left[:, rows].addmm_(of_columns, active.T)
        to_right[:, columns].addmm_(of_rows, active)
    sums = (left * to_left).sum(0)
    if weight is not None:
        to_left, to_right = to_left.mul_(weight), to_right.mul_(weight)
    return sums, to_left, to_right


# In each of the following, l_i . r_j is m - D(p_i || p_j).


def log_ratio(p: Tensor, log_p: Tensor, samples: int = 1) -> Tensor:
    """Take from log p that of the mean distribution, which cancels from log p - log q.

    It is small where distributions are alike, and then only few digits are lost in differences
    of sums; with the mean of log p instead, that would not be so for large logits.
    """
    return log_p.sub_(p.mean(samples, keepdim=True).clamp_min_(tiny(p)).log_())


def kullback_leibler(
    p: Tensor, log_p: Tensor, weight: Tensor | None, margin: float, pairs: Pairs, side: int
) -> Result:
    r"""Return the sum for :math:`KL(p \| q) = \sum p \log p - \sum p \log q`."""
    k, log_p = len(p), log_ratio(p, log_p)
    p_log_p = p * log_p
    left = torch.cat([p, margin - p_log_p.sum(0, keepdim=True)])
    right = torch.cat([log_p, torch.ones_like(p[:1])])
    sums, to_left, to_right = product_hinge(left, right, weight, pairs, side)
    # of the derivative of the entropy, -p (log p + 1), the softmax takes the 1 away
    to_log_p = to_left[:k].mul_(p).sub_(p_log_p.mul_(to_left[k]))
    return sums, to_log_p.add_(to_right[:k])


def jeffreys(
    p: Tensor, log_p: Tensor, weight: Tensor | None, margin: float, pairs: Pairs, side: int
) -> Result:
    r"""Return the sum for :math:`(KL(p \| q) + KL(q \| p)) / 2`."""
    k, log_p = len(p), log_ratio(p, log_p)
    one, entropy = torch.ones_like(p[:1]), -(p * log_p).sum(0, keepdim=True)
    left = torch.cat([p, log_p, 2 * margin + entropy, one]).div_(2)
    right = torch.cat([log_p, p, one, entropy])
    sums, to_left, _ = product_hinge(left, right, weight, pairs, side)
    # twice the half that l has, as the sum is symmetric: of p, of log p and of the entropy
    of_p, of_log_p, of_entropy, _ = to_left.split([k, k, 1, 1])
    return sums, (of_p - log_p * of_entropy).mul_(p).add_(of_log_p)


def hellinger(
    p: Tensor, log_p: Tensor, weight: Tensor | None, margin: float, pairs: Pairs, side: int
) -> Result:
    r"""Return the sum for the squared Hellinger distance :math:`1 - \sum \sqrt{p q}`."""
    one, root = torch.ones_like(p[:1]), (log_p / 2).exp()
    left, right = torch.cat([root, (margin - 1) * one]), torch.cat([root, one])
    sums, to_left, _ = product_hinge(left, right, weight, pairs, side)
    return sums, to_left[:-1].mul_(root)  # twice, as it is symmetric, and half for the root


# ---------------------------------------------------------------- and one that is not


def jensen_shannon(
    p: Tensor, log_p: Tensor, weight: Tensor | None, margin: float, pairs: Pairs, side: int
) -> Result:
    r"""Return the sum for :math:`\frac12 \sum p \log p + \frac12 \sum q \log q - \sum r \log r`.

    The logarithm of r = (p + q) / 2, which takes the time, gives value and derivative, and serves
    both orders of a pair.
    """
    n_samples = p.shape[1]
    weight = p.new_ones(n_samples) if weight is None else weight
    half_entropy = (p * log_p).sum(0) / -2
    sums, to_p = p.new_zeros(n_samples), torch.zeros_like(p)
    for rows, columns in pairs.tiles(side):
        if rows.start > columns.start:
            continue  # the other half of a symmetric matrix
        mean = (p[:, rows, None] + p[:, None, columns]).div_(2)  # (k, side, side)
        log_mean = mean.clamp_min(tiny(mean)).log_()
        hinge = margin + half_entropy[rows, None] + half_entropy[columns]
        hinge += mean.mul_(log_mean).sum(0)
        active = weight[rows, None] * weight[columns] * (hinge > 0)
        pairs.drop_others_(active, rows, columns)
        if rows != columns:
            active *= 2
        sums[rows] += hinge.mul_(active).sum(1)
        # the derivative of the divergence with respect to p is (log p - log r) / 2
        log_mean *= active
        to_p[:, rows] += log_mean.sum(2).addcmul_(active.sum(1), log_p[:, rows], value=-1)
        to_p[:, columns] += log_mean.sum(1).addcmul_(active.sum(0), log_p[:, columns], value=-1)
    return sums, to_p.mul_(p).div_(2)


# ---------------------------------------------------------------- the same for small runs

# Tiles that are summed up take some ten operations more than a run in one tile. With a few hundred
# samples these take longer than the numbers in them: the loss was slower than dense autograd.


def of_small_runs(
    p: Tensor, log_p: Tensor, weight: Tensor | None, margin: float, divergence: str, pairs: Pairs
) -> Result:
    """Return what a kernel does from p and log p (N, k), with a tile for each run."""
    if divergence == "hellinger":
        left = right = log_p.div_(2).exp_()
        sums = torch.full_like(p[:, :1], margin - 1)
    else:
        left, right = p, log_ratio(p, log_p, 0)
        sums = margin - (p * right).sum(1, keepdim=True)
    to_log_p = torch.empty_like(p)
    for rows, _ in pairs.tiles(max(1, len(p))):
        of_run = None if weight is None else weight[rows]
        parts = (left[rows], right[rows], sums[rows], to_log_p[rows])
        _of_run_(*parts, of_run, rows, divergence, pairs)
    return sums[:, 0], to_log_p


def _of_run_(
    left: Tensor,
    right: Tensor,
    sums: Tensor,
    to_log_p: Tensor,
    weight: Tensor | None,
    rows: slice,
    divergence: str,
    pairs: Pairs,
) -> None:
    r"""Fill `sums` and `to_log_p`; before, :math:`m - D` is `sums` and :math:`l_i^T r_j`."""
    tile = torch.addmm(sums, left, right.T)
    if divergence == "jeffreys":
        tile = (tile + tile.T).div_(2)
    pairs.drop_others_(tile.relu_(), rows, rows)
    weights = None if weight is None else torch.outer(weight, weight)
    if weights is not None:
        tile.mul_(weights)
    torch.sum(tile, 1, keepdim=True, out=sums)
    active = tile.sign_()
    if weights is not None:
        active.mul_(weights)
    torch.mm(active, right, out=to_log_p)
    if divergence == "hellinger":
        to_log_p.mul_(left)
    else:  # a symmetric matrix gives both halves of Jeffreys' divergence the same derivative
        to_log_p.addcmul_(right, active.sum(1, keepdim=True), value=-1).mul_(left)
        to_log_p.addmm_(active.T, left)


KERNELS = {
    "kl": kullback_leibler,
    "js": jensen_shannon,
    "jeffreys": jeffreys,
    "hellinger": hellinger,
}
