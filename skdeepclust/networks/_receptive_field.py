"""Receptive fields: which pixels of the image a unit of a layer depends on.

Along each axis of the image, unit i of a layer sees `size` pixels from `start + jump * i` on. Every
operation of a network changes these three numbers in its own way. So the network runs once on one
image, whatever its `forward` does, and each operation that torch carries out takes the numbers of
the tensors that go in to those of the tensors that come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skdeepclust._engine.rng import seeded
from skdeepclust.networks._layers import evaluation_mode, find_layer
from skdeepclust.networks._receptive_field_rules import (
    WHOLE,
    Axis,
    Field,
    Rule,
    Step,
    makes_constants,
    rule_of,
    unite,
)


@dataclass(frozen=True)
class ReceptiveField:
    r"""Boxes of pixels that the units of a layer see, :math:`[s + j i, s + j i + k)` per axis.

    Unit i of an axis sees the k pixels from s + j i on. The pairs are (rows, columns). Where a unit
    may see the whole image, k is the image's size and j and s are 0.

    Parameters
    ----------
    size : tuple of int, (height, width)
        Pixels k that one unit sees.
    jump : tuple of int, (rows, columns)
        Pixels j between the boxes of neighbouring units.
    start : tuple of int, (row, column)
        First pixel s of unit (0, 0). It's negative where padding makes units see more than there
        is.
    image_size : tuple of int, (height, width)
        Size of the image.

    Examples
    --------
    >>> from skdeepclust.networks import ReceptiveField
    >>> field = ReceptiveField(size=(5, 5), jump=(2, 2), start=(-2, -2), image_size=(32, 32))
    >>> field.boxes([0, 3], [1, 15])
    array([[ 0,  0,  3,  5],
           [ 4, 28,  9, 32]])
    """

    size: tuple[int, int]
    jump: tuple[int, int]
    start: tuple[int, int]
    image_size: tuple[int, int]

    def boxes(self, rows: ArrayLike, columns: ArrayLike) -> np.ndarray:
        """Return the boxes of units, cut off at the borders of the image.

        Parameters
        ----------
        rows : array-like of int of shape (n,)
            Rows of the units, from 0.
        columns : array-like of int of shape (n,)
            Columns of the units, from 0.

        Returns
        -------
        ndarray of int64 of shape (n, 4)
            Top, left, bottom and right of each box; bottom and right are the first pixels outside.
            A unit that sees padding alone has an empty box.

        Raises
        ------
        ValueError
            If a row or a column is negative, or there aren't as many of the one as of the other.
        """
        units = np.column_stack([rows, columns]).astype(np.int64)  # (n, 2)
        if (units < 0).any():
            raise ValueError(f"rows and columns must be at least 0, got {units.min()}.")
        first = np.array(self.start) + np.array(self.jump) * units
        boxes = np.concatenate([first, first + np.array(self.size)], axis=1)
        return np.clip(boxes, 0, np.array(self.image_size * 2))


def receptive_field(module: nn.Module, layer: str, x: Tensor) -> ReceptiveField:
    """Find which pixels the units of a layer see.

    Convolutions and pooling (stride, padding, dilation), padding and cropping, activations,
    arithmetic on tensors of the same grid, concatenation and reductions of channels, normalisation
    with stored statistics, and reshaping that keeps rows and columns are followed exactly;
    branches that come together are united in one box. Padding by reflection or replication makes
    the box larger than what is seen. Whatever else is done, such as upsampling, pooling to a given
    size, transposed convolution or a fully connected layer, counts as seeing the whole image. So
    the box always holds all that a unit sees, unless the network takes numbers out of its tensors
    (`.item()`, `.numpy()`).

    Parameters
    ----------
    module : torch.nn.Module
        Any network that takes a batch of images. It runs once, in evaluation mode; its own modes
        and the global random numbers are as before afterwards.
    layer : str
        Name of the layer, as in `module.named_modules()`. If the layer is called more than once,
        the box holds what its unit sees in any of the calls.
    x : Tensor of shape (n, C, H, W)
        Images as the network takes them; the first is used.

    Returns
    -------
    ReceptiveField
        Size, jump and start along rows and columns of the layer's output.

    Raises
    ------
    ValueError
        If `x` isn't a batch of images, the module has no such layer or doesn't call it, or the
        layer's output isn't of shape (n, channels, height, width).

    References
    ----------
    R. Liao, A. Schwing, R. Zemel, R. Urtasun (2016). Learning Deep Parsimonious Representations.
    NeurIPS. Figures 2 and 3.

    A. Araujo, W. Norris, J. Sim (2019). Computing Receptive Fields of Convolutional Neural
    Networks. Distill. https://doi.org/10.23915/distill.00021.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from skdeepclust.networks import receptive_field
    >>> network = nn.Sequential(
    ...     nn.Conv2d(3, 8, 5, padding=2), nn.MaxPool2d(3, 2), nn.Conv2d(8, 8, 5, padding=2)
    ... )
    >>> field = receptive_field(network, "2", torch.zeros(1, 3, 32, 32))
    >>> field.size, field.jump, field.start
    ((15, 15), (2, 2), (-6, -6))
    >>> field.boxes([0, 7], [0, 7])
    array([[ 0,  0,  9,  9],
           [ 8,  8, 23, 23]])
    """
    if x.ndim != 4 or len(x) == 0:
        raise ValueError(
            f"x must be a batch of images, (n, channels, height, width), got {tuple(x.shape)}."
        )
    fields: list[Field] = []

    def watch(_layer: nn.Module, _args: Any, output: Any) -> None:
        if not isinstance(output, Tensor) or output.ndim != 4:
            made = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(
                f"layer={layer!r} makes {made}, not (n, channels, height, width): its units have "
                "no place in the image. Name a convolutional layer."
            )
        fields.append(following.field(output) or WHOLE)

    hook = find_layer(module, layer).register_forward_hook(watch)
    try:
        with seeded(0, x.device), evaluation_mode(module), torch.inference_mode(False):
            image = x[:1].clone()  # the network may work in place
            with torch.no_grad(), _Following(image) as following:
                module(image)
    finally:
        hook.remove()
    if not fields:
        raise ValueError(
            f"layer={layer!r} isn't called when {type(module).__name__} runs on x; name a layer "
            "that forward() calls."
        )
    return _as_receptive_field(reduce(unite, fields), (x.shape[2], x.shape[3]))


def _as_receptive_field(field: Field, image_size: tuple[int, int]) -> ReceptiveField:
    """Turn the field of a tensor (n, channels, height, width) into three numbers per axis."""
    (height, down, top), (width, right, left) = (
        (axis.size, axis.jump, axis.start) if axis and axis.dim == dim else (pixels, 0, 0)
        for axis, dim, pixels in zip(field, (-2, -1), image_size, strict=True)
    )
    return ReceptiveField((height, width), (down, right), (top, left), image_size)


# ---------------------------------------------------------------- following the network


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _memory(tensor: Tensor) -> tuple[Any, tuple[Any, ...]]:
    """Return a tensor's memory, and which of its elements it shows in which order."""
    if tensor.layout != torch.strided:  # a sparse one shares nothing that could be compared
        return tensor, ()
    return tensor.untyped_storage(), (tensor.storage_offset(), tensor.shape, tensor.stride())


class _Operand(NamedTuple):
    """A tensor, made of the image, that goes into an operation."""

    field: Field
    shape: torch.Size
    rule: Rule | None  # None: what the operation does to it isn't known

    def field_after(self, arguments: dict[str, Any], shape: torch.Size) -> Field:
        if self.rule is None:
            return WHOLE
        step = Step(arguments, self.shape, shape)
        rows, columns = (axis and self.rule(axis, step) for axis in self.field)
        return rows, columns


class _Following(TorchDispatchMode):
    """Keeps, while it is entered, the fields of all tensors that are made of an image."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        # By memory, since a view shows what is written into another. All memory is kept alive
        # here, so that none that is allocated later can be taken for it.
        self._fields: dict[Any, dict[tuple[Any, ...], Field]] = {}
        pixels = (Axis(-2, size=1, jump=1, start=0), Axis(-1, size=1, jump=1, start=0))
        self._keep(image, pixels, is_written=False)

    def field(self, tensor: Tensor) -> Field | None:
        """Return what the units of a tensor see; None for a constant."""
        memory, place = _memory(tensor)
        fields = self._fields.get(memory)
        return None if fields is None else fields.get(place, WHOLE)

    def _keep(self, tensor: Tensor, field: Field, *, is_written: bool) -> None:
        memory, place = _memory(tensor)
        fields = self._fields.setdefault(memory, {})
        if is_written and fields.get(place) != field:
            fields.clear()  # other views of this memory may show anything now
        fields[place] = field

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        schema = func._schema
        arguments = {a.name: a.default_value for a in schema.arguments if a.has_default_value()}
        arguments |= dict(zip((a.name for a in schema.arguments), args, strict=False))
        arguments |= kwargs or {}
        operands = self._operands(func, arguments)
        result = func(*args, **(kwargs or {}))
        if operands:
            writes = [a.name for a in schema.arguments if a.alias_info and a.alias_info.is_write]
            for tensor in _tensors([result, [arguments[name] for name in writes]]):
                fields = [operand.field_after(arguments, tensor.shape) for operand in operands]
                self._keep(tensor, reduce(unite, fields), is_written=schema.is_mutable)
        return result

    def _operands(self, operation: Any, arguments: dict[str, Any]) -> list[_Operand]:
        """Return those tensors among the arguments that aren't constants."""
        if makes_constants(operation):
            return []
        rule, followed = rule_of(operation, arguments)
        followed_ids = set(map(id, _tensors(followed)))
        return [
            _Operand(field, tensor.shape, rule if id(tensor) in followed_ids else None)
            for tensor in _tensors(arguments)
            if (field := self.field(tensor)) is not None
        ]
