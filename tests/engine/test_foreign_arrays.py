"""Arrays of other libraries become NumPy's, missing values are found, rows arrive in time."""

from __future__ import annotations

from decimal import Decimal

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from torch.overrides import TorchFunctionMode

from skdeepclust._engine.foreign_arrays import in_numpy, is_missing, vector
from skdeepclust._engine.runner import Batches
from skdeepclust.dictionary import KSVD
from skdeepclust.graph import NeighborAffinity

VALUES = np.array([2, 0, 1])


class OfAnotherLibrary:
    """A column that knows its length and how to become an array, as those of pyarrow do."""

    def __len__(self) -> int:
        return len(VALUES)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return VALUES


HOLDERS = {
    "tensor": torch.tensor(VALUES),
    "gradient": torch.tensor(VALUES.astype(float), requires_grad=True),
    "half": torch.tensor(VALUES, dtype=torch.bfloat16),
    "tensors": [torch.tensor(each) for each in VALUES],
    "numbers of numpy": [*VALUES],
    "no mask": np.ma.array(VALUES),
    "series": pd.Series(VALUES),
    "nullable": pd.Series(VALUES, dtype="Int64"),
    "extension": pd.array(VALUES, dtype="Int64"),
    "index": pd.Index(VALUES),
    "categories": pd.Series(VALUES, dtype="category"),
    "dask": da.from_array(VALUES, chunks=2),
    "other": OfAnotherLibrary(),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_values_stay(holder: str) -> None:
    found = vector(HOLDERS[holder], "y")
    assert isinstance(found, (list, np.ndarray))
    assert np.asarray(found).dtype.kind in "if"
    assert np.asarray(found).tolist() == VALUES.tolist()


@pytest.mark.parametrize("to", ["to_sparse", "to_sparse_csr"])
@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_sparse_tensors_are_sparse(to: str) -> None:
    dense = np.diag([1.0, 0.0, 3.0])
    found = in_numpy(getattr(torch.tensor(dense), to)(), "X")
    assert sparse.issparse(found)
    assert found.nnz == 2
    np.testing.assert_array_equal(found.toarray(), dense)


def test_strings_of_any_length_are_objects() -> None:
    found = vector(np.array(["b", "a"], dtype=np.dtypes.StringDType()), "y")
    assert found.dtype == object
    assert found.tolist() == ["b", "a"]


@pytest.mark.parametrize(
    "value", [None, float("nan"), np.nan, np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT"),
              Decimal("NaN")]
)  # fmt: skip
def test_what_is_missing(value) -> None:
    assert is_missing(value)
    with pytest.raises(ValueError, match=r"Input y contains .*, a missing value, in row 1"):
        vector(np.array([1, value], dtype=object), "y")


@pytest.mark.parametrize("value", [0, "", "nan", False, 0.0, np.float32(1), Decimal(1), b"", ()])
def test_what_is_there(value) -> None:
    assert not is_missing(value)


@pytest.mark.parametrize("values", ["abc", b"abc", {1, 2}, {1: 2}, iter([1]), object()])
def test_what_holds_no_values(values) -> None:
    with pytest.raises(TypeError, match=r"y is a .*: give an array or a list with a value"):
        vector(values, "y")


@pytest.mark.parametrize("make", [lambda: NeighborAffinity(3), lambda: KSVD(4, random_state=0)])
def test_what_holds_samples_of_a_graph_or_a_dictionary(make) -> None:
    X = np.random.default_rng(0).normal(size=(30, 5))
    expected = np.asarray(make().fit(X).transform(X).sum())
    holders = [np.ma.array(X), torch.tensor(X, requires_grad=True), [torch.tensor(x) for x in X]]
    for held in holders:
        assert make().fit(held).transform(held).sum() == pytest.approx(expected)
    with pytest.raises(ValueError, match="X is a masked array with"):
        make().fit(np.ma.array(X, mask=X > 1))


class Moves(TorchFunctionMode):
    """Counts what comes to the CPU, and what isn't waited for: from a GPU it is read too early."""

    def __init__(self) -> None:
        super().__init__()
        self.n_moved = self.n_early = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.Tensor.to and torch.device("cpu") in args[1:]:
            self.n_moved += 1
            self.n_early += kwargs.get("non_blocking", False)
        return func(*args, **kwargs)


def test_rows_that_come_to_the_cpu_are_there_before_they_are_read():
    options = {"batch_size": 3, "sample_shape": (2,), "dtype": torch.float32}
    with Moves() as moves:
        for _ in Batches(torch.ones(6, 2), device=torch.device("cpu"), **options):
            pass
    assert moves.n_moved > 0 == moves.n_early
