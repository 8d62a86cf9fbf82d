"""Fixtures that every room's tests may use."""

from __future__ import annotations

import gc
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

# No test is timed: what takes a second here takes ten where others use the machine.
settings.register_profile("shiomi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("shiomi"), max_examples=10)  # make check
settings.load_profile("shiomi")

ROOT = Path(__file__).parents[1]
_ALL_PROCESS = re.compile(r"^pytestmark = .*pytest\.mark\.process\b", re.MULTILINE)


def pytest_configure() -> None:
    gc.disable()  # while collecting, which makes little garbage


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import a file all of whose tests are deselected as `process`."""
    if collection_path.suffix == ".py" and "not process" in config.option.markexpr:
        text = collection_path.read_text(encoding="utf-8")
        return _ALL_PROCESS.search(text) is not None or None
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the PostgreSQL server."""
    for item in items:
        if "postgres" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.process)


def pytest_collection_finish() -> None:
    """Keep what collecting made out of garbage collection: it lives as long as the run."""
    gc.freeze()
    gc.enable()


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
    from tests.postgres_server import postgres_server  # psycopg is slow to import

    with postgres_server() as server:
        yield server
