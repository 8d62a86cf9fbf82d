"""What the archive's tests share: an archive of each engine, and threads to put in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from shiomi.digest.address import Location, PostgresAddress
from shiomi.digest.archive import Archive
from shiomi.digest.thread import Reading, Thread

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

MakeThread = Callable[..., Thread]
Empty = Callable[[], AbstractContextManager[Archive]]
MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Of a property that takes `empty`: every example empties the archive."""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.process)])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """Where an empty archive is, or can be made, with each engine."""
    if request.param == "sqlite":
        return tmp_path / "shiomi.sqlite3"
    server: PostgresServer = request.getfixturevalue("postgres")
    return PostgresAddress(server.empty())


@pytest.fixture
def archive(location: Location) -> Iterator[Archive]:
    with Archive.open(location) as opened:
        yield opened


@pytest.fixture
def empty(location: Location) -> Iterator[Empty]:
    """Return a function that gives an empty archive, for tests that need many of them."""
    if isinstance(location, Path):
        yield lambda: Archive.open(":memory:")
        return

    with Archive.open(location) as kept:

        @contextmanager
        def emptied() -> Iterator[Archive]:
            kept.database.execute("DELETE FROM thread")
            yield kept

        yield emptied


@pytest.fixture
def make() -> MakeThread:
    """A thread of Hacker News with id "1", any field of which may be given."""

    def thread(**fields: Any) -> Thread:
        name = fields.get("id", "1")
        given: dict[str, Any] = {
            "community": "hackernews",
            "id": name,
            "title": f"Title of {name}",
            "created": 1_000,
            "link": f"https://news.ycombinator.com/item?id={name}",
        }
        return Thread(**(given | fields))

    return thread


def reading_at(archive: Archive, uid: str, as_of: int) -> Reading | None:
    """Return the newest reading of a thread at or before `as_of`."""
    thread = archive.thread(uid, as_of=as_of)
    return thread.readings[-1] if thread and thread.readings else None
