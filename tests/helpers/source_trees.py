"""The package's source: its modules, read and never executed, and what they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "skdeepclust"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {
    module_name(path): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / PACKAGE).rglob("*.py"))
}


def imported(module: str) -> Iterator[str]:
    """Yield the dotted names that a module imports; of `from a import b`, `a.b`."""
    is_package = (ROOT / module.replace(".", "/")).is_dir()
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{source}.{alias.name}" for alias in node.names)


def resolve(name: str) -> str:
    """Return the module of this package that a dotted name lives in, or the name itself."""
    if name.split(".")[0] != PACKAGE:
        return name
    while name not in TREES:
        name = name.rpartition(".")[0]
    return name


def is_public(module: str) -> bool:
    return not any(part.startswith("_") for part in module.split("."))
