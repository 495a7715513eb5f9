"""A training step of the estimator beside one of the plain loop."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.common.records import Record
from benchmarks.common.tables import markdown

PHASES = ("warmup", "clustering")


def table(records: Sequence[Record]) -> str:
    header = ["data", "phase", "estimator ms", "plain ms", "ratio"]
    header += ["estimator CPU ms", "plain CPU ms", "CPU ratio"]
    return markdown(
        header,
        [[r["data"], phase, *r[phase].values()] for r in records for phase in PHASES],
    )


def newest_table(records: Sequence[Record]) -> str:
    """Return the table of the newest measurement on each data set."""
    return table(list({record["data"]: record for record in records}.values()))
