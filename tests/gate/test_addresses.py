"""Addresses: one form each, and which named ranges hold them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.addresses import (
    Prefix,
    RangeTable,
    group,
    parse_address,
    parse_prefix,
    parse_prefixes,
    text_of,
)
from shiomi.gate.errors import DataError

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)
NAMES = ("a", "b", "c")


@st.composite
def networks(draw: st.DrawFn) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Networks that nest and touch: few bits differ."""
    base = draw(st.sampled_from(["10.1.2.0", "255.255.255.0", "0.0.0.0", "2400:aa::", "ffff::"]))
    bits = 32 if "." in base else 128
    found = []
    kind = ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address
    for _ in range(draw(st.integers(0, 6))):
        length = draw(st.integers(max(bits - 12, 0), bits) | st.integers(0, bits))
        address = kind(int(ipaddress.ip_address(base)) | draw(st.integers(0, 4095)))
        found.append(ipaddress.ip_network(f"{address}/{length}", strict=False))
    return found


def prefix(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Prefix:
    return network.network_address.packed, network.prefixlen


@pytest.mark.slow
@given(st.fixed_dictionaries({name: networks() for name in NAMES}), st.lists(V4 | V6, max_size=5))
def test_a_table_says_what_a_scan_over_all_networks_says(
    ranges: dict[str, list[ipaddress.IPv4Network | ipaddress.IPv6Network]],
    others: list[ipaddress.IPv4Address | ipaddress.IPv6Address],
) -> None:
    """At every edge of every network, just outside of it, and anywhere else."""
    table = RangeTable({name: [prefix(n) for n in found] for name, found in ranges.items()})
    asked = list(others)
    for network in (network for found in ranges.values() for network in found):
        for number in (
            int(network[0]),
            int(network[-1]),
            int(network[0]) - 1,
            int(network[-1]) + 1,
        ):
            if 0 <= number < 1 << network.max_prefixlen:
                asked.append(type(network[0])(number))  # noqa: PERF401
    for address in asked:
        scanned = {name for name, found in ranges.items() if any(address in n for n in found)}
        assert table.names_of(address.packed) == scanned


@given(V4)
def test_every_way_to_write_an_ipv4_address_is_one_address(address: ipaddress.IPv4Address) -> None:
    packed = address.packed
    mapped = ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + packed)
    nat64 = ipaddress.IPv6Address(b"\0\x64\xff\x9b" + b"\0" * 8 + packed)
    six_to_four = ipaddress.IPv6Address(b"\x20\x02" + packed + b"\0" * 10)
    written = [str(address), f"::ffff:{address}", f"::FFFF:{address}", mapped.exploded]
    written += [str(nat64), f"64:ff9b::{address}", str(six_to_four)]
    assert {parse_address(text) for text in written} == {packed}


@given(V6)
def test_an_ipv6_address_survives_being_written_and_read(address: ipaddress.IPv6Address) -> None:
    packed = parse_address(str(address))
    assert packed is not None
    assert parse_address(text_of(packed)) == packed


@given(st.text(max_size=60) | st.text(alphabet="0123456789abcdef:.%/", max_size=60))
def test_what_is_read_as_an_address_is_one(text: str) -> None:
    packed = parse_address(text)
    if packed is not None:
        ipaddress.ip_address(text.partition("%")[0])
        assert len(packed) in (4, 16)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1.2.3", "127.1", "0x7f.0.0.1", "1.2.3.4 ", "1.2.3.4:80", "[::1]", "1.2.3.256",
        "１.2.3.4", "1.2.3.4\0", "::1\0", "::" * 5000, "1" * 100_000, "\udcff", "a:b", "1.2.3.04",
    ],
)  # fmt: skip
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


def test_a_zone_is_dropped() -> None:
    assert parse_address("fe80::1%eth0") == parse_address("fe80::1")


def test_a_group_is_a_24_or_a_48_and_the_families_never_meet() -> None:
    assert group(b"\xc0\0\2\7") == b"\xc0\0\2"
    address = parse_address("2001:db8:1:2::3")
    assert address is not None
    assert group(address) == address[:6]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("64:ff9b::192.0.2.0/120", "192.0.2.0/24"),
        ("2002:c000:200::/40", "192.0.2.0/24"),
        ("2002:c000:201::/64", "192.0.2.1/32"),
        ("192.0.2.1", "192.0.2.1/32"),
    ],
)
def test_a_network_of_embedded_addresses_holds_the_plain_ones(text: str, written: str) -> None:
    assert parse_prefix(text) == parse_prefix(written)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("192.0.2.1/24", "all bits after the first 24"),
        ("192.0.2.0/33", "0 to 32"),
        ("192.0.2.0/-1", "0 to 32"),
        ("192.0.2.0/", "0 to 32"),
        ("2001:db8::/129", "0 to 128"),
        ("192.0.2.0/" + "9" * 5000, "0 to 32"),
        ("example.org", "not an IPv4 or IPv6 address"),
        ("x" * 100_000, "not an IPv4 or IPv6 address"),
    ],
)
def test_a_wrong_line_is_named_with_its_number(line: str, says: str) -> None:
    with pytest.raises(DataError, match=r"^here, line 3: ") as caught:
        parse_prefixes(f"# networks\n192.0.2.0/24  # one\n{line}\n", where="here")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300
