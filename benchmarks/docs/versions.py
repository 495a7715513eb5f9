"""Which versions the recorded benchmarks had, in one line, beside those of the lock."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from packaging.version import Version

from benchmarks.common.records import RESULTS, ROOT, read_records

LOCK = ROOT / "requirements.lock"
NAMES = {"python": "Python", "numpy": "NumPy", "scikit-learn": "scikit-learn", "torch": "torch"}
PINNED = re.compile(r"^([\w.-]+)(?:\[[^]]*\])? *== *([^\s;\\]+)", re.MULTILINE)

Versions = dict[str, set[Version]]


def recorded_versions(results: Path = RESULTS) -> Versions:
    """Return the versions by package of all lines of all files of results."""
    found: Versions = {}
    for path in sorted(results.glob("*.jsonl")):
        for record in read_records(path):
            for name, version in record.get("versions", {}).items():
                found.setdefault(name, set()).add(public(version))
    return found


def locked_versions(lock: Path = LOCK) -> Versions:
    """Return the versions of a lock file; markers may ask for several of one package."""
    found: Versions = {}
    for name, version in PINNED.findall(lock.read_text(encoding="utf-8")):
        normal = re.sub(r"[-_.]+", "-", name).lower()
        found.setdefault(normal, set()).add(public(version))
    return found


def public(version: str) -> Version:
    """Return a version without what tells builds of it apart, as in 2.13.0+cpu."""
    return Version(Version(version).public)


def span(versions: Collection[Version]) -> str:
    first, last = min(versions), max(versions)
    return str(first) if first == last else f"{first} to {last}"


def listed(versions: Versions) -> str:
    named = [f"{NAMES[name]} {span(versions[name])}" for name in NAMES if name in versions]
    return ", ".join(named)


def versions_line(results: Path = RESULTS, lock: Path | None = LOCK) -> str:
    """Return one line: the versions of the results, and where there is a lock, its versions."""
    line = f"The results were recorded with {listed(recorded_versions(results))}"
    if lock is not None and lock.is_file():
        line += f"; the lock has {listed(locked_versions(lock))}"
    return f"{line}."
