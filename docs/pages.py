"""What pages get beyond their text: links into the reference and back, and groups that fold.

Pages stay plain Markdown. A name in code that `api.rst` lists becomes a link.
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

HERE = Path(__file__).resolve().parent
CALL = re.compile(r"([A-Za-z_][\w.]*)(?:\(.*\))?", re.DOTALL)
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
    app.add_transform(LinksToReference)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("doctree-resolved", link_back)
    app.connect("html-page-context", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
