"""Values of Python's own types, and of torch's small ones, as nodes, and back."""

from __future__ import annotations

import datetime
import functools
import math
import re
import types
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path, PurePath
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import torch
from sklearn.utils import Bunch

from skdeepclust._storage.kinds import Read, Reader, Write, Writer

# Python reads and writes longer numbers by other digits alone.
MOST_BITS = 10_000
SINGLES = {"...": ..., "NotImplemented": NotImplemented}
# Types whose values are a text: how it is made, and read.
TEXTS: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "date": (datetime.date, datetime.date.isoformat, datetime.date.fromisoformat),
    "Decimal": (Decimal, str, Decimal),
    "UUID": (uuid.UUID, str, uuid.UUID),
    "zone": (ZoneInfo, str, ZoneInfo),
    "device": (torch.device, str, torch.device),
}
# Types whose values are some numbers, texts or other values: those, and how they are put together.
PARTS: dict[str, tuple[type, Callable[[Any], Any], Callable[..., Any]]] = {
    "complex": (complex, lambda z: (z.real, z.imag), complex),
    "Fraction": (Fraction, lambda f: (f.numerator, f.denominator), Fraction),
    "slice": (slice, lambda s: (s.start, s.stop, s.step), slice),
    "range": (range, lambda r: (r.start, r.stop, r.step), range),
    "time": (
        datetime.time,
        lambda t: (t.hour, t.minute, t.second, t.microsecond, t.tzinfo),
        datetime.time,
    ),
    "datetime": (
        datetime.datetime,
        lambda d: (*d.timetuple()[:6], d.microsecond, d.tzinfo),
        datetime.datetime,
    ),
    "timedelta": (
        datetime.timedelta,
        lambda d: (d.days, d.seconds, d.microseconds),
        datetime.timedelta,
    ),
    "timezone": (datetime.timezone, lambda z: (z.utcoffset(None),), datetime.timezone),
    "bytes": (bytes, lambda b: (np.frombuffer(bytearray(b), np.uint8),), np.ndarray.tobytes),
    "bytearray": (
        bytearray,
        lambda b: (np.frombuffer(bytearray(b), np.uint8),),
        lambda array: bytearray(array.tobytes()),
    ),
    "pattern": (re.Pattern, lambda p: (p.pattern, p.flags), re.compile),
    "Size": (torch.Size, lambda s: tuple(s), lambda *sizes: torch.Size(sizes)),
    "tuple": (tuple, lambda t: t, lambda *items: items),
    "Bunch": (Bunch, lambda b: (dict(b),), lambda items: Bunch(**items)),
    "Counter": (Counter, lambda c: (dict(c),), Counter),
    "deque": (deque, lambda d: (list(d), d.maxlen), deque),
    "defaultdict": (
        defaultdict,
        lambda d: (d.default_factory, dict(d)),
        lambda factory, items: defaultdict(factory, items),
    ),
}


def write_exactly(writer: Writer, value: Any, path: str) -> Any:
    """Return the node of a value of one of the types above, or None."""
    for kind, (cls, text_of, _) in TEXTS.items():
        if type(value) is cls:
            return {"$": kind, "value": text_of(value)}
    for kind, (cls, parts_of, _) in PARTS.items():
        if type(value) is cls:
            items = [writer.node(v, f"{path}[{i}]") for i, v in enumerate(parts_of(value))]
            return {"$": kind, "items": items}
    single = next((name for name, each in SINGLES.items() if each is value), None)
    return None if single is None else {"$": "single", "value": single}


def _text_reader(read: Callable[[str], Any]) -> Read:
    return lambda reader, node: read(node["value"])


def _parts_reader(make: Callable[..., Any]) -> Read:
    return lambda reader, node: make(*reader.value(node["items"]))


def write_float(value: float) -> Any:
    return value if math.isfinite(value) else {"$": "float", "value": str(value)}


def write_int(value: int) -> Any:
    return value if value.bit_length() < MOST_BITS else {"$": "int", "value": hex(value)}


# ---------------------------------------------------------------- containers


def write_dict(writer: Writer, value: dict, path: str) -> Any:
    items = [
        [writer.node(key, path), writer.node(each, f"{path}.{key}")] for key, each in value.items()
    ]
    return {"$": type(value).__name__, "items": items}


def read_dict(reader: Reader, node: dict) -> dict:
    return {reader.value(key): reader.value(value) for key, value in node["items"]}


def read_ordered_dict(reader: Reader, node: dict) -> OrderedDict:
    return OrderedDict(read_dict(reader, node))


def write_set(writer: Writer, value: set | frozenset, path: str) -> Any:
    items = [writer.node(each, path) for each in value]
    # the order of a set differs from process to process
    return {"$": type(value).__name__, "items": sorted(items, key=repr)}


def write_namedtuple(writer: Writer, value: Any, path: str) -> Any:
    if not hasattr(value, "_fields"):
        return writer.refuse(value, path)
    items = [writer.node(v, f"{path}.{k}") for k, v in zip(value._fields, value, strict=True)]
    return {"$": "namedtuple", "class": writer.name(type(value), path), "items": items}


def read_namedtuple(reader: Reader, node: dict) -> tuple:
    cls: Any = reader.trust.instance_class(*node["class"])
    if not (issubclass(cls, tuple) and hasattr(cls, "_make")):
        raise ValueError(f"{node['class']} is no named tuple")
    return cls._make(reader.value(node["items"]))


# ---------------------------------------------------------------- names


def write_global(writer: Writer, value: Any, path: str) -> Any:
    return {"$": "global", "name": writer.name(value, path)}


def read_global(reader: Reader, node: dict) -> Any:
    return reader.trust.callable(*node["name"])


def write_method(writer: Writer, value: types.MethodType, path: str) -> Any:
    owner = value.__self__
    if isinstance(owner, type):
        return write_global(writer, value, path)
    if getattr(getattr(type(owner), value.__name__, None), "__name__", None) != value.__name__:
        return writer.refuse(value, path)
    return {"$": "method", "of": writer.node(owner, path), "name": value.__name__}


def read_method(reader: Reader, node: dict) -> types.MethodType:
    owner, name = reader.value(node["of"]), node["name"]
    method = getattr(type(owner), name)
    if not (reader.trust.is_named(type(owner)) and isinstance(method, types.FunctionType)):
        raise ValueError(f"it names the method {name!r} of a class that the caller hasn't named")
    return types.MethodType(method, owner)


def write_partial(writer: Writer, value: functools.partial, path: str) -> Any:
    if type(value) is not functools.partial or vars(value):
        return writer.refuse(value, path)
    parts = {"function": value.func, "arguments": list(value.args), "options": value.keywords}
    return {"$": "partial", **{k: writer.node(v, f"{path}.{k}") for k, v in parts.items()}}


def read_partial(reader: Reader, node: dict) -> functools.partial:
    function, arguments = reader.value(node["function"]), reader.value(node["arguments"])
    return functools.partial(function, *arguments, **reader.value(node["options"]))


def write_enum(writer: Writer, value: Enum, path: str) -> Any:
    names = [name for name, each in type(value).__members__.items() if each is value]
    if not names:
        return writer.refuse(value, path)
    return {"$": "enum", "class": writer.name(type(value), path), "value": names[0]}


def read_enum(reader: Reader, node: dict) -> Enum:
    cls = reader.trust.instance_class(*node["class"])
    if not issubclass(cls, Enum):
        raise ValueError(f"{node['class']} is no enumeration")
    return cls.__members__[node["value"]]


WRITERS: list[tuple[Any, Write]] = [
    (Enum, write_enum),
    (
        PurePath,
        lambda writer, value, path: {"$": "path", "value": str(value)},
    ),
    ((set, frozenset), write_set),
    (tuple, write_namedtuple),
    (
        (
            type, types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType,
            np.ufunc, type(np.mean),
        ),
        write_global,
    ),
    (types.MethodType, write_method),
    (functools.partial, write_partial),
]  # fmt: skip
READERS: dict[str, Read] = {
    **{kind: _text_reader(read) for kind, (_, _, read) in TEXTS.items()},
    **{kind: _parts_reader(make) for kind, (_, _, make) in PARTS.items()},
    "single": lambda reader, node: SINGLES[node["value"]],
    "float": lambda reader, node: float(node["value"]),
    "int": lambda reader, node: int(node["value"], 16),
    "path": lambda reader, node: Path(node["value"]),
    "dict": read_dict,
    "OrderedDict": read_ordered_dict,
    "set": lambda reader, node: set(reader.value(node["items"])),
    "frozenset": lambda reader, node: frozenset(reader.value(node["items"])),
    "namedtuple": read_namedtuple,
    "global": read_global,
    "method": read_method,
    "partial": read_partial,
    "enum": read_enum,
}
