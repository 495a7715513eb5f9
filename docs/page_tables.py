"""Tables that fit a page, and blocks that are shown as what the code above them prints.

Pages stay plain Markdown. A long table becomes a tab for each data set, a wide one several tables.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx_design.shared import create_component

NUMBER = re.compile(r"[-+−]?[\d.,]+(?:e-?\d+)?%?(?: ± [\d.]+)?")
# Tables of more rows than that get tabs, one for each value in a column of this name.
MOST_ROWS, GROUPED_BY = 18, ("data", "paper", "training")
# Tables of more characters in a line than that are cut into several, one below the other.
MOST_CHARACTERS, GAP = 98, 2
SHORT = 6  # "CPU s" and the like stay on one line


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


def setup(app: Any) -> dict[str, bool]:
    """Connect both."""
    for transform in (Tables, Outputs):
        app.add_transform(transform)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
