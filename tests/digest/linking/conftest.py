"""Threads to link, made up and real."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.linking import Linker
from shiomi.digest.thread import Thread

DAY = 86400


@pytest.fixture
def archive() -> Iterator[Archive]:
    with Archive.open(":memory:") as opened:
        yield opened


@pytest.fixture(scope="session")
def linker() -> Linker:
    return Linker.load()


@pytest.fixture
def thread() -> Callable[..., Thread]:
    return make_thread


def make_thread(
    uid: str,
    title: str,
    *,
    day: float = 0.0,
    url: str | None = None,
    crosspost_of: str | None = None,
) -> Thread:
    """A thread of so many days after an arbitrary moment."""
    community, _, id_ = uid.rpartition(":")
    return Thread(
        community,
        id_,
        title,
        1_600_000_000 + int(day * DAY),
        f"https://example.org/{uid}",
        url,
        crosspost_of=crosspost_of,
    )
