"""What is public: the classes and functions, and what the page of the interface lists."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

from helpers.source_trees import PACKAGE, ROOT, TREES, is_public


def public_objects() -> dict[str, Any]:
    """Return the public classes and functions of all public modules by qualified name."""
    found = {}
    for module in map(importlib.import_module, filter(is_public, TREES)):
        names = getattr(module, "__all__", None)
        homes = PACKAGE if names else module.__name__  # without __all__, what is defined there
        for value in (getattr(module, name) for name in names or vars(module) if name[0] != "_"):
            home = getattr(value, "__module__", None) or ""
            if home.startswith(homes) and (inspect.isclass(value) or inspect.isfunction(value)):
                found[f"{home}.{value.__qualname__}"] = value
    return found


def listed_names() -> set[str]:
    """Return the qualified names that the page of the interface lists."""
    names, module = set(), ""
    for line in (ROOT / "docs" / "api.rst").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\.\. (?:current)?module:: ([\w.]+)", line):
            module = match[1]
        elif match := re.fullmatch(r"   (\w+)", line):
            names.add(f"{module}.{match[1]}")
    return names


PUBLIC = public_objects()
