"""Threads out of the archive: everything of many threads in five queries, never one for each."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from shiomi.digest.archive.adding import PASSAGE_ORDER
from shiomi.digest.thread import Passage, PassageKind, Place, Reading, Thread, ThreadState

__all__ = ["find_keys", "load_threads"]

_PASSAGE_PLACE = {str(kind): place for place, kind in enumerate(PASSAGE_ORDER)}
_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode


def find_keys(connection: sqlite3.Connection, uids: Iterable[str]) -> dict[str, int]:
    """The key `n` of each uid that the archive knows or has heard of."""
    pairs = [
        (community, id_)
        for community, found, id_ in (uid.partition(":") for uid in dict.fromkeys(uids))
        if found
    ]
    rows = connection.execute(
        "SELECT thread.community || ':' || thread.id, thread.n"
        " FROM json_each(?) AS wanted CROSS JOIN thread"
        " ON thread.community = wanted.value ->> 0 AND thread.id = wanted.value ->> 1",
        (msgspec.json.encode(pairs).decode(),),
    )
    return dict(rows.fetchall())


def load_threads(
    connection: sqlite3.Connection, keys: Sequence[int], as_of: int | None = None
) -> list[Thread]:
    """The threads with these keys `n`, in this order, with readings up to `as_of`.

    Keys of threads that are only heard of give nothing.
    """
    wanted = msgspec.json.encode(keys).decode()
    readings = _readings(connection, wanted, as_of)
    passages = _passages(connection, wanted)
    places = _places(connection, wanted, as_of)
    threads = {}
    for n, community, id_, title, created, link, url, tags, state, crosspost in connection.execute(
        "SELECT n, community, id, title, created, link, url, tags, state, crosspost_of"
        " FROM thread WHERE n IN (SELECT value FROM json_each(?)) AND created NOT NULL",
        (wanted,),
    ):
        threads[n] = Thread(
            community,
            id_,
            title,
            created,
            link,
            url,
            _decode_tags(tags) if tags else (),
            ThreadState(state),
            crosspost,
            tuple(readings.get(n, ())),
            tuple(passages.get(n, ())),
            places.get(n),
        )
    return [threads[n] for n in keys if n in threads]


def _readings(
    connection: sqlite3.Connection, wanted: str, as_of: int | None
) -> dict[int, list[Reading]]:
    found: dict[int, list[Reading]] = defaultdict(list)
    for n, time, points, comments, exact in connection.execute(
        "SELECT thread, time, points, comments, exact FROM reading"
        " WHERE thread IN (SELECT value FROM json_each(?1)) AND (?2 IS NULL OR time <= ?2)"
        " ORDER BY thread, time, exact",
        (wanted, as_of),
    ):
        found[n].append(Reading(time, points, comments, bool(exact)))
    return found


def _places(connection: sqlite3.Connection, wanted: str, as_of: int | None) -> dict[int, Place]:
    """The best place of each thread up to `as_of`; of equal places the earliest."""
    rows = connection.execute(
        "SELECT thread, time, place FROM front_page"
        " WHERE thread IN (SELECT value FROM json_each(?1)) AND (?2 IS NULL OR time <= ?2)"
        " ORDER BY thread, place DESC, time DESC",
        (wanted, as_of),
    )
    return {n: Place(time, rank) for n, time, rank in rows}  # the last row of a thread stays


def _passages(connection: sqlite3.Connection, wanted: str) -> dict[int, list[Passage]]:
    found: dict[int, list[Passage]] = defaultdict(list)
    rows = connection.execute(
        "SELECT thread, kind, position, text, link, points FROM passage"
        " WHERE thread IN (SELECT value FROM json_each(?))",
        (wanted,),
    ).fetchall()
    rows.sort(key=lambda row: (row[0], _PASSAGE_PLACE[row[1]], row[2]))
    for n, kind, _, text, link, points in rows:
        found[n].append(Passage(PassageKind(kind), text, link, points))
    return found
