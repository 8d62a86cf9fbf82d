"""Crawlers at their defaults, ignoring robots.txt, get no byte of a protected page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gate.clients.conftest import Site
from tests.gate.clients.site import SECRET
from tests.gate.servers import needs

pytestmark = pytest.mark.process

_SECONDS = 60

SPIDER = """
from scrapy.linkextractors import LinkExtractor
from scrapy.spiders import CrawlSpider, Rule

class Everything(CrawlSpider):
    name = "everything"
    start_urls = ["{url}/"]
    rules = [Rule(LinkExtractor(), follow=True)]
    handle_httpstatus_list = [403, 429]
    custom_settings = {{"ROBOTSTXT_OBEY": False, "CLOSESPIDER_PAGECOUNT": 200,
                       "CLOSESPIDER_TIMEOUT": 30, "TELNETCONSOLE_ENABLED": False}}

    def parse_start_url(self, response):
        open("start.html", "wb").write(response.body)
"""

IMPERSONATING = """
from curl_cffi import requests
session = requests.Session(impersonate="chrome")
for number in (1, 2, 3, 1, 2, 3):
    open(f"{{number}}.html", "wb").write(session.get("{url}/page/%d" % number).content)
"""


def run(folder: Path, *command: str) -> None:
    """Run a crawler in a folder of its own, for a minute at most; how it ends is its affair."""
    folder.mkdir(exist_ok=True)
    try:
        subprocess.run(command, cwd=folder, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{command[0]} was still crawling after {_SECONDS} s")


def scrapy(site: Site, folder: Path) -> None:
    folder.mkdir()
    (folder / "spider.py").write_text(SPIDER.format(url=site.url), encoding="utf-8")
    run(folder, sys.executable, "-m", "scrapy", "runspider", "spider.py")


def curl_cffi(site: Site, folder: Path) -> None:
    run(folder, sys.executable, "-c", IMPERSONATING.format(url=site.url))


def wget(site: Site, folder: Path) -> None:
    run(
        folder,
        *(needs("wget"), "-r", "-l", "3", "-p", "-e", "robots=off", "--tries=1"),
        *("--timeout=5", "--content-on-error", f"{site.url}/"),
    )


def httrack(site: Site, folder: Path) -> None:
    run(folder, needs("httrack"), f"{site.url}/", "-O", ".", "-s0", "-r4", "-E30", "-c4")


def curl(site: Site, folder: Path) -> None:
    folder.mkdir()
    for number in (1, 2, 1):
        run(
            folder,
            *(needs("curl"), "-sL", "--max-time", "10", "-b", "jar", "-c", "jar"),
            *("-o", f"{number}.html", f"{site.url}/page/{number}"),
        )


@pytest.mark.parametrize("crawl", [scrapy, wget, httrack, curl, curl_cffi])
def test_a_crawler_gets_no_protected_page(
    crawl: Callable[[Site, Path], None], site: Site, tmp_path: Path
) -> None:
    folder = tmp_path / "crawl"
    crawl(site, folder)
    assert site.pages() == []
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert kept, "it kept no answer of the gate: did it run?"
    held = [path for path in kept if SECRET in path.read_text("utf-8", "replace")]
    assert held == []


def test_a_crawler_with_a_browser_s_cookie_loses_it_in_the_trap(site: Site, tmp_path: Path) -> None:
    """With the cookie and the User-Agent of a browser, wget goes on until it comes to the trap."""
    import httpx2

    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    with httpx2.Client(headers={"User-Agent": agent}, follow_redirects=True) as browser:
        first = browser.get(f"{site.url}/page/1")
        entered = browser.get(site.url + first.headers["refresh"].partition("url=")[2])
        assert SECRET in entered.text
        cookies = "; ".join(f"{one.name}={one.value}" for one in browser.cookies.jar)
        folder = tmp_path / "crawl"
        run(
            folder,
            *(needs("wget"), "-r", "-l", "5", "-e", "robots=off", "--tries=1", "--timeout=5"),
            *("--user-agent", agent, "--header", f"Cookie: {cookies}", f"{site.url}/"),
        )
        taken = len(site.pages())
        assert browser.get(f"{site.url}/page/2").status_code == 403
        assert len(site.pages()) == taken
