"""The page of a report in a real browser: it asks nobody, fits a telephone, does as it is told."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.a_browser import browser_path, needs_browser
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from skdeepclust import report
from skdeepclust.meta import OpenSetClusterer

pytestmark = needs_browser

X = load_digits().data[:300]
EVIL = "<img src=https://example.org/x.png onerror=window.broken=1><script>window.broken=1</script>"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 800}
# The least contrast of the texts of a page with what is behind them.
CONTRAST = """() => {
    const light = color => {
        const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3)
            .map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = e => {
        const color = getComputedStyle(e).backgroundColor;
        return color === "rgba(0, 0, 0, 0)" && e.parentElement ? ground(e.parentElement) : color;
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let least = 21;
    while (texts.nextNode()) {
        const e = texts.currentNode.parentElement;
        const isSeen = e.getClientRects().length && e.tagName !== "SCRIPT";
        if (!isSeen || !texts.currentNode.data.trim()) continue;
        const style = getComputedStyle(e);
        const ink = light(e instanceof SVGElement ? style.fill : style.color);
        const paper = light(ground(e));
        least = Math.min(least, (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05));
    }
    return least;
}"""


@pytest.fixture(scope="module")
def page_of(tmp_path_factory) -> Path:
    model = OpenSetClusterer(KMeans(5, random_state=0), contamination=0.1, random_state=0).fit(X)
    texts = [f"{row} {EVIL}" for row in range(len(X))]
    path = tmp_path_factory.mktemp("pages") / "digits.html"
    return report(model, X, images=X.reshape(-1, 8, 8), texts=texts, path=path, title=EVIL)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, page_of):
    made = []

    def open_page(path: Path = page_of, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": WIDE, **options})
        made.append(context)
        page, asked, said = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector("#map[data-zoom]")
        page.asked, page.said = asked, said
        return page

    yield open_page
    for context in made:
        context.close()


def middle(page: Any) -> tuple[float, float]:
    box = page.locator("#map").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def settle(page: Any) -> None:
    """Wait until what has happened is drawn."""
    frame = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    page.evaluate(frame)
    page.evaluate(frame)


def zoom(page: Any) -> float:
    settle(page)
    return float(page.locator("#map").get_attribute("data-zoom"))


def pixels(page: Any) -> np.ndarray:
    """Return what is drawn on the map, (height * width, 3)."""
    settle(page)
    address = page.evaluate("document.getElementById('map').toDataURL()")
    picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    return np.asarray(picture.convert("RGB")).reshape(-1, 3)


def test_nothing_is_asked_for_and_no_text_runs(opened, page_of):
    page = opened()
    assert [url for url in page.asked if not url.startswith("data:")] == [page_of.as_uri()]
    assert page.said == []
    assert page.evaluate("window.broken") is None
    assert EVIL in page.inner_text("h1")
    # even a script that would stand there is refused
    append = "document.body.append(Object.assign(document.createElement(%r), %s))"
    page.evaluate(append % ("script", "{text: 'window.broken = 1'}"))
    page.evaluate(append % ("img", "{src: 'https://example.org/x.png'}"))
    settle(page)
    assert page.evaluate("window.broken") is None
    assert len(page.said) == 2
    assert all("Content Security Policy" in text for text in page.said)


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_in_any_width_and_in_the_dark(opened, viewport, scheme):
    page = opened(viewport=viewport, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate(CONTRAST) >= 4.5
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 150) == (scheme == "dark")
    corner = pixels(page)[0, :3]
    assert (corner.sum() < 150) == (scheme == "dark")


def test_wheel_buttons_and_keys_zoom_and_move(opened):
    page = opened()
    start = zoom(page)
    page.mouse.move(*middle(page))
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"Number(document.getElementById('map').dataset.zoom) > {1.5 * start}")
    page.click("[data-zoom=all]")
    assert zoom(page) == 1
    page.click("[data-zoom=in]")
    page.click("[data-zoom=in]")
    page.click("[data-zoom=out]")
    assert zoom(page) == pytest.approx(1.6)
    page.focus("#map")
    for key, sign in (("+", 1), ("-", -1)):
        before = zoom(page)
        page.keyboard.press(key)
        assert (zoom(page) - before) * sign > 0
    before = pixels(page)
    page.keyboard.press("ArrowLeft")
    assert not np.array_equal(before, pixels(page))
    page.keyboard.press("0")
    assert zoom(page) == 1


def test_dragging_moves_the_map_and_what_is_under_the_hand(opened):
    page = opened()
    page.focus("#map")
    page.keyboard.press("+")
    page.keyboard.press("Enter")
    before, (x, y) = page.locator("#hint").bounding_box(), middle(page)
    named = page.inner_text("#hint small")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 40, steps=4)
    page.mouse.up()
    data = "JSON.parse(document.getElementById('data').textContent)"
    assert page.evaluate(f"{data}.n_samples") == len(X)
    place = before["x"] - 14 + 60, before["y"] - 14 + 40
    page.mouse.move(*place)
    settle(page)
    assert page.inner_text("#hint small") == named


def test_a_hand_on_a_point_shows_its_thumbnail_and_text(opened):
    page = opened()
    page.focus("#map")
    page.keyboard.press("Enter")
    row = int(page.inner_text("#hint small").split()[1])
    assert page.inner_text("#hint q") == f"{row} {EVIL}"
    assert page.inner_text("#told").startswith(f"row {row} ")
    # the same picture as in the lists
    assert page.locator("#hint .thumbnail").bounding_box()["width"] == 56
    assert page.evaluate("window.broken") is None
    page.mouse.move(5, 5)
    page.keyboard.press("ArrowUp")
    assert page.locator("#hint").is_hidden()


def test_a_cluster_is_chosen_in_the_legend(opened):
    page = opened()
    every = pixels(page)
    button = page.locator("#legend button").nth(2)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    alone = pixels(page)
    colors = page.evaluate(
        "JSON.parse(document.getElementById('data').textContent).clusters.map(c => c.color)"
    )

    def count(image: np.ndarray, color: str) -> int:
        rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
        return int((np.abs(image[:, :3].astype(int) - rgb).max(axis=1) < 60).sum())

    assert count(every, colors[1]) > 100
    assert count(alone, colors[1]) < 0.2 * count(every, colors[1])
    assert count(alone, colors[2]) > 0.8 * count(every, colors[2])
    page.keyboard.press("Enter")  # on the button that has the focus
    assert button.get_attribute("aria-pressed") == "false"
    assert np.array_equal(pixels(page), every)


def test_a_finger_taps(opened):
    page = opened(viewport=NARROW, has_touch=True, is_mobile=True)
    page.locator("#legend button").last.tap()
    assert "no cluster" in page.inner_text("#told")
    page.locator("#legend button").first.tap()
    page.focus("#map")
    page.keyboard.press("Enter")
    assert "cluster 0" in page.inner_text("#hint small")


def test_all_is_reached_by_keys(opened):
    page = opened()
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate("(e => e.id || e.dataset.zoom || e.tagName)(document.activeElement)")
        )
    assert {"map", "in", "out", "all", "A", "BUTTON", "SUMMARY", "DIV"} <= seen


def test_many_points_are_drawn_in_a_moment(opened, tmp_path):
    rng = np.random.default_rng(0)
    many = np.repeat(rng.normal(size=(10, 3)) * 9, 7000, axis=0) + rng.normal(size=(70_000, 3))
    model = KMeans(10, n_init=1, random_state=0).fit(many)
    page = opened(report(model, many, path=tmp_path / "many.html"))
    page.focus("#map")
    times = []
    for key in "++--" * 3:
        page.keyboard.press(key)
        settle(page)
        times.append(float(page.locator("#map").get_attribute("data-milliseconds")))
    assert np.median(times) < 100  # a tenth of that where nothing else runs
    assert page.evaluate("document.querySelectorAll('*').length") < 3000
