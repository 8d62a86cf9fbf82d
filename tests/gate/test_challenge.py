"""The challenge: a browser goes on by itself or by a button, and to this site alone."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.gate.challenge import local_address
from shiomi.gate.decision import Decision, PreparedPolicy, Verdict, decide
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.state.memory import MemoryState
from tests.gate.clients_of import NOW, browser, button, cookies_of, header, refresh, sent

POLICY = Policy()
TRY = ("Cookie", "shiomi-gate-try=1")


@pytest.fixture
def state() -> MemoryState:
    return MemoryState(clients=1000)


def ask(state: MemoryState, request: Request, now: float = NOW) -> Decision:
    return decide(request, PreparedPolicy(POLICY), state, now)


def test_a_browser_is_sent_on_by_a_header_and_comes_back_with_the_cookie(
    state: MemoryState,
) -> None:
    first = ask(state, browser("/page?a=1&b=%20"))
    assert (first.verdict, header(first, "Refresh")[:3]) == (Verdict.CHALLENGE, "1; ")
    second = ask(state, browser(refresh(first), TRY))
    assert second.response is not None
    assert (second.response.status, header(second, "Location")) == (303, "/page?a=1&b=%20")
    given = cookies_of(second)["shiomi-gate"]
    third = ask(state, browser("/page?a=1&b=%20", ("Cookie", f"x=y; shiomi-gate={given}")))
    assert (third.verdict, third.reason) == (Verdict.ALLOW, "cookie")


def test_the_button_leads_to_the_same_page_by_post(state: MemoryState) -> None:
    first = ask(state, browser("/page"))
    second = ask(state, browser(button(first), TRY, method="POST"))
    assert header(second, "Location") == "/page"
    assert "shiomi-gate" in cookies_of(second)


def test_the_buttons_address_is_no_use_by_get_nor_the_headers_by_post(state: MemoryState) -> None:
    first = ask(state, browser("/page"))
    for request in (browser(button(first), TRY), browser(refresh(first), TRY, method="POST")):
        answer = ask(state, request)
        assert answer.reason == "stale"
        assert "shiomi-gate" not in cookies_of(answer)


def test_the_address_in_the_header_stands_nowhere_in_the_page(state: MemoryState) -> None:
    first = ask(state, browser("/page"))
    assert first.response is not None
    token = refresh(first).partition("t=")[2].partition("&")[0]
    assert token.encode() not in first.response.body
    assert b"http-equiv" not in first.response.body


def test_the_page_runs_its_one_script_only(state: MemoryState) -> None:
    first = ask(state, browser("/page"))
    assert first.response is not None
    (script,) = re.findall(rb"<script>(.*?)</script>", first.response.body)
    digest = b64encode(sha256(script).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in header(first, "Content-Security-Policy")
    without = replace(POLICY, challenge=replace(POLICY.challenge, script=False))
    plain = decide(browser("/page"), PreparedPolicy(without), state, NOW)
    assert plain.response is not None
    assert b"<script" not in plain.response.body
    assert header(plain, "Refresh")[:3] == "0; "


def test_a_browser_that_poses_as_another_has_the_button_alone(state: MemoryState) -> None:
    hints = ("Sec-CH-UA", '"Chromium";v="99", "Google Chrome";v="99"')
    answer = ask(state, browser("/page", hints))
    assert refresh(answer) == ""
    assert b"<script" not in answer.response.body  # type: ignore[union-attr]
    assert button(answer)


def test_who_sends_no_cookie_back_reads_why_after_two_hops(state: MemoryState) -> None:
    first = ask(state, browser("/page", ("Accept-Language", "ja")))
    second = ask(state, browser(refresh(first), ("Accept-Language", "ja")))
    assert (second.reason, header(second, "Refresh")) == ("no-cookies", "")
    assert second.response is not None
    page = second.response.body.decode()
    assert 'lang="ja"' in page
    assert "Cookie が一つ必要です" in page
    assert "example.org" in page
    assert 'href="/page"' in page


def test_a_browser_that_turns_in_circles_is_given_the_button_alone(state: MemoryState) -> None:
    tries, steps = "", 0
    while True:
        answer = ask(state, browser("/page", ("Cookie", f"shiomi-gate-try={tries}")))
        if not refresh(answer):
            break
        tries, steps = cookies_of(answer)["shiomi-gate-try"], steps + 1
    assert steps == 40
    assert button(answer)


def test_twenty_first_requests_at_a_time_are_all_good(state: MemoryState) -> None:
    firsts = [ask(state, browser(f"/page/{number}")) for number in range(20)]
    jar = cookies_of(firsts[-1])
    for number, first in enumerate(firsts):
        cookie = "; ".join(f"{name}={value}" for name, value in jar.items())
        answer = ask(state, browser(refresh(first), ("Cookie", cookie)), NOW + number)
        assert header(answer, "Location") == f"/page/{number}"
        jar |= cookies_of(answer)
        cookie = f"shiomi-gate={jar['shiomi-gate']}"
        assert ask(state, browser("/", ("Cookie", cookie))).verdict is Verdict.ALLOW


def test_another_client_has_no_use_for_the_address(state: MemoryState) -> None:
    address = refresh(ask(state, browser("/page")))
    answer = ask(state, sent(address, "curl/8.14", TRY))
    assert answer.reason == "stale"
    assert "shiomi-gate" not in cookies_of(answer)


def test_an_old_address_is_answered_with_the_button_and_no_hurry(state: MemoryState) -> None:
    first = ask(state, browser("/page"))
    late = NOW + 30 * 60 + 3600
    assert ask(state, browser(refresh(first), TRY), late).reason == "entered"
    answer = ask(state, browser(refresh(first), TRY), late + 2)
    assert answer.reason == "stale"
    assert header(answer, "Refresh") == ""
    again = ask(state, browser(button(answer), TRY, method="POST"), late + 500)
    assert header(again, "Location") == "/page"


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example/x",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/x\r\nSet-Cookie: a=b",
        "/\t/evil.example",
        "%2F%2Fevil.example",
    ],
)
def test_no_return_address_leads_to_another_site(state: MemoryState, to: str) -> None:
    from urllib.parse import quote

    stale = ask(state, browser(f"/.gate/enter?t=x&to={quote(to)}", TRY))
    answer = ask(state, browser(button(stale), TRY, method="POST"))
    location = header(answer, "Location")
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert location.isascii()
    assert location.isprintable()


@pytest.mark.slow
@settings(max_examples=300)
@given(st.text(max_size=60), st.text(max_size=60))
def test_every_target_is_returned_to_as_a_path_of_this_site(path: str, query: str) -> None:
    request = Request.make(f"/{path}?{query}")
    address = local_address(request, POLICY)
    parts = urlsplit(address)
    assert address.startswith("/")
    assert (parts.scheme, parts.netloc) == ("", "")
    assert address.isascii()
    assert address.isprintable()
    assert local_address(Request.make(address), POLICY) == address


@pytest.mark.parametrize(
    "target",
    ["/a%2Fb", "/a?b=%26&c=d+e", "/%E6%97%A5?q=%E6%9C%AC", "/a//b", "/~x;y=1/(z)!'*,@:$&=+"],
)
def test_a_page_is_returned_to_as_it_was_asked_for(target: str) -> None:
    assert local_address(Request.make(target), POLICY) == target


def test_an_address_too_long_for_a_header_is_returned_to_without_its_query() -> None:
    assert local_address(Request.make("/a?" + "x" * 5000), POLICY) == "/a"
    assert local_address(Request.make("/" + "x" * 5000), POLICY) == "/"


def test_the_cookie_is_out_of_scripts_reach_and_on_https_only_sent_there(
    state: MemoryState,
) -> None:
    for scheme in ("http", "https"):
        first = ask(state, browser("/page", scheme=scheme))
        answer = ask(state, browser(refresh(first), TRY, scheme=scheme))
        lines = [v for n, v in answer.response.headers if n == "Set-Cookie"]  # type: ignore[union-attr]
        assert all("; HttpOnly; SameSite=Lax" in line for line in lines)
        assert all(("; Secure" in line) is (scheme == "https") for line in lines)


@given(st.text(max_size=200))
def test_no_query_is_an_error(query: str) -> None:
    state = MemoryState(clients=10)
    for method in ("GET", "POST", "PUT"):
        answer = ask(state, browser(f"/.gate/enter?{query}", TRY, method=method))
        assert answer.verdict is Verdict.ANSWER
        assert "shiomi-gate" not in cookies_of(answer)
