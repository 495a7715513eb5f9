"""Tables of records in Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from statistics import fmean, stdev

from benchmarks.common.records import Record


def grouped(
    records: Iterable[Record], key: Callable[[Record], Hashable]
) -> dict[Hashable, list[Record]]:
    """Group records, in the order in which the keys first appear."""
    groups: dict[Hashable, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


def mean_and_std(values: Sequence[float], digits: int = 3) -> str:
    """Return "mean ± std" with the standard deviation of a sample; "mean" of a single value."""
    mean = f"{fmean(values):.{digits}f}"
    return f"{mean} ± {stdev(values):.{digits}f}" if len(values) > 1 else mean


def difference(
    runs: Sequence[Record],
    others: Sequence[Record],
    name: str,
    *,
    scale: float = 1,
    digits: int = 3,
) -> str:
    """Return the mean difference of runs with the same seed, and its standard error."""
    other = {run["seed"]: run[name] for run in others}
    pairs = [scale * (run[name] - other[run["seed"]]) for run in runs if run["seed"] in other]
    if not pairs:
        return ""
    error = f" ± {stdev(pairs) / math.sqrt(len(pairs)):.{digits}f}" if len(pairs) > 1 else ""
    return f"{fmean(pairs):+.{digits}f}{error}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown, its columns aligned."""
    cells = [list(map(str, row)) for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in cells
    )
