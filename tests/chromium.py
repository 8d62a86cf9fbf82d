"""The machine's own Chromium, driven by Playwright; a test is skipped if it is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.gate.servers import needs

__all__ = ["QUIET", "chromium"]

QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start one browser; it ends with the block."""
    program = needs("chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        browser.close()
