"""What a benchmark has to show: the runs that were made just now, and those that its file had."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.common.records import Record, append_record, key_of, read_records

# The line under the header, and a row under that.
WITH_ROWS = re.compile(r"^\|(?: -* \|)+\n\|", re.MULTILINE)


# ---------------------------------------------------------------- what is told


def shown_path(path: Path) -> str:
    """Return a path as seen from the current folder, where it lies inside of that."""
    with suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd().resolve()))
    return str(path)


def counted(number: int) -> str:
    return f"{number} run" if number == 1 else f"{number} runs"


def told(made: int, taken: int, out: Path, failed: int = 0) -> str:
    """Return how many runs were made just now, and how many were taken from which file."""
    where = f"taken from {shown_path(out)}"
    if not made + failed:
        return f"nothing was run: {counted(taken)} {where}"
    lost = f"; {counted(failed)} failed, recorded results stay" if failed else ""
    return f"{counted(made)} made, {taken} {where}{lost}"


def recorded(out: Path, key: Callable[[Record], tuple] | None = None) -> list[Record]:
    """Return all that the file has, and say that nothing was run; runs of one `key` count once."""
    records = read_records(out)
    print(told(0, len(records if key is None else {key(r) for r in records}), out))
    return records


def kept(records: Iterable[Record], out: Path) -> list[Record]:
    """Write measurements that are always made anew, one line each; say how many, return them."""
    made = []
    for record in records:
        append_record(out, record)
        made.append(record)
    print(told(len(made), 0, out))
    return made


def shown(tables: Mapping[str, Callable[[Sequence[Record]], str]], records: list[Record]) -> str:
    """Return those tables that have a row, each under its name."""
    texts = {name: table(records) for name, table in tables.items()}
    return "\n\n".join(f"{name}\n\n{t}" for name, t in texts.items() if WITH_ROWS.search(t))


# ---------------------------------------------------------------- the runs that were asked for


class Runs:
    """The runs that were asked for: those to make, and those that the file has already.

    With `fresh`, all are to make, and a new record takes the place of the recorded one.
    """

    def __init__(
        self, out: Path, *, key: Callable[[Record], tuple] = key_of, fresh: bool = False
    ) -> None:
        self.out, self.key, self.fresh = out, key, fresh
        self.known = {key(record): record for record in read_records(out)}
        self.made: set[tuple] = set()
        self.taken: set[tuple] = set()
        self.failed: set[tuple] = set()

    def lacks(self, key: tuple) -> bool:
        """Tell whether a run is to be made; one that isn't is taken from the file."""
        if key in self.made | self.failed:
            return False
        if key in self.known and not self.fresh:
            self.taken.add(key)
            return False
        return True

    def is_lost_by(self, record: Record) -> bool:
        """Tell whether a run that has failed would take the place of one that hasn't."""
        return "error" in record and "error" not in self.known.get(self.key(record), record)

    def leave(self, record: Record) -> None:
        """Leave what is recorded, as the new run has failed."""
        self.failed.add(self.key(record))

    def keep(self, record: Record) -> None:
        """Write a run that was made."""
        key = self.key(record)
        if key in self.known:
            replace_record(self.out, record, self.key)
        else:
            append_record(self.out, record)
        self.known[key] = record
        self.made.add(key)

    def records(self) -> list[Record]:
        """Return what the file has of the runs that were asked for, and of no others."""
        asked = self.made | self.taken | self.failed
        return [record for record in read_records(self.out) if self.key(record) in asked]

    def __str__(self) -> str:
        taken = len(self.taken | self.failed)
        return told(len(self.made), taken, self.out, len(self.failed))


def replace_record(path: Path, record: Record, key: Callable[[Record], tuple] = key_of) -> None:
    """Write a record in the place of those of the same key; the file is changed all at once."""
    own = key(record)

    def is_older(line: str) -> bool:
        with suppress(json.JSONDecodeError):
            return key(json.loads(line)) == own
        return False  # a run was cut off there

    path = path.resolve()  # behind a link
    lines = path.read_text(encoding="utf-8").split("\n")
    first, *others = [number for number, line in enumerate(lines) if is_older(line)]
    lines[first] = json.dumps(record, ensure_ascii=False, default=str)
    whole = "\n".join(line for number, line in enumerate(lines) if number not in others)
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(whole if whole.endswith("\n") else f"{whole}\n", encoding="utf-8")
    os.replace(beside, path)
