"""Samples that are sequences: of feature vectors, or of words of a vocabulary."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np

from skdeepclust._engine.sparse import is_sparse
from skdeepclust._engine.stored_arrays import in_blocks
from skdeepclust._inputs.samples import InputSpec


@dataclass(frozen=True)
class SequenceSpec(InputSpec):
    """The shape of samples that may be sequences, or words, beside images and rows.

    Parameters
    ----------
    vocabulary_size : int, default=None
        Number of words, of which X holds indices; `None`: X holds features.
    """

    vocabulary_size: int | None = None

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

    def with_values(self, X: Any, dtype: str) -> Self:
        """Return what the values say beside the shape: of words, which are names, nothing."""
        if self.vocabulary_size is None:
            return super().with_values(X, dtype)
        self.check(X)
        return self

    def check(self, X: Any) -> None:
        """Refuse what are no indices of words where there is a vocabulary."""
        if self.vocabulary_size is None:
            super().check(X)
            return
        for block in in_blocks(X):
            _check_word_indices(block, self.vocabulary_size)


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
