"""Write the tables of README.md and of the documentation from the results.

    python -m benchmarks.docs.update

A block stands between `<!-- results: NAME -->` and `<!-- end of results -->`; it is replaced.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence

from benchmarks.answers.tables import TABLES as ANSWERS
from benchmarks.builds.run import table as builds_table
from benchmarks.common.records import RESULTS, ROOT, Record, read_records
from benchmarks.compare.classic_tables import TABLES as CLASSICS
from benchmarks.compare.epoch_costs import TABLES as EPOCH_COSTS
from benchmarks.compare.judge import TABLES as JUDGE
from benchmarks.compare.row_tables import TABLES as ROWS
from benchmarks.compare.tables import TABLES as COMPARE
from benchmarks.compare.time_tables import TABLES as TIME
from benchmarks.data_parallel.tables import TABLES as DATA_PARALLEL
from benchmarks.docs.cost import TABLES as COSTS
from benchmarks.docs.headline import TABLES as HEADLINE
from benchmarks.docs.papers import TABLES as PAPERS
from benchmarks.docs.versions import versions_line
from benchmarks.forced_apart.tables import TABLES as FORCED_APART
from benchmarks.forced_apart_cost.tables import table as loss_table
from benchmarks.import_time.run import table as import_table
from benchmarks.larger_than_memory.tables import table as larger_table
from benchmarks.overhead.tables import newest_table as overhead_table
from benchmarks.parsimonious.tables import TABLES as PARSIMONIOUS
from benchmarks.precision.tables import table as precision_table
from benchmarks.regularizer_cost.tables import table as cost_table
from benchmarks.repair.tables import TABLES as REPAIR
from benchmarks.scaling.tables import table as scaling_table
from benchmarks.serving.tables import table as serving_table
from benchmarks.tagnet.tables import TABLES as TAGNET
from benchmarks.tagnet_scale.tables import table as scale_table
from benchmarks.triplet_dec.tables import table

METHODS = ("forced_apart", "parsimonious", "tagnet")
PAGES_OF_USE = (
    "answers_results", "distributed", "explanations", "known_samples", "repair", "scaling_results",
    "serving", "tuning", "stream_results",
)  # fmt: skip
NAMES_OF_PAGES = (
    "benchmarks", "choices", "choosing", "classics_results", "comparison", "comparison_rows",
    "index", "papers", "tagnet_variations", "triplet_dec_results", *PAGES_OF_USE,
    *(f"{method}_results" for method in METHODS),
)  # fmt: skip
DOCS = [ROOT / "docs" / f"{name}.md" for name in NAMES_OF_PAGES]
PAGES = [ROOT / "README.md", *DOCS]
MARKER = re.compile(r"(<!-- results: ([\w-]+) -->\n).*?(<!-- end of results -->)", re.DOTALL)


def tables_of(
    file: str, tables: Mapping[str, Callable[[Sequence[Record]], str]]
) -> dict[str, Callable[[], str]]:
    """Return functions that make the tables of a file of results."""

    def block(make: Callable[[Sequence[Record]], str]) -> Callable[[], str]:
        return lambda: make(read_records(RESULTS / f"{file}.jsonl"))

    return {name: block(make) for name, make in tables.items()}


def newest(name: str) -> Callable[[], str]:
    """Return a function that formats the newest record of a file of results."""

    def block() -> str:
        record = read_records(RESULTS / f"{name}.jsonl")[-1]
        lines = "\n".join(f"{key}: {value}" for key, value in record.items())
        return f"```text\n{lines}\n```"

    return block


BLOCKS: dict[str, Callable[[], str]] = {
    "versions": versions_line,
    "triplet-dec": lambda: table(read_records(RESULTS / "triplet_dec.jsonl")),
    "builds": lambda: builds_table(read_records(RESULTS / "builds.jsonl")),
    "overhead": lambda: overhead_table(read_records(RESULTS / "overhead.jsonl")),
    "memory": newest("memory"),
    "forced-apart-cost": lambda: loss_table(read_records(RESULTS / "forced_apart_cost.jsonl")),
    "regularizer-cost": lambda: cost_table(read_records(RESULTS / "regularizer_cost.jsonl")),
    "import-time": lambda: import_table(read_records(RESULTS / "import_time.jsonl")),
    "precision": lambda: precision_table(read_records(RESULTS / "precision.jsonl")),
    "serving": lambda: serving_table(read_records(RESULTS / "serving.jsonl")),
    "larger-than-memory": lambda: larger_table(read_records(RESULTS / "larger_than_memory.jsonl")),
    "scaling": lambda: scaling_table(read_records(RESULTS / "scaling.jsonl")),
    "tagnet-scale": lambda: scale_table(read_records(RESULTS / "tagnet_scale.jsonl")),
    **COSTS,
    **tables_of("parsimonious", PARSIMONIOUS),
    **tables_of("forced_apart", FORCED_APART),
    **tables_of("tagnet", TAGNET),
    **tables_of("answers", ANSWERS),
    **tables_of("repair", REPAIR),
    **tables_of("compare", COMPARE | TIME | ROWS | JUDGE | CLASSICS | EPOCH_COSTS),
    **tables_of("compare", HEADLINE | PAPERS),
    **tables_of("data_parallel", DATA_PARALLEL),
}


def updated(text: str) -> str:
    """Return a page with its tables made anew."""
    return MARKER.sub(lambda match: f"{match[1]}{BLOCKS[match[2]]().strip()}\n{match[3]}", text)


def main(arguments: Sequence[str] | None = None) -> None:
    usage = argparse.RawDescriptionHelpFormatter
    name = "python -m benchmarks.docs.update"
    parser = argparse.ArgumentParser(name, description=__doc__, formatter_class=usage)
    parser.parse_args(arguments)
    for page in PAGES:
        page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
