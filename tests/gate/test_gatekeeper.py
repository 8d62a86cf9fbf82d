"""The gatekeeper: what is asked outside, with its time limits, and what happens when that fails."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from shiomi.gate.decision import Verdict
from shiomi.gate.errors import StateError
from shiomi.gate.gatekeeper import Gatekeeper
from shiomi.gate.identity import Tables, load_tables
from shiomi.gate.identity.reverse_dns import ReverseDns
from shiomi.gate.policy import Action, Policy
from shiomi.gate.request import Request
from shiomi.gate.state import Charge
from shiomi.gate.state.memory import MemoryState
from shiomi.gate.state.valkey import ValkeyState
from tests.gate.dns_server import Zones, dns_server
from tests.gate.servers import redis_server

BINGBOT = "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(scope="module")
def tables() -> Tables:
    return load_tables()


def request(agent: str = BROWSER, path: str = "/page/1", peer: str = "192.0.2.1") -> Request:
    return Request.make(path, peer=peer, headers=[("User-Agent", agent)])


def test_a_crawler_that_only_dns_can_prove_is_let_through_when_it_does(tables: Tables) -> None:
    zones = Zones(
        records=[
            "1.2.0.192.in-addr.arpa. 300 PTR spider-1.yandex.com.",
            "spider-1.yandex.com. 300 A 192.0.2.1",
            "9.2.0.192.in-addr.arpa. 300 PTR spider-1.yandex.com.",
        ]
    )

    async def verdicts() -> list[str]:
        with dns_server(zones) as port:
            resolver = ReverseDns(nameservers=["127.0.0.1"], port=port)
            gatekeeper = Gatekeeper(Policy(), tables=tables, resolver=resolver)
            proven, posing = request(BINGBOT), request(BINGBOT, peer="192.0.2.9")
            assert gatekeeper.judge_at_once(proven) is None
            assert gatekeeper.judge_at_once(request()) is not None
            return [str((await gatekeeper.judge_fully(one)).verdict) for one in (proven, posing)]

    assert asyncio.run(verdicts()) == ["allow", "challenge"]


def test_a_resolver_that_hangs_delays_its_own_request_and_no_other(tables: Tables) -> None:
    zones = Zones(delay=5.0)

    async def ran() -> list[str]:
        with dns_server(zones) as port:
            resolver = ReverseDns(nameservers=["127.0.0.1"], port=port, timeout=0.3)
            gatekeeper = Gatekeeper(Policy(), tables=tables, resolver=resolver)
            order: list[str] = []

            async def ask(name: str, one: Request) -> None:
                await gatekeeper.judge_fully(one)
                order.append(name)

            await asyncio.gather(ask("crawler", request(BINGBOT)), ask("browser", request()))
            return order

    assert asyncio.run(ran()) == ["browser", "crawler"]


@pytest.mark.process
@pytest.mark.parametrize("on_failure", [Action.ALLOW, Action.DENY])
def test_a_server_of_states_that_goes_away_leaves_it_to_the_policy(
    tmp_path: Path, tables: Tables, on_failure: Action
) -> None:
    policy = replace(Policy(), on_failure=on_failure)

    async def ran() -> list[str]:
        with redis_server(tmp_path) as running:
            state = ValkeyState(f"redis://127.0.0.1:{running.port}/0", timeout=0.5)
            gatekeeper = Gatekeeper(policy, state=state, tables=tables)
            feed = request(path="/feed.xml")
            assert gatekeeper.judge_at_once(feed) is None  # a network is waited for in a thread
            first = await gatekeeper.judge_fully(feed)
            os.kill(running.process.pid, signal.SIGSTOP)
            many = await asyncio.gather(*(gatekeeper.judge_fully(feed) for _ in range(200)))
            os.kill(running.process.pid, signal.SIGCONT)
            crawler = await gatekeeper.judge_fully(request("GPTBot/1.2"))
            gatekeeper.close()
            return [first.verdict, *{one.verdict for one in many}, crawler.verdict]

    expected = Verdict.ALLOW if on_failure is Action.ALLOW else Verdict.DENY
    assert asyncio.run(ran()) == [Verdict.ALLOW, expected, Verdict.DENY]


class Broken(MemoryState):
    """Raises what no state should."""

    def __init__(self, error: Exception) -> None:
        super().__init__(clients=10)
        self._error = error

    def take(self, charges: Sequence[Charge], now: float) -> float:
        raise self._error


@pytest.mark.parametrize("error", [RuntimeError("a bug"), StateError("away")])
@pytest.mark.parametrize("on_failure", [Action.ALLOW, Action.DENY])
def test_whatever_fails_inside_is_never_an_error_of_the_server(
    tables: Tables, on_failure: Action, error: Exception
) -> None:
    policy = replace(Policy(), on_failure=on_failure)
    gatekeeper = Gatekeeper(policy, state=Broken(error), tables=tables)
    feed = request(path="/feed.xml")
    expected = Verdict.ALLOW if on_failure is Action.ALLOW else Verdict.DENY
    decisions = [
        gatekeeper.judge(feed),
        gatekeeper.judge_at_once(feed),
        asyncio.run(gatekeeper.judge_fully(feed)),
    ]
    for decision in decisions:
        assert decision is not None
        assert decision.verdict is expected
        if expected is Verdict.DENY:
            assert decision.response is not None
            assert decision.response.status == 503
    assert gatekeeper.judge(request(path="/robots.txt")).verdict is Verdict.ANSWER
    if expected is Verdict.DENY:
        assert 'reason="failure"} 3' in gatekeeper.metrics_text()
