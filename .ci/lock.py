"""Write the locks: what `make` installs, each package by exact version and hash.

    make lock                                         # the newest releases; torch stays as it is
    make lock LOCK_OPTIONS="--torch 2.14.1"           # and another torch

One file holds for Python 3.11 to 3.14 on Linux, macOS and Windows: markers say where a version is
for. torch stands in it by its version alone, without what its GPU builds bring along, so that any
build of it serves. The head says which releases SPEC 0 asks this package to admit.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
BENCH_LOCK = ROOT / "benchmarks" / "requirements.lock"
# By version alone; what torch's builds for GPUs need comes with them.
WITHOUT_HASHES = ("torch", "torchvision")
OF_GPU_BUILDS = ("cuda-", "nvidia-", "triton")
# What each version has to install on, from wheels alone.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin", "windows")
OLDEST_MACOS = "14.0"
# Packages that come as source alone.
SOURCES = ("clustpy",)
# https://scientific-python.org/specs/spec-0000/
YEARS_OF_SUPPORT = timedelta(days=2 * 365)

HEAD = """\
# What `make` installs{what}, for Python 3.11 to 3.14 on Linux, macOS and Windows.
# Written by `make lock`, not by hand. torch has no hash, so that any build of it serves.
"""


def uv(arguments: Iterable[str], stdin: str = "") -> str:
    """Return what `uv pip compile` resolves."""
    command = ["uv", "pip", "compile", "--no-header", "--quiet", *arguments]
    run = subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return run.stdout


def resolve(group: str, constraints: str) -> str:
    """Return the lock of a dependency group, with the package's own dependencies and extras."""
    options = ["--all-extras", "--universal", "--python-version=3.11", "--generate-hashes"]
    options += ["--annotation-style=line", f"--group={group}", "--constraints=-", "pyproject.toml"]
    return without_builds(uv(options, constraints))


def entries(text: str) -> list[str]:
    """Split a lock into its packages, each with its hashes and what asks for it."""
    return re.findall(r"^\w.*\n(?:[ \t]+.*\n)*", text, re.M)


def without_builds(text: str) -> str:
    """Leave out what only some builds of torch need, and the hashes of torch itself."""
    kept = []
    for entry in entries(text):
        name = re.split(r"[ =]", entry, maxsplit=1)[0]
        if name in WITHOUT_HASHES:
            lines = [line for line in entry.splitlines(keepends=True) if "--hash=" not in line]
            entry = "".join(lines).replace(" \\\n", "\n")
        if not name.startswith(OF_GPU_BUILDS):
            kept.append(entry)
    return "".join(kept)


def versions(text: str) -> str:
    """Return the requirements of a lock alone, torch's left out: constraints of another one."""
    lines = [line.removesuffix(" \\") for line in text.splitlines() if re.match(r"\w", line)]
    return "\n".join(line for line in lines if not line.startswith("torch==")) + "\n"


def pinned(path: Path, name: str) -> str:
    """Return the version that a lock has, or nothing."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(rf"^{name}==(\S+)", text, re.M)
    return found[1] if found else ""


def spec0() -> str:
    """Return, of each dependency, the first release line that SPEC 0 asks to admit today."""
    today = datetime.now(UTC)
    cutoff = (today - YEARS_OF_SUPPORT).strftime("%Y-%m-%d")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    floors = []
    for dependency in project["dependencies"] + project["optional-dependencies"]["plot"]:
        name = re.split(r"[<>=!~ ]", dependency, maxsplit=1)[0]
        line = ["--no-annotate", "--no-deps", "--python-version=3.12", "-"]
        before = uv([*line, f"--exclude-newer={cutoff}"], name).strip().partition("==")[2]
        minor = ".".join(before.split(".")[:2])
        # the lowest version beyond that line is the first of the next one
        later = uv([*line, "--resolution=lowest"], f"{name}>{before},!={minor}.*").strip()
        floors.append(later.replace("==", ">="))
    return f"# SPEC 0 on {today:%Y-%m-%d}: {' '.join(floors)}\n"


def check(lock: str) -> None:
    """End the program where a package of the lock has no wheel for a Python and a platform."""
    command = ["uv", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", *(f"--no-binary={name}" for name in SOURCES)]
    hashed = "".join(entry for entry in entries(lock) if not entry.startswith("torch"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hashed.lock")
        path.write_text(hashed, encoding="utf-8")
        for python, platform in itertools.product(PYTHONS, PLATFORMS):
            options = [f"--python-version={python}", f"--python-platform={platform}"]
            run = subprocess.run(
                [*command, *options, f"--target={folder}", f"--requirements={path}"],
                env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": OLDEST_MACOS},
                capture_output=True,
                text=True,
            )
            if run.returncode:
                sys.exit(f"Python {python}, {platform}: {run.stderr}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--torch", default=pinned(LOCK, "torch"))
    add("--bench-torch", default=pinned(BENCH_LOCK, "torch"))
    add("--bench-torchvision", default=pinned(BENCH_LOCK, "torchvision"))
    options = parser.parse_args()
    lock = resolve("dev", f"torch=={options.torch}\n")
    check(lock)
    pins = f"torch=={options.bench_torch}\ntorchvision=={options.bench_torchvision}\n"
    bench = resolve("bench", versions(lock) + pins)
    check(bench)
    LOCK.write_text(HEAD.format(what="") + spec0() + lock, encoding="utf-8")
    BENCH_LOCK.write_text(HEAD.format(what=" for benchmarks") + bench, encoding="utf-8")


if __name__ == "__main__":
    main()
