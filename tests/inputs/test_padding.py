"""Sequences of unlike lengths, which are padded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.quick import forced_apart
from helpers.small_fits import NETWORKS

from skdeepclust._inputs.sequences import padded

LENGTHS = [3, 5, 4, 6] * 5
STEPS = [np.random.default_rng(n).normal(size=(n, 2)) for n in LENGTHS]
LABEL = [0, 1] * 10


def filled(sequences) -> np.ndarray:
    """Pad by a plain loop."""
    X = np.zeros((len(sequences), 6, *np.shape(sequences[0])[1:]))
    for i, sequence in enumerate(sequences):
        for j, step in enumerate(sequence):
            X[i, j] = step
    return X


SEQUENCES = {
    "arrays": STEPS,
    "tensors": [torch.tensor(each) for each in STEPS],
    "lists": [each.tolist() for each in STEPS],
    "column": pd.Series(STEPS),
    "objects": np.array(STEPS, dtype=object),
}


@pytest.mark.parametrize("holder", SEQUENCES)
def test_sequences_are_padded_with_steps_of_zeros(holder: str) -> None:
    X, whole = SEQUENCES[holder], filled(STEPS)
    model = forced_apart(module__hidden=4, max_epochs=1).fit(X, LABEL)
    expected = forced_apart(module__hidden=4, max_epochs=1).fit(whole, LABEL)
    np.testing.assert_array_equal(model.transform(X), expected.transform(whole))
    np.testing.assert_array_equal(model.transform(X[:1]), model.transform(whole[:1]))
    assert model.score(X, LABEL) == expected.score(whole, LABEL)
    model.partial_fit(X[:4], LABEL[:4])


def test_words_are_padded_with_index_zero() -> None:
    words = [np.arange(1, n + 1).tolist() for n in LENGTHS]
    params = {"vocabulary_size": 7, "max_epochs": 1, "module__hidden": 4}
    model = forced_apart(**params).fit(words, LABEL)
    expected = forced_apart(**params).fit(filled(words), LABEL)
    np.testing.assert_array_equal(model.transform(words), expected.transform(filled(words)))
    np.testing.assert_array_equal(model.transform([[1, 2]]), model.transform([[1, 2, 0, 0, 0, 0]]))


def test_sequences_that_cannot_be_padded() -> None:
    model = forced_apart(module__hidden=4, max_epochs=1).fit(STEPS, LABEL)
    with pytest.raises(ValueError, match="X holds a sequence of 9 steps, more than the 6 of the"):
        model.predict([np.ones((9, 2))])
    with pytest.raises(ValueError, match="X holds samples of unlike shapes"):
        forced_apart(image_shape=(6, 2)).fit(STEPS, LABEL)
    with pytest.raises(ValueError, match="X holds samples of unlike shapes"):
        NETWORKS["autoencoder"]()[0].fit(STEPS)
    assert padded([np.ones(3), np.ones(4)], None, 2) is None
    assert padded([np.ones((3, 2)), np.ones((4, 1))], None, 2) is None
    assert padded([], None, 2) is None
