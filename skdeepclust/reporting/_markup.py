"""Elements of a page, whose texts and attributes are escaped when it is written."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree.ElementTree import Element, tostring

import numpy as np

SHORT = 20  # letters


def element(tag: str, *children: Any, **attributes: Any) -> Element:
    """Make an element of texts, other elements, and lists of these; None is left out.

    Of the names of attributes, an underscore at the end is dropped, others are hyphens.
    """
    known = {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items() if v is not None}
    made = Element(tag, {name: str(value) for name, value in known.items()})
    _append(made, children)
    return made


def _append(made: Element, children: Iterable[Any]) -> None:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Element):
            made.append(child)
        elif isinstance(child, (list, tuple)):
            _append(made, child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + str(child)
        else:
            made.text = (made.text or "") + str(child)


def table(caption: str, head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Element:
    """Make a table that scrolls by itself where it is too wide; rows begin with their heads."""
    lines = [
        element("tr", element("th", row[0], scope="row"), [_cell(each) for each in row[1:]])
        for row in rows
    ]
    columns = element("tr", [element("th", each, scope="col") for each in head])
    made = element(
        "table",
        element("caption", caption),
        element("thead", columns),
        element("tbody", lines),
    )
    return element("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _cell(content: Any) -> Element:
    """Return a cell; short texts, such as numbers and intervals, stay on one line."""
    is_short = isinstance(content, str) and len(content) <= SHORT
    return element("td", content, class_="number" if is_short else None)


def written(page: Element) -> str:
    """Return a page as HTML."""
    return "<!DOCTYPE html>\n" + tostring(page, encoding="unicode", method="html") + "\n"


def as_json(data: Any) -> str:
    """Return data as JSON that can stand in a page: no tag begins or ends in it."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")


def as_base64(values: np.ndarray) -> str:
    """Return numbers as base64, the first byte of each the lowest."""
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return base64.b64encode(np.ascontiguousarray(little).tobytes()).decode("ascii")


def hash_of(script: str) -> str:
    """Return what a content security policy calls a script that may run."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
