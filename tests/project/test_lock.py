"""The locks hold what `pyproject.toml` asks for, and its lower bounds are honest."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PROJECT["dependency-groups"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
LOCKS = {"dev": ROOT / "requirements.lock", "bench": ROOT / "benchmarks" / "requirements.lock"}
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
PLATFORMS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]


def packages(path: Path) -> list[tuple[Requirement, list[str]]]:
    """Return what a lock holds, each with its hashes."""
    entries = re.findall(r"^(\w[^\\\n]*)((?:.*\\\n|.*--hash=.*\n)*)", path.read_text(), re.M)
    return [(Requirement(pin), re.findall(r"sha256:\w+", hashes)) for pin, hashes in entries]


def of_group(name: str) -> Iterator[Requirement]:
    for item in GROUPS[name]:
        if isinstance(item, dict):
            yield from of_group(item["include-group"])
        else:
            yield Requirement(item)


def asked_for(name: str) -> list[Requirement]:
    texts = PROJECT["project"]["dependencies"] + [text for e in EXTRAS.values() for text in e]
    return [*map(Requirement, texts), *of_group(name)]


def installed(path: Path, python: str, platform: tuple[str, str]) -> dict[str, Version]:
    """Return the versions that a lock gives one Python on one platform."""
    system, machine = platform
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "platform_machine": machine,
    }
    pins = [pin for pin, _ in packages(path) if not pin.marker or pin.marker.evaluate(environment)]
    names = [canonicalize_name(pin.name) for pin in pins]
    assert len(names) == len(set(names)), "two versions of one package"
    return {
        name: Version(next(iter(pin.specifier)).version)
        for name, pin in zip(names, pins, strict=True)
    }


@pytest.mark.parametrize("group", LOCKS)
def test_every_package_has_a_version_and_hashes_but_torch(group: str) -> None:
    for pin, hashes in packages(LOCKS[group]):
        assert [part.operator for part in pin.specifier] == ["=="]
        assert bool(hashes) != pin.name.startswith("torch"), pin.name


@pytest.mark.parametrize("group", LOCKS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS, ids="-".join)
def test_the_lock_satisfies_what_the_project_asks_for(group, python, platform) -> None:
    versions = installed(LOCKS[group], python, platform)
    for requirement in asked_for(group):
        version = versions[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f"{requirement}: {version}"


def test_torch_brings_nothing_of_a_gpu_build() -> None:
    names = {pin.name for path in LOCKS.values() for pin, _ in packages(path)}
    assert "torch" in names
    assert not [name for name in names if name.startswith(("nvidia-", "cuda-", "triton"))]


def test_both_locks_have_the_same_versions_of_what_both_hold() -> None:
    dev, bench = (
        {(p.name, str(p.marker)): p for p, _ in packages(path)} for path in LOCKS.values()
    )
    differ = {name for name, _ in dev.keys() & bench.keys() if dev[name, _] != bench[name, _]}
    assert differ <= {"torch"}


def line_of(version: str) -> tuple[int, ...]:
    return Version(version).release[:2]


def test_lower_bounds_admit_what_spec_0_asks_for() -> None:
    """Of two years; what is not of the scientific core follows the same rule."""
    head = re.search(r"^# SPEC 0 on [\d-]+: (.*)$", LOCKS["dev"].read_text(encoding="utf-8"), re.M)
    assert head
    floors = {floor.name: floor for floor in map(Requirement, head[1].split())}
    project = PROJECT["project"]
    bounds = [*map(Requirement, project["dependencies"] + EXTRAS["plot"])]
    assert {bound.name for bound in bounds} == set(floors)
    for bound in bounds:
        lowest, floor = (next(iter(r.specifier)).version for r in (bound, floors[bound.name]))
        assert line_of(lowest) <= line_of(floor), f"{bound.name}: {lowest} is above {floor}"
    assert Version(project["requires-python"].removeprefix(">=")) == Version(PYTHONS[0])


def test_the_classifiers_name_the_pythons_of_the_lock() -> None:
    named = [c.rpartition(" ")[2] for c in PROJECT["project"]["classifiers"] if ":: 3." in c]
    assert named == PYTHONS
