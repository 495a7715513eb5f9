"""Arrays, tensors and generators of random numbers there and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.encoding import there_and_back
from scipy import sparse

ARRAYS = [
    np.array([1 + 2j, 3]), np.array(["2020-01-01", "NaT"], "M8[ns]"), np.array([1], "m8[s]"),
    np.array([b"ab", b"c"]), np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]),
    np.zeros((0, 3), "M8[s]"),
    np.array(["a", "bc"]), np.longdouble([1, 2]),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(12).reshape(3, 4)[::2, ::3],
    np.array(5.0), np.array("text"), np.arange(3, dtype=">i4"),
]  # fmt: skip


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype} {array.shape}")
def test_arrays(array):
    again = there_and_back(array)
    native = array.dtype.newbyteorder("=") if array.dtype.kind == "i" else array.dtype
    assert again.dtype == native
    assert again.flags.writeable
    assert again.flags.f_contiguous or not array.flags.f_contiguous
    np.testing.assert_array_equal(again, array)


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="needs NumPy 2")
def test_arrays_of_texts_of_any_length():
    again = there_and_back(np.array(["a", "b" * 50], "T"))
    assert again.dtype.kind == "T"
    assert again.tolist() == ["a", "b" * 50]


def test_arrays_of_objects_may_hold_arrays():
    array = np.empty(2, dtype=object)
    array[:] = [np.arange(3), np.arange(3.0)]
    again = there_and_back(array)
    assert [each.dtype for each in again] == [each.dtype for each in array]
    assert there_and_back(np.array([None, {"a": 1}, pd.NA], dtype=object)).tolist()[1] == {"a": 1}


def test_masked_arrays():
    for data in ([1.5, 2, 3], np.array([{"a": 1}, None, "b"], dtype=object)):
        array = np.ma.MaskedArray(data, mask=[False, True, False])
        again = there_and_back(array)
        assert again.tolist() == array.tolist()
        np.testing.assert_array_equal(again.mask, array.mask)
    assert there_and_back(np.ma.MaskedArray([1, 2])).mask is np.ma.nomask


@pytest.mark.parametrize("form", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
@pytest.mark.parametrize("family", ["array", "matrix"])
def test_sparse_matrices(form, family):
    matrix = getattr(sparse, f"{form}_{family}")(
        sparse.random_array((5, 4), density=0.5, random_state=0)
    )
    again = there_and_back(matrix)
    assert type(again) is type(matrix)
    assert (again != matrix).nnz == 0


TENSORS = [
    torch.arange(3.0).to(torch.bfloat16), torch.tensor([1 + 2j]),
    torch.ones((), dtype=torch.uint16), torch.tensor([1 + 2j]).conj(),
    torch.ones(2, dtype=torch.float8_e4m3fn), torch.eye(3).to_sparse(),
    torch.arange(6).reshape(2, 3).T, torch.zeros(0, 2),
]  # fmt: skip


@pytest.mark.parametrize("tensor", TENSORS, ids=lambda tensor: f"{tensor.dtype} {tensor.layout}")
def test_tensors(tensor):
    again = there_and_back(tensor)
    assert (again.dtype, again.layout) == (tensor.dtype, tensor.layout)
    dense, expected = again.to_dense(), tensor.to_dense()
    assert torch.equal(dense.to(torch.complex64), expected.to(torch.complex64))


@pytest.mark.parametrize("name", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
def test_random_numbers_go_on(name):
    make = getattr(np.random, name)
    generator, state = np.random.Generator(make(3)), np.random.RandomState(make(3))
    generator.random(7), state.normal()
    again, [same, other] = there_and_back(generator), there_and_back([state, state])
    assert again.random() == generator.random()
    assert again.spawn(1)[0].random() == generator.spawn(1)[0].random()
    assert same is other
    assert same.normal() == state.normal()
    ours = torch.Generator().manual_seed(3)
    assert torch.equal(torch.rand(2, generator=there_and_back(ours)), torch.rand(2, generator=ours))
