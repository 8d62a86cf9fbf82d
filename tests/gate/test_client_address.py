"""The client's address: only what a trusted proxy wrote is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.addresses import parse_address, text_of
from shiomi.gate.client_address import HEADERS, TrustedProxies
from shiomi.gate.errors import PolicyError
from shiomi.gate.request import Request

PROXY = TrustedProxies(("10.0.0.0/8", "2001:db8::/32", "unix"))


def client(peer: str | None, value: str, proxies: TrustedProxies = PROXY) -> str:
    found = proxies.client(peer, {proxies.header.encode(): value.encode()})
    return text_of(found) if found else ""


@pytest.mark.parametrize("header", HEADERS)
def test_an_untrusted_peers_headers_are_not_read(header: str) -> None:
    proxies = TrustedProxies(("10.0.0.1",), header)
    assert client("192.0.2.7", "203.0.113.9", proxies) == "192.0.2.7"
    assert client("192.0.2.7", "for=203.0.113.9", proxies) == "192.0.2.7"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:4860::1]:4711", "2001:4860::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, unknown", ""),
        ("1.1.1.1, _hidden", ""),
        ("1.1.1.1,", ""),
        ("", ""),
        ("10.0.0.2, 10.0.0.3", "10.0.0.2"),
    ],
)
def test_the_chain_is_read_from_its_end_to_the_first_stranger(value: str, found: str) -> None:
    assert client("10.0.0.1", value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("for=203.0.113.9;proto=https", "203.0.113.9"),
        ('for=1.1.1.1, For="[2001:4860::1]:80"', "2001:4860::1"),
        ("proto=https", ""),
        ('for="_secret"', ""),
        ("for=1.1.1.1, for=203.0.113.9;by=10.0.0.1, for=10.0.0.2", "203.0.113.9"),
    ],
)
def test_forwarded_is_read_as_rfc_7239_has_it(value: str, found: str) -> None:
    assert client("10.0.0.1", value, TrustedProxies(("10.0.0.0/8",), "forwarded")) == found


def test_a_header_with_one_address_counts_only_with_one() -> None:
    proxies = TrustedProxies(("unix",), "x-real-ip")
    assert client(None, "203.0.113.9", proxies) == "203.0.113.9"
    assert client(None, "1.1.1.1, 203.0.113.9", proxies) == ""


def test_a_trusted_proxys_own_request_is_its_own() -> None:
    assert PROXY.client("10.0.0.1", {}) == parse_address("10.0.0.1")
    assert PROXY.client(None, {}) == b""


def test_the_scheme_is_a_trusted_proxys_to_say() -> None:
    headers = [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "203.0.113.9")]
    trusted = Request.make(peer="10.0.0.1", headers=headers, proxies=PROXY)
    stranger = Request.make(peer="192.0.2.7", headers=headers, proxies=PROXY)
    assert (trusted.scheme, stranger.scheme) == ("https", "http")


@pytest.mark.parametrize("trusted", ["0.0.0.0/0", "::/0", "10.0.0.1/8", "localhost", ""])
def test_who_would_trust_everybody_or_nobody_is_told(trusted: str) -> None:
    with pytest.raises(PolicyError):
        TrustedProxies((trusted,))


def test_an_unknown_header_names_those_there_are() -> None:
    with pytest.raises(PolicyError, match="x-forwarded-for"):
        TrustedProxies((), "x_forwarded_for")


@given(st.text(max_size=300), st.sampled_from(HEADERS))
def test_no_text_is_an_error_nor_makes_a_stranger_a_proxy(value: str, header: str) -> None:
    proxies = TrustedProxies(("10.0.0.0/8",), header)
    headers = {header.encode(): value.encode("latin-1", "replace")}
    assert proxies.client("192.0.2.7", headers) == parse_address("192.0.2.7")
    assert len(proxies.client("10.0.0.1", headers)) in (0, 4, 16)


@given(st.ip_addresses().map(str), st.lists(st.ip_addresses().map(str), max_size=5))
def test_what_a_client_writes_before_the_proxys_word_is_not_read(
    own: str, written: list[str]
) -> None:
    proxies = TrustedProxies(("10.0.0.1",))
    value = ", ".join([*written, own])
    trusted = parse_address(own) == parse_address("10.0.0.1")
    if not trusted:
        found = proxies.client("10.0.0.1", {b"x-forwarded-for": value.encode()})
        assert found == parse_address(own)
