"""What two records of the same scenarios differ in."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import numpy as np

from same.seen import Seen

MISSING = Seen("nothing", "")


def differences(base: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each scenario that differs, which names the first difference."""
    for name in base | now:
        one, other = base.get(name, {}), now.get(name, {})
        found = [key for key in one | other if not same(one.get(key), other.get(key))]
        if found:
            key = found[0]
            what = difference(one.get(key, MISSING), other.get(key, MISSING))
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            yield f"{name}: {key}: {what}{more}"


def same(one: Seen | None, other: Seen | None) -> bool:
    if one is None or other is None or one.kind != other.kind:
        return False
    if isinstance(one.value, str) or isinstance(other.value, str):
        return type(one.value) is type(other.value) and one.value == other.value
    return alike(one.value, other.value) and one.value.tobytes() == other.value.tobytes()


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape


def difference(one: Seen, other: Seen) -> str:
    """Say by how much two values differ."""
    if one.kind != other.kind:
        return f"{one.kind} became {other.kind} ({shown(one)} -> {shown(other)})"
    if isinstance(one.value, str) or isinstance(other.value, str):
        return changed_text(str(one.value), str(other.value))
    if not alike(one.value, other.value):
        return f"{one.value.dtype}{one.value.shape} became {other.value.dtype}{other.value.shape}"
    places = np.flatnonzero(bits(one.value) != bits(other.value))
    share = f"{len(places)} of {one.value.size} values differ"
    if one.value.dtype.kind not in "fiu":
        return share
    apart = np.abs(one.value.astype(float) - other.value.astype(float))
    return f"{share}, by {np.nanmax(apart, initial=0):.3g} at most"


def bits(values: np.ndarray) -> np.ndarray:
    width = values.dtype.itemsize
    return np.frombuffer(values.tobytes(), f"V{width}") if width else np.empty(0)


def shown(seen: Seen) -> str:
    text = seen.value if isinstance(seen.value, str) else np.array2string(seen.value, threshold=4)
    return text if len(text) < 80 else f"{text[:77]}..."


def changed_text(one: str, other: str) -> str:
    """Return the first place where two texts differ, with some of what stands around it."""
    if max(len(one), len(other)) > 2000:  # too long to match
        begin = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
        end, begin_other, end_other = begin + 30, begin, begin + 30
    else:
        matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
        changes = (each for each in matcher.get_opcodes() if each[0] != "equal")
        _, begin, end, begin_other, end_other = next(changes)
    around = one[max(0, begin - 30) : end + 30], other[max(0, begin_other - 30) : end_other + 30]
    return f"{around[0]!r} became {around[1]!r}"
