"""Count how the package is built: `PYTHONPATH=. python tests/house.py` prints a table.

The numbers are no limits. They show where a reader has to look in many places at once.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

import numpy as np

import skdeepclust

PACKAGE = skdeepclust.__name__
FOLDER = Path(skdeepclust.__file__).parent
ESTIMATORS = [
    getattr(skdeepclust, name)
    for name in skdeepclust.__all__
    if inspect.isclass(getattr(skdeepclust, name))
]


def module_name(path: Path) -> str:
    parts = path.relative_to(FOLDER.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(FOLDER.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


# ---------------------------------------------------------------- classes


def own_classes() -> Iterator[ast.ClassDef]:
    for tree in TREES.values():
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def is_part_of_others(cls: ast.ClassDef) -> bool:
    return cls.name.endswith("Mixin") or cls.name.startswith("Base")


def forward_declarations(cls: ast.ClassDef) -> int:
    """Count names that a class body says to be there, without a value."""
    return sum(isinstance(node, ast.AnnAssign) and node.value is None for node in cls.body)


def own_bases(cls: type) -> list[type]:
    """Return the classes of the package in the order in which an attribute is looked for."""
    return [base for base in cls.__mro__ if base.__module__.split(".")[0] == PACKAGE]


def class_rows() -> Iterator[tuple[str, Any]]:
    mixins = [cls.name for cls in own_classes() if cls.name.endswith("Mixin")]
    yield "classes named ...Mixin", len(mixins)
    bases = {base for cls in ESTIMATORS for base in own_bases(cls)}
    for base in sorted(bases, key=lambda base: base.__name__):
        if base.__name__ == "BaseDeepEstimator":
            yield "direct bases of BaseDeepEstimator", len(base.__bases__)
    declared = sum(forward_declarations(cls) for cls in own_classes() if is_part_of_others(cls))
    yield "declarations without a value in ...Mixin and Base...", declared
    for cls in ESTIMATORS:
        own = own_bases(cls)
        files = {inspect.getsourcefile(base) for base in own}
        order = f"{len(cls.__mro__)} ({len(own)} of them the package's, in {len(files)} files)"
        yield f"classes of {cls.__name__}", order
    for cls in ESTIMATORS:
        lines = len(inspect.getsourcelines(cls.__init__)[0])
        yield f"lines of the constructor of {cls.__name__}", lines


# ---------------------------------------------------------------- files and imports


def file_rows() -> Iterator[tuple[str, Any]]:
    folders = Counter(path.parent for path in FILES.values())
    yield "files", len(FILES)
    for folder, n_files in folders.most_common():
        yield f"files in {folder.relative_to(FOLDER.parent)}", n_files
    private = [path for path in FILES.values() if path.parent == FOLDER and is_private(path)]
    yield "private modules at the root", len(private)


def is_private(path: Path) -> bool:
    return path.name.startswith("_") and not path.name.startswith("__")


def imported(module: str) -> set[str]:
    """Return the modules of the package that one imports, wherever in its file."""
    is_package = FILES[module].name == "__init__.py"
    package = module if is_package else module.rpartition(".")[0]
    names: list[str] = []
    for node in statements(TREES[module]):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            names += [f"{source}.{alias.name}" for alias in node.names]
    return {home for name in names if (home := home_of(name)) not in (None, module)}


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes but those that only type checkers see."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield from statements(child)


def home_of(name: str) -> str | None:
    while name and name not in FILES:
        name = name.rpartition(".")[0]
    return name or None


def wing_of(module: str) -> str:
    """Return the part of the package, a file or a folder at its root, in which a module is."""
    return ".".join(module.split(".")[:2])


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of which each member can be reached from each other one."""

    def reached(start: str) -> set[str]:
        seen, waiting = set(), [start]
        while waiting:
            new = arrows.get(waiting.pop(), set()) - seen
            seen |= new
            waiting += new
        return seen

    within = {name: reached(name) for name in arrows}
    groups = {
        tuple(sorted(other for other in within[name] if name in within.get(other, ())))
        for name in arrows
        if name in within[name]
    }
    return sorted(map(list, groups))


def import_rows() -> Iterator[tuple[str, Any]]:
    arrows = {module: imported(module) for module in FILES}
    wings: dict[str, set[str]] = {wing_of(module): set() for module in FILES}
    for module, others in arrows.items():
        wings[wing_of(module)] |= {wing_of(each) for each in others} - {wing_of(module)}
    yield "imports between files", sum(map(len, arrows.values()))
    yield "parts at the root", len(wings)
    yield "imports between parts", sum(map(len, wings.values()))
    for title, graph in (("files", arrows), ("parts", wings)):
        found = circles(graph)
        names = "; ".join(" ".join(each.removeprefix(f"{PACKAGE}.") for each in c) for c in found)
        yield f"circles of imports between {title}", f"{len(found)} {names}".strip()


# ---------------------------------------------------------------- a fit


def moves_of_a_fit() -> tuple[int, int]:
    """Count how often a small fit goes on in another file, by a call or back, and the files."""
    paths = {str(path) for path in FILES.values()}
    stack: list[str] = []
    visited: list[str] = []

    def follow(frame: Any, event: str, argument: Any) -> None:
        path = frame.f_code.co_filename
        if path not in paths or event not in ("call", "return"):
            return
        if event == "call":
            stack.append(path)
        elif stack:
            stack.pop()
        if stack and visited[-1:] != stack[-1:]:
            visited.append(stack[-1])

    X = np.random.default_rng(0).normal(size=(40, 6))
    model = skdeepclust.TripletDECClusterer(
        2, pretrain_epochs=1, warmup_epochs=1, max_epochs=1, n_init=1, n_starts=1, random_state=0
    )
    model.fit(X)  # the first fit also imports
    sys.setprofile(follow)
    try:
        model.fit(X)
    finally:
        sys.setprofile(None)
    return len(visited) - 1, len(set(visited))


def rows() -> Iterator[tuple[str, Any]]:
    yield from file_rows()
    yield from class_rows()
    yield from import_rows()
    moves, n_files = moves_of_a_fit()
    yield "moves from file to file in a small fit of TripletDECClusterer", moves
    yield "files that this fit runs through", n_files


if __name__ == "__main__":
    for name, value in rows():
        print(f"{name:62} {value}")
