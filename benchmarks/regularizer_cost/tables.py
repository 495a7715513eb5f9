"""What a regularised layer costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.common.records import Record
from benchmarks.common.tables import markdown


def table(records: Sequence[Record]) -> str:
    """Return the newest record of each setting."""
    newest = {(r["layers"], r["kind"], r["row_fraction"], r["n_threads"]): r for r in records}
    header = ["layers", "clustering", "rows", "ratio", "wall ratio", "plain ms", "step ms"]
    header += ["largest tensor MB", "output MB", "distances MB", "distance to centre", "threads"]
    rows = []
    for r in newest.values():
        distances = np.mean(r["relative_distance"] or np.nan)
        rows.append([r["layers"], r["kind"], f"{r['row_fraction']:.4g}"])
        rows[-1] += [f"{r[name]:.2f}" for name in ("ratio", "wall_ratio")]
        rows[-1] += [f"{r[name]:.1f}" for name in ("plain_ms", "step_ms")]
        sizes = ("largest_bytes", "output_bytes", "distances_bytes")
        rows[-1] += [f"{r[name] / 1e6:.1f}" for name in sizes]
        rows[-1] += ["" if np.isnan(distances) else f"{distances:.2f}", r["n_threads"]]
    return markdown(header, rows)
