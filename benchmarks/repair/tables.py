"""The best epoch, and clusters that die."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.common.records import Record
from benchmarks.common.tables import grouped, markdown, mean_and_std


def best_epoch_table(records: Sequence[Record]) -> str:
    """Return one row for each case: the last and the best epoch, of the same seeds."""
    header = ["data", "case", "kept", "n", "ARI", "ACC", "score", "best epoch", "CPU s"]
    rows = []
    own = [record for record in records if record["experiment"] == "best epoch"]
    for (data, setting), runs in grouped(own, lambda r: (r["data"], r["setting"])).items():
        case, _, kept = setting.rpartition(": ")
        epochs = [f"{r['best_epoch']} of {r['n_epochs']}" for r in runs]
        rows.append(
            [data, case, kept, len(runs)]
            + [mean_and_std([run[name] for run in runs]) for name in ("ARI", "ACC", "score")]
            + [", ".join(epochs) if kept == "best epoch" else ""]
            + [mean_and_std([run["cpu_s"] for run in runs], 1)]
        )
    return markdown(header, rows)


def dead_table(records: Sequence[Record]) -> str:
    """Return one row for each case: clusters that are used, with and without what takes them up."""
    header = ["data", "case", "dead clusters", "n", "clusters used", "ARI", "ACC", "CPU s"]
    rows = []
    own = [record for record in records if record["experiment"] == "dead"]
    for (data, setting), runs in grouped(own, lambda r: (r["data"], r["setting"])).items():
        case, _, fate = setting.rpartition(": ")
        rows.append(
            [data, case, fate, len(runs)]
            + [mean_and_std([run["clusters_used"] for run in runs], 1)]
            + [mean_and_std([run[name] for run in runs]) for name in ("ARI", "ACC")]
            + [mean_and_std([run["cpu_s"] for run in runs], 1)]
        )
    return markdown(header, rows)


TABLES = {"best-epoch": best_epoch_table, "dead": dead_table}
