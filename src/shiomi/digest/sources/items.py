"""Convert one item of an answer to a struct. Unknown fields are ignored, and a wrong field makes
the item invalid."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from shiomi.digest.thread import Passage, PassageKind, Reading, Thread

__all__ = [
    "Count",
    "Moment",
    "best_of",
    "is_id",
    "post_passages",
    "read_cursor",
    "read_item",
    "readings_of",
    "shown_points",
    "unix_time",
    "valid",
    "web_url",
    "write_cursor",
]

T = TypeVar("T")

# Larger numbers are errors, and would not fit into the archive's 64-bit integers.
Count = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Moment = Annotated[float, msgspec.Meta(gt=0, lt=2**36)]  # unix seconds, to the year 4147

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,63}")


def read_item(raw: Any, shape: type[T]) -> T | None:
    """Convert `raw` to `shape`; None if a field is missing or of the wrong type."""
    try:
        return msgspec.convert(raw, shape, strict=False)
    except (msgspec.ValidationError, OverflowError, RecursionError):
        return None


def read_cursor(cursor: str | None, shape: type[T]) -> T | None:
    """Read a cursor from JSON. Return None if there is no cursor, or if another version of the
    source wrote it."""
    if not cursor:
        return None
    try:
        return msgspec.json.decode(cursor, type=shape)
    except (msgspec.DecodeError, UnicodeError):
        return None


def write_cursor(place: msgspec.Struct) -> str:
    """Write the position of a run as JSON, for `read_cursor`."""
    return msgspec.json.encode(place).decode()


def shown_points(thread: Thread) -> int:
    """Return the points, for ordering only. Threads without points come last."""
    return (thread.reading.points if thread.reading else None) or 0


def valid(read: Iterable[Thread | None]) -> tuple[list[Thread], int]:
    """Return the threads, and the number of invalid items (None in `read`)."""
    found = list(read)
    return [thread for thread in found if thread is not None], found.count(None)


def readings_of(time: int, points: int | None, comments: int | None) -> tuple[Reading, ...]:
    """Return one reading, or no reading if the community shows neither count."""
    return () if points is None and comments is None else (Reading(time, points, comments),)


def post_passages(text: str, link: str) -> tuple[Passage, ...]:
    """Return a thread's own text as its passages. An empty text gives no passage."""
    return (Passage(PassageKind.POST, text, link),) if text else ()


def best_of(
    known: Iterable[tuple[int, str]], threads: Iterable[Thread], most: int
) -> list[tuple[int, str]]:
    """Return (points, id) of the best threads, best first: at most `most`.

    `known` is the result for earlier threads. A thread without a reading is left out.
    """
    points = {id_: score for score, id_ in known}
    points |= {thread.id: shown_points(thread) for thread in threads if thread.readings}
    ranked = sorted(points.items(), key=lambda one: (-one[1], one[0]))
    return [(score, id_) for id_, score in ranked[:most]]


def is_id(text: str) -> bool:
    """Return whether `text` can be a thread's id: short, and safe in an address."""
    return _ID.fullmatch(text) is not None and ".." not in text


def unix_time(text: str) -> int | None:
    """Parse an ISO 8601 time to unix seconds. A time without an offset is UTC. Return None if it is
    invalid."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def web_url(text: str | None) -> str | None:
    """Return an absolute http or https address; None for anything else, such as "javascript:"."""
    if not text:
        return None
    url = text.strip()
    if len(url) > 8192 or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return url if parts.scheme.lower() in {"http", "https"} and host else None
