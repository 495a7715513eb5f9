"""The built documentation, served from this machine to itself, and what goes wrong on a page."""

from __future__ import annotations

from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, Request

SITE = Path(__file__).resolve().parent.parent / "docs" / "_build" / "html"
PAGES = sorted(
    str(path.relative_to(SITE)) for path in SITE.rglob("*.html") if "_static" not in path.parts
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A telephone, and the two modes.
NARROW = {"width": 400, "height": 800}


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


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


def typeset(page: Page) -> None:
    """Wait until the formulas of a page are drawn."""
    page.evaluate("async () => { if (window.MathJax?.startup) await MathJax.startup.promise }")
