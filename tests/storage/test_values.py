"""Values there and back: all that parameters and fitted attributes may be."""

from __future__ import annotations

import datetime
import functools
import json
import re
import uuid
from collections import Counter, OrderedDict, deque, namedtuple
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.encoding import encoded, there_and_back
from scipy import special
from sklearn.utils import Bunch

from skdeepclust import metrics
from skdeepclust._storage.tree import Decoder
from skdeepclust._storage.trust import Trust, UntrustedError


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
