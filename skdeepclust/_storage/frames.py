"""Data frames, series and scalars of pandas as nodes, and back.

pandas is imported when a file has something of it, and not before: it need not be installed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np

from skdeepclust._storage.kinds import Read, Reader, Writer

SINGLES = ("NA", "NaT")


def _pandas() -> Any:
    try:
        return importlib.import_module("pandas")
    except ImportError as error:
        raise ValueError("it holds something of pandas, which isn't installed") from error


def write_pandas(writer: Writer, value: Any, path: str) -> Any:
    """Return the node of a value of pandas, or None."""
    pandas = sys.modules.get("pandas")
    home = getattr(type(value), "__module__", None)  # which compiled types may lack
    if not str(home).startswith("pandas") or not hasattr(pandas, "DataFrame"):
        return None
    single = next((name for name in SINGLES if getattr(pandas, name) is value), None)
    if single is not None:
        return {"$": "of pandas", "value": single}
    for kind, (parts_of, _) in KINDS.items():
        name, _, rest = kind.partition(", ")
        cls = attrgetter(name)(pandas)
        if isinstance(value, cls) if rest else type(value) is cls:
            parts = parts_of(value).items()
            return {"$": kind, **{k: writer.node(v, f"{path}.{k}") for k, v in parts}}
    return writer.refuse(value, path)


def _data(values: Any) -> Any:
    """Return the values of a series or an index: numpy's if their dtype is."""
    return values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array


def _frame(value: Any) -> dict[str, Any]:
    columns = [_data(value.iloc[:, i]) for i in range(value.shape[1])]
    return {"columns": value.columns, "index": value.index, "data": columns}


def _read_frame(pandas: Any, columns: Any, index: Any, data: list) -> Any:
    frame = pandas.DataFrame(dict(enumerate(data)), index=index)
    frame.columns = columns
    return frame


def _multi_index(value: Any) -> dict[str, Any]:
    return {
        "levels": list(value.levels),
        "codes": [np.asarray(codes) for codes in value.codes],
        "names": list(value.names),
    }


def _index(value: Any) -> dict[str, Any]:
    return {"data": _data(value), "name": value.name, "freq": getattr(value, "freqstr", None)}


def _read_index(pandas: Any, data: Any, name: Any, freq: Any) -> Any:
    index = pandas.Index(data, name=name, dtype=data.dtype)
    if isinstance(index, (pandas.DatetimeIndex, pandas.TimedeltaIndex)) and freq is not None:
        index.freq = freq
    return index


def _moment(value: Any) -> dict[str, Any]:
    return {"value": value.asm8, "tz": None if value.tz is None else str(value.tz)}


def _read_moment(pandas: Any, value: Any, tz: str | None) -> Any:
    moment = pandas.Timestamp(value)
    return moment if tz is None else moment.tz_localize("UTC").tz_convert(tz)


def _categorical(value: Any) -> dict[str, Any]:
    return {"codes": value.codes, "categories": value.categories, "ordered": bool(value.ordered)}


# By the name of the class, with those that derive from it where "..." follows: what makes up a
# value, and how it is put together.
KINDS: dict[str, tuple[Callable[[Any], dict[str, Any]], Callable[..., Any]]] = {
    "DataFrame": (_frame, _read_frame),
    "Series": (
        lambda v: {"data": _data(v), "index": v.index, "name": v.name},
        lambda pandas, data, index, name: pandas.Series(data, index, data.dtype, name),
    ),
    "RangeIndex": (
        lambda v: {"range": range(v.start, v.stop, v.step), "name": v.name},
        lambda pandas, range, name: pandas.RangeIndex(range, name=name),
    ),
    "MultiIndex": (_multi_index, lambda pandas, **parts: pandas.MultiIndex(**parts)),
    "Index, ...": (_index, _read_index),
    "Categorical": (
        _categorical,
        lambda pandas, **parts: pandas.Categorical.from_codes(**parts),
    ),
    "CategoricalDtype": (
        lambda v: {"categories": v.categories, "ordered": v.ordered},
        lambda pandas, **parts: pandas.CategoricalDtype(**parts),
    ),
    "Timestamp": (_moment, _read_moment),
    "Timedelta": (lambda v: {"value": v.asm8}, lambda pandas, value: pandas.Timedelta(value)),
    "Period": (
        lambda v: {"ordinal": v.ordinal, "freq": v.freqstr},
        lambda pandas, **parts: pandas.Period(**parts),
    ),
    "Interval": (
        lambda v: {"left": v.left, "right": v.right, "closed": v.closed},
        lambda pandas, **parts: pandas.Interval(**parts),
    ),
    "api.extensions.ExtensionArray, ...": (
        lambda v: {"items": list(v), "dtype": str(v.dtype)},
        lambda pandas, items, dtype: pandas.array(items, dtype=dtype),
    ),
    "api.extensions.ExtensionDtype, ...": (
        lambda v: {"dtype": str(v)},
        lambda pandas, dtype: pandas.api.types.pandas_dtype(dtype),
    ),
}


def _reader(make: Callable[..., Any]) -> Read:
    def read(reader: Reader, node: dict) -> Any:
        parts = {k: reader.value(v) for k, v in node.items() if k not in ("$", "id")}
        return make(_pandas(), **parts)

    return read


READERS: dict[str, Read] = {
    "of pandas": lambda reader, node: getattr(_pandas(), SINGLES[SINGLES.index(node["value"])]),
    **{kind: _reader(make) for kind, (_, make) in KINDS.items()},
}
