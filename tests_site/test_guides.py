"""The built guides in a real browser: what fits, what is linked, what a newcomer sees first."""

from __future__ import annotations

import os
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from browser import PAGES, SITE, Watch, typeset

# Tables wider than the page, and cells of numbers that take more than one line.
TABLES = """() => {
    const shown = [...document.querySelectorAll(".bd-article table")].filter(t => t.clientWidth);
    const room = t => (t.closest(".pst-scrollable-table-container") || t.parentElement).clientWidth;
    const lines = e => { const r = document.createRange();
        r.selectNodeContents(e.querySelector("p") || e);
        return new Set([...r.getClientRects()].map(box => Math.round(box.top / 4))).size };
    const name = t => t.textContent.trim().replace(/\\s+/g, " ").slice(0, 60);
    return [...shown.filter(t => t.scrollWidth > room(t) + 1).map(t => "too wide: " + name(t)),
        ...[...document.querySelectorAll(".bd-article td.number")]
            .filter(e => e.clientWidth && lines(e) > 1).map(e => "broken: " + e.textContent)];
}"""
GUIDES = [name for name in PAGES if "/" not in name and name not in ("genindex.html", "api.html")]


@pytest.mark.parametrize("name", GUIDES)
def test_tables_fit_a_laptop(wide: Watch, name: str) -> None:
    page = wide.open(name)
    typeset(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.evaluate(TABLES) == []


def test_each_part_of_a_wide_table_names_its_rows(wide: Watch) -> None:
    page = wide.open("known_samples.html")
    heads = page.eval_on_selector_all(
        ".bd-article table", "all => all.map(t => t.rows[0].innerText.trim().split(/\\s*\\t\\s*/))"
    )
    results = [head for head in heads if head[0] == "data"]
    assert len(results) > 3, "none is cut"
    assert all(head[1] == "clusterer" for head in results)


METHODS = {
    "triplet_dec": ["TripletDECClusterer"],
    "tagnet": ["TAGnetClusterer"],
    "parsimonious": ["ParsimoniousClassifier", "ParsimoniousAutoencoder", "ZeroShotClassifier"],
    "forced_apart": ["ForcedApartEmbedder"],
}
SCREEN, MOST_SCREENS = 900, 8
LISTS = ("changelog.html", "search.html")  # they grow, and nobody reads them from end to end


@pytest.mark.parametrize("name", [name for name in GUIDES if name not in LISTS])
def test_a_page_is_short(wide: Watch, name: str) -> None:
    page = wide.open(name)
    typeset(page)
    assert page.evaluate("document.documentElement.scrollHeight") <= MOST_SCREENS * SCREEN


@pytest.mark.parametrize("guide", METHODS)
def test_a_guide_and_the_reference_lead_to_each_other(wide: Watch, guide: str) -> None:
    for estimator in METHODS[guide]:
        reference = f"generated/skdeepclust.{estimator}.html"
        page = wide.open(f"{guide}.html")
        assert page.locator(f'.bd-article p a[href^="{reference}"]').count()
        page = wide.open(reference)
        assert page.locator(f'.bd-article dd > p a[href="../{guide}.html"]').count(), "docstring"
        assert page.locator(f'.bd-article ul.guides a[href="../{guide}.html"]').count()


@pytest.mark.parametrize("guide", METHODS)
def test_a_guide_begins_with_use(wide: Watch, guide: str) -> None:
    page = wide.open(f"{guide}.html")
    typeset(page)
    first = page.locator(".bd-article .highlight-python").first
    assert first.locator("xpath=following-sibling::*[1][contains(@class, 'output')]").count()
    assert page.evaluate(
        """() => { const formula = document.querySelector(".bd-article div.math");
            const code = document.querySelector(".bd-article .highlight-python");
            return !formula || code.compareDocumentPosition(formula) & 4  // it follows
        }"""
    ), "a formula stands before the first code"


def test_what_code_prints_is_shown(wide: Watch) -> None:
    page = wide.open("getting_started.html")
    code, outputs = ".bd-article .highlight-python", ".bd-article .output"
    assert page.locator(outputs).count() >= page.locator(code).count() - 1  # one draws
    assert page.locator("a.enlarge.only-light img").count() == 1


def test_the_first_screen_says_what_a_newcomer_asks(wide: Watch) -> None:
    page = wide.open("index.html")
    for what in (
        'a.first-screen[href="getting_started.html"]',
        'a.first-screen[href="choosing.html"]',
        "text=pip install",
        "text=alpha",
        ".output >> text=accuracy",
        "text=UMAP followed by",
    ):
        box = page.locator(f".bd-article >> {what}").first.bounding_box()
        assert box, what
        assert box["y"] + box["height"] <= SCREEN, f"{what} is below the first screen"


def test_search_finds_the_page_on_numbers_of_clusters(wide: Watch) -> None:
    page = wide.open("search.html?q=number+of+clusters")
    results = page.locator("#search-results ul.search > li > a")
    results.first.wait_for(timeout=20_000)
    page.wait_for_timeout(1000)
    first = [link.get_attribute("href") or "" for link in results.all()[:3]]
    assert any("number_of_clusters.html" in link for link in first), first


def test_the_reference_folds(wide: Watch) -> None:
    page = wide.open("generated/skdeepclust.losses.unfold.html")
    groups = page.locator(".bd-sidebar-primary li.group > details")
    assert groups.count() >= 10
    assert page.locator(".bd-sidebar-primary li.group > details[open]").count() == 1
    assert page.locator(".bd-sidebar-primary li.group li.current").is_visible()


def test_no_link_of_the_site_is_broken() -> None:
    texts = {name: (SITE / name).read_text(encoding="utf-8") for name in PAGES}
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}
    broken = []
    for name, text in texts.items():
        for link in re.findall(r'<a\b[^>]*\bhref="([^"]+)"', text):
            file, _, anchor = unquote(unescape(link)).partition("#")
            if re.match(r"\w+:", link):
                continue
            target = os.path.normpath((Path(name).parent / file).as_posix()) if file else name
            known = ids.get(target, set())
            if not (SITE / target).exists() or (anchor and target in ids and anchor not in known):
                broken.append((name, link))
    assert broken == []
