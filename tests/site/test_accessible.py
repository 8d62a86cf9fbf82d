"""Every page through axe-core in Chromium, wide and narrow, light and dark, and for print.

Needs AXE, the path of `axe.min.js` from the npm package axe-core (`npm install axe-core`).
With SHIOMI_SCREENSHOTS, a folder, each page is also kept as a picture there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.testclient import TestClient

from tests.gate.clients.test_browsers import QUIET
from tests.gate.servers import needs
from tests.site.test_pages import PAGES

pytestmark = [pytest.mark.process, pytest.mark.slow]

SCREENSHOTS = os.environ.get("SHIOMI_SCREENSHOTS")
WAYS = [("wide", 1280, "light", "screen"), ("narrow", 360, "light", "screen"),
        ("wide", 1280, "dark", "screen"), ("narrow", 360, "dark", "screen"),
        ("wide", 794, "light", "print")]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=needs("chromium"), args=QUIET)
        yield opened
        opened.close()


def _show(tab: Page, client: TestClient, path: str) -> None:
    """Open a page of the application without a server."""

    def answer(route: object) -> None:
        address = route.request.url.removeprefix("http://site")  # type: ignore[attr-defined]
        response = client.get(address)
        route.fulfill(  # type: ignore[attr-defined]
            status=response.status_code, headers=dict(response.headers), body=response.content
        )

    tab.route("**/*", answer)
    tab.goto(f"http://site{path}")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(map(str, way)))
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_and_fits(
    client: TestClient, browser: Browser, path: str, way: tuple[str, int, str, str]
) -> None:
    _, width, scheme, medium = way
    context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True)
    tab = context.new_page()
    tab.emulate_media(color_scheme=scheme, media=medium)  # type: ignore[arg-type]
    try:
        _show(tab, client, path)
        if SCREENSHOTS:
            name = f"{quote(path, safe='')}-{width}-{scheme}-{medium}.png"
            tab.screenshot(path=Path(SCREENSHOTS) / name, full_page=True)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        if "AXE" not in os.environ:
            pytest.skip("AXE does not name axe.min.js")
        tab.add_script_tag(path=os.environ["AXE"])
        found = tab.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes[0].html]))")
        assert found == []
    finally:
        context.close()
