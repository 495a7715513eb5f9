"""Tables of the comparison on tables and embeddings: accuracy, rank and seconds by data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import numpy as np
from scipy.stats import rankdata

from benchmarks.common.records import Record
from benchmarks.common.tables import markdown
from benchmarks.compare.tables import by_method, label, mean_of

BOTH = ("TripletDECClusterer", "TAGnetClusterer")
BETTER = "the better of both"


def cells(records: Sequence[Record], value: str) -> dict[str, dict[str, float]]:
    """Return the mean of a value by method and data set."""
    found: dict[str, dict[str, float]] = {}
    for data, method, runs in by_method(records, "rows"):
        if "error" not in runs[0]:
            found.setdefault(method, {})[data] = mean_of(runs, value)
    return found


def ranks(accuracy: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> dict[str, float]:
    """Return the mean rank of methods over the data sets, 1 is the best."""
    data = [each for each in accuracy[names[0]] if all(each in accuracy[n] for n in names)]
    table = np.array([[accuracy[name][each] for each in data] for name in names])
    of = rankdata(-table.round(3), axis=0, method="average").mean(1)
    return dict(zip(names, of.tolist(), strict=True))


def accuracy(records: Sequence[Record]) -> str:
    """Return mean ACC by method and data set, and the mean rank."""
    found = cells(records, "ACC")
    if not found:
        return markdown(["method"], [])
    data = list(dict.fromkeys(each for of in found.values() for each in of))
    plain = [name for name in found if name not in BOTH]
    rank = ranks(found, [*found])
    better = {}
    if all(name in found for name in BOTH):
        better = {each: max(found[name].get(each, 0) for name in BOTH) for each in data}
        rank[BETTER] = ranks({**found, BETTER: better}, [BETTER, *plain])[BETTER]
        found = {**found, BETTER: better}
    rows = [
        [
            label(name) if name != BETTER else f"**{name}**",
            *(f"{of[each]:.3f}" if each in of else "" for each in data),
            f"{rank[name]:.1f}",
        ]
        for name, of in sorted(found.items(), key=lambda item: rank[item[0]])
    ]
    return markdown(["ACC", *data, "mean rank"], rows)


def seconds(records: Sequence[Record]) -> str:
    """Return mean CPU seconds by method and data set."""
    found = cells(records, "cpu_s")
    data = list(dict.fromkeys(each for of in found.values() for each in of))
    rows = [
        [label(name), *(f"{of[each]:.1f}" if each in of else "" for each in data)]
        for name, of in sorted(found.items(), key=lambda item: -fmean(item[1].values()))
    ]
    return markdown(["CPU s", *data], rows)


TABLES: Mapping[str, Callable[[Sequence[Record]], str]] = {
    "compare-rows": accuracy,
    "compare-rows-seconds": seconds,
}
