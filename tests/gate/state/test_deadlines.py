"""The table of deadlines: bounded, and right about what it still holds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.gate.state.deadlines import ENTRY_BYTES, WAYS, DeadlineTable

NOW = 1_790_000_000.0


def table(places: int) -> DeadlineTable:
    return DeadlineTable(bytearray(places * ENTRY_BYTES))


def hashes(count: int, seed: int = 1) -> list[int]:
    draw = random.Random(seed)
    return [draw.getrandbits(63) - (1 << 62) or 1 for _ in range(count)]


def test_what_was_put_is_there_until_its_time_has_passed() -> None:
    kept = table(1000)
    kept.put(-5, NOW + 10, NOW)
    assert kept.get(-5, NOW) == NOW + 10
    assert kept.get(-5, NOW + 10) == 0.0
    assert kept.get(-6, NOW) == 0.0


def test_a_bucket_gives_its_burst_and_then_one_token_an_interval() -> None:
    kept = table(100)
    charge = ((7, 2.0, 2.0 * 4),)  # a token in 2 s, 5 at most
    assert [kept.take(charge, NOW) for _ in range(7)] == [0, 0, 0, 0, 0, 2.0, 2.0]
    assert kept.take(charge, NOW + 1) == 1.0
    assert kept.take(charge, NOW + 2) == 0.0
    assert kept.take(charge, NOW + 2) == 2.0


def test_one_empty_bucket_refuses_and_nothing_is_taken_from_the_others() -> None:
    kept = table(100)
    narrow, wide = (1, 1.0, 0.0), (2, 1.0, 1.0)
    assert kept.take((narrow, wide), NOW) == 0.0
    assert kept.take((narrow, wide), NOW) == 1.0
    assert kept.take((wide,), NOW) == 0.0  # its second token is still there


def test_a_clock_set_back_by_an_hour_makes_nobody_wait_an_hour() -> None:
    kept = table(100)
    charge = ((7, 1.0, 9.0),)
    assert kept.take(charge, NOW) == 0.0
    assert kept.take(charge, NOW - 3600) == 1.0  # as of an empty bucket
    assert kept.get(7, NOW - 3600) > 0


def test_of_more_clients_than_places_those_that_came_last_are_remembered() -> None:
    kept = table(2000)
    clients = hashes(10_000)
    for number, client in enumerate(clients):
        kept.put(client, NOW + 100 + number / 100, NOW)
    remembered = [kept.get(client, NOW) > 0 for client in clients]
    assert 1900 < sum(remembered) <= 2000
    assert sum(remembered[-1000:]) > 950
    assert sum(remembered[:5000]) < 50
    assert kept.entries(NOW) == pytest.approx(2000, rel=0.05)
    assert kept.entries(NOW + 1000) == 0


def test_a_table_at_the_stated_load_loses_hardly_anyone() -> None:
    kept = table(33_000)
    clients = hashes(20_000)
    for client in clients:
        kept.put(client, NOW + 100, NOW)
    lost = sum(kept.get(client, NOW) == 0.0 for client in clients)
    assert lost < 20_000 / 200


def test_entries_whose_time_has_passed_make_room_before_any_other_is_forgotten() -> None:
    kept = table(WAYS)  # one neighbourhood
    for hash64 in range(1, WAYS + 1):
        kept.put(hash64, NOW + hash64, NOW)
    kept.put(100, NOW + 50, NOW + 1)  # entry 1 has just passed
    assert [kept.get(hash64, NOW + 1) for hash64 in range(2, WAYS + 1)] == [
        NOW + hash64 for hash64 in range(2, WAYS + 1)
    ]
    assert kept.get(100, NOW + 1) == NOW + 50


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 100), st.integers(0, 3)), max_size=60))
def test_with_room_enough_it_is_the_same_as_a_dict(steps: list[tuple[int, int, int]]) -> None:
    kept = table(512)
    model: dict[int, float] = {}
    now = NOW
    for key, seconds, passed in steps:
        now += passed
        hash64 = hashes(1, key)[0]
        kept.put(hash64, now + seconds, now)
        model[hash64] = now + seconds
        for known, time in model.items():
            assert kept.get(known, now) == (time if time > now else 0.0)
