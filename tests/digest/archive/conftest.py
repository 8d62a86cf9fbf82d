"""What the archive's tests share: an archive on disk, and threads to put in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.thread import Thread

MakeThread = Callable[..., Thread]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(tmp_path / "shiomi.sqlite3") as opened:
        yield opened


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
