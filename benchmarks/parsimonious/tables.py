"""The tables of the benchmark of parsimonious representations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from benchmarks.common.records import Record
from benchmarks.common.tables import difference, grouped, markdown, mean_and_std

BASELINE = "baseline"


def runs_of(records: Sequence[Record], experiment: str) -> list[tuple[tuple, list[Record]]]:
    """Group the test runs of an experiment by data, setting and strength, data by data."""
    runs = [r for r in records if r["experiment"] == experiment and r["stage"] == "test"]
    groups = grouped(runs, lambda r: (r["data"], r["setting"], r["strength"]))
    order = [*grouped(runs, lambda record: record["data"])]
    return sorted(groups.items(), key=lambda item: order.index(item[0][0]))


def mean_valid(records: Sequence[Record], run: Record, scale: float) -> str:
    """Return the mean validation score of the strength that a test run was given."""
    names = ("experiment", "data", "setting", "strength")
    scores = [
        scale * r["valid"]
        for r in records
        if r["stage"] == "selection" and all(r[name] == run[name] for name in names)
    ]
    return f"{fmean(scores):.2f}" if scores else ""


def rows_of(
    records: Sequence[Record], experiment: str, columns: Sequence[str], scale: float
) -> list[list[str]]:
    """Return a row for each data set and setting: its chosen strength, scores and differences.

    `columns` are names of scores; one with a "-" before it is the difference to the baseline.
    """
    rows = []
    groups = runs_of(records, experiment)
    baselines = {data: runs for (data, setting, _), runs in groups if setting == BASELINE}
    for (data, setting, strength), runs in groups:
        row = [data, setting, f"{strength:g}" if strength else "", str(len(runs))]
        for column in columns:
            name = column.removeprefix("-")
            if name == "valid":
                row.append(mean_valid(records, runs[0], scale if scale > 1 else -scale))
            elif name == "cpu_s":
                row.append(f"{fmean(run[name] for run in runs):.1f}")
            elif name == column:
                row.append(mean_and_std([scale * run[name] for run in runs], 2))
            else:
                others = [] if setting == BASELINE else baselines.get(data, [])
                row.append(difference(runs, others, name, scale=scale, digits=2))
        rows.append(row)
    return rows


HEAD = ("data", "setting", "strength", "seeds")


def classification_table(records: Sequence[Record]) -> str:
    """Accuracy in percent; the strength was chosen by that on the validation part."""
    columns = ("train", "valid", "test", "-test", "cpu_s")
    header = (*HEAD, "train %", "validation %", "test %", "points over baseline", "CPU s")
    return markdown(header, rows_of(records, "classification", columns, 100))


def features_table(records: Sequence[Record]) -> str:
    """NMI, in percent, of the classes and K-means on the last hidden layer of the same fits."""
    columns = ("NMI train", "-NMI train", "NMI test", "-NMI test")
    header = (*HEAD, "NMI train", "over baseline", "NMI test", "over baseline")
    return markdown(header, rows_of(records, "classification", columns, 100))


def autoencoder_table(records: Sequence[Record]) -> str:
    """Squared error summed over pixels between 0 and 1."""
    columns = ("train", "valid", "test", "-test", "cpu_s")
    header = (*HEAD, "train", "validation", "test", "over baseline", "CPU s")
    return markdown(header, rows_of(records, "autoencoder", columns, 1))


def zero_shot_table(records: Sequence[Record]) -> str:
    """Accuracy in percent, averaged over the unseen classes; "train" is that of the network."""
    columns = ("train", "valid", "test", "-test", "cpu_s")
    header = (*HEAD, "train, seen %", "validation %", "unseen %", "points over baseline", "CPU s")
    return markdown(header, rows_of(records, "zero-shot", columns, 100))


TABLES: dict[str, Callable[[Sequence[Record]], str]] = {
    "parsimonious-classification": classification_table,
    "parsimonious-features": features_table,
    "parsimonious-autoencoder": autoencoder_table,
    "parsimonious-zero-shot": zero_shot_table,
}
