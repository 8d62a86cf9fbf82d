"""Real programs at `shiomi serve --workers 2`: people read, crawlers get no byte of a page.

Each program comes through a relay with an address of its own, which keeps what was answered.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pexpect
import pytest

from tests.chromium import chromium
from tests.gate.clients.test_robots import SPIDER
from tests.gate.servers import needs

pytestmark = pytest.mark.process

PAGE = "/2020-12-13"
SECRET = b"A critical vulnerability in OpenSSL"  # the first topic
SECONDS = 60.0
_networks = count(1)


class Relay:
    """Passes connections on, from the address `source`, and keeps the answers."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._source = f"127.{next(_networks)}.0.1"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.answers: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._target, source_address=(self._source, 0)) as far:
            asked = threading.Thread(target=self._copy, args=(near, far), daemon=True)
            asked.start()
            self._copy(far, near, True)
            with suppress(OSError):
                near.shutdown(socket.SHUT_RD)
            asked.join()

    def _copy(self, giver: socket.socket, taker: socket.socket, keep: bool = False) -> None:
        with suppress(OSError):
            while data := giver.recv(65_536):
                if keep:
                    self.answers.append(data)
                taker.sendall(data)
        with suppress(OSError):
            taker.shutdown(socket.SHUT_WR)

    @property
    def read(self) -> bool:
        """Whether the protected text was given out."""
        return SECRET in b"".join(self.answers)

    def wait(self) -> None:
        """Wait until it was, or too long."""
        end = time.monotonic() + SECONDS
        while not self.read and time.monotonic() < end:
            time.sleep(0.05)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # which ends accept()
        self._listener.close()


@pytest.fixture
def relay(served: str) -> Iterator[Relay]:
    opened = Relay(served)
    yield opened
    opened.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript on", "JavaScript off"])
def test_chromium_reads_and_finds(relay: Relay, scripts: bool) -> None:
    with chromium() as browser:
        tab = browser.new_context(java_script_enabled=scripts).new_page()
        tab.goto(relay.url + PAGE)
        tab.wait_for_selector("#topic-1")
        tab.fill("#q-top", "脆弱性")
        tab.press("#q-top", "Enter")
        tab.wait_for_selector(".hits")
        assert "脆弱性 → vulnerability" in tab.content()
        tab.click(".hits h3 a")
        tab.wait_for_selector("#threads")


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript on", "JavaScript off"])
def test_firefox_reads(relay: Relay, scripts: bool, tmp_path: Path) -> None:
    lines = [f'user_pref("javascript.enabled", {str(scripts).lower()});']
    lines += [
        f'user_pref("{name}", false);'
        for name in ("browser.shell.checkDefaultBrowser", "app.normandy.enabled",
                     "network.captive-portal-service.enabled",
                     "network.connectivity-service.enabled")
    ]  # fmt: skip
    (tmp_path / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [needs("firefox-esr"), "--headless", "--profile", str(tmp_path), "--no-remote"]
    with running([*command, relay.url + PAGE]):
        relay.wait()
    assert relay.read


@contextmanager
def running(command: Sequence[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("command", "steps"),
    [
        pytest.param(["lynx", "-accept_all_cookies"], [("Arrow keys", "\t"), ("", "\r")],
                     id="lynx"),
        pytest.param(["w3m"], [("Continue", "\t"), ("", "\r")], id="w3m"),
    ],
)  # fmt: skip
def test_a_text_browser_reads_after_one_button(
    relay: Relay, command: list[str], steps: list[tuple[str, str]], tmp_path: Path
) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    for name in ("LINES", "COLUMNS"):
        environment.pop(name, None)
    terminal = pexpect.spawn(needs(command[0]), [*command[1:], relay.url + PAGE], timeout=90,
                             env=environment, dimensions=(30, 100), encoding="utf-8",
                             codec_errors="replace")  # fmt: skip
    try:
        for shown, key in steps:
            terminal.expect_exact(shown)
            time.sleep(1.0)  # for the program to be ready for a key
            terminal.send(key)
        relay.wait()
    finally:
        terminal.close(force=True)
    assert relay.read


def test_newsboat_reads_the_feed_of_a_search(relay: Relay, tmp_path: Path) -> None:
    urls, cache = tmp_path / "urls", tmp_path / "cache.db"
    urls.write_text(f"{relay.url}/search.atom?q=vulnerability\n", encoding="utf-8")
    command = [needs("newsboat"), "-u", str(urls), "-c", str(cache), "-x"]
    environment = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run([*command, "reload"], env=environment, check=True, timeout=SECONDS)
    assert relay.read


def test_curl_reads_a_feed_and_is_refused_a_page(relay: Relay) -> None:
    command = [needs("curl"), "-sL", "--max-time", "20"]
    subprocess.run([*command, relay.url + PAGE], capture_output=True, check=False)
    assert relay.answers
    assert not relay.read
    subprocess.run([*command, f"{relay.url}/atom.xml"], capture_output=True, check=True)
    assert relay.read


def wget(url: str, folder: Path) -> list[str]:
    return [needs("wget"), "-r", "-l", "3", "-p", "-e", "robots=off", "--tries=1", "--timeout=5",
            "-R", "*.xml,*.json,*.atom", "--content-on-error", f"{url}/"]  # fmt: skip


def scrapy(url: str, folder: Path) -> list[str]:
    (folder / "spider.py").write_text(SPIDER.format(url=url), encoding="utf-8")
    return [sys.executable, "-m", "scrapy", "runspider", "spider.py"]


@pytest.mark.parametrize("crawler", [wget, scrapy])
def test_a_crawler_that_ignores_robots_txt_gets_no_byte_of_a_page(
    relay: Relay, crawler: Callable[[str, Path], list[str]], tmp_path: Path
) -> None:
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(crawler(relay.url, tmp_path), cwd=tmp_path, capture_output=True,
                       timeout=SECONDS, check=False)  # fmt: skip
    assert relay.answers
    assert not relay.read


@pytest.mark.parametrize("agent", ["GPTBot/1.2", "ClaudeBot/1.0", "CCBot/2.0", "Bytespider"])
def test_a_named_crawler_gets_no_byte_of_the_site(relay: Relay, agent: str) -> None:
    for path in (PAGE, "/atom.xml", "/search?q=openssl", "/story/hackernews:1", "/api/v1/digests"):
        command = [needs("curl"), "-sL", "--max-time", "3", "-A", agent, relay.url + path]
        subprocess.run(command, capture_output=True, check=False)  # a tarpit may take longer
    assert relay.answers
    assert not relay.read
