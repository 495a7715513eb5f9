"""Settings of Triplet DEC beside plain methods."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.common.records import Record
from benchmarks.common.tables import grouped, markdown, mean_and_std


def table(records: Sequence[Record]) -> str:
    """Return one row for each data set and setting; "chosen" is the run of the highest score."""
    header = ["data", "setting", "n", "ACC", "worst", "chosen", "NMI", "ARI"]
    header += ["CPU s", "MB"]
    rows = []
    for (data, setting), runs in sorted(
        grouped(records, lambda record: (record["data"], record["setting"])).items(),
        key=lambda item: item[0][0],  # sorting keeps the settings of a data set in their order
    ):
        of = {name: [run[name] for run in runs] for name in ("ACC", "NMI", "ARI", "cpu_s")}
        scored = [run for run in runs if run["score"] is not None]
        chosen = max(scored, key=lambda run: run["score"])["ACC"] if scored else None
        rows.append(
            [
                data,
                setting,
                len(runs),
                mean_and_std(of["ACC"]),
                f"{min(of['ACC']):.3f}",
                "" if chosen is None else f"{chosen:.3f}",
                mean_and_std(of["NMI"]),
                mean_and_std(of["ARI"]),
                mean_and_std(of["cpu_s"], 1),
                f"{max(run['peak_rss_mb'] for run in runs):.0f}",
            ]
        )
    return markdown(header, rows)
