"""The server, the browser, and pages of several widths and modes."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer

import pytest
from browser import BROWSERS, NARROW, PAGES, SITE, Handler, Watch, new_watch
from playwright.sync_api import Browser, sync_playwright


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


@pytest.fixture(scope="module")
def wide(browser: Browser, address: str) -> Watch:
    return new_watch(browser, address, viewport={"width": 1280, "height": 900})


@pytest.fixture(scope="module")
def narrow(browser: Browser, address: str) -> Watch:
    return new_watch(browser, address, viewport=NARROW)


@pytest.fixture(scope="module")
def dark(browser: Browser, address: str) -> Watch:
    return new_watch(browser, address, color_scheme="dark")
