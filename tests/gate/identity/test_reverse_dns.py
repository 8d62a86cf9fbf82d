"""Reverse DNS: only a name that leads back to the address proves anything; nobody waits long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import dns.asyncresolver  # noqa: F401 - at its first use it would take of the time limit
import pytest

from shiomi.gate.addresses import parse_address
from shiomi.gate.identity.reverse_dns import ReverseDns, belongs
from tests.gate.dns_server import Zones, dns_server

SUFFIXES = ("googlebot.com", "google.com")
HONEST = (
    "1.64.249.66.in-addr.arpa. 600 PTR crawl-66-249-64-1.googlebot.com.",
    "crawl-66-249-64-1.googlebot.com. 600 A 66.249.64.1",
)


def packed(text: str) -> bytes:
    address = parse_address(text)
    assert address is not None
    return address


def asking(port: int, **options: Any) -> ReverseDns:
    """One that has the time a busy machine takes, where a test does not say otherwise."""
    return ReverseDns(nameservers=["127.0.0.1"], port=port, **{"timeout": 30.0, **options})


def ask(zones: Zones, *addresses: str, **options: object) -> list[bool | None]:
    """What is said of each address, asked one after the other."""
    with dns_server(zones) as port:

        async def run() -> list[bool | None]:
            dns = asking(port, **options)
            return [await dns.confirm(packed(address), SUFFIXES) for address in addresses]

        return asyncio.run(run())


def test_a_name_that_leads_back_to_the_address_proves_it() -> None:
    zones = Zones(HONEST)
    assert ask(zones, "66.249.64.1", "::ffff:66.249.64.1") == [True, True]
    assert sum(zones.asked.values()) == 2, "the second time nobody was asked"


def test_ipv6_is_proven_alike() -> None:
    reverse = ".".join(reversed("20014860480100100000000000000001")) + ".ip6.arpa."
    records = [
        f"{reverse} 600 PTR crawl.googlebot.com.",
        "crawl.googlebot.com. 600 AAAA 2001:4860:4801:10::1",
    ]
    assert ask(Zones(records), "2001:4860:4801:10::1") == [True]


@pytest.mark.parametrize(
    "records",
    [
        # The holder of the address wrote the operator's name, which leads elsewhere, or nowhere.
        ["1.2.0.192.in-addr.arpa. 600 PTR crawl-1.googlebot.com.",
         "crawl-1.googlebot.com. 600 A 66.249.64.1"],
        ["1.2.0.192.in-addr.arpa. 600 PTR crawl-2.googlebot.com."],
        # A name that only looks like the operator's, and does lead back.
        ["1.2.0.192.in-addr.arpa. 600 PTR googlebot.com.example.org.",
         "googlebot.com.example.org. 600 A 192.0.2.1"],
        ["1.2.0.192.in-addr.arpa. 60 PTR fakegooglebot.com.", "fakegooglebot.com. 60 A 192.0.2.1"],
        # The right name, for the other family only.
        ["1.2.0.192.in-addr.arpa. 600 PTR six.googlebot.com.", "six.googlebot.com. 600 AAAA ::1"],
        [],
    ],
)  # fmt: skip
def test_a_forged_name_proves_nothing(records: list[str]) -> None:
    assert ask(Zones(records), "192.0.2.1") == [False]


def test_an_alias_on_the_way_there_or_back_is_followed() -> None:
    records = [
        "1.2.0.192.in-addr.arpa. 600 CNAME 1.0-63.2.0.192.in-addr.arpa.",  # RFC 2317
        "1.0-63.2.0.192.in-addr.arpa. 600 PTR crawl.googlebot.com.",
        "crawl.googlebot.com. 600 CNAME real.googlebot.com.",
        "real.googlebot.com. 600 A 192.0.2.9",
        "real.googlebot.com. 600 A 192.0.2.1",
    ]
    assert ask(Zones(records), "192.0.2.1") == [True]


def test_of_a_hundred_names_only_a_few_are_asked_about() -> None:
    names = [f"1.2.0.192.in-addr.arpa. 600 PTR n{n:03}.googlebot.com." for n in range(100)]
    zones = Zones(names)
    assert ask(zones, "192.0.2.1", timeout=5.0) in ([False], [None])
    assert sum(zones.asked.values()) < 25


def test_a_name_under_nobodys_suffix_is_not_even_asked_about() -> None:
    zones = Zones(["1.2.0.192.in-addr.arpa. 600 PTR victim.example.org."])
    assert ask(zones, "192.0.2.1") == [False]
    assert [kind for _, kind in zones.asked] == ["PTR"]


def test_a_server_that_fails_proves_nothing_for_or_against() -> None:
    assert ask(Zones(HONEST, fails=True), "66.249.64.1") == [None]


def test_a_server_that_is_slow_is_not_waited_for_and_not_asked_again_at_once() -> None:
    zones = Zones(HONEST, delay=3.0)
    assert ask(zones, "66.249.64.1", "66.249.64.1", "66.249.64.1", timeout=1.5) == [None] * 3
    assert zones.asked.total() == 1


def test_where_nobody_listens_there_is_no_answer() -> None:
    async def run() -> bool | None:
        dns = ReverseDns(nameservers=["127.0.0.1"], port=9, timeout=0.3)
        return await dns.confirm(packed("66.249.64.1"), SUFFIXES)

    assert asyncio.run(run()) is None


def test_answers_are_kept_for_their_time_and_a_no_for_a_shorter_one() -> None:
    zones = Zones(HONEST)
    now = [0.0]
    with dns_server(zones) as port:

        async def run() -> None:
            dns = asking(port, clock=lambda: now[0])
            for seconds, expected in ((0, 2), (599, 2), (602, 4)):
                now[0] = seconds
                assert await dns.confirm(packed("66.249.64.1"), SUFFIXES) is True
                assert zones.asked.total() == expected

        asyncio.run(run())


def served(zones: Zones, run: Callable[[ReverseDns], Awaitable[None]], **options: object) -> None:
    with dns_server(zones) as port:

        async def whole() -> None:
            dns = asking(port, **options)
            await run(dns)

        asyncio.run(whole())


def test_those_who_ask_the_same_at_once_are_one_question() -> None:
    zones = Zones(HONEST, delay=0.05)

    async def run(dns: ReverseDns) -> None:
        asked = (dns.confirm(packed("66.249.64.1"), SUFFIXES) for _ in range(200))
        assert set(await asyncio.gather(*asked)) == {True}

    served(zones, run)
    assert zones.asked.total() == 2


def test_who_goes_away_does_not_take_the_answer_with_him() -> None:
    async def run(dns: ReverseDns) -> None:
        first = asyncio.create_task(dns.confirm(packed("66.249.64.1"), SUFFIXES))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(dns.confirm(packed("66.249.64.1"), SUFFIXES))
        await asyncio.sleep(0.02)
        first.cancel()
        assert await second is True

    served(Zones(HONEST, delay=0.1), run)


def test_ten_thousand_clients_neither_wait_in_line_nor_fill_the_memory() -> None:
    """Most get no answer, at once: what they claim is then not proven."""
    zones = Zones([], delay=0.2)

    async def run(dns: ReverseDns) -> None:
        asked = [
            dns.confirm(packed(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"), SUFFIXES)
            for n in range(10_000)
        ]
        answers = await asyncio.gather(*asked)
        assert answers.count(None) >= 10_000 - 32
        assert len(dns._answers) <= 16
        assert not dns._asked

    served(zones, run, concurrent=32, remembered=16, timeout=2.0)
    assert zones.asked.total() <= 2 * 32


def test_the_loop_goes_on_while_dns_is_waited_for() -> None:
    turns = 0

    async def run(dns: ReverseDns) -> None:
        nonlocal turns
        task = asyncio.create_task(dns.confirm(packed("66.249.64.1"), SUFFIXES))
        while not task.done():
            await asyncio.sleep(0.001)
            turns += 1

    served(Zones(HONEST, delay=0.1), run)
    assert turns > 10


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("crawl.googlebot.com.", True),
        ("GOOGLEBOT.COM", True),
        ("a.b.google.com", True),
        ("fakegooglebot.com", False),
        ("googlebot.com.example.org", False),
        ("", False),
        ("." * 1000, False),
    ],
)
def test_a_name_belongs_label_by_label(host: str, expected: bool) -> None:
    assert belongs(host, SUFFIXES) is expected


def test_the_time_limit_is_over_both_questions() -> None:
    assert ask(Zones(HONEST, delay=0.4), "66.249.64.1", timeout=0.6) == [None]
