"""Files of results: one JSON line a run."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
KEY = ("experiment", "data", "setting", "seed")

Record = dict[str, Any]


def read_records(path: Path) -> list[Record]:
    """Read the results; a line on which a run was cut off is left out."""
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        with suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return records


def append_record(path: Path, record: Record) -> None:
    """Add one line to the results; what is not JSON is written as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(record, ensure_ascii=False, default=str)
    torn = path.is_file() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n" if torn else f"{line}\n")


def key_of(record: Record) -> tuple:
    """Return what tells one run from another."""
    return tuple(record[name] for name in KEY)
