"""Sequences of unlike lengths, which are padded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.quick import forced_apart
from helpers.small_fits import NETWORKS
from torch import nn

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


@pytest.mark.parametrize("offset", [273.15, -1e6, np.array([1.7e9, 0])], ids=["near", "far", "one"])
def test_an_offset_of_sequences_changes_no_result(offset) -> None:
    def codes(sequences, seen) -> np.ndarray:
        model = forced_apart(module__hidden=4, max_epochs=2).fit(sequences, LABEL)
        return model.transform(seen)

    away = 20 * np.array([1, -1])  # far enough to be told from another origin than zero
    near = [step + away for step in STEPS]
    expected = codes(near, near)
    moved = [step + away + offset for step in STEPS]
    np.testing.assert_allclose(codes(moved, moved), expected, rtol=1e-3, atol=1e-3)
    assert np.ptp(expected, axis=0).max() > 0.01
    alone = np.concatenate([codes(moved, [each]) for each in moved[:3]])
    np.testing.assert_allclose(alone, expected[:3], rtol=1e-3, atol=1e-3)


def test_padding_is_no_step_wherever_values_lie() -> None:
    counts = [np.random.default_rng(n).integers(1000, 1002, size=(n, 2)) for n in LENGTHS]
    model = forced_apart(module__hidden=4, max_epochs=1).fit(counts, LABEL)
    origin = model._input.origin.reshape(6, 2)
    np.testing.assert_allclose(origin, np.tile(np.concatenate(counts).mean(0), (6, 1)))
    for dtype in (np.int64, np.int16, np.float32, np.float64):
        given = counts[0].astype(dtype)
        # as if nothing followed it
        x = torch.tensor(given - origin[:3], dtype=torch.float32)[None]
        with torch.no_grad():
            code = model.module_.code(model.module_._last_state(x))
        np.testing.assert_allclose(model.transform([given])[0], code[0], rtol=1e-3, atol=1e-4)


def test_digits_of_steps_are_looked_at() -> None:
    rare = [each.astype(np.float32) + 1e6 for each in [*10 * STEPS[:1], STEPS[1]]]
    forced_apart(module__hidden=4, max_epochs=1).fit(rare * 9, [0, 1, 1] * 33)
    with pytest.raises(ValueError, match=r"float32 rounds to multiples of 1, .* Subtract"):
        forced_apart().fit([each.astype(np.float32) + np.float32(1e7) for each in STEPS], LABEL)


def test_a_network_of_the_users_finds_zeros_in_padding() -> None:
    class Lengths(nn.Module):
        def __init__(self, input_shape, n_outputs):
            super().__init__()
            self.code = nn.Linear(input_shape[0], 2)
            self.output = nn.Linear(2, n_outputs)
            self.seen = set()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen.update((x != 0).any(2).sum(1).tolist())
            return self.output(self.code(x[:, :, 0]))

    warm = [step + 273.15 for step in STEPS]
    model = forced_apart(module=Lengths, lam=0, code_layer="code", max_epochs=1).fit(warm, LABEL)
    assert model.module_.seen - {0} == set(LENGTHS)  # it is tried with zeros first
    model.module_.seen.clear()
    model.predict(warm[:2])
    assert model.module_.seen == set(LENGTHS[:2])


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
