"""Fixtures that every room's tests may use."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres_server import PostgresServer, postgres_server

# No test is timed: what takes a second here takes ten where others use the machine.
settings.register_profile("shiomi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("shiomi"), max_examples=25)  # make check
settings.load_profile("shiomi")

ROOT = Path(__file__).parents[1]


def pytest_collection_finish() -> None:
    """Keep what collecting made out of garbage collection: it lives as long as the run."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that is not part of the repository; skips where it is absent."""
    folder = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "digest").is_dir():
        pytest.skip(f"real data not found at {folder}; set SHIOMI_DATA to its folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C works here, and in what the tests start: a shell's background job ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; skips if PostgreSQL is not installed."""
    with postgres_server() as server:
        yield server
