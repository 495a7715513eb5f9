"""Samples that are sequences: of feature vectors, or of words of a vocabulary."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Self

import numpy as np

from skdeepclust._engine.sparse import is_sparse
from skdeepclust._inputs.containers import in_channels, shape_of
from skdeepclust._inputs.samples import InputSpec
from skdeepclust._inputs.values import (
    N_ROWS_LOOKED_AT,
    N_VALUES_LOOKED_AT,
    blocks_of,
    check_digits,
    has_squares,
    origin_of,
)


@dataclass(frozen=True)
class SequenceSpec(InputSpec):
    """The shape of samples that may be sequences, or words, beside images and rows.

    Parameters
    ----------
    vocabulary_size : int, default=None
        Number of words, of which X holds indices; `None`: X holds features.
    padded : bool, default=False
        Whether the sequences of the fit were padded, at the origin.
    """

    vocabulary_size: int | None = None
    padded: bool = False

    @classmethod
    def learn(
        cls,
        sample_shape: tuple[int, ...],
        n_features: int,
        image_shape: Any = None,
        *,
        sequence_shape: Any = None,
        vocabulary_size: int | None = None,
    ) -> Self:
        """Return the specification of samples that are sequences, images or rows.

        Sequences are words by `vocabulary_size`, have the shape `sequence_shape`, or are those of
        a 3-D X that is not said to hold images.
        """
        if vocabulary_size is not None:
            shape: tuple[int, ...] = _shape_of_words(sample_shape, sequence_shape)
        elif sequence_shape is not None:
            shape = _shape_of_steps(sequence_shape, sample_shape, n_features)
        elif len(sample_shape) == 2 and image_shape is None:
            shape = sample_shape
        else:
            return super().learn(sample_shape, n_features, image_shape)
        if image_shape is not None:
            raise ValueError(
                f"image_shape={image_shape!r} and sequences of shape {shape}: samples are "
                "images or sequences. Give one of image_shape, sequence_shape, vocabulary_size."
            )
        return cls(sample_shape, shape, vocabulary_size=vocabulary_size)

    @property
    def holds_sequences(self) -> bool:
        """Whether samples are sequences."""
        return self.vocabulary_size is not None or len(self.input_shape) == 2

    def with_values(self, X: Any, dtype: str, padding: Padding | None = None) -> Self:
        """Return what the values say beside the shape: of words, which are names, nothing."""
        if self.vocabulary_size is None:
            known = super().with_values(X, dtype, padding)
            return replace(known, padded=padding is not None)
        self.check(X)
        return self

    def as_it_is(self, X: Any, dtype: str) -> Self:
        """Return the specification for a network that gets the values as they are.

        Padding, in an array that is nobody else's, becomes zeros, as networks expect it.
        """
        if not self.padded or self.origin is None:
            return super().as_it_is(X, dtype)
        steps = X.reshape(len(X), *self.input_shape)
        is_step = (steps != self.origin.astype(X.dtype).reshape(self.input_shape)).any(axis=2)
        steps[~np.logical_or.accumulate(is_step[:, ::-1], axis=1)[:, ::-1]] = 0
        return self.with_values(X, dtype).as_it_is(X, dtype)

    def check(self, X: Any) -> None:
        """Refuse what are no indices of words where there is a vocabulary."""
        if self.vocabulary_size is None:
            super().check(X)
            return
        for block in blocks_of(X):
            _check_word_indices(block, self.vocabulary_size)


def rows_images_or_sequences(
    sample_shape: tuple[int, ...], n_features: int, image_shape: Any, sequence_shape: Any
) -> InputSpec:
    """Return the specification of samples that are sequences, of one length, only if said so."""
    if sequence_shape is None:
        return InputSpec.learn(sample_shape, n_features, image_shape)
    known = SequenceSpec.learn(sample_shape, n_features, image_shape, sequence_shape=sequence_shape)
    return InputSpec(known.sample_shape, known.input_shape)


@dataclass
class Padding:
    """Brings sequences of unlike lengths to one, with steps at their ends that mean nothing.

    Parameters
    ----------
    known : InputSpec or None
        The specification of samples; `None`: they are those of a fit.
    image_shape, sequence_shape, vocabulary_size
        What the user says of them.

    Attributes
    ----------
    used : bool
        Whether samples were padded.
    origin : ndarray of shape () or (n_features,), or None
        From where values are told, which padding is at: a network finds it as zero. `None` is zero.
    """

    known: InputSpec | None
    image_shape: Any = None
    sequence_shape: Any = None
    vocabulary_size: int | None = None
    used: bool = False
    origin: np.ndarray | None = None

    def __call__(self, samples: list[Any], are_images: bool = False) -> np.ndarray | None:
        """Return sequences in one array, or `None` where that isn't needed.

        Images of PIL are no sequences, unless the user says so.
        """
        shapes = (self.image_shape, self.sequence_shape, self.vocabulary_size)
        if are_images and self.known is None and shapes == (None, None, None):
            return in_channels(samples)
        n_dims, n_steps = 2 if self.vocabulary_size is None else 1, None
        if self.known is not None:
            if not self.known.holds_sequences:
                return None
            n_steps = self.known.input_shape[0]
        elif self.image_shape is not None:
            return None
        elif self.sequence_shape is not None and n_dims == 2:
            n_steps = self.sequence_shape[0]
        X = padded(samples, n_steps, n_dims, self._origin_for)
        self.used = X is not None
        return X

    def _origin_for(self, sequences: list[np.ndarray], n_steps: int) -> np.ndarray | None:
        if self.known is not None:
            self.origin = self.known.origin
        elif self.vocabulary_size is None:
            self.origin = _origin_of_steps(sequences, n_steps)
        return self.origin


def padded(
    samples: list[Any],
    n_steps: int | None,
    n_dims: int,
    origin_for: Callable[[list[np.ndarray], int], np.ndarray | None] | None = None,
) -> np.ndarray | None:
    """Return sequences of unlike lengths as one array, with steps of padding at their ends.

    Parameters
    ----------
    samples : list of array-like of shape (steps,) or (steps, n_features)
        Sequences, of words or of feature vectors.
    n_steps : int or None
        Number of steps of all; `None`: that of the longest.
    n_dims : int
        Number of dimensions of a sequence, 1 of words.
    origin_for : callable, default=None
        Returns what padding holds, of shape () or (n_steps * n_features,), for sequences and a
        number of steps. `None`, as what it returns: zeros.

    Returns
    -------
    ndarray of shape (n_samples, n_steps, ...) or None
        `None`, where the samples are no sequences, or all have so many steps.
    """
    shapes = [shape_of(sample) for sample in samples]
    if not shapes or any(len(shape) != n_dims for shape in shapes):
        return None
    lengths, widths = [shape[0] for shape in shapes], {shape[1:] for shape in shapes}
    n_steps = max(lengths) if n_steps is None else n_steps
    if len(widths) > 1 or set(lengths) == {n_steps}:
        return None
    if max(lengths) > n_steps:
        raise ValueError(
            f"X holds a sequence of {max(lengths)} steps, more than the {n_steps} of the longest "
            "one of the fit, or of sequence_shape: cut it."
        )
    arrays = [np.asarray(sample) for sample in samples]
    dtype, shape = np.result_type(*arrays), (n_steps, *widths.pop())
    origin = None if origin_for is None else origin_for(arrays, n_steps)
    if origin is None:
        X = np.zeros((len(arrays), *shape), dtype)
    else:  # which integers can't hold
        X = np.empty((len(arrays), *shape), np.result_type(dtype, np.float32))
        X[:] = origin.reshape(shape) if origin.ndim else origin
    for row, array in zip(X, arrays, strict=True):
        row[: len(array)] = array
    return X


def _origin_of_steps(sequences: list[np.ndarray], n_steps: int) -> np.ndarray | None:
    """Return from where the features of steps are told, for each step of a sequence.

    It is the mean, which hardly any step is at: one that were at the origin would be padding.
    """
    some = sequences[:: -(-len(sequences) // N_ROWS_LOOKED_AT)]
    steps = np.concatenate(some)
    dtype = steps.dtype
    steps = steps[:: 1 + steps.size // N_VALUES_LOOKED_AT].astype(np.float64)
    if not len(steps) or not has_squares(steps):
        return None
    check_digits(steps, dtype)
    if origin_of(steps) is None:
        return None
    return np.tile(steps.mean(axis=0), n_steps)


def _shape_of_words(sample_shape: tuple[int, ...], sequence_shape) -> tuple[int]:
    if len(sample_shape) != 1 or sequence_shape not in (None, sample_shape, [*sample_shape]):
        raise ValueError(
            "With vocabulary_size, X holds an index of a word at each step, (n_samples, steps), "
            f"got samples of shape {sample_shape} and sequence_shape={sequence_shape!r}."
        )
    return sample_shape


def _shape_of_steps(
    sequence_shape, sample_shape: tuple[int, ...], n_features: int
) -> tuple[int, int]:
    shape = tuple(sequence_shape)
    if len(shape) != 2 or not all(isinstance(s, Integral) and int(s) > 0 for s in shape):
        raise ValueError(
            f"sequence_shape={sequence_shape!r} must be (steps, features), both positive."
        )
    if math.prod(shape) != n_features:
        raise ValueError(
            f"sequence_shape={shape} has {math.prod(shape)} values, but X has {n_features} "
            "features a sample. Give the (steps, features) of X."
        )
    if len(sample_shape) > 1 and shape != sample_shape:
        raise ValueError(
            f"sequence_shape={shape}, but X holds samples of shape {sample_shape}: "
            + ("give X.transpose(0, 2, 1)." if shape == sample_shape[::-1] else "give that of X.")
        )
    return int(shape[0]), int(shape[1])


def _check_word_indices(X, vocabulary_size: int) -> None:
    """Raise ValueError unless X holds integers from 0 to `vocabulary_size - 1`."""
    values = X.data if is_sparse(X) else X
    if not len(values):  # a sparse matrix without an entry
        return
    remainder: Callable = np.remainder if isinstance(values, np.ndarray) else type(values).remainder
    low, high = (float(limit) for limit in (values.min(), values.max()))
    if low < 0 or high >= vocabulary_size or bool((remainder(values, 1) != 0).any()):
        raise ValueError(
            f"X must hold indices of words, integers from 0 (padding) to {vocabulary_size - 1} "
            f"with vocabulary_size={vocabulary_size}, got numbers from {low:g} to {high:g}. Leave "
            "vocabulary_size out where X holds features."
        )
