"""What pages get beyond their text: links into the reference and back, tabs, and groups that fold.

Pages stay plain Markdown. A name in code that `api.rst` lists becomes a link, a long table becomes
a tab for each data set, and what follows a block of Python is shown as what it prints.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx_design.shared import create_component

HERE = Path(__file__).resolve().parent
CALL = re.compile(r"([A-Za-z_][\w.]*)(?:\(.*\))?", re.DOTALL)
NUMBER = re.compile(r"[-+−]?[\d.,]+(?:e-?\d+)?%?(?: ± [\d.]+)?")
# Tables of more rows than that get tabs, one for each value in a column of this name.
MOST_ROWS, GROUPED_BY = 18, ("data", "paper", "training")
# Tables of more characters in a line than that are cut into several, one below the other.
MOST_CHARACTERS, GAP = 98, 2
SHORT = 6  # "CPU s" and the like stay on one line
NO_GUIDES = ("generated/", "auto_examples/")
GROUP = '<li class="toctree-l1 group"><details><summary></summary><ul></ul></details></li>'


# ---------------------------------------------------------------- names of the reference


@cache
def listed() -> dict[str, str]:
    """Return the heading in `api.rst` that lists a qualified name, for each of them."""
    found, module, section = {}, "", ""
    lines = (HERE / "api.rst").read_text(encoding="utf-8").splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if match := re.match(r"\.\. rubric:: (.+)", line):
            section = match[1]
        elif below and line and not below.strip("-~"):
            section = line
        elif match := re.match(r"\.\. (?:current)?module:: ([\w.]+)", line):
            module = match[1]
        elif match := re.fullmatch(r"   (\w+)", line):
            found[f"{module}.{match[1]}"] = section
    return found


@cache
def spellings() -> dict[str, str]:
    """Return the qualified name for each way to write it that can't mean something else."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in listed():
        parts = name.split(".")
        # a word alone, such as `load`, may be anything
        first = 0 if parts[-1][0].isupper() or "_" in parts[-1] else 1
        for length in range(1 + first, len(parts) + 1):
            found[".".join(parts[-length:])].add(name)
    return {word: names.pop() for word, names in found.items() if len(names) == 1}


def named(text: str) -> str | None:
    """Return the qualified name of what a word of code is, or calls."""
    match = CALL.fullmatch(text)
    return spellings().get(match[1]) if match else None


class LinksToReference(SphinxTransform):
    """Make the first mention of a public name in a paragraph a link."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Replace names by links."""
        page = self.env.docname
        if page.startswith(NO_GUIDES) or page in ("api", "changelog"):
            return
        for paragraph in self.document.findall(nodes.paragraph):
            seen: set[str] = set()
            for literal in list(paragraph.findall(nodes.literal)):
                name = named(literal.astext())
                if name and name not in seen and not is_linked(literal):
                    seen.add(name)
                    literal.replace_self(link_to(name, literal, page))
                    mentions(self.env)[name].add(page)


def is_linked(node: nodes.Node) -> bool:
    """Return whether a node is a part of a link."""
    parents = (nodes.reference, addnodes.pending_xref)
    while node.parent is not None:
        node = node.parent
        if isinstance(node, parents):
            return True
    return False


def link_to(name: str, literal: nodes.literal, page: str) -> addnodes.pending_xref:
    """Return a link to the reference with the word as it is written."""
    options = {"refdomain": "py", "reftype": "obj", "reftarget": name, "refexplicit": True}
    return addnodes.pending_xref("", literal.deepcopy(), **options, refdoc=page, refwarn=True)


# ---------------------------------------------------------------- and back


def mentions(env: Any) -> dict[str, set[str]]:
    """Return the pages that mention a name, for each of them."""
    if not hasattr(env, "guide_mentions"):
        env.guide_mentions = defaultdict(set)
    return env.guide_mentions


def forget(app: Any, env: Any, page: str) -> None:
    """Drop what a page mentions, which is read anew."""
    for pages in mentions(env).values():
        pages.discard(page)


def merge(app: Any, env: Any, read: Iterable[str], other: Any) -> None:
    """Take up what another process has read."""
    for name, pages in mentions(other).items():
        mentions(env)[name] |= pages


def link_back(app: Any, doctree: nodes.document, page: str) -> None:
    """List the pages of the guide that mention it at the end of each page of the reference."""
    name = page.removeprefix("generated/")
    pages = sorted(mentions(app.env)[name], key=guide_order(app.env)) if name in listed() else []
    sections = list(doctree.findall(nodes.section))
    if not pages or not sections:
        return
    listing = nodes.bullet_list(classes=["guides"])
    for target in pages:
        uri = app.builder.get_relative_uri(page, target)
        title = app.env.titles[target].astext()
        link = nodes.reference("", title, refuri=uri, internal=True)
        listing += nodes.list_item("", nodes.paragraph("", "", link))
    sections[0] += [nodes.rubric("", "In guides and benchmarks"), listing]


def guide_order(env: Any) -> Callable[[str], tuple[int, str]]:
    """Return a key that sorts pages as the tables of contents do."""
    order = [page for tree in ("user_guide", "results") for page in env.toctree_includes[tree]]
    return lambda page: (order.index(page) if page in order else len(order), page)


# ---------------------------------------------------------------- tables and outputs


class Tables(SphinxTransform):
    """Keep numbers on one line, and give long tables a tab for each data set."""

    default_priority = 410

    def apply(self, **_: Any) -> None:
        """Replace tables."""
        for entry in self.document.findall(nodes.entry):
            text = entry.astext().strip()
            heads = isinstance(entry.parent.parent, nodes.thead)
            if NUMBER.fullmatch(text) or (heads and len(text) <= SHORT):
                entry["classes"].append("number")
        for table in list(self.document.findall(nodes.table)):
            groups = groups_of(table)
            if len(groups) > 1:
                table.replace_self(tabs(table, groups))
        for table in list(self.document.findall(nodes.table)):
            table.replace_self(narrow(table))


def groups_of(table: nodes.table) -> dict[str, list[nodes.row]]:
    """Return the rows of a long table by what is in its first column."""
    heads = [entry.astext() for head in table.findall(nodes.thead) for entry in head[0]]
    bodies = list(table.findall(nodes.tbody))
    groups: dict[str, list[nodes.row]] = {}
    if heads and heads[0] in GROUPED_BY and len(bodies[0]) > MOST_ROWS:
        for row in bodies[0]:
            groups.setdefault(row[0].astext(), []).append(row)
    return groups


def tabs(table: nodes.table, groups: dict[str, list[nodes.row]]) -> nodes.Node:
    """Return a set of tabs with a table each."""
    tab_set = create_component("tab-set", classes=["sd-tab-set", "results"])
    for name, rows in groups.items():
        label = nodes.rubric(name, "", nodes.Text(name), classes=["sd-tab-label"])
        content = create_component("tab-content", classes=["sd-tab-content"])
        content += without_first_column(table, rows)
        item = create_component("tab-item", classes=["sd-tab-item"])
        item += [label, content]
        tab_set += item
    return tab_set


def without_first_column(table: nodes.table, rows: list[nodes.row]) -> nodes.table:
    """Return a table of some of the rows, without empty columns."""
    part = table.deepcopy()
    (group,) = part.findall(nodes.tgroup)
    (body,) = group.findall(nodes.tbody)
    body.children = []
    body += [row.deepcopy() for row in rows]
    remove_column(group, 0)
    for column in range(group["cols"] - 1, 0, -1):
        if not any(row[column].astext().strip() for row in body):
            remove_column(group, column)
    return part


def remove_column(group: nodes.tgroup, column: int) -> None:
    """Take out a column."""
    group["cols"] -= 1
    group.remove(list(group.findall(nodes.colspec))[column])
    for row in group.findall(nodes.row):
        row.pop(column)


def narrow(table: nodes.table) -> list[nodes.table]:
    """Return tables that fit a page, each with the names of the rows of the wide one."""
    (group,) = table.findall(nodes.tgroup)
    columns = list(zip(*group.findall(nodes.row), strict=True))
    widths = [width_of(column) for column in columns]
    n_names = next((n for n, column in enumerate(columns) if has_numbers(column)), 1) or 1
    names, rest = list(range(n_names)), widths[n_names:]
    n_parts = -(-sum(rest) // (MOST_CHARACTERS - sum(widths[:n_names])))
    if n_parts < 2 or len(widths) < 4:
        return [table]
    parts, wanted = [[*names]], sum(rest) / n_parts
    for column, width in enumerate(rest, n_names):
        before = sum(widths[c] for c in parts[-1][n_names:])
        if before and before + width / 2 > wanted and len(parts) < n_parts:
            parts.append([*names])
        parts[-1].append(column)
    return [with_columns(table, part) for part in parts]


def has_numbers(column: tuple[nodes.Node, ...]) -> bool:
    """Return whether a column has numbers below its head."""
    return any("number" in entry["classes"] for entry in column[1:])


def width_of(column: tuple[nodes.Node, ...]) -> int:
    """Return the least number of characters of a column: numbers stay whole, texts wrap."""
    return GAP + max(
        len(text) if "number" in entry["classes"] else max(map(len, text.split()), default=0)
        for entry in column
        for text in [entry.astext()]
    )


def with_columns(table: nodes.table, columns: list[int]) -> nodes.table:
    """Return a table of some of the columns."""
    part = table.deepcopy()
    (group,) = part.findall(nodes.tgroup)
    for column in range(group["cols"] - 1, 0, -1):
        if column not in columns:
            remove_column(group, column)
    return part


class Outputs(SphinxTransform):
    """Mark what a block of Python prints."""

    default_priority = 420

    def apply(self, **_: Any) -> None:
        """Give outputs a class."""
        for block in self.document.findall(nodes.literal_block):
            after = block.next_node(descend=False, siblings=True)
            while isinstance(after, nodes.comment):
                after = after.next_node(descend=False, siblings=True)
            printed = isinstance(after, nodes.literal_block) and after.get("language") == "text"
            if block.get("language") == "python" and printed:
                after["classes"].append("output")


# ---------------------------------------------------------------- pages as HTML


def finish(app: Any, page: str, template: str, context: Any, doctree: Any) -> None:
    """Fold the reference's names by module in the sidebar."""
    if toctree := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *args, **kwargs: folded(toctree(*args, **kwargs))


def folded(toctree: Any) -> Any:
    """Group the list of all public names, where a sidebar has it."""
    soup = BeautifulSoup(str(toctree), "html.parser")
    lists = soup.find_all("ul", recursive=False)
    names = [item for items in lists for item in items.find_all("li", recursive=False)]
    if not names or not all(map(section_of, names)):
        return toctree
    fold(names)
    for items in lists[1:]:
        lists[0].extend(items.extract().find_all("li", recursive=False))
    return str(soup)


def section_of(item: Any) -> str | None:
    """Return the group of an entry: the section of `api.rst` that lists it."""
    address, text = item.a.get("href", ""), item.a.get_text(strip=True)
    name = address.rpartition("/")[2].removesuffix(".html")
    if address == "#":  # the page itself
        return next((listed()[full] for full in listed() if full.endswith(f".{text}")), None)
    return listed().get(name)


def fold(items: list[Any]) -> None:
    """Put entries into groups that open on a click; that of the current page is open."""
    groups: dict[str, list[Any]] = defaultdict(list)
    for item in items:
        groups[section_of(item) or ""].append(item)
    for name, members in groups.items():
        group = BeautifulSoup(GROUP, "html.parser").li.extract()
        group.summary.string = name
        members[0].insert_before(group)
        for member in members:
            if "current" in member.get("class", ()):
                group.details["open"] = ""
            group.ul.append(member.extract())


def setup(app: Any) -> dict[str, bool]:
    """Connect all of it."""
    for transform in (LinksToReference, Tables, Outputs):
        app.add_transform(transform)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("doctree-resolved", link_back)
    app.connect("html-page-context", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
