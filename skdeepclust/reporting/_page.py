"""The page around the sections: one file, which asks nobody for anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any
from xml.etree.ElementTree import Element

from skdeepclust.reporting._markup import as_json, element, hash_of, written
from skdeepclust.reporting._samples import Sprite

SCRIPTS = ("data.js", "grid.js", "painter.js", "view.js", "map.js")
BUTTONS = (
    ("+", "zoom in", "in"),
    ("\N{MINUS SIGN}", "zoom out", "out"),
    ("\u21ba", "show all", "all"),
)

OUTSIDE = "Few samples lie far off, out of sight at first: \u21ba shows all."


def asset(name: str) -> str:
    return files("skdeepclust.reporting").joinpath("assets", name).read_text(encoding="utf-8")


def map_section(caption: str, remark: str) -> Element:
    """Return the place of the map, which the script fills."""
    buttons = [
        element("button", sign, type_="button", data_zoom=kind, aria_label=name, title=name)
        for sign, name, kind in BUTTONS
    ]
    hint = (
        "Map of the samples. Arrow keys move it, plus and minus zoom, 0 shows all, Enter tells "
        "which sample is in the middle."
    )
    canvas = element("canvas", hint, id_="map", tabindex=0, role="application", aria_label=hint)
    frame = element(
        "div",
        canvas,
        element("div", *buttons, class_="zoom"),
        element("div", id_="hint", class_="hint", hidden=""),
        class_="frame",
    )
    return element(
        "section",
        element("h2", "Map", id_="map-title"),
        frame,
        element("p", id_="told", class_="unseen", role="status"),
        element(
            "div", id_="legend", role="group", aria_label="Clusters: choose one to see it alone"
        ),
        element(
            "p",
            f"{caption}. {remark} ",
            element("span", OUTSIDE, id_="outside", hidden=""),
            class_="remark",
        ),
        element("noscript", "The map is drawn by a script; this browser runs none."),
        id_="overview",
        aria_labelledby="map-title",
    )


def page(
    title: str,
    subtitle: str,
    sections: Sequence[Element],
    data: dict[str, Any],
    sprites: Mapping[str, Sprite | None],
    about: str,
) -> str:
    """Return the whole page."""
    script = "\n".join(asset(name) for name in SCRIPTS)
    policy = (
        f"default-src 'none'; script-src {hash_of(script)}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", asset("page.css") + "".join(map(_style_of, sprites, sprites.values()))),
    )
    links = [
        element("a", heading.text, href=f"#{each.get('id')}")
        for each in sections
        if (heading := each.find("h2")) is not None
    ]
    body = element(
        "body",
        element("a", "Skip to the content", href="#main", class_="skip"),
        element("header", element("h1", title), element("p", subtitle, class_="remark")),
        element("nav", *links, aria_label="Sections"),
        element("main", *sections, id_="main"),
        element("footer", about),
        element("script", as_json(data), id_="data", type_="application/json"),
        element("script", script, type_="module"),
    )
    return written(element("html", head, body, lang="en"))


def _style_of(name: str, sprite: Sprite | None) -> str:
    if sprite is None:
        return ""
    side = 56 / max(sprite.width, sprite.height)
    sharp = "image-rendering:pixelated;" if max(sprite.width, sprite.height) <= 32 else ""
    return (
        f".{name}{{background-image:url({sprite.address});"
        f"background-size:{100 * sprite.columns}% {100 * sprite.n_lines}%;{sharp}"
        f"width:{side * sprite.width:.0f}px;height:{side * sprite.height:.0f}px}}\n"
    )
