"""A server of an exported estimator under load."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.common.records import Record
from benchmarks.common.tables import markdown

PERCENTILES = (50, 95, 99)


def table(records: Sequence[Record]) -> str:
    header = ["", "clients", "samples a request", "requests/s", "samples/s"]
    header += [f"{p} % within, ms" for p in PERCENTILES]
    newest = [r for r in records if r["run"] == records[-1]["run"]]
    names = ["way", "clients", "batch", "requests_per_s", "samples_per_s"]
    names += [f"p{p}_ms" for p in PERCENTILES]
    return markdown(header, [[record[name] for name in names] for record in newest])
