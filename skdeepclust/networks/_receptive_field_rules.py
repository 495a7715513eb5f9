"""What operations of torch do to the numbers of a receptive field.

Along an axis of the image, unit i of a tensor sees `size` pixels from `start + jump * i` on. A rule
takes these numbers of an operand to those of the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch


class Axis(NamedTuple):
    """One axis of the image, as the units along a dimension of a tensor see it."""

    dim: int  # counted from the end, where broadcasting aligns tensors
    size: int
    jump: int
    start: int


# What the units of a tensor see of rows and columns; an axis that is None is seen as a whole.
Field = tuple[Axis | None, Axis | None]
WHOLE: Field = (None, None)


def unite(first: Field, second: Field) -> Field:
    """Return the smallest field that holds both."""
    return _unite_axes(first[0], second[0]), _unite_axes(first[1], second[1])


def _unite_axes(first: Axis | None, second: Axis | None) -> Axis | None:
    if first is None or second is None or (first.dim, first.jump) != (second.dim, second.jump):
        return None
    start = min(first.start, second.start)
    end = max(first.start + first.size, second.start + second.size)
    return first._replace(size=end - start, start=start)


class Step(NamedTuple):
    """One operand's way through an operation."""

    arguments: dict[str, Any]  # of the operation, by name
    before: torch.Size  # of the operand
    after: torch.Size  # of the result


Rule = Callable[[Axis, Step], Axis | None]


def _elementwise(axis: Axis, step: Step) -> Axis | None:
    """Leave units in their places, except where one is repeated over many."""
    before, after = step.before, step.after
    same = len(after) >= -axis.dim and before[axis.dim] == after[axis.dim]
    return axis if same else None


def _window(axis: Axis, step: Step) -> Axis | None:
    """Slide a kernel of l units, as convolution and pooling do: size k + j d (l - 1)."""
    arguments = step.arguments
    kernel = arguments.get("kernel_size") or arguments["weight"].shape[2:]
    place = axis.dim + len(kernel)
    if arguments.get("transposed") or (place == -1 and "weight" in arguments):  # over channels
        return None
    if place < 0:
        return axis

    def setting(name: str, default: Any) -> int:
        values = arguments.get(name) or default
        return values[place % len(values)]  # one value may stand for all

    span = (setting("kernel_size", kernel) - 1) * setting("dilation", [1])
    return axis._replace(
        size=axis.size + axis.jump * span,
        jump=axis.jump * setting("stride", kernel),
        start=axis.start - axis.jump * setting("padding", [0]),
    )


def _pad(axis: Axis, step: Step, *, reach: int = 0) -> Axis:
    """Pad or crop; a unit of the padding shows one up to `reach` times its width away."""
    padding = step.arguments.get("pad") or step.arguments["padding"]  # of the last dimension first
    place = -2 * (axis.dim + 1)
    left, right = padding[place : place + 2] or (0, 0)
    back, forth = reach * max(right, 0), reach * max(left, 0)
    return axis._replace(
        size=axis.size + axis.jump * (back + forth), start=axis.start - axis.jump * (left + back)
    )


def _slice(axis: Axis, step: Step) -> Axis:
    """Choose another first unit and another step between units."""
    arguments, before = step.arguments, step.before
    if arguments["dim"] % len(before) != axis.dim % len(before):
        return axis
    kept = range(before[axis.dim])[arguments["start"] : arguments["end"] : arguments["step"]]
    return axis._replace(jump=axis.jump * kept.step, start=axis.start + axis.jump * kept.start)


def _reshape(axis: Axis, step: Step) -> Axis | None:
    """Find where in the new shape the same number of units lies equally far apart."""
    before, after = step.before, step.after
    if before == after:
        return axis
    length, numbers = before[axis.dim], math.prod(before[axis.dim :])
    for dim in range(-1, -len(after) - 1, -1):
        if after[dim] == length and math.prod(after[dim:]) == numbers:
            return axis._replace(dim=dim)
    return None


def _permute(axis: Axis, step: Step) -> Axis:
    """Change the order of the dimensions."""
    n_dims = len(step.before)
    order = list(range(n_dims))
    if "dims" in step.arguments:
        order = [dim % n_dims for dim in step.arguments["dims"]]
    else:
        first, second = step.arguments["dim0"], step.arguments["dim1"]
        order[first], order[second] = order[second], order[first]
    return axis._replace(dim=order.index(axis.dim % n_dims) - n_dims)


def _along(axis: Axis, step: Step) -> Axis | None:
    """Sum, choose or join along some dimensions; the units along the others stay apart."""
    n_dims = len(step.before)
    if "normalized_shape" in step.arguments:
        named = list(range(-len(step.arguments["normalized_shape"]), 0))
    else:
        named = step.arguments.get("dim")
    named = [named] if isinstance(named, int) else named or range(n_dims)
    dims = {dim % n_dims - n_dims for dim in named}
    if axis.dim in dims:
        return None
    gone = sum(dim > axis.dim for dim in dims) if len(step.after) < n_dims else 0
    return axis._replace(dim=axis.dim + gone)


def _normalize(axis: Axis, step: Step) -> Axis | None:
    """Normalise a batch: its own mean sees all of every image, a stored one nothing."""
    return None if step.arguments["training"] else axis


aten = torch.ops.aten

_RULES: dict[Any, Rule] = {
    **dict.fromkeys([aten.convolution, aten.avg_pool2d, aten.avg_pool3d], _window),
    **dict.fromkeys([aten.max_pool2d_with_indices, aten.max_pool3d_with_indices], _window),
    aten.constant_pad_nd: _pad,
    aten.replication_pad2d: partial(_pad, reach=1),
    aten.reflection_pad2d: partial(_pad, reach=2),
    aten.slice: _slice,
    **dict.fromkeys([aten.view, aten._unsafe_view, aten.squeeze, aten.unsqueeze], _reshape),
    **dict.fromkeys([aten.detach, aten.alias, aten._to_copy, aten.channel_shuffle], _reshape),
    **dict.fromkeys([aten.permute, aten.transpose], _permute),
    **dict.fromkeys([aten.cat, aten.split, aten.split_with_sizes], _along),
    **dict.fromkeys([aten.select, aten.unbind, aten.glu], _along),
    **dict.fromkeys([aten.mean, aten.sum, aten.amax, aten.amin, aten.max, aten.min], _along),
    **dict.fromkeys([aten.linalg_vector_norm, aten.native_layer_norm], _along),
    **dict.fromkeys([aten._softmax, aten._log_softmax], _along),
    **dict.fromkeys([aten.native_batch_norm, aten.cudnn_batch_norm], _normalize),
    aten.miopen_batch_norm: _normalize,
}
# elementwise, but torch doesn't mark them so
_ELEMENTWISE = {aten.copy_, aten.expand, aten._prelu_kernel, aten.rrelu_with_noise}
_ELEMENTWISE |= {aten.hardswish, aten.hardswish_}
# these take no more than the shape from a tensor
_CREATIONS = {aten.empty_like, aten.zeros_like, aten.ones_like, aten.full_like, aten.rand_like}
_CREATIONS |= {aten.randn_like, aten.new_empty, aten.new_zeros, aten.new_ones, aten.new_full}


def makes_constants(operation: Any) -> bool:
    """Tell whether the result doesn't depend on the numbers that go in."""
    return operation.overloadpacket in _CREATIONS


def rule_of(operation: Any, arguments: dict[str, Any]) -> tuple[Rule | None, Any]:
    """Return the rule of an operation, if there is one, and the arguments that it holds for."""
    if torch.Tag.pointwise in operation.tags or operation.overloadpacket in _ELEMENTWISE:
        return _elementwise, arguments
    # weights and the like come after the first argument
    names = [argument.name for argument in operation._schema.arguments]
    return _RULES.get(operation.overloadpacket), arguments[names[0]] if names else None
