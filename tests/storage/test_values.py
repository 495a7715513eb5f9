"""Values there and back: all that parameters and fitted attributes may be."""

from __future__ import annotations

import datetime
import functools
import json
import re
import sys
import types
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse, special
from sklearn.metrics import make_scorer
from sklearn.neighbors import KDTree, KernelDensity, KNeighborsClassifier, NearestNeighbors
from sklearn.utils import Bunch

from skdeepclust import metrics
from skdeepclust._storage.tree import Decoder, Encoder
from skdeepclust._storage.trust import Trust, UntrustedError


def encoded(value):
    encoder = Encoder("")
    return json.loads(json.dumps(encoder.encode(value, "value"), allow_nan=False)), encoder.arrays


def there_and_back(value, *trusted):
    tree, arrays = encoded(value)
    return Decoder(arrays, Trust(trusted)).decode(tree)


class Colour(Enum):
    RED = 1
    GREEN = "g"


class Level(IntEnum):
    HIGH = 3


Pair = namedtuple("Pair", "first second")

VALUES = [
    1 + 2j, complex("nan"), slice(0, 2), slice(None, None, -1), range(3, 9, 2), b"", b"a\0b",
    bytearray(b"ab"), frozenset({1, "a"}), {1.5, "b"}, ..., 1 << 20_000, -(2**70), (1, (2, [3])),
    deque([1, 2], 3), Counter("aab"), Decimal("1.10"), Fraction(1, 3), uuid.UUID(int=7), True,
    datetime.date(2020, 1, 2), datetime.timedelta(1, 2, 3), datetime.time(1, 2, 3),
    datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.UTC), ZoneInfo("Europe/Paris"),
    datetime.timezone(datetime.timedelta(hours=2)), datetime.datetime(2020, 1, 2, 3, 4, 5, 6),
    re.compile("a+", re.IGNORECASE), Path("a") / "b", torch.Size([2, 3]), torch.channels_last,
    torch.sparse_coo, torch.bfloat16, OrderedDict(a=1), Bunch(a=1, b=[2]),
    np.float32(0.1), np.float64("inf"), np.int8(-3), np.bool_(True), np.complex64(1j), np.str_("a"),
    np.datetime64("2020-01-02"), np.timedelta64(3, "s"), np.datetime64("NaT"),
    np.dtype("M8[ns]"), np.dtype([("a", "<f4"), ("b", "<i8", (2,))]), np.dtype(object),
    pd.NA, pd.NaT, pd.Timestamp("2020-01-02 03:04:05.678901234"), pd.Timedelta(3, "h"),
    pd.Timestamp("2020-01-02", tz="Europe/Paris"), pd.Period("2020-03", "M"), pd.Interval(0, 1),
    pd.Interval(0.5, 1.5, closed="both"), pd.CategoricalDtype(["a", "b"], ordered=True),
    pd.Int64Dtype(), pd.DatetimeTZDtype(tz="UTC"),
]  # fmt: skip


def same(one, other) -> bool:
    """Tell whether two values are equal, or the same kind of nothing."""
    return type(one) is type(other) and (one is other or one == other or str(one) == str(other))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values(value):
    assert same(there_and_back(value), value)
    assert same(there_and_back([{"a": (value,)}])[0]["a"][0], value)


HARMLESS = [
    np.log1p, np.hypot, special.expit, np.nan_to_num, np.clip, np.float64, np.int64, np.number,
    float, object, str.lower, str.split, len, sum, torch.relu, torch.nn.functional.gelu,
    metrics.embedding_silhouette_scorer, torch.nn.Linear,
    type(torch.nn.MultiheadAttention(2, 1).out_proj),
]  # fmt: skip


@pytest.mark.parametrize("function", HARMLESS, ids=lambda function: function.__name__)
def test_types_and_functions_that_do_nothing_but_compute(function):
    assert there_and_back(function) is function
    bound = there_and_back(functools.partial(function, 1, a=[2]))
    assert (bound.func, bound.args, bound.keywords) == (function, (1,), {"a": [2]})


class Net(torch.nn.Linear):
    @classmethod
    def tiny(cls):
        return cls(2, 2)


CALLERS = [np.vectorize, np.load, torch.load, eval, getattr, print, json.loads, str.format]


@pytest.mark.parametrize("function", [*CALLERS, Net.tiny])
def test_others_have_to_be_named(function):
    tree, arrays = encoded(function)
    with pytest.raises(UntrustedError, match="it names"):
        Decoder(arrays, Trust()).decode(tree)
    assert Decoder(arrays, Trust([function])).decode(tree) == function


def test_enumerations_and_named_tuples_by_their_class():
    for value, cls in ((Colour.GREEN, Colour), (Level.HIGH, Level), (Pair(1, "a"), Pair)):
        tree, arrays = encoded(value)
        with pytest.raises(UntrustedError, match=cls.__name__):
            Decoder(arrays, Trust()).decode(tree)
        again = there_and_back(value, cls)
        assert again == value
        assert type(again) is cls


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


FRAME = pd.DataFrame(
    {
        "number": [1.5, 2.5, None],
        "text": ["a", None, "c"],
        "kind": pd.Categorical(["x", "y", "x"], ordered=True),
        "whole": pd.array([1, None, 3], dtype="Int8"),
        "truth": pd.array([True, None, False], dtype="boolean"),
        "time": pd.date_range("2020", periods=3, tz="Europe/Paris"),
        "naive": pd.date_range("2020", periods=3),
        "span": pd.period_range("2020", periods=3, freq="Q"),
        "bin": pd.interval_range(0, 3),
        "object": [(1, 2), None, {"a": 1}],
    },
    index=pd.Index(["r", "s", "t"], name="row"),
)


@pytest.mark.parametrize("name", FRAME)
def test_series_and_indices(name):
    pd.testing.assert_series_equal(there_and_back(FRAME[name]), FRAME[name])
    if name not in ("object", "text"):  # of which some are equal to none
        index = pd.Index(FRAME[name])
        pd.testing.assert_index_equal(there_and_back(index), index, exact=True)


def test_frames():
    columns = pd.MultiIndex.from_product([["a", "b"], range(5)], names=["letter", None])
    for frame in (
        FRAME,
        FRAME.set_axis(columns, axis=1),
        FRAME.set_index(["text", "number"]),
        FRAME[["number", "number"]].reset_index(drop=True),
        FRAME.iloc[:0],
        pd.DataFrame(index=[1, 2]),
    ):
        pd.testing.assert_frame_equal(there_and_back(frame), frame)


# ---------------------------------------------------------------- objects


class Node:
    def __init__(self):
        self.me, self.of = self, None

    def say(self):
        return "said"


class Slotted:
    __slots__ = ("value",)


class Listed(list):
    pass


def test_what_stands_twice_is_one_object_again():
    tensor, inner = torch.ones(2), Node()
    inner.of = [tensor, tensor, inner]
    again = there_and_back(inner, Node)
    assert again.me is again is again.of[2]
    assert again.of[0] is again.of[1]
    tree, _ = encoded([torch.ones(2), torch.ones(2)])
    assert all("id" not in node for node in tree)


def test_objects_by_their_class():
    slotted, listed = Slotted(), Listed([1, 2])
    slotted.value, listed.name = 3, "a"
    assert there_and_back(slotted, Slotted).value == 3
    again = there_and_back(listed, Listed)
    assert (type(again), again, again.name) == (Listed, [1, 2], "a")
    factory = there_and_back(defaultdict(list, a=[1]))
    assert factory["b"] == []


def test_methods_are_those_of_classes_that_are_named():
    tree, arrays = encoded(Node().say)
    assert Decoder(arrays, Trust([Node])).decode(tree)() == "said"
    fit = {"$": "method", "of": encoded(NearestNeighbors())[0], "name": "fit"}
    with pytest.raises(ValueError, match="hasn't named"):
        Decoder({}, Trust()).decode(fit)


def test_classes_of_a_script_are_found_by_their_name():
    def of_module(module, name):
        return {"$": "object", "class": [module, name], "state": None}

    assert isinstance(Decoder({}, Trust([Node])).decode(of_module("__main__", "Node")), Node)
    other = types.new_class("Node")
    other.__module__ = "__main__"
    assert isinstance(Decoder({}, Trust([other])).decode(of_module("script", "Node")), other)
    for named in ([], [Node, other]):  # the second is unclear
        with pytest.raises(UntrustedError):
            Decoder({}, Trust(named)).decode(of_module("__main__" if not named else "a", "Nodes"))


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
def test_a_search_keeps_its_labels(algorithm):
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 3
    search = KNeighborsClassifier(3, algorithm=algorithm).fit(X, y)
    again = there_and_back(search, KNeighborsClassifier)
    np.testing.assert_array_equal(again.predict_proba(X + 0.1), search.predict_proba(X + 0.1))


def test_compiled_objects_are_made_by_classes_that_are_named():
    X = np.random.default_rng(0).normal(size=(30, 2))
    density = KernelDensity().fit(X)
    tree, arrays = encoded(density)
    with pytest.raises(UntrustedError) as error:
        Decoder(arrays, Trust()).decode(tree)
    named = [getattr(sys.modules[module], name) for module, name in error.value.names]
    assert {KernelDensity, KDTree} < {*named}
    again = Decoder(arrays, Trust(named)).decode(tree)
    np.testing.assert_array_equal(again.score_samples(X), density.score_samples(X))


def test_scorers_hold_functions_that_are_named():
    scorer = make_scorer(metrics.clustering_accuracy_score, greater_is_better=False)
    assert there_and_back(scorer)._score_func is metrics.clustering_accuracy_score
    with pytest.raises(UntrustedError, match=r"json\.loads"):
        there_and_back(make_scorer(json.loads))


# ---------------------------------------------------------------- what is told


def test_all_that_cant_be_written_is_named():
    with pytest.raises(TypeError) as error:
        Encoder("Hint.").encode([{"a": lambda: 0}, (iter([]), 3), [].append], "value")
    for place in (r"value[0].a is", r"value[1][0] is", "value[2] is", "Hint."):
        assert place in str(error.value)
    loop: list = []
    loop.append(loop)
    with pytest.raises(TypeError, match="nested too deep"):
        Encoder("").encode(loop, "value")


def test_all_that_isnt_trusted_is_named():
    tree, arrays = encoded([Colour.RED, {"a": Node()}, json.loads, Pair(1, 2), Node()])
    with pytest.raises(UntrustedError) as error:
        Decoder(arrays, Trust([Pair])).decode(tree)
    assert error.value.names == [
        (__name__, "Colour"), (__name__, "Node"), ("json", "loads"),
    ]  # fmt: skip
    assert "trusted=[Colour, Node, loads]" in str(error.value)


HOSTILE = {
    "bytes of objects": {"$": "bytes of", "dtype": "'O'", "shape": [1], "name": "0"},
    "bytes of code": {"$": "bytes of", "dtype": "__import__('os')", "shape": [1], "name": "0"},
    "a layout that is none": {"$": "layout", "value": "load"},
    "a number that is none": {"$": "number", "dtype": "O", "value": 1},
    "an enumeration that is none": {"$": "enum", "class": ["torch.nn.modules.linear", "Linear"]},
    "a layer that is none": {"$": "layer", "class": ["skdeepclust.dictionary", "KSVD"]},
    "a call": {"$": "made", "class": ["skdeepclust.dictionary", "KSVD"], "arguments": [3]},
    "a partial of a builtin": {
        "$": "partial", "function": {"$": "global", "name": ["builtins", "exec"]},
    },
    "a name of pandas": {"$": "of pandas", "value": "read_pickle"},
    "nothing of this id": {"$": "same", "id": 3},
    "a part of a module": {"$": "global", "name": ["numpy", "testing.run_threaded"]},
    "a part of scikit-learn": {"$": "global", "name": ["sklearn.metrics._scorer", "get_scorer"]},
    "an import of torch's": {"$": "global", "name": ["torch.nn.modules.module", "OrderedDict"]},
    "bits that are none": {
        "$": "random_state",
        "state": {"$": "dict", "items": [["bit_generator", "RandomState"]]},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_nodes(name):
    with pytest.raises((ValueError, KeyError)):
        Decoder({"0": np.zeros(8, np.uint8)}, Trust()).decode(HOSTILE[name])
