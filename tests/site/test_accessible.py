"""Every page through axe-core in Chromium, wide and narrow, light and dark, and for print.

With SHIOMI_SCREENSHOTS, a folder, each page is also kept as a picture there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Route
from starlette.testclient import TestClient

from tests.chromium import chromium
from tests.site.test_pages import PAGES

pytestmark = [pytest.mark.process, pytest.mark.slow]

Way = tuple[int, Literal["light", "dark"], Literal["screen", "print"]]

SCREENSHOTS = os.environ.get("SHIOMI_SCREENSHOTS")
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
FIRST: Way = (1280, "light", "screen")
OTHERS: tuple[Way, ...] = (
    (360, "light", "screen"), (360, "dark", "screen"), (1280, "dark", "screen"),
    (794, "light", "print"),
)  # fmt: skip
# The rules whose outcome depends on the style sheet; the others read the same document.
OF_STYLE = {
    "screen": ["color-contrast", "scrollable-region-focusable", "target-size"],
    "print": ["color-contrast"],
}


@pytest.fixture(scope="module")
def tab(client: TestClient) -> Iterator[Page]:
    """A tab that gets its answers from the application without a server."""

    def answer(route: Route) -> None:
        response = client.get(route.request.url.removeprefix("http://site"))
        route.fulfill(
            status=response.status_code, headers=dict(response.headers), body=response.content
        )

    with chromium() as browser:
        page = browser.new_context(bypass_csp=True).new_page()
        page.route("**/*", answer)
        yield page


def _problems(tab: Page, path: str, way: Way, rules: list[str] | None) -> list[object]:
    width, scheme, medium = way
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=scheme, media=medium)
    if SCREENSHOTS:
        name = f"{quote(path, safe='')}-{width}-{scheme}-{medium}.png"
        tab.screenshot(path=Path(SCREENSHOTS) / name, full_page=True)
    found: list[object] = []
    if tab.evaluate("document.documentElement.scrollWidth") > width:
        found.append((way, "wider than the screen"))
    violations = tab.evaluate(
        "rules => axe.run(rules ? {runOnly: rules} : {})"
        ".then(r => r.violations.map(v => [v.id, v.nodes[0].html]))",
        rules,
    )
    return found + [(way, one) for one in violations]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_and_fits(tab: Page, path: str) -> None:
    tab.goto(f"http://site{path}")
    tab.evaluate(AXE)
    found = _problems(tab, path, FIRST, None)
    for way in OTHERS:
        found += _problems(tab, path, way, OF_STYLE[way[2]])
    assert found == []
