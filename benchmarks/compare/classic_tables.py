"""Tables of the classics: this library's beside ClustPy's of the same seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.common.records import Record
from benchmarks.common.tables import markdown, mean_and_std
from benchmarks.compare.tables import by_method, mean_of

PEERS = {f"{name}Clusterer": f"ClustPy {name}" for name in ("DEC", "IDEC", "DCN", "DKM", "VaDE")}


def classics(records: Sequence[Record]) -> str:
    """Return ACC, NMI and CPU seconds of both."""
    runs_of = {(data, method): runs for data, method, runs in by_method(records, "methods")}
    rows = []
    for (data, method), runs in runs_of.items():
        if method in PEERS:
            seeds = {run["seed"] for run in runs}
            peer = [r for r in runs_of.get((data, PEERS[method]), []) if r["seed"] in seeds]
            pairs = zip(told(runs), told(peer), strict=True)
            rows.append([data, method, len(runs), *(each for pair in pairs for each in pair)])
    names = ("ACC", "NMI", "CPU s")
    header = ["data", "method", "seeds", *(each for n in names for each in (n, "ClustPy's"))]
    return markdown(header, rows)


def told(runs: Sequence[Record]) -> list[str]:
    """Return mean ACC, NMI and CPU seconds, or why there are none."""
    if not runs or "error" in runs[0]:
        return ["fails" if runs else "not run", "", ""]
    scores = [mean_and_std([run[name] for run in runs]) for name in ("ACC", "NMI")]
    return [*scores, f"{mean_of(runs, 'cpu_s'):.0f}"]


def small(records: Sequence[Record]) -> str:
    """Return those of small networks, from the paper's start and from one that is searched."""
    runs_of = {(data, method): runs for data, method, runs in by_method(records, "small")}
    rows = []
    for data in dict.fromkeys(data for data, _ in runs_of):
        for name, peer in PEERS.items():
            settings = (f"{name}, init='paper'", f"{name}, init='search'", peer)
            groups = [runs_of.get((data, setting), []) for setting in settings]
            accuracies, _, seconds = zip(*map(told, groups), strict=True)
            rows.append([data, name, len(groups[0]), *accuracies, *seconds])
    kinds = ("", ', `init="search"`', ", ClustPy's")
    return markdown(
        [
            "data",
            "method",
            "seeds",
            *(f"{name}{kind}" for name in ("ACC", "CPU s") for kind in kinds),
        ],
        rows,
    )


def parts(records: Sequence[Record]) -> str:
    """Return what another start, a warm-up and both are worth."""
    runs_of = {(data, method): runs for data, method, runs in by_method(records, "parts")}
    kinds = ("as in the paper", "search", "warm-up", "warm-up and search")
    rows = []
    for data in dict.fromkeys(data for data, _ in runs_of):
        for name in PEERS:
            groups = [runs_of.get((data, f"{name}, {kind}"), []) for kind in kinds]
            if any(groups):
                accuracies, _, seconds = zip(*map(told, groups), strict=True)
                n_seeds = max(map(len, groups))
                rows.append([data, name, n_seeds, *accuracies, seconds[0], seconds[-1]])
    header = ["data", "method", "seeds", "ACC", *(f"ACC, {kind}" for kind in kinds[1:])]
    return markdown([*header, "CPU s", "CPU s of both"], rows)


TABLES: Mapping[str, Callable[[Sequence[Record]], str]] = {
    "compare-classics": classics,
    "compare-classics-small": small,
    "compare-classics-parts": parts,
}
