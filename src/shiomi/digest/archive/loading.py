"""Load threads from the archive. Five queries load everything about any number of threads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from shiomi.digest.archive.database import Database
from shiomi.digest.thread import Passage, PassageKind, Place, Reading, Thread, ThreadState

__all__ = ["find_keys", "load_passages", "load_threads"]

_KINDS = ("post", "abstract", "article", "comment")  # the order of a thread's passages
_FOREVER = (1 << 62) - 1  # unix seconds
_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode


def find_keys(database: Database, uids: Iterable[str]) -> dict[str, int]:
    """Return the key `n` of each uid that the archive has. Threads without a title are included."""
    pairs = [
        (community, id_)
        for community, found, id_ in (uid.partition(":") for uid in dict.fromkeys(uids))
        if found
    ]
    rows = database.execute(
        "SELECT thread.community || ':' || thread.id, thread.n"
        f" FROM {database.wanted_texts} CROSS JOIN thread"
        " WHERE thread.community = wanted.value ->> 0 AND thread.id = wanted.value ->> 1",
        (msgspec.json.encode(pairs).decode(),),
    )
    return dict(rows.fetchall())


def load_threads(database: Database, keys: Sequence[int], as_of: int | None = None) -> list[Thread]:
    """Return the threads with these keys `n`, in this order, with readings up to `as_of`.

    Threads without a title are left out.
    """
    wanted = database.keys(keys)
    readings = _readings(database, wanted, as_of)
    passages = load_passages(database, keys)
    places = _places(database, wanted, as_of)
    threads = {}
    for n, community, id_, title, created, link, url, tags, state, crosspost in database.execute(
        "SELECT n, community, id, title, created, link, url, tags, state, crosspost_of"
        f" FROM thread WHERE n IN {database.listed} AND created IS NOT NULL",
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


def _readings(database: Database, wanted: object, as_of: int | None) -> dict[int, list[Reading]]:
    found: dict[int, list[Reading]] = defaultdict(list)
    for n, time, points, comments, exact in database.execute(
        "SELECT thread, time, points, comments, exact FROM reading"
        f" WHERE thread IN {database.listed} AND time <= ? ORDER BY thread, time, exact",
        (wanted, _FOREVER if as_of is None else as_of),
    ):
        found[n].append(Reading(time, points, comments, bool(exact)))
    return found


def _places(database: Database, wanted: object, as_of: int | None) -> dict[int, Place]:
    """Return the best place of each thread up to `as_of`. If two places are equal, the earlier one
    is returned."""
    rows = database.execute(
        "SELECT thread, time, place FROM front_page"
        f" WHERE thread IN {database.listed} AND time <= ?"
        " ORDER BY thread, place DESC, time DESC",
        (wanted, _FOREVER if as_of is None else as_of),
    )
    # of several rows for a thread, the last is used
    return {n: Place(time, rank) for n, time, rank in rows}


def load_passages(database: Database, keys: Sequence[int]) -> dict[int, list[Passage]]:
    """Return the passages of the threads with these keys, by key."""
    found: dict[int, list[Passage]] = defaultdict(list)
    rows = database.execute(
        "SELECT thread, kind, position, text, link, points FROM passage"
        f" WHERE thread IN {database.listed}",
        (database.keys(keys),),
    ).fetchall()
    rows.sort(key=lambda row: (row[0], _KINDS.index(row[1]), row[2]))
    for n, kind, _, text, link, points in rows:
        found[n].append(Passage(PassageKind(kind), text, link, points))
    return found
