"""Budgets of compiled configurations: a burst is let through, then 429 with Retry-After."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shiomi.gate.native import compile_policy
from shiomi.gate.policy import Action, Budget, Policy, PurposeRule, Rate
from shiomi.gate.purpose import Purpose
from tests.gate.corpus import Sent
from tests.gate.native.test_corpus import POLICY, serving
from tests.gate.wire import send_all

pytestmark = pytest.mark.process

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SLOW = Rate(1, 60.0, 5)  # one a minute, five at once


def budgeted(budget: Budget) -> Policy:
    return replace(POLICY, networks=(), budgets={**POLICY.budgets, "people": budget})


def visits(count: int, address: str) -> list[Sent]:
    return [Sent("GET", "/", address, (("User-Agent", BROWSER),)) for _ in range(count)]


@pytest.mark.process
@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_a_burst_is_let_through_and_then_no_more(name: str, folder: Path) -> None:
    policy = budgeted(Budget(address=SLOW))
    compiled = compile_policy(name, policy, folder=str(folder / "gate"), challenge=Action.BUDGET)
    with serving(compiled, folder) as running:
        answers = send_all(running.port, visits(12, "192.0.2.1"))
        others = send_all(running.port, visits(5, "192.0.2.2"))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 7
    limited = next(answer for answer in answers if answer.status == 429)
    assert int(limited.headers["retry-after"]) >= 1
    assert [answer.status for answer in others] == [200] * 5


@pytest.mark.process
@pytest.mark.parametrize("name", ["nginx", "haproxy"])
@pytest.mark.parametrize(
    ("first", "second"),
    [("192.0.2.1", "192.0.2.200"), ("2001:db8:7::1", "2001:db8:7:ff::1")],
    ids=["a /24", "a /48"],
)
def test_addresses_of_one_network_share_its_bucket(
    name: str, first: str, second: str, folder: Path
) -> None:
    policy = budgeted(Budget(prefix=SLOW))
    compiled = compile_policy(name, policy, folder=str(folder / "gate"), challenge=Action.BUDGET)
    with serving(compiled, folder) as running:
        before = send_all(running.port, visits(5, first))
        after = send_all(running.port, visits(2, second))
    assert {answer.status for answer in before} == {200}
    assert {answer.status for answer in after} == {429}


@pytest.mark.process
@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_a_tarpit_refuses_slowly(name: str, folder: Path) -> None:
    slow = PurposeRule(Action.TARPIT, Action.TARPIT)
    policy = replace(
        POLICY,
        purposes={**POLICY.purposes, Purpose.AI_TRAINING: slow},
        tarpit=replace(POLICY.tarpit, seconds=1),
    )
    compiled = compile_policy(name, policy, folder=str(folder / "gate"), challenge=Action.BUDGET)
    bot = Sent("HEAD", "/", "192.0.2.1", (("User-Agent", "GPTBot/1.2"),))
    with serving(compiled, folder) as running:
        (answer,) = send_all(running.port, [bot])
    assert answer.status == 403
