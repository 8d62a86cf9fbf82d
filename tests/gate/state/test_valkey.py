"""The state in Valkey or Redis, against the real server: exact, and no pile-up when it is away."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from shiomi.gate.errors import StateError
from shiomi.gate.state.valkey import ValkeyState
from tests.gate.servers import Server, redis_server
from tests.loopback import free_port

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def state(running: Server) -> Iterator[ValkeyState]:
    url = f"redis://127.0.0.1:{running.port}/0"
    with Redis(port=running.port) as client:
        client.flushall()
    shared = ValkeyState(url, timeout=20.0, pause=0.0)
    yield shared
    shared.close()


def test_a_budget_is_shared_by_all_who_use_the_server(running: Server, state: ValkeyState) -> None:
    other = ValkeyState(f"redis://127.0.0.1:{running.port}/0", timeout=20.0)
    charge = ((-7, 1000.0, 299_000.0),)  # 300 tokens; one more in 1,000 s
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda n: (state, other)[n % 2].take(charge, 0.0) == 0.0, range(600)))
    assert sum(given) == 300
    assert 990 < state.take(charge, 0.0) <= 1000
    other.close()


def test_one_empty_bucket_refuses_and_nothing_is_taken_from_the_others(state: ValkeyState) -> None:
    narrow, wide = (1, 1000.0, 0.0), (2, 1000.0, 1000.0)
    assert state.take((narrow, wide), 0.0) == 0.0
    assert state.take((narrow, wide), 0.0) > 990
    assert state.take((wide,), 0.0) == 0.0
    assert state.take((), 0.0) == 0.0


def test_a_token_comes_back_by_the_servers_clock_whatever_the_callers_says(
    state: ValkeyState,
) -> None:
    charge = ((1, 0.05, 0.0),)
    assert state.take(charge, 0.0) == 0.0
    wait = state.take(charge, 1e12)
    assert 0.0 < wait <= 0.05
    time.sleep(wait + 0.01)
    assert state.take(charge, -1e12) == 0.0


def test_bans_hold_until_their_time_and_are_only_made_longer(state: ValkeyState) -> None:
    now = 1_790_000_000.0
    state.revoke([5, 6], now + 3600, now)
    state.revoke([6], now + 60, now)
    assert now + 3590 < state.revoked([4, 6], now) <= now + 3600
    assert state.revoked([4], now) == 0.0
    assert state.revoked([], now) == 0.0
    state.revoke([7], now - 1, now)
    assert state.revoked([7], now) == 0.0


def test_everything_but_the_secret_expires(running: Server, state: ValkeyState) -> None:
    state.take(((1, 60.0, 60.0), (2, 0.0001, 0.0)), 0.0)
    state.revoke([3], 10.0, 0.0)
    assert len(state.secret) == 32
    with Redis(port=running.port, decode_responses=True) as client:
        lasting = [key for key in client.scan_iter() if client.pttl(key) < 0]
    assert lasting == ["{shiomi-gate}:secret"]


def test_all_machines_have_one_secret(running: Server, state: ValkeyState) -> None:
    other = ValkeyState(f"redis://127.0.0.1:{running.port}/0", timeout=20.0)
    assert other.secret == state.secret
    other.close()


def test_a_server_that_is_away_is_said_at_once_and_found_again(tmp_path: Path) -> None:
    port = free_port()
    state = ValkeyState(f"redis://:hidden@127.0.0.1:{port}/0", timeout=1.0, pause=0.05)
    with pytest.raises(StateError, match=f"127.0.0.1:{port}") as said:
        state.take(((1, 1.0, 0.0),), 0.0)
    assert "hidden" not in str(said.value)
    state.close()
    state = ValkeyState(f"redis://127.0.0.1:{port}/0", timeout=1.0, pause=0.05)
    with pytest.raises(StateError):
        state.revoked([1], 0.0)
    with redis_server(tmp_path, port=port):
        time.sleep(0.06)
        assert state.take(((1, 1.0, 0.0),), 0.0) == 0.0
    state.close()


def test_of_many_requests_to_a_server_that_hangs_only_one_waits(tmp_path: Path) -> None:
    with redis_server(tmp_path) as running:
        state = ValkeyState(f"redis://127.0.0.1:{running.port}/0", timeout=0.3, pause=60.0)
        assert state.take(((1, 1.0, 0.0),), 0.0) == 0.0
        os.kill(running.process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(StateError):
                state.take(((1, 1.0, 0.0),), 0.0)  # waits for its time limit
            before = time.thread_time()
            for _ in range(1000):  # the others do not: waiting would take five minutes
                with pytest.raises(StateError):
                    state.take(((1, 1.0, 0.0),), 0.0)
            assert time.thread_time() - before < 60
        finally:
            os.kill(running.process.pid, signal.SIGCONT)
        state.close()


def test_a_server_that_speaks_something_else_is_an_error_of_the_state() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        state = ValkeyState(f"redis://127.0.0.1:{other.getsockname()[1]}/0", timeout=0.2)
        with pytest.raises(StateError):
            state.take(((1, 1.0, 0.0),), 0.0)
        state.close()


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://127.0.0.1/", "redis://127.0.0.1:x/0"])
def test_an_address_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(StateError, match="redis://HOST:PORT"):
        ValkeyState(url)
