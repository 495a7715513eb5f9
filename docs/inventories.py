"""Which pages of other projects the documentation links to: `python docs/inventories.py`.

Writes `inventories/PROJECT.txt`, which Sphinx reads instead of asking another server: a line for
each name that the gallery, the pages and the docstrings use. A page follows from the patterns in
`inventories/projects.toml`; a name that has none is left out: a wrong link is worse than none.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import platform
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "inventories"
PROJECTS = tomllib.loads((FOLDER / "projects.toml").read_text(encoding="utf-8"))
BLOCK = re.compile(r"^([ \t]*)```python[^\n]*\n(.*?)^\1```[ \t]*$", re.MULTILINE | re.DOTALL)
ROLE = re.compile(r"(?::\w+:|\{\w+\})`~?([\w.]+)`")
# in a section "See Also"
SEEN_ALSO = re.compile(r"^ *(\w+(?:\.\w+)+) : ", re.MULTILINE)
# in a docstring, or at the head of what a declaration says
TYPE = re.compile(r"^ *(?:[\w, ]+ : |doc=\"\"\")(.+)$", re.MULTILINE)


class Entry(NamedTuple):
    """A line of a project's inventory."""

    project: str
    name: str
    kind: str
    page: str


def kind_of(name: str) -> str:
    """Return what a name is; nothing for what isn't there, another name of it, or a constant."""
    home, _, last = name.rpartition(".")
    try:
        value, parent = pkgutil.resolve_name(name), pkgutil.resolve_name(home or name)
    except (AttributeError, ImportError, ValueError):
        return ""
    if inspect.ismodule(value):
        return "mod" if value.__name__ == name else ""
    here = inspect.ismodule(parent) and getattr(value, "__name__", "") == last
    return ("class" if inspect.isclass(value) else "function") if here else ""


@cache
def entry(name: str) -> Entry | None:
    """Return where a name is documented: as it is written, or under the module that defines it."""
    first = name.partition(".")[0]
    project = "python" if first in sys.stdlib_module_names else first
    if project not in PROJECTS or not (kind := kind_of(name)):
        return None
    value = pkgutil.resolve_name(name)
    for known in (name, f"{getattr(value, '__module__', '')}.{value.__name__}"):
        module = known if kind == "mod" else known.rpartition(".")[0]
        for pattern, page in PROJECTS[project]["pages"].items():
            if kind_of(known) and re.fullmatch(pattern, f"{kind} {known}"):
                return Entry(project, known, kind, page.format(name=known, module=module))
    return None


def names_in_code(source: str) -> Iterator[str]:
    """Yield what a program imports, and what it takes from that."""
    nodes = list(ast.walk(ast.parse(source)))
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names |= {alias.asname: alias.name} if alias.asname else {first: first}
        elif isinstance(node, ast.ImportFrom):
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    yield from names.values()
    for node in nodes:
        if isinstance(node, ast.Attribute):
            first, _, rest = ast.unparse(node).partition(".")
            if first in names and re.fullmatch(r"[\w.]+", rest):
                yield f"{names[first]}.{rest}"


def sources(pattern: str) -> list[str]:
    """Return the texts of files of this repository."""
    return [path.read_text(encoding="utf-8") for path in sorted(HERE.parent.glob(pattern))]


def written_types() -> set[str]:
    """Return what docstrings call types, where that has a dot."""
    lines = TYPE.findall("\n".join(sources("skdeepclust/**/*.py")))
    return set(re.findall(r"\w+(?:\.\w+)+", "\n".join(lines)))


def types() -> dict[str, Entry]:
    """Return the entries of types by what docstrings call them."""
    written = {name: name for name in written_types()}
    for key, project in PROJECTS.items():
        written |= {name.split(".")[-1]: f"{key}.{name}" for name in project.get("short", ())}
    return {word: found for word, name in written.items() if (found := entry(name))}


def aliases() -> dict[str, str]:
    """Return what numpydoc writes for types: links that show the words as they are."""
    own = {name: name for name in written_types() if name.startswith("skdeepclust.")}
    targets = own | {word: found.name for word, found in types().items()}
    return {word: f":obj:`{word} <{target}>`" for word, target in targets.items()}


def used() -> set[Entry]:
    """Return the entries of all names that the documentation uses."""
    names: set[str] = set()
    for text in sources("examples/*/plot_*.py"):
        names.update(names_in_code(text))
    for text in sources("docs/*.md") + sources("skdeepclust/**/*.py"):
        names.update(ROLE.findall(text) + SEEN_ALSO.findall(text))
        for _, block in BLOCK.findall(text):
            names.update(names_in_code(textwrap.dedent(block)))
    return {*types().values(), *filter(None, map(entry, names))}


def mapping() -> dict[str, tuple[str, str]]:
    """Return what intersphinx asks for: addresses to link to, and the files to read instead."""
    return {
        key: (project["address"], f"inventories/{key}.txt") for key, project in PROJECTS.items()
    }


def inventories() -> dict[str, str]:
    """Return the text of each project's inventory."""
    entries, texts = sorted(used()), {}
    for key, project in PROJECTS.items():
        package = project.get("distribution", key)
        release = version(package) if key != "python" else platform.python_version()
        head = f"# Sphinx inventory version 1\n# Project: {project['title']}\n"
        head += f"# Version: {'.'.join(release.split('.')[:2])}\n"
        lines = [f"{e.name} {e.kind} {e.page}\n" for e in entries if e.project == key]
        texts[key] = head + "".join(lines)
    return texts


if __name__ == "__main__":
    for key, text in inventories().items():
        (FOLDER / f"{key}.txt").write_text(text, encoding="utf-8")
