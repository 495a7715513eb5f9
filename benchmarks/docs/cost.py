"""What a fit costs: the table of `docs/choosing.md`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.common.records import RESULTS, Record, read_records
from benchmarks.common.tables import markdown, mean_and_std


class Line(NamedTuple):
    """An estimator on data, and which results of which file say what it took."""

    name: str
    data: str
    file: str
    where: Mapping[str, Any]


def compared(name: str, setting: str) -> list[Line]:
    sizes = {"digits": "1,797 x 8 x 8", "mnist-5k": "5,000 x 28 x 28", "mnist": "70,000 x 28 x 28"}
    return [
        Line(name, size, "compare", {"experiment": "methods", "data": data, "setting": setting})
        for data, size in sizes.items()
    ]


def tested(name: str, data: str, file: str, task: str, setting: str) -> Line:
    return Line(name, data, file, {"stage": "test", "data": task, "setting": setting})


CLASSIFIER, AUTOENCODER = "ParsimoniousClassifier", "ParsimoniousAutoencoder"
EMBEDDER, ZERO_SHOT = "ForcedApartEmbedder", "ZeroShotClassifier"
SAMPLE, LAYER_NORM = "sample, 50 clusters", "multi + LayerNorm"
LINES = [
    *compared("`TripletDECClusterer`", "TripletDECClusterer"),
    *compared("`TAGnetClusterer`", "TAGnetClusterer"),
    tested(f"`{CLASSIFIER}`", "{n} x 64", "parsimonious", "digits, 1000 labels", SAMPLE),
    tested(f"`{CLASSIFIER}`", "{n} x 784", "parsimonious", "MNIST, 10000 labels", SAMPLE),
    tested(f"`{AUTOENCODER}`", "{n} x 64", "parsimonious", "digits", SAMPLE),
    tested(f"`{AUTOENCODER}`", "{n} x 784", "parsimonious", "MNIST, 3000 images", SAMPLE),
    tested(f"`{EMBEDDER}`", "{n} x 64", "forced_apart", "digits, MLP", LAYER_NORM),
    tested(f"`{EMBEDDER}`", "{n} x 28 x 28", "forced_apart", "MNIST, CNN", LAYER_NORM),
    tested(f"`{EMBEDDER}`", "{n} pen strokes", "forced_apart", "strokes, GRU", "single"),
    tested(
        f"`{ZERO_SHOT}`, with its features", "{n} x 128", "parsimonious", "pairs of digits", SAMPLE
    ),
    *compared("for comparison: KMeans", "KMeans"),
    *compared("for comparison: UMAP + GaussianMixture", "UMAP + GaussianMixture"),
]


def cost_table() -> str:
    """Return the seconds of one core that fits took."""
    files = {line.file for line in LINES}
    records = {file: read_records(RESULTS / f"{file}.jsonl") for file in files}
    rows = [row for line in LINES if (row := _row(line, records[line.file]))]
    return markdown(["estimator", "data", "seconds of one core", "runs"], rows)


def _row(line: Line, records: Sequence[Record]) -> list[object]:
    runs = [run for run in records if line.where.items() <= run.items()]
    sizes = sorted({run["n_train"] for run in runs if "n_train" in run})
    data = line.data.format(n=" or ".join(f"{size:,}" for size in sizes))
    seconds = [run["cpu_s"] for run in runs]
    return [line.name, data, mean_and_std(seconds, digits=1), len(runs)] if runs else []


TABLES: Mapping[str, Callable[[], str]] = {"cost": cost_table}
