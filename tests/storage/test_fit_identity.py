"""The hashes by which a checkpoint recognises its fit."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import torch

from skdeepclust._storage import fit_identity
from skdeepclust._storage.fit_identity import describe, hash_of

X = np.random.default_rng(0).normal(size=(60, 64))

VALUES = """
import numpy as np, torch, pandas as pd
from scipy import sparse
from skdeepclust.regularizers import DeCovRegularizer
from skdeepclust._storage.fit_identity import hash_of
X = np.arange(12.0).reshape(4, 3)
values = [
    X, X.T, X[:, ::2], X.astype("f"), X.tolist(), torch.from_numpy(X), sparse.csr_array(X),
    sparse.coo_array(X), pd.DataFrame(X, columns=["a", "b", "c"]), np.array(["a", "b"], object),
    {"b", "a", "c"}, {"a": 1, "b": 2}, torch.optim.Adam, lambda x: x + 1, DeCovRegularizer(["a"]),
    np.random.RandomState(0), (1, 2), 1.5, "a",
]
"""


def test_hashes_are_the_same_in_another_process():
    space: dict = {"__name__": "__main__"}
    exec(VALUES, space)
    found = [hash_of(value) for value in space["values"]]
    assert found[0] == found[5], "a tensor is the array that it holds"
    assert found[6] == found[7], "formats of sparse matrices don't matter"
    assert len(set(found)) == len(found) - 2
    code = VALUES + "print([hash_of(value) for value in values])"
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert output.strip() == repr(found)


def test_hashes_of_what_is_equal(tmp_path, monkeypatch):
    monkeypatch.setattr(fit_identity, "BLOCK_BYTES", 200)
    path = tmp_path / "array.npy"
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    assert hash_of(mapped) == hash_of(X)
    assert hash_of(mapped[:, ::2]) == hash_of(X[:, ::2])
    changed = X.copy()
    changed[-1, -2] += 1
    assert hash_of(changed[:, ::2]) != hash_of(X[:, ::2])
    assert hash_of(changed) != hash_of(X)
    weights = torch.nn.Linear(3, 2).weight
    assert hash_of(weights.T.contiguous().T) == hash_of(weights)
    assert hash_of(lambda x: x + 1) != hash_of(lambda x: x + 2)


def test_descriptions_are_short_and_name_no_address():
    assert describe(X) == "float64 of shape (60, 64)"
    assert describe(torch.zeros(2, 3)) == "float32 of shape (2, 3)"
    assert describe(0.001) == "0.001"
    assert describe("text") == "'text'"
    assert describe(object()) == "<object object>"
    assert len(describe([[1.0] * 1000] * 1000)) < 300
