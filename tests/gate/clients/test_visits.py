"""Visits of a browser to a site of four workers, over IPv4 and IPv6: one challenge each.

The site is one line of WSGI middleware with its defaults under gunicorn. A relay between browser
and site connects by IPv4 and IPv6 in turn, as a browser with both does.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from shiomi.gate.cookie import Signer
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.state.file import FileState
from tests.chromium import chromium as started_chromium
from tests.gate.servers import ROOT, server
from tests.loopback import free_port

pytestmark = [pytest.mark.process, pytest.mark.slow]

HOST = "localhost"
_APPLICATION = """
import html, json, os
from shiomi.gate.wsgi import GateMiddleware

def site(environ, start_response):
    size = int(environ.get("CONTENT_LENGTH") or 0)
    said = {
        "method": environ["REQUEST_METHOD"], "path": environ["PATH_INFO"],
        "query": environ["QUERY_STRING"], "body": environ["wsgi.input"].read(size).decode(),
        "referrer": environ.get("HTTP_REFERER", ""), "worker": os.getpid(),
    }
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    page = (
        "<!doctype html><html><body><pre id=said>" + html.escape(json.dumps(said)) + "</pre>"
        '<form method=post action=/post><input name=a value="1&amp;2"><button id=send>Send'
        "</button></form><a id=next href=/next>Next</a></body></html>"
    )
    return [page.encode()]

application = GateMiddleware(site, dns=False)
"""


class Relay:
    """Passes connections on to 127.0.0.1 and ::1 in turn, and counts the gate's pages."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._turn = 0
        self.challenges = 0
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                browser, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(browser,), daemon=True).start()

    def _serve(self, browser: socket.socket) -> None:
        """Connect with the first request: an idle connection would hold one of the workers."""
        with browser:
            first = browser.recv(65536)
            if not first:
                return
            self._turn += 1
            there = ("127.0.0.1", "::1")[self._turn % 2]
            with socket.create_connection((there, self._target)) as site:
                site.sendall(first)
                back = threading.Thread(target=self._pass, args=(site, browser), daemon=True)
                back.start()
                self._pass(browser, site)
                back.join()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self.challenges += data.count(b"HTTP/1.1 403 ")
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


class Visited:
    """The running site."""

    def __init__(self, relay: Relay, state: Path) -> None:
        self.relay = relay
        self.url = f"http://{HOST}:{relay.port}"
        self._state = state

    def old_cookie(self, agent: str, address: str) -> str:
        """A cookie of this site that ended a day ago."""
        state = FileState(self._state)
        policy = Policy()
        signer = Signer(replace(policy.cookie), state.secret)
        request = Request.make(peer=address, headers=[("User-Agent", agent)])
        cookie = signer.cookie(request, time.time() - policy.cookie.hours * 3600 - 86_400)
        state.close()
        return cookie


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with started_chromium() as browser:
        yield browser


@pytest.fixture
def visited(tmp_path: Path) -> Iterator[Visited]:
    (tmp_path / "guarded.py").write_text(_APPLICATION)
    port, state = free_port(), tmp_path / "gate.state"
    command = [sys.executable, "-m", "gunicorn", "-w", "4", "--preload", "guarded"]
    command += ["-b", f"127.0.0.1:{port}", "-b", f"[::1]:{port}"]
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{tmp_path}", "SHIOMI_GATE_STATE": str(state)}
    log = tmp_path / "gunicorn.log"
    with server(command, port=port, log=log, cwd=tmp_path, environment=environment, seconds=60.0):
        relay = Relay(port)
        yield Visited(relay, state)
        relay.close()


@pytest.fixture(params=[True, False], ids=["JavaScript on", "JavaScript off"])
def context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    context = chromium.new_context(java_script_enabled=request.param)
    context.set_default_timeout(90_000)
    yield context
    context.close()


def said(tab: Page) -> dict[str, Any]:
    """What the site says that it was asked, once the tab shows a page of the site."""
    tab.wait_for_selector("#said")
    told: dict[str, Any] = json.loads(tab.inner_text("#said"))
    return told


def has_scripts(request: pytest.FixtureRequest) -> bool:
    return "JavaScript on" in request.node.name


def test_a_visit_over_two_address_families_and_four_workers_has_one_challenge(
    context: BrowserContext, visited: Visited
) -> None:
    tab = context.new_page()
    tab.goto(f"{visited.url}/first")
    workers = {said(tab)["worker"]}
    for number in range(10):
        tab.goto(f"{visited.url}/page/{number}")
        workers.add(said(tab)["worker"])
    assert visited.relay.challenges == 1
    assert len(workers) > 1


def test_a_deep_link_keeps_its_query_and_with_scripts_its_fragment(
    context: BrowserContext, visited: Visited, request: pytest.FixtureRequest
) -> None:
    tab = context.new_page()
    link = f"{visited.url}/deep?a=1&b=%E6%BD%AE#part"
    tab.goto(link)
    told = said(tab)
    assert (told["path"], told["query"]) == ("/deep", "a=1&b=%E6%BD%AE")
    if has_scripts(request):
        assert tab.url == link
    else:  # a Refresh header cannot say it
        assert tab.url == link.partition("#")[0]
    assert visited.relay.challenges == 1


def test_twenty_tabs_at_once_all_come_to_their_pages(
    context: BrowserContext, visited: Visited
) -> None:
    tabs = [context.new_page() for _ in range(20)]
    for number, tab in enumerate(tabs):
        tab.goto(f"{visited.url}/tab/{number}?n={number}", wait_until="commit")
    for number, tab in enumerate(tabs):
        told = said(tab)
        assert (told["path"], told["query"]) == (f"/tab/{number}", f"n={number}")
    assert visited.relay.challenges <= 20


def test_the_back_button_goes_past_the_challenge(context: BrowserContext, visited: Visited) -> None:
    tab = context.new_page()
    tab.goto("about:blank")
    tab.goto(f"{visited.url}/one")
    said(tab)
    tab.click("#next")
    tab.wait_for_url("**/next")
    tab.go_back()
    assert said(tab)["path"] == "/one"
    tab.go_back()
    assert tab.url == "about:blank"
    assert visited.relay.challenges == 1


def test_a_form_with_a_cookie_that_has_ended_is_not_lost(
    context: BrowserContext, visited: Visited
) -> None:
    tab = context.new_page()
    tab.goto(f"{visited.url}/form")
    said(tab)
    agent = tab.evaluate("navigator.userAgent")
    context.clear_cookies()
    old = visited.old_cookie(agent, "127.0.0.1")
    context.add_cookies([{"name": "shiomi-gate", "value": old, "url": visited.url}])
    tab.click("#send")
    tab.wait_for_url("**/post")
    told = said(tab)
    assert (told["method"], parse_qs(told["body"])) == ("POST", {"a": ["1&2"]})
    assert visited.relay.challenges == 1  # the first visit's


def test_a_form_before_the_first_cookie_is_not_lost(
    context: BrowserContext, visited: Visited, request: pytest.FixtureRequest
) -> None:
    tab = context.new_page()
    tab.goto(f"{visited.url}/form")
    said(tab)
    context.clear_cookies()
    visited.relay.challenges = 0
    tab.click("#send")
    if not has_scripts(request):
        tab.wait_for_selector('input[name="a"][type="hidden"]', state="attached")
        tab.click("button")
    tab.wait_for_url("**/post")
    told = said(tab)
    assert (told["method"], parse_qs(told["body"])) == ("POST", {"a": ["1&2"]})
    assert visited.relay.challenges == 1
