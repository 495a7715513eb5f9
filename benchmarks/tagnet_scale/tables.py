"""TAGnet's time and memory against the samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.common.records import Record
from benchmarks.common.tables import grouped, markdown

GRAPHS = {"without graph": 0.0, "with graph": "auto"}


def table(records: Sequence[Record]) -> str:
    """Return one row for each mode and size, and the power of n by which an epoch grows."""
    header = ["training", "n", "epoch, graph (s)", "without (s)", "ratio", "before, graph (s)"]
    header += ["without (s)", "fit (MB)", "without (MB)"]
    rows, powers = [], []
    for mode, runs in grouped(records, lambda record: record["data"]).items():
        epochs = {}
        for n, pair in sorted(grouped(runs, lambda record: record["n_samples"]).items()):
            of = {record["setting"]: record for record in pair}
            if len(of) < len(GRAPHS):
                continue
            a, b = of["with graph"], of["without graph"]
            epochs[n] = a["epoch_s"]
            ratio = f"{a['epoch_s'] / b['epoch_s']:.2f}"
            row = [mode, f"{n:,}", f"{a['epoch_s']:.2f}", f"{b['epoch_s']:.2f}", ratio]
            row += [f"{a['before_s']:.0f}", f"{b['before_s']:.0f}"]
            rows.append([*row, f"{a['fit_mb']:.0f}", f"{b['fit_mb']:.0f}"])
        if len(epochs) > 1:
            slope = np.polyfit(np.log(list(epochs)), np.log(list(epochs.values())), 1)[0]
            powers.append(f"An epoch ({mode}, with the graph) grows as n^{slope:.2f}.")
    return "\n\n".join([markdown(header, rows), *powers])
