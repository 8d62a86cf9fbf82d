"""A thread that is new to an archive as a row of the table `thread`."""

from __future__ import annotations

import msgspec

from shiomi.digest.archive.storable import storable
from shiomi.digest.thread import PassageKind, Thread

__all__ = ["PASSAGE_ORDER", "THREAD_COLUMNS", "tags_as_json", "thread_row"]

PASSAGE_ORDER = (
    PassageKind.POST,
    PassageKind.ABSTRACT,
    PassageKind.ARTICLE,
    PassageKind.COMMENT,
)
"""The order of a thread's passages, independent of the order they were added in."""

THREAD_COLUMNS = (
    "community", "id", "title", "created", "link", "url", "tags", "state", "crosspost_of", "seen",
    "url_seen", "tags_seen", "crosspost_seen",
)  # fmt: skip


def thread_row(thread: Thread, seen: int, dated: int) -> tuple[object, ...]:
    """The values of THREAD_COLUMNS; `dated` is the time of created, link and state."""
    tags = tags_as_json(thread)
    return (
        storable(thread.community),
        storable(thread.id),
        storable(thread.title),
        thread.created,
        storable(thread.link),
        None if thread.url is None else storable(thread.url),
        tags,
        thread.state,
        None if thread.crosspost_of is None else storable(thread.crosspost_of),
        dated,
        None if thread.url is None else seen,
        None if tags is None else seen,
        None if thread.crosspost_of is None else seen,
    )


def tags_as_json(thread: Thread) -> str | None:
    """The tags as a JSON array, or None without tags."""
    return msgspec.json.encode([*map(storable, thread.tags)]).decode() if thread.tags else None
