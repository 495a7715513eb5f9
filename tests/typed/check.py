"""Ask type checkers about a user's code: `public_names.py` is right, `misspelt.py` is not.

Each line of these files that says "# wrong" has to be reported, once, and no other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
FILES = [FOLDER / "public_names.py", FOLDER / "meta_estimators.py", FOLDER / "misspelt.py"]


class Report(NamedTuple):
    """What a type checker says of a line, the first of which is 1."""

    file: str
    line: int
    message: str

    @property
    def place(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


def run(*command: str) -> str:
    """Run a module of this Python at the root of the project; return what it prints."""
    # pyright's wrapper looks for newer releases of itself unless it is told not to
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command, *map(str, FILES)],
        cwd=FOLDER.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
    )
    # 1: something is reported
    if done.returncode > 1 or (done.returncode == 1 and not done.stdout):
        raise SystemExit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def reports_of_pyright() -> list[Report]:
    found = json.loads(run("pyright", "--outputjson", "--pythonpath", sys.executable))
    return [
        Report(each["file"], each["range"]["start"]["line"] + 1, each["message"])
        for each in found["generalDiagnostics"]
    ]


def reports_of_mypy() -> list[Report]:
    found = map(json.loads, run("mypy", "--output", "json").splitlines())
    return [
        Report(each["file"], each["line"], each["message"])
        for each in found
        if each["severity"] == "error"
    ]


def wrong_places() -> list[str]:
    return [
        f"{path.name}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "# wrong" in line
    ]


def main() -> int:
    expected, failed = sorted(wrong_places()), False
    for name, reports in (("pyright", reports_of_pyright()), ("mypy", reports_of_mypy())):
        if sorted(each.place for each in reports) != expected:
            failed = True
            print(f"{name} should report {', '.join(expected)}. It reports:")
            print(*(f"  {each.place}: {each.message}" for each in reports), sep="\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
