"""Token buckets: an address, its /24 or /48, its network, everybody."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from shiomi.gate.addresses import parse_address
from shiomi.gate.decision.rate_limit import Buckets, Networks, host
from shiomi.gate.policy import Budget, NetworkRule, Policy, Rate
from shiomi.gate.state.memory import MemoryState

SECRET = bytes(32)
NETWORKS = (NetworkRule("cloud", ("203.0.113.0/24", "2001:db8:c::/48")),)


def packed(text: str) -> bytes:
    address = parse_address(text)
    assert address is not None
    return address


def buckets(budget: Budget) -> Buckets:
    policy = Policy(networks=NETWORKS, budgets=MappingProxyType({"one": budget}))
    return Buckets(policy, Networks(NETWORKS), SECRET)


def keys(level: str, address: str) -> int:
    charges = buckets(Budget(**{level: Rate(1, 1.0, 1)})).charges(packed(address))["one"]
    return charges[0][0]


@pytest.mark.parametrize(
    ("level", "one", "other", "same"),
    [
        ("address", "192.0.2.1", "192.0.2.2", False),
        ("address", "2001:db8::1", "2001:db8::2", True),  # one host's /64
        ("address", "2001:db8::1", "2001:db8:0:1::1", False),
        ("prefix", "192.0.2.1", "192.0.2.2", True),
        ("prefix", "192.0.2.1", "192.0.3.1", False),
        ("prefix", "2001:db8:1:1::1", "2001:db8:1:2::1", True),
        ("prefix", "2001:db8:1::1", "2001:db8:2::1", False),
        ("network", "192.0.2.1", "192.0.3.1", True),
        ("network", "192.1.2.1", "192.0.2.1", False),
        ("network", "203.0.113.1", "2001:db8:c::1", True),  # by its name
        ("network", "203.0.113.1", "203.0.112.1", False),
        ("all", "192.0.2.1", "2001:db8::1", True),
    ],
)
def test_who_shares_a_bucket(level: str, one: str, other: str, same: bool) -> None:
    assert (keys(level, one) == keys(level, other)) is same


def test_budgets_and_levels_have_buckets_of_their_own() -> None:
    rate = Rate(1, 1.0, 1)
    budget = Budget(rate, rate, rate, rate)
    policy = Policy(budgets=MappingProxyType({"one": budget, "two": budget}))
    for address in ("1.2.3.4", "102:304::"):
        charges = Buckets(policy, Networks(()), SECRET).charges(packed(address))
        names = [charge[0] for budget in ("one", "two") for charge in charges[budget]]
        assert len(set(names)) == 8


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    state = MemoryState(clients=100)
    charges = buckets(Budget(address=Rate(60, 60.0, 5))).charges(packed("192.0.2.1"))["one"]
    given = [second for second in range(20) if state.take(charges, 1000.0) == 0.0]
    assert len(given) == 5
    assert state.take(charges, 1000.0) == pytest.approx(1.0)
    later = [quarter for quarter in range(40) if not state.take(charges, 1000.0 + quarter / 4)]
    assert len(later) == 9  # of 9.75 seconds, one a second


def test_who_is_refused_uses_up_nobody_elses_budget() -> None:
    state = MemoryState(clients=100)
    both = buckets(Budget(address=Rate(1, 60.0, 1), prefix=Rate(60, 60.0, 3)))
    greedy, other = both.charges(packed("192.0.2.1"))["one"], both.charges(packed("192.0.2.2"))
    assert [state.take(greedy, 0.0) == 0.0 for _ in range(50)].count(True) == 1
    assert state.take(other["one"], 0.0) == 0.0


@pytest.mark.parametrize(("text", "bits"), [("192.0.2.1", 32), ("2001:db8::1", 64)])
def test_one_client_is_an_address_or_a_64(text: str, bits: int) -> None:
    assert len(host(packed(text))) * 8 == bits


def test_the_first_network_that_names_an_address_counts() -> None:
    networks = Networks(
        (NetworkRule("inner", ("192.0.2.0/28",)), NetworkRule("outer", ("192.0.2.0/24",)))
    )
    inner, outer = networks.rule(packed("192.0.2.3")), networks.rule(packed("192.0.2.99"))
    assert inner is not None
    assert outer is not None
    assert (inner.name, outer.name) == ("inner", "outer")
    assert networks.rule(packed("198.51.100.1")) is None
    assert networks.rule(b"") is None
