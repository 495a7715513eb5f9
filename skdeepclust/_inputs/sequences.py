"""Samples that are sequences: of feature vectors, or of words of a vocabulary."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from skdeepclust._compat import Interval
from skdeepclust._engine.sparse import is_sparse
from skdeepclust._engine.stored_arrays import in_blocks
from skdeepclust._inputs.samples import InputMixin


class SequenceMixin(InputMixin):
    """Adds sequences to what X may hold, by `sequence_shape`, `vocabulary_size` or a 3-D X.

    Images, by `image_shape` or a 4-D X, and plain rows stay what they are.
    """

    _parameter_constraints: ClassVar[dict] = {
        "image_shape": [None, tuple, list],
        "sequence_shape": [None, tuple, list],
        "vocabulary_size": [None, Interval(Integral, 2, None, closed="left")],
    }

    image_shape: Any
    sequence_shape: Any
    vocabulary_size: int | None
    _sample_shape: tuple[int, ...]

    def _check(self, X, *, reset: bool = False):
        """Validate X, word indices included."""
        X = super()._check(X, reset=reset)
        if self.vocabulary_size is not None:
            for block in in_blocks(X):
                _check_word_indices(block, self.vocabulary_size)
        return X

    def _resolve_input_shape(self) -> tuple[int, ...]:
        shape = self._resolve_sequence_shape()
        if shape is None:
            return super()._resolve_input_shape()
        if self.image_shape is not None:
            raise ValueError(
                f"image_shape={self.image_shape!r} and sequences of shape {shape}: samples are "
                "images or sequences. Give one of image_shape, sequence_shape, vocabulary_size."
            )
        self.__dict__.pop("image_shape_", None)
        return shape

    def _resolve_sequence_shape(self) -> tuple[int, ...] | None:
        """Return (steps,) of words, (steps, n_features), or `None` if X holds no sequences."""
        if self.vocabulary_size is not None:
            return _shape_of_words(self._sample_shape, self.sequence_shape)
        if self.sequence_shape is not None:
            return _shape_of_steps(self.sequence_shape, self._sample_shape, self.n_features_in_)
        if len(self._sample_shape) == 2 and self.image_shape is None:
            return self._sample_shape
        return None


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
            f"sequence_shape={shape}, but X holds samples of shape {sample_shape}: leave "
            "sequence_shape out where X is 3-D."
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
