"""What the four papers report, beside what the benchmarks of this library found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.common.records import RESULTS, Record, read_records
from benchmarks.common.tables import markdown, mean_and_std

STROKES = {"experiment": "forced apart", "data": "strokes, GRU", "stage": "test"}
RECONSTRUCTION = {"experiment": "autoencoder", "data": "MNIST, 3000 images", "stage": "test"}


class Line(NamedTuple):
    """A number of a paper, and which results of which file stand beside it."""

    paper: str
    place: str
    what: str
    theirs: str
    file: str
    where: Mapping[str, Any]
    score: str = "ACC"
    note: str = ""


def tagnet_lines() -> list[Line]:
    paper, place = "TAGnet", "Table 1, MNIST"
    theirs = {
        "TAGnet": ("0.670", "0.626"),
        "TAGnet, max_margin": ("0.692", "0.651"),
        "NJ": ("0.647", "0.562"),
        "BE": ("0.540", "0.500"),
        "BE, max_margin": ("0.652", "0.501"),
    }
    return [
        Line(
            paper,
            place,
            f"{setting}, {score}",
            value,
            "tagnet",
            {"experiment": "tables", "data": "mnist", "setting": setting},
            score,
        )
        for setting, values in theirs.items()
        for score, value in zip(("ACC", "NMI"), values, strict=True)
    ]


def imbalance_lines() -> list[Line]:
    theirs = {0.1: "0.880", 0.3: "0.945", 0.5: "0.961", 0.7: "0.972", 0.9: "0.979"}
    method = "TripletDECClusterer, estimated prior"
    return [
        Line(
            "Triplet DEC",
            "Table 2, MNIST with unequal classes",
            f"retention {retention}, ACC",
            value,
            "compare",
            {
                "experiment": "imbalance",
                "data": "mnist",
                "setting": f"{method}, retention {retention}",
            },
            note='`cluster_prior="estimated"`',
        )
        for retention, value in theirs.items()
    ]


def strokes_lines() -> list[Line]:
    theirs = {
        "none": "0.467",
        "DeCov": "0.287",
        "XCov": "0.525",
        "single": "0.544",
        "multi": "0.502",
    }
    note = "other strokes: thinned and traced anew"
    return [
        Line(
            "Forced Apart",
            "Table 1, MNIST strokes",
            f"{setting}, AMI",
            value,
            "forced_apart",
            {**STROKES, "setting": setting},
            "AMI",
            note,
        )
        for setting, value in theirs.items()
    ]


LINES: Sequence[Line] = (
    Line(
        "Parsimonious",
        "Table 1, autoencoder on MNIST",
        "baseline, test error",
        "3.61",
        "parsimonious",
        {**RECONSTRUCTION, "setting": "baseline"},
        "test",
        "3,000 images, another scale",
    ),
    Line(
        "Parsimonious",
        "Table 1, autoencoder on MNIST",
        "sample clusters, test error",
        "3.50",
        "parsimonious",
        {**RECONSTRUCTION, "setting": "sample, 50 clusters"},
        "test",
        "3,000 images, another scale",
    ),
    *tagnet_lines(),
    *strokes_lines(),
    Line(
        "Triplet DEC",
        "Table 1, MNIST",
        "ACC",
        "0.989",
        "triplet_dec",
        {"data": "mnist", "setting": "default"},
    ),
    *imbalance_lines(),
)


def papers(_: Sequence[Record] = ()) -> str:
    """Return the papers' numbers beside those of this library's results."""
    files = {line.file: read_records(RESULTS / f"{line.file}.jsonl") for line in LINES}
    rows = []
    for line in LINES:
        runs = [
            record
            for record in files[line.file]
            if all(record.get(name) == value for name, value in line.where.items())
        ]
        ours = mean_and_std([run[line.score] for run in runs]) if runs else "not run"
        rows.append([line.paper, line.place, line.what, line.theirs, ours, len(runs), line.note])
    header = ["paper", "table", "what", "paper's", "this library's", "seeds", "note"]
    return markdown(header, rows)


TABLES: Mapping[str, Callable[[Sequence[Record]], str]] = {"papers": papers}
