"""The cookie: good for the client it was given to, and for no other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.gate.cookie import SKEW, Signer, find_cookies
from shiomi.gate.policy import Cookie
from tests.gate.clients_of import NOW, browser, sent

SIGNER = Signer(Cookie(hours=24), bytes(32))
GIVEN = SIGNER.cookie(browser(), NOW)
HOUR = 3600.0


def good(value: str, now: float = NOW, signer: Signer = SIGNER, peer: str = "192.0.2.7") -> bool:
    passed = signer.good(browser(peer=peer), value.encode("latin-1", "replace"))
    return passed is not None and passed.home and passed.since <= now <= passed.until


def test_a_cookie_is_good_for_its_client_until_it_ends() -> None:
    assert good(GIVEN)
    assert good(GIVEN, NOW + 24 * HOUR)


def test_a_cookie_is_at_home_in_the_whole_24_and_nowhere_else() -> None:
    assert good(GIVEN, peer="192.0.2.200")
    assert not good(GIVEN, peer="192.0.3.7")
    given = SIGNER.cookie(browser(peer="2001:db8:1::1"), NOW)
    assert good(given, peer="2001:db8:1:ffff::1")
    assert not good(given, peer="2001:db8:2::1")


def test_another_user_agent_has_no_use_for_a_cookie() -> None:
    assert SIGNER.good(sent("/page", "curl/8.14"), GIVEN.encode()) is None


@pytest.mark.parametrize("off", [-SKEW, SKEW])
def test_a_cookie_of_a_machine_whose_clock_is_an_hour_off_is_taken(off: float) -> None:
    given = SIGNER.cookie(browser(), NOW + off)
    assert good(given, NOW)


def test_more_than_an_hour_off_is_too_much() -> None:
    assert not good(SIGNER.cookie(browser(), NOW + SKEW + 2), NOW)
    assert not good(GIVEN, NOW + 24 * HOUR + SKEW + 2)


@settings(max_examples=300)
@given(st.integers(0, len(GIVEN) - 1), st.characters(min_codepoint=1, max_codepoint=255))
def test_a_cookie_with_one_character_altered_is_not_good(at: int, character: str) -> None:
    altered = GIVEN[:at] + character + GIVEN[at + 1 :]
    assert good(altered) is (altered == GIVEN)


@given(st.binary(max_size=200))
def test_no_bytes_are_an_error_or_a_cookie(value: bytes) -> None:
    assert SIGNER.good(browser(), value) is None


@pytest.mark.parametrize(
    "value",
    [GIVEN + "=", GIVEN + ".", "0" + GIVEN, GIVEN.upper(), "", ".."],
    ids=["padded", "dot added", "digit before", "upper case", "empty", "dots alone"],
)
def test_one_cookie_has_one_spelling(value: str) -> None:
    assert not good(value)


def test_keys_are_changed_by_putting_the_new_one_first() -> None:
    old = Signer(Cookie(keys=("a" * 32,)), b"")
    both = Signer(Cookie(keys=("b" * 32, "a" * 32)), b"")
    new = Signer(Cookie(keys=("b" * 32,)), b"")
    before, after = old.cookie(browser(), NOW), both.cookie(browser(), NOW)
    assert good(before, signer=both)
    assert good(after, signer=new)
    assert not good(before, signer=new)
    assert not good(after, signer=old)


def test_another_states_secret_signs_other_cookies() -> None:
    assert not good(GIVEN, signer=Signer(Cookie(hours=24), b"\1" + bytes(31)))


def test_a_token_is_good_for_its_kind_page_client_and_time() -> None:
    token = SIGNER.token("refresh", browser(), "/a?b", NOW)

    def leads(kind: str = "refresh", page: str = "/a?b", now: float = NOW, peer: str = "") -> str:
        request = browser(peer=peer or "192.0.2.7")
        return SIGNER.leads(kind, request, token, page, now, 60.0)

    assert leads() == "home"
    assert leads(peer="192.0.2.8") == "home"
    assert leads(now=NOW + 60 + SKEW) == "home"
    assert not leads(kind="button")
    assert not leads(page="/a")
    assert leads(peer="198.51.100.1") == "away"
    assert not leads(now=NOW + 62 + SKEW)


@given(st.text(max_size=60))
def test_no_text_is_an_error_or_a_token(token: str) -> None:
    assert not SIGNER.leads("refresh", browser(), token, "/", NOW, 60.0)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        (b"gate=1", [b"1"]),
        (b"a=b; gate=1;gate=2", [b"1", b"2"]),
        (b'gate="1"', [b"1"]),
        (b"xgate=1; gate-try=2; gate", []),
        (b"; ;=;gate==1", [b"=1"]),
        (b"gate=1;" * 50, [b"1"] * 4),
        (b"", []),
    ],
)
def test_cookies_are_found_by_their_whole_name(header: bytes, values: list[bytes]) -> None:
    assert find_cookies(header, b"gate") == values
