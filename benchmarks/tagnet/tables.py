"""Tables and the figure of the benchmark of TAGnet, from its results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.common.records import Record
from benchmarks.common.tables import grouped, markdown, mean_and_std
from benchmarks.tagnet.settings import GRAPH_WEIGHTS, NUMBERS_OF_CLUSTERS, STAGES
from skdeepclust.plotting import SweepDisplay

LINES = {False: "as it starts", True: "trained"}


# Which of two auxiliary tasks there are.
TASKS = {
    (False, False): "none",
    (True, False): "the first",
    (False, True): "the second",
    (True, True): "both",
}


def of_experiment(records: Sequence[Record], *names: str) -> list[Record]:
    return [record for record in records if record["experiment"] in names]


def methods(records: Sequence[Record]) -> str:
    """Return one row for each data set and method."""
    header = ["data", "method", "seeds", "ACC", "worst", "NMI", "ARI", "start ACC"]
    header += ["collapsed", "CPU s", "MB"]
    runs_of = grouped(of_experiment(records, "tables"), lambda r: (r["data"], r["setting"]))
    rows = []
    for (data, setting), runs in sorted(runs_of.items(), key=lambda item: item[0][0]):
        n_clusters = 10
        started = [run["start_ACC"] for run in runs if "start_ACC" in run]
        rows.append(
            [
                data,
                setting,
                len(runs),
                mean_and_std([run["ACC"] for run in runs]),
                f"{min(run['ACC'] for run in runs):.3f}",
                mean_and_std([run["NMI"] for run in runs]),
                mean_and_std([run["ARI"] for run in runs]),
                mean_and_std(started) if started else "",
                sum(run["clusters_used"] < n_clusters for run in runs),
                f"{np.mean([run['cpu_s'] for run in runs]):.1f}",
                f"{max(run['peak_rss_mb'] for run in runs):.0f}",
            ]
        )
        others = [run["triplet_dec_ACC"] for run in runs if "triplet_dec_ACC" in run]
        if others:
            label = "the Triplet DEC of that graph"
            scores = [mean_and_std(others), f"{min(others):.3f}"]
            rows.append([data, label, len(runs), *scores, *[""] * 6])
    return markdown(header, rows)


def sweep(records: Sequence[Record]) -> str:
    """Return ACC against the weight of the graph, and against the number of stages."""
    blocks = []
    for name, values in (("graph_weight", [*GRAPH_WEIGHTS, "auto"]), ("n_stages", STAGES)):
        runs_of = grouped(
            [record for record in of_experiment(records, "sweep") if name in record],
            lambda r: (r["data"], r["trained"], str(r[name])),  # noqa: B023
        )
        lines = dict.fromkeys((data, trained) for data, trained, _ in runs_of)
        rows = [
            [data, LINES[trained], *_cells(runs_of, [(data, trained, str(v)) for v in values])]
            for data, trained in sorted(lines)
        ]
        blocks.append(markdown(["data", f"`{name}`", *map(str, values)], rows))
    return "\n\n".join(blocks)


def auxiliary(records: Sequence[Record]) -> str:
    """Return ACC of the overall task against the clusters of two auxiliary ones (Table 3)."""
    plain = {"TAGnet": "entropy", "TAGnet, max_margin": "max_margin"}
    runs = of_experiment(records, "auxiliary") + [
        {**record, "loss_name": plain[record["setting"]], "number": "none"}
        for record in of_experiment(records, "tables")
        if record["setting"] in plain
    ]
    runs_of = grouped(runs, lambda r: (r["data"], r["loss_name"], r["number"]))
    numbers = ["none", *NUMBERS_OF_CLUSTERS]
    lines = dict.fromkeys((data, loss) for data, loss, number in runs_of if number != "none")
    rows = [[*line, *_cells(runs_of, [(*line, n) for n in numbers])] for line in sorted(lines)]
    return markdown(["data", "`loss`", *map(str, numbers)], rows)


def attributes(records: Sequence[Record]) -> str:
    """Return ACC of the overall task, and of those that are meant for attributes (Table 2)."""
    header = ["data", "`loss`", "tasks", "ACC", "ACC of the first", "of the second"]
    rows = []
    runs = of_experiment(records, "attributes")
    for line, of in grouped(
        runs, lambda r: (r["data"], r["loss_name"], r["first"], r["second"])
    ).items():
        data, loss, *tasks = line
        given = TASKS[bool(tasks[0]), bool(tasks[1])]
        scores = [
            mean_and_std([run[name] for run in of]) if name in of[0] else ""
            for name in ("ACC", "ACC_1", "ACC_2")
        ]
        rows.append([data, loss, given, *scores])
    return markdown(header, rows)


def robustness(records: Sequence[Record]) -> str:
    """Return ACC against the number of classes, the level of noise, the share missing."""
    blocks = []
    for experiment, name in (("classes", "n_classes"), ("noise", "level"), ("missing", "level")):
        runs = of_experiment(records, experiment)
        runs_of = grouped(runs, lambda r: (r["data"], r["method"], r[name]))  # noqa: B023
        values = sorted({value for *_, value in runs_of})
        lines = dict.fromkeys((data, method) for data, method, _ in runs_of)
        rows = [
            [data, method, *_cells(runs_of, [(data, method, value) for value in values])]
            for data, method in sorted(lines, key=lambda line: line[0])
        ]
        if rows:
            blocks.append(markdown(["data", experiment, *map(str, values)], rows))
    return "\n\n".join(blocks)


def _cells(runs_of: Mapping, keys: Sequence[tuple]) -> list[str]:
    return [mean_and_std([r["ACC"] for r in runs_of[k]]) if k in runs_of else "" for k in keys]


TABLES: dict[str, Callable[[Sequence[Record]], str]] = {
    "tagnet": methods,
    "tagnet-auxiliary": auxiliary,
    "tagnet-attributes": attributes,
    "tagnet-sweep": sweep,
    "tagnet-robustness": robustness,
}


# ---------------------------------------------------------------- the figure


def draw_sweep(records: Sequence[Record], path: Path) -> None:
    """Draw ACC against the weight of the graph and the number of stages (Fig. 4)."""
    runs = of_experiment(records, "sweep")
    data = list(dict.fromkeys(record["data"] for record in runs))
    if not data:
        raise SystemExit("No run of the sweep was asked for: there is nothing to draw.")
    figure = Figure(figsize=(6.5, 2.6 * len(data)), layout="constrained")
    axes = figure.subplots(len(data), 2, squeeze=False)
    for row, name in enumerate(data):
        for column, (param, values) in enumerate(
            (("graph_weight", GRAPH_WEIGHTS), ("n_stages", STAGES))
        ):
            scores = {
                line: [
                    [
                        r["ACC"]
                        for r in runs
                        if r["data"] == name and r.get(param) == value and r["trained"] is trained
                    ]
                    for value in values
                ]
                for trained, line in LINES.items()
            }
            ax = axes[row, column]
            SweepDisplay.from_values(values, scores, param=param, score_name="ACC", ax=ax)
            ax.set_title(name)
    figure.savefig(path, dpi=180)
