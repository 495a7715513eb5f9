"""Values of swept parameters: which are equal, their order, and a search's scores at them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from numbers import Integral, Real
from typing import Any

import numpy as np


def is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _key(value: Any) -> Any:
    """Return what equal values have in common; some cannot be hashed."""
    return float(value) if is_number(value) else repr(value)


def write_value(value: Any) -> str:
    if is_number(value):
        return f"{value:,}" if isinstance(value, Integral) else f"{float(value):g}"
    return str(getattr(value, "__name__", value))


def order_values(values: Sequence[Any]) -> list[int]:
    """Return the positions of the different values, of numbers in ascending order."""
    first = list({_key(value): i for i, value in reversed(list(enumerate(values)))}.values())
    return sorted(first, key=values.__getitem__ if all(map(is_number, values)) else None)


def tabulate(
    cv_results: Any, names: Sequence[str], metrics: Sequence[str]
) -> tuple[list[list[Any]], list[np.ndarray], list[str]]:
    """Return the values of the named parameters, the scores of each metric and other parameters.

    The scores have an axis for each name, then one for the splits.
    """
    settings = list(cv_results["params"])
    known = sorted({name for setting in settings for name in setting})
    if set(names) - set(known):
        raise ValueError(f"param and hue must be among {known}, got {list(names)!r}.")
    splits = [_splits(cv_results, metric) for metric in metrics]
    rows = [i for i, setting in enumerate(settings) if set(names) <= set(setting)]
    if not rows:
        raise ValueError(f"no setting of the search has all of {list(names)!r}.")
    columns = [[settings[i][name] for i in rows] for name in names]
    values = [[column[i] for i in order_values(column)] for column in columns]
    found: dict[Any, list[int]] = {}
    for i, *key in zip(rows, *([_key(v) for v in column] for column in columns), strict=True):
        found.setdefault(tuple(key), []).append(i)
    tables = [np.full((*map(len, values), split.shape[1]), np.nan) for split in splits]
    rank = np.nan_to_num(splits[0].mean(axis=1), nan=-np.inf)
    for place in product(*(range(len(axis)) for axis in values)):
        key = tuple(_key(axis[i]) for axis, i in zip(values, place, strict=True))
        if key in found:
            best = max(found[key], key=rank.__getitem__)
            for table, split in zip(tables, splits, strict=True):
                table[place] = split[best]
    others = [name for name in known if name not in names]
    varied = [o for o in others if len({_key(settings[i].get(o)) for i in rows}) > 1]
    return values, tables, varied


def _splits(cv_results: Any, metric: str) -> np.ndarray:
    """Return the scores of each setting and split."""
    keys = [key for key in cv_results if key.startswith("split") and key.endswith(f"_{metric}")]
    keys = [key for key in keys if key.removesuffix(f"_{metric}").removeprefix("split").isdigit()]
    if not keys:
        known = [key.removeprefix("mean_") for key in cv_results if key.startswith("mean_")]
        known = [name for name in known if not name.endswith("_time")]
        raise ValueError(f"metric must be among {known}, got {metric!r}.")
    return np.column_stack([np.asarray(cv_results[key], np.float64) for key in keys])
