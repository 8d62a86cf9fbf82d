"""Requests as clients of each kind send them, for the tests of what decides."""

from __future__ import annotations

import re
from html import unescape

from shiomi.gate.decision import Decision
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.trial import BROWSER

__all__ = ["NOW", "Policy", "browser", "button", "cookies_of", "header", "refresh", "sent"]

NOW = 1_790_000_000.0  # Unix seconds


def sent(
    target: str = "/page",
    agent: str = "",
    *headers: tuple[str, str],
    peer: str | None = "192.0.2.7",
    method: str = "GET",
    scheme: str = "http",
) -> Request:
    """A request of a client with this User-Agent; without one, of none."""
    given = [("Host", "example.org")]
    if agent:
        given.append(("User-Agent", agent))
    return Request.make(target, peer=peer, method=method, headers=[*given, *headers], scheme=scheme)


def browser(
    target: str = "/page",
    *headers: tuple[str, str],
    peer: str = "192.0.2.7",
    method: str = "GET",
    scheme: str = "http",
) -> Request:
    """A request of a browser."""
    return sent(target, BROWSER, *headers, peer=peer, method=method, scheme=scheme)


def header(decision: Decision, name: str) -> str:
    """The value of a response's header; of the last, where there are several."""
    assert decision.response is not None
    values = [value for key, value in decision.response.headers if key.lower() == name.lower()]
    return values[-1] if values else ""


def cookies_of(decision: Decision) -> dict[str, str]:
    """The cookies a response sets, by name."""
    assert decision.response is not None
    lines = [value for key, value in decision.response.headers if key == "Set-Cookie"]
    pairs = [line.partition(";")[0].partition("=") for line in lines]
    return {name: value for name, _, value in pairs}


def refresh(decision: Decision) -> str:
    """The address in the Refresh header."""
    return header(decision, "Refresh").partition("url=")[2]


def button(decision: Decision) -> str:
    """The address of the page's form."""
    assert decision.response is not None
    found = re.search(r'<form method="post" action="([^"]+)"', decision.response.body.decode())
    assert found is not None
    return unescape(found[1])
