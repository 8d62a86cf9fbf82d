"""Header consistency: what real browsers send weighs nothing, what libraries forget weighs."""

from __future__ import annotations

import pytest

from shiomi.gate.identity.consistency import WEIGHTS, inconsistency, misfits
from shiomi.gate.request import Request

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
    "Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/{} Safari/605.1.15"
)
BASICS = {"Accept": "text/html", "Accept-Language": "ja", "Accept-Encoding": "gzip"}
METADATA = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
HINTS = {"Sec-CH-UA": '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"'}


def request(agent: str, *parts: dict[str, str], scheme: str = "https") -> Request:
    headers = {"User-Agent": agent}
    for part in parts:
        headers |= part
    return Request.make(headers=headers.items(), scheme=scheme)


@pytest.mark.parametrize(
    "honest",
    [
        request(CHROME, BASICS, METADATA, HINTS),
        request(CHROME, BASICS, scheme="http"),
        request(FIREFOX, BASICS, METADATA),
        request(SAFARI.format("17.4"), BASICS, METADATA),
        request(SAFARI.format("15.6"), BASICS),
        request("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", BASICS),
        request(CHROME.replace("140.0", "60.0"), BASICS),
    ],
)
def test_what_browsers_send_weighs_nothing(honest: Request) -> None:
    assert misfits(honest) == []
    assert inconsistency(honest) == 0


@pytest.mark.parametrize(
    ("odd", "found"),
    [
        (request(CHROME, BASICS), ["no-sec-fetch", "no-client-hints"]),
        (request(FIREFOX, BASICS), ["no-sec-fetch"]),
        (request(SAFARI.format("16.4"), BASICS), ["no-sec-fetch"]),
        (request(FIREFOX, BASICS, METADATA, HINTS), ["foreign-client-hints"]),
        (request(CHROME.replace("140", "120"), BASICS, METADATA, HINTS), ["hints-disagree"]),
        (request(FIREFOX, BASICS, METADATA, {"Sec-Fetch-Mode": "x"}), ["odd-sec-fetch"]),
        (request(FIREFOX, METADATA),
         ["no-accept-language", "no-accept", "no-accept-encoding"]),
    ],
)  # fmt: skip
def test_what_a_library_forgets_is_named_and_weighs(odd: Request, found: list[str]) -> None:
    assert misfits(odd) == found
    assert inconsistency(odd) == sum(WEIGHTS[name] for name in found)


@pytest.mark.parametrize("hints", ["\xff" * 50_000, '"Chromium";v="' + "9" * 9000, "", "\0"])
def test_hostile_hints_are_only_odd(hints: str) -> None:
    assert inconsistency(request(CHROME, BASICS, METADATA, {"Sec-CH-UA": hints})) <= 200
