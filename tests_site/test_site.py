"""The built documentation in a real browser: `make docs-test`.

Nothing but the folder that `make docs` has made is served, from this machine to itself. A page that
asks another server for something fails.
"""

from __future__ import annotations

import pytest
from browser import NARROW, PAGES, Watch, typeset

READABLE = 4.5  # contrast of text with its ground, WCAG 2.1, level AA
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


# The mean of the pixels that a figure shows, 0 for black, of all figures that can be seen.
BRIGHTNESS = """() => [...document.querySelectorAll(".bd-article a.enlarge img")]
    .filter(image => image.getClientRects().length).map(image => {
        const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        let sum = 0;
        for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
        return sum / (data.length / 4) / 765;
    })"""
FIGURES = ["index.html", "triplet_dec.html", "tagnet.html", "comparison.html", "reports.html"]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_dark_in_the_dark(wide: Watch, dark: Watch, name: str) -> None:
    shown = {}
    for mode, watch in (("light", wide), ("dark", dark)):
        page = watch.open(name)
        assert page.evaluate(BROKEN_IMAGES) == []
        shown[mode] = page.evaluate(BRIGHTNESS)
    assert len(shown["light"]) == len(shown["dark"]) == 1
    assert shown["light"][0] > 0.6
    assert shown["dark"][0] < 0.35


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
