"""A page of a report as a test reads it: its elements, its data, its tables."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

VOID = {"meta", "br", "img", "input", "hr", "link"}
RAW = {"script", "style"}


class ReadPage(HTMLParser):
    """What stands in a page."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.scripts: list[tuple[dict[str, Any], str]] = []
        self.styles: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}  # of tables, by their captions
        self.texts: list[str] = []
        self.by_section: dict[str, list[str]] = {}
        self._open: list[str] = []
        self._section = ""
        self._caption = ""
        self.feed(self.source)
        self.close()
        assert not self._open, "an element is left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag == "script":
            self.scripts.append((attributes, ""))
        if tag == "section":
            self._section = str(attributes["id"])
        if tag == "tr" and self._caption:
            self.rows[self._caption].append([])
        if tag in ("th", "td") and self._caption:
            self.rows[self._caption][-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts[-1] = self.scripts[-1][0], self.scripts[-1][1] + data
        elif self._open[-1:] == ["style"]:
            self.styles.append(data)
        else:
            self.texts.append(data)
            self.by_section.setdefault(self._section, []).append(data)
        if self._open[-1:] == ["caption"]:
            self._caption = data
            self.rows[data] = []
        elif {"th", "td"} & set(self._open) and self._caption:
            self.rows[self._caption][-1][-1] += data

    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    def text_of(self, section: str) -> str:
        return " ".join(self.by_section.get(section, []))

    @property
    def data(self) -> dict[str, Any]:
        """Return what the script of the map gets."""
        return json.loads(next(text for attributes, text in self.scripts if "id" in attributes))

    def numbers(self, name: str, dtype: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(self.data[name]), dtype=f"<{dtype}")
