"""How well a browser's headers agree with its User-Agent.

Libraries that pose as a browser often omit headers that the browser would send. But a careful
library sends these headers too, and an extension, a proxy or an old device can change an honest
browser's headers. So the result is only one of several weights, and never the only reason for a
verdict.

Browsers send Fetch Metadata (`Sec-Fetch-*`, W3C) since Chrome 76, Edge 79, Firefox 90 and Safari
16.4, and client hints (`Sec-CH-UA`) since Chromium 89. They send both only to trustworthy origins
(HTTPS, or loopback), so over plain HTTP a missing header means nothing.
"""

from __future__ import annotations

import re

from shiomi.gate.request import Request

__all__ = ["WEIGHTS", "inconsistency", "misfits"]

WEIGHTS = {
    "no-accept-language": 40,  # every browser sends one; some privacy tools remove it
    "no-accept": 40,
    "no-accept-encoding": 20,
    "no-sec-fetch": 50,  # missing from a browser version that sends it over HTTPS
    "no-client-hints": 30,  # missing from a Chromium version that sends them over HTTPS
    "foreign-client-hints": 60,  # hints that no Firefox or Safari sends
    "hints-disagree": 60,  # the hints and the User-Agent have different versions
    "odd-sec-fetch": 40,  # a value that the specification does not have
}
"""The weight of each kind of inconsistency, by name."""

_CHROME = re.compile(r"\b(?:Chrome|Chromium)/(\d{1,4})")
_FIREFOX = re.compile(r"\bFirefox/(\d{1,4})")
_SAFARI = re.compile(r"\bVersion/(\d{1,3})(?:\.(\d{1,3}))?[^ ]* (?:Mobile/\w+ )?Safari/")
_HINT = re.compile(r'"(?:Chromium|Google Chrome)";v="(\d{1,4})"')
_MODES = {b"navigate", b"no-cors", b"cors", b"same-origin", b"websocket"}
_SITES = {b"none", b"same-origin", b"same-site", b"cross-site"}


def inconsistency(request: Request) -> int:
    """Return the sum of the `WEIGHTS` that apply: 0 if the headers agree with the browser."""
    return sum(WEIGHTS[name] for name in misfits(request))


def misfits(request: Request) -> list[str]:
    """Return the keys of `WEIGHTS` for the headers that do not agree."""
    headers = request.headers
    found = [
        f"no-{name}"
        for name in ("accept-language", "accept", "accept-encoding")
        if name.encode() not in headers
    ]
    mode, site = headers.get(b"sec-fetch-mode"), headers.get(b"sec-fetch-site")
    if (mode is not None and mode not in _MODES) or (site is not None and site not in _SITES):
        found.append("odd-sec-fetch")
    agent = request.user_agent
    hints = headers.get(b"sec-ch-ua")
    chrome = _CHROME.search(agent)
    if hints is not None:
        found += _hints_misfit(hints, chrome)
    if request.scheme == "https":
        if mode is None and _sends_fetch_metadata(agent, chrome):
            found.append("no-sec-fetch")
        if hints is None and chrome and int(chrome[1]) >= 89 and "; wv)" not in agent:
            found.append("no-client-hints")
    return found


def _hints_misfit(hints: bytes, chrome: re.Match[str] | None) -> list[str]:
    if chrome is None:
        return ["foreign-client-hints"]
    said = _HINT.search(hints.decode("latin-1"))
    return ["hints-disagree"] if said and said[1] != chrome[1] else []


def _sends_fetch_metadata(agent: str, chrome: re.Match[str] | None) -> bool:
    if chrome:
        return int(chrome[1]) >= 80
    if firefox := _FIREFOX.search(agent):
        return int(firefox[1]) >= 90
    if safari := _SAFARI.search(agent):
        return (int(safari[1]), int(safari[2] or 0)) >= (16, 4)
    return False
