"""How time and memory grow: a table and a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.common.records import Record
from benchmarks.common.tables import grouped, markdown
from benchmarks.scaling.settings import (
    AXES,
    ESTIMATORS,
    LEAST,
    LEAST_MB,
    LIMITS,
    LINEAR,
)


def exponent(runs: Sequence[Record], axis: str, quantity: str, least: float = 0.0) -> float:
    """Return the slope of the logarithms over the three largest values, NaN where there is none."""
    largest = sorted(runs, key=lambda record: record[axis])[-3:]
    used = [record for record in largest if record[quantity] > least]
    if len(used) < 2:
        return math.nan
    x, y = (np.log([record[key] for record in used]) for key in (axis, quantity))
    return float(np.polyfit(x, y, 1)[0])


def table(records: Sequence[Record]) -> str:
    header = ["varied", "estimator", "from", "to", "CPU s at most", "MB at most", "time", "memory"]
    rows = []
    for axis in AXES:
        of_axis = [record for record in records if record["axis"] == axis]
        for name, runs in grouped(of_axis, lambda record: record["setting"]).items():
            last = max(runs, key=lambda record: record[axis])
            time = exponent(runs, axis, "cpu_s")
            memory = exponent(runs, axis, "fit_mb", LEAST_MB)
            within = not time > LIMITS.get(axis, LINEAR)
            rows.append(
                [
                    axis,
                    name,
                    f"{min(record[axis] for record in runs):,}",
                    f"{last[axis]:,}" + ("" if last[axis] == AXES[axis][-1] else " (budget)"),
                    f"{last['cpu_s']:.1f}",
                    f"{last['fit_mb']:.0f}",
                    f"^{time:.2f}" + ("" if within else ", **faster**"),
                    "" if math.isnan(memory) else f"^{memory:.2f}",
                ]
            )
    return markdown(header, rows)


def draw(records: Sequence[Record], path: Path) -> None:
    """Draw time a sample against each quantity, and memory against the samples."""
    panels = [*((axis, "cpu_s") for axis in AXES), ("samples", "fit_mb")]
    n_rows = -(-(len(panels) + 1) // 2)  # and a place for the legend
    figure = Figure(figsize=(6.5, 2.6 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, 2).ravel()
    for ax, (axis, quantity) in zip(axes, panels, strict=False):
        of_axis = [record for record in records if record["axis"] == axis]
        for number, name in enumerate(ESTIMATORS):
            # logarithms; what a small fit takes isn't seen
            runs = [r for r in of_axis if r["setting"] == name and r[quantity] >= LEAST[quantity]]
            runs.sort(key=lambda record: record[axis])
            y = [
                1e6 * r[quantity] / r["samples"] if quantity == "cpu_s" else r[quantity]
                for r in runs
            ]
            x = [record[axis] for record in runs]
            ax.loglog(x, y, f"C{number}", marker="osv^Dxp*"[number], label=name)
        ax.set_xlabel(axis)
        ax.set_ylabel("CPU µs a sample" if quantity == "cpu_s" else "MB of a fit")
        if axis != "samples":
            ax.set_xticks(AXES[axis], [str(value) for value in AXES[axis]])
            ax.minorticks_off()
    axes[-1].axis("off")
    axes[-1].legend(*axes[0].get_legend_handles_labels(), loc="center")
    figure.savefig(path, dpi=180)
