"""Fits on a file that is larger than their memory."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.common.records import Record
from benchmarks.common.tables import markdown


def table(records: Sequence[Record]) -> str:
    names = ["estimator", "source", "GB", "samples", "limit MB", "peak MB", "epoch s", "fit s"]
    rows = [
        [
            record["setting"],
            record["data"].split(", ")[1],
            record["gigabytes"],
            record["n_samples"],
            record["limit_mb"],
            record["peak_anonymous_mb"],
            record["epoch_s"],
            record["fit_s"],
            record["answer_s"],
            record["whole_copy"],
        ]
        for record in records
    ]
    return markdown([*names, "predict s", "a copy of X"], rows)
