"""The built documentation in a real browser: `make docs-test`.

Nothing but the folder that `make docs` has made is served, from this machine to itself. A page that
asks another server for something fails.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

SITE = Path(__file__).resolve().parent.parent / "docs" / "_build" / "html"
PAGES = sorted(
    str(path.relative_to(SITE)) for path in SITE.rglob("*.html") if "_static" not in path.parts
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A telephone, and the two modes.
NARROW = {"width": 400, "height": 800}
READABLE = 4.5  # contrast of text with its ground, WCAG 2.1, level AA


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    if not PAGES:
        pytest.fail(f"There are no pages in {SITE}: run `make docs` first.")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(SITE)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watch:
    """A page, and whatever went wrong on it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.problems: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("requestfailed", lambda request: self.problems.append(f"failed: {request.url}"))
        page.on("request", self._request)
        page.on(
            "response",
            lambda r: self.problems.append(f"{r.status}: {r.url}") if r.status >= 400 else None,
        )

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.problems.append(f"another server: {request.url}")

    def open(self, name: str) -> Page:
        self.problems.clear()
        self.page.goto(f"{self.address}/{name}", wait_until="load")
        return self.page


def new_watch(browser: Browser, address: str, **options) -> Watch:
    return Watch(browser.new_context(**options).new_page(), address)


@pytest.fixture(scope="module")
def wide(browser: Browser, address: str) -> Watch:
    return new_watch(browser, address, viewport={"width": 1280, "height": 900})


@pytest.fixture(scope="module")
def narrow(browser: Browser, address: str) -> Watch:
    return new_watch(browser, address, viewport=NARROW)


@pytest.fixture(scope="module")
def dark(browser: Browser, address: str) -> Watch:
    return new_watch(browser, address, color_scheme="dark")


def typeset(page: Page) -> None:
    """Wait until the formulas of a page are drawn."""
    page.evaluate("async () => { if (window.MathJax?.startup) await MathJax.startup.promise }")


BROKEN_IMAGES = """async () => {
    const images = [...document.images];
    images.forEach(image => { image.loading = "eager" });
    await Promise.all(images.map(image => image.decode().catch(() => null)));
    return images.filter(image => image.naturalWidth === 0).map(image => image.src.slice(0, 200));
}"""


@pytest.mark.parametrize("name", PAGES)
def test_page_has_no_error_and_no_broken_image(wide: Watch, name: str) -> None:
    page = wide.open(name)
    assert page.title()
    typeset(page)
    assert page.evaluate(BROKEN_IMAGES) == []
    assert page.locator("mjx-merror").count() == 0, "a formula that MathJax can't read"
    assert wide.problems == []


# What sticks out on the right, without what scrolls by itself.
TOO_WIDE = """() => {
    const scrolls = element => {
        for (let e = element.parentElement; e && e !== document.body; e = e.parentElement)
            if (["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX)) return true;
        return false;
    };
    const limit = document.documentElement.clientWidth + 1;
    const sticksOut = e => e.getClientRects().length && e.getBoundingClientRect().right > limit;
    return [...document.querySelectorAll("body *")]
        .filter(e => sticksOut(e) && !scrolls(e))
        .slice(0, 5).map(e => e.tagName + "." + e.className + ": " + e.textContent.slice(0, 60));
}"""


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_telephone(narrow: Watch, name: str) -> None:
    page = narrow.open(name)
    typeset(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"], page.evaluate(TOO_WIDE)


# The least contrast of any visible text in the article with what is behind it.
CONTRAST = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const parse = color => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data].map(v => v / 255);
    };
    const over = (top, below) => [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * below[i]);
    const ground = element => {
        const layers = [];
        for (let e = element; e; e = e.parentElement) {
            const color = parse(getComputedStyle(e).backgroundColor);
            layers.push(color);
            if (color[3] === 1) break;
        }
        return layers.reverse().reduce((below, top) => over(top, below), [1, 1, 1]);
    };
    const luminance = rgb => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) =>
        sum + weight * (rgb[i] <= 0.03928 ? rgb[i] / 12.92 : ((rgb[i] + 0.055) / 1.055) ** 2.4), 0);
    let least = [99, ""];
    for (const e of document.querySelectorAll(".bd-article *")) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
        const style = getComputedStyle(e);
        if (!own || !e.getClientRects().length || style.visibility === "hidden") continue;
        if (e.closest("svg, mjx-container, .headerlink, .copybtn, .visually-hidden")) continue;
        const behind = ground(e);
        const pair = [luminance(over(parse(style.color), behind)), luminance(behind)];
        const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        const name = e.tagName + "." + e.className + ": " + e.textContent.slice(0, 60);
        if (ratio < least[0]) least = [ratio, name];
    }
    return least;
}"""
SHOWN = [
    "index.html",
    "getting_started.html",
    "triplet_dec.html",
    "choosing.html",
    "comparison.html",
    "glossary.html",
    "api.html",
    "auto_examples/index.html",
    "auto_examples/1_first_steps/plot_01_digits.html",
    "generated/skdeepclust.TripletDECClusterer.html",
]


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_has_contrast(wide: Watch, dark: Watch, name: str, mode: str) -> None:
    page = (dark if mode == "dark" else wide).open(name)
    assert page.evaluate("document.documentElement.dataset.theme") == mode
    ratio, where = page.evaluate(CONTRAST)
    assert ratio >= READABLE, where


def test_search_finds_an_estimator(wide: Watch) -> None:
    page = wide.open("search.html?q=TripletDECClusterer")
    results = page.locator("#search-results ul.search li a")
    results.first.wait_for(timeout=20_000)
    page.wait_for_timeout(1000)  # results come in one by one
    links = [link.get_attribute("href") or "" for link in results.all()]
    assert any("generated/skdeepclust.TripletDECClusterer" in link for link in links)
    assert wide.problems == []


def test_the_gallery_has_its_figures(wide: Watch) -> None:
    page = wide.open("auto_examples/index.html")
    assert page.locator(".sphx-glr-thumbcontainer").count() >= 12
    sources = page.eval_on_selector_all(
        ".sphx-glr-thumbcontainer img", "all => all.map(i => i.src)"
    )
    pictures = {page.request.get(source).body() for source in sources}
    assert len(pictures) == len(sources), "examples that weren't run share a picture"


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


METHODS = {
    "triplet_dec": ["TripletDECClusterer"],
    "tagnet": ["TAGnetClusterer"],
    "parsimonious": ["ParsimoniousClassifier", "ParsimoniousAutoencoder", "ZeroShotClassifier"],
    "forced_apart": ["ForcedApartEmbedder"],
}
SCREEN, MOST_SCREENS = 900, 8


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
def test_a_guide_begins_with_use_and_is_short(wide: Watch, guide: str) -> None:
    page = wide.open(f"{guide}.html")
    typeset(page)
    assert page.evaluate("document.documentElement.scrollHeight") <= MOST_SCREENS * SCREEN
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
    assert page.locator("a.enlarge img").count() == 1


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
