"""The state in memory: exact over threads, bounded, and bans outlive floods."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from shiomi.gate.errors import StateError
from shiomi.gate.state import State
from shiomi.gate.state.memory import MemoryState

NOW = 1_790_000_000.0


def flood(state: State, clients: int, now: float = NOW, seed: int = 1) -> list[int]:
    draw = random.Random(seed)
    keys = [draw.getrandbits(63) or 1 for _ in range(clients)]
    for number, key in enumerate(keys):
        state.take(((key, 60.0, 0.0),), now + number / 10_000)
    return keys


def test_a_budget_is_the_same_before_and_after_a_flood_has_pushed_it_out_of_the_dict() -> None:
    state = MemoryState(clients=50_000)
    mine = ((1, 1.0, 9.0),)
    assert [state.take(mine, NOW) for _ in range(8)] == [0.0] * 8
    flood(state, 20_000)
    assert [state.take(mine, NOW) for _ in range(4)] == [0.0, 0.0, 1.0, 1.0]


def test_a_flood_of_ten_times_the_clients_it_was_made_for_forgets_no_ban() -> None:
    state = MemoryState(clients=2000)
    state.revoke([5, 6], NOW + 3600, NOW)
    flood(state, 20_000)
    assert state.revoked([5], NOW) == NOW + 3600
    assert state.revoked([4, 6], NOW) == NOW + 3600
    assert state.revoked([4], NOW) == 0.0
    assert state.revoked([5], NOW + 3600) == 0.0
    assert state.revoked([], NOW) == 0.0


@pytest.mark.slow
def test_of_more_clients_than_it_holds_the_oldest_are_forgotten_first() -> None:
    state = MemoryState(clients=10_000)
    clients = flood(state, 100_000)
    now = NOW + 10
    buckets, bans = state.entries(now)
    # The newest first: asking for one that is forgotten begins a bucket, which takes a place.
    remembered = [state.take(((key, 60.0, 0.0),), now) > 0 for key in reversed(clients)]
    assert sum(remembered[:20_000]) > 19_800
    assert sum(remembered[50_000:]) < 1000
    assert 10_000 < buckets < 10_000 * 3.3 + 8192
    assert bans == 0


def test_threads_together_are_given_the_budget_and_no_more() -> None:
    state = MemoryState(clients=100)
    charge = ((1, 1.0, 999.0), (2, 1.0, 4999.0))
    with ThreadPoolExecutor(8) as pool:
        given = sum(pool.map(lambda _: state.take(charge, NOW) == 0.0, range(3000)))
    assert given == 1000


@pytest.mark.parametrize("clients", [0, -1])
def test_a_state_for_nobody_is_refused(clients: int) -> None:
    with pytest.raises(StateError, match="at least 1 client"):
        MemoryState(clients=clients)


def test_a_state_larger_than_any_machine_says_so() -> None:
    with pytest.raises(StateError, match="smaller number"):
        MemoryState(clients=10**17)


def test_secrets_differ_and_can_be_given() -> None:
    assert MemoryState(clients=1).secret != MemoryState(clients=1).secret
    assert MemoryState(clients=1, secret=b"x" * 32).secret == b"x" * 32
