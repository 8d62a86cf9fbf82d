"""Real browsers come to the page by themselves, with JavaScript on and off."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.chromium import QUIET
from tests.gate.clients.conftest import Site
from tests.gate.clients.site import PAGES, SECRET
from tests.gate.servers import needs

pytestmark = pytest.mark.process

_SECONDS = 90.0


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """What drives the machine's own browsers."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The machine's own Chromium."""
    browser = playwright.chromium.launch(executable_path=needs("chromium"), args=QUIET)
    yield browser
    browser.close()


@pytest.fixture(params=[True, False], ids=["JavaScript on", "JavaScript off"])
def tab(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh tab with cookies of its own."""
    context = chromium.new_context(java_script_enabled=request.param)
    yield context.new_page()
    context.close()


def test_chromium_comes_to_the_page(tab: Page, site: Site) -> None:
    address = f"{site.url}/page/7?q=a&b=%E6%BD%AE"
    tab.goto(address)
    tab.wait_for_selector("#next")
    assert SECRET in tab.content()
    assert tab.url == address


def test_chromium_is_not_asked_again(tab: Page, site: Site) -> None:
    tab.goto(f"{site.url}/page/1")
    tab.wait_for_selector("#next")
    for number in range(2, 6):
        answer = tab.goto(f"{site.url}/page/{number}")
        assert answer is not None
        assert answer.status == 200


def test_without_cookies_a_readable_page_says_so_within_two_hops(
    playwright: Playwright, site: Site, tmp_path: Path
) -> None:
    profile = tmp_path / "profile" / "Default"
    profile.mkdir(parents=True)
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (profile / "Preferences").write_text(json.dumps(blocked), encoding="utf-8")
    context = playwright.chromium.launch_persistent_context(
        profile.parent, executable_path=needs("chromium"), args=QUIET, locale="ja-JP"
    )
    page = context.new_page()
    seen: list[str] = []
    page.on("framenavigated", lambda frame: seen.append(frame.url))
    page.goto(f"{site.url}/page/7")
    page.wait_for_url("**/.gate/enter**")
    page.wait_for_timeout(1000)  # in which a loop would go on
    assert len(seen) == 2
    assert page.locator("html").get_attribute("lang") == "ja"
    assert "Cookie" in page.inner_text("main")
    context.close()
    assert site.pages() == []


def test_who_tabs_through_twenty_pages_is_never_caught(chromium: Browser, site: Site) -> None:
    tab = chromium.new_page()
    tab.goto(f"{site.url}/page/1")
    tab.wait_for_selector("#next")
    for number in range(1, PAGES + 1):
        reached = set()
        for _ in range(PAGES + 6):  # once round everything that can have the focus
            tab.keyboard.press("Tab")
            reached.add(tab.evaluate("document.activeElement.getAttribute('href')"))
        assert {f"/page/{n}" for n in range(1, PAGES + 1)} <= reached
        assert not [href for href in reached if href and href.startswith("/.gate/")]
        tab.focus("#next")
        tab.keyboard.press("Enter")
        tab.wait_for_url(f"**/page/{number % PAGES + 1}")
    assert SECRET in tab.content()
    tab.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript on", "JavaScript off"])
def test_firefox_comes_to_the_page(scripts: bool, site: Site, tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.mkdir()
    settings = {
        "javascript.enabled": scripts,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "app.normandy.enabled": False,
    }
    lines = (f'user_pref("{name}", {str(value).lower()});' for name, value in settings.items())
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [needs("firefox-esr"), "--headless", "--profile", str(profile), "--no-remote"]
    process = subprocess.Popen(
        [*command, f"{site.url}/page/7"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end and "/style.css" not in _paths(site):
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    assert _paths(site)[:2] == ["/page/7", "/style.css"]


def _paths(site: Site) -> list[str]:
    return [one["path"] for one in site.served()]


def test_newsboat_gets_the_feed(site: Site, tmp_path: Path) -> None:
    urls, cache = tmp_path / "urls", tmp_path / "cache.db"
    urls.write_text(f"{site.url}/feed.xml\n", encoding="utf-8")
    command = [needs("newsboat"), "-u", str(urls), "-c", str(cache), "-x", "reload"]
    subprocess.run(command, check=True, timeout=_SECONDS, capture_output=True)
    feeds = [(one["path"], one["status"]) for one in site.served()]
    assert feeds == [("/feed.xml", 200)]


def test_the_fragment_of_the_first_visit_is_kept(chromium: Browser, site: Site) -> None:
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(f"{site.url}/page/3?q=1#part")
    tab.wait_for_selector("#next")
    assert tab.url == f"{site.url}/page/3?q=1#part"
    context.close()


def test_twenty_tabs_of_a_new_visitor_all_come_to_their_pages(
    chromium: Browser, site: Site
) -> None:
    context = chromium.new_context()
    tabs = [context.new_page() for _ in range(20)]
    for number, tab in enumerate(tabs, 1):
        tab.goto(f"{site.url}/page/{number}?n={number}#a", wait_until="commit")
    for number, tab in enumerate(tabs, 1):
        tab.wait_for_selector("#next")
        assert f"Page {number}" in tab.title()
        assert tab.url.endswith(f"?n={number}#a")
    context.close()
