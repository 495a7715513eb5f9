"""Precisions beside single precision."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.common.records import Record
from benchmarks.common.tables import difference, grouped, markdown, mean_and_std


def table(records: Sequence[Record]) -> str:
    header = ["data", "setting", "seeds", "ACC", "points from float32", "NMI"]
    header += ["CPU s", "seconds of an epoch of the warm-up"]
    rows = []
    for (data, setting), runs in grouped(records, lambda r: (r["data"], r["setting"])).items():
        plain = [r for r in records if (r["data"], r["setting"]) == (data, "float32")]
        columns = {name: [run[name] for run in runs] for name in ("ACC", "NMI", "cpu_s")}
        points = difference(runs, plain, "ACC", scale=100, digits=2) if runs != plain else ""
        told = mean_and_std(columns["cpu_s"], 0)
        epoch = mean_and_std([run["epoch_s"].get("warmup", 0) for run in runs], 2)
        if runs[0]["emulated"]:
            setting, told, epoch = f"{setting}, emulated", "", ""
        quality = [mean_and_std(columns["ACC"]), points, mean_and_std(columns["NMI"])]
        rows.append([data, setting, len(runs), *quality, told, epoch])
    return markdown(header, rows)
