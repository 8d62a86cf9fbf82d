"""The ties between threads, and the pages of threads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from shiomi.digest.archive.archive import Archive

__all__ = ["LinkRow", "LinkStore", "LinkedThread", "PendingThread"]

LinkRow = tuple[int, int, str, float]
"""(key of one thread, key of the other, kind, score), the smaller key first."""

_FOREVER = (1 << 62) - 1
_LOOSE = ("related", "named")  # the kinds of link that do not join two threads into one story


class PendingThread(NamedTuple):
    """A thread that is not linked yet."""

    n: int
    created: int
    title: str
    url: str | None
    crosspost_of: str | None
    uid: str


class LinkedThread(NamedTuple):
    """A linked thread."""

    n: int
    created: int
    title: str
    url: str | None
    community: str


class LinkStore:
    """The links in one archive. Write inside `archive.transaction()`."""

    def __init__(self, archive: Archive) -> None:
        self._database = archive.database

    def count_pending(self) -> int:
        """Return the number of threads that are not linked yet."""
        (total,) = self._database.execute(
            "SELECT count(*) FROM thread WHERE linked = 0 AND created IS NOT NULL"
        ).fetchone()
        return int(total)

    def oldest_pending(self, span: int, limit: int) -> list[PendingThread]:
        """Return the oldest unlinked threads: at most `limit`, all created within `span`
        seconds."""
        rows = self._database.execute(
            "SELECT n, created, title, url, crosspost_of, community || ':' || id FROM thread"
            " WHERE linked = 0 AND created IS NOT NULL AND created <="
            " (SELECT min(created) FROM thread WHERE linked = 0 AND created IS NOT NULL) + ?"
            " ORDER BY created, n LIMIT ?",
            (span, limit),
        ).fetchall()
        return [PendingThread(*row) for row in rows]

    def linked_between(self, first: int, last: int) -> list[tuple[int, str, int]]:
        """Return (key, title, time) of the linked threads created in [first, last], unix
        seconds."""
        rows: list[tuple[int, str, int]] = self._database.execute(
            "SELECT n, title, created FROM thread WHERE linked != 0 AND created BETWEEN ? AND ?",
            (first, last),
        ).fetchall()
        return rows

    def linked(self, keys: Iterable[int]) -> list[LinkedThread]:
        """Return the linked threads among these keys, by key."""
        rows = self._database.execute(
            "SELECT n, created, title, url, community"
            f" FROM {self._database.wanted} CROSS JOIN thread"
            " WHERE n = wanted.value AND linked != 0 AND created IS NOT NULL ORDER BY n",
            (self._database.keys(sorted(keys)),),
        ).fetchall()
        return [LinkedThread(*row) for row in rows]

    def post_texts(self, keys: Iterable[int]) -> dict[int, str]:
        """Return the text of each text post among these threads, by key."""
        found: dict[int, str] = {}
        rows = self._database.execute(
            f"SELECT thread, text FROM {self._database.wanted} CROSS JOIN passage"
            " WHERE thread = wanted.value AND kind = 'post' ORDER BY thread, position",
            (self._database.keys(sorted(keys)),),
        ).fetchall()
        for n, text in rows:
            found[n] = f"{found[n]}\n{text}" if n in found else text
        return found

    def of_pages(
        self, pages: Iterable[int], first: int, last: int
    ) -> list[tuple[int, int, int, bool]]:
        """Return the linked threads with these pages that were created in [first, last].

        Each item is (key of the page, time, key of the thread, whether the thread is about the
        page). A thread that only names a page is not about it. The items are in ascending order.
        """
        rows = self._database.execute(
            "SELECT thread_page.url, created, n, own"
            f" FROM {self._database.wanted} CROSS JOIN thread_page CROSS JOIN thread"
            " WHERE thread_page.url = wanted.value AND n = thread_page.thread AND linked != 0"
            " AND created BETWEEN ? AND ? ORDER BY 1, 2, 3",
            (self._database.keys(sorted(pages)), first, last),
        ).fetchall()
        return [(page, created, n, bool(own)) for page, created, n, own in rows]

    def forget_others(self, mark: int) -> None:
        """Make all threads pending that were linked by a judge with a mark other than `mark`.

        This reads all threads.
        """
        self._database.execute(
            "UPDATE thread SET linked = 0 WHERE linked != 0 AND linked != ?", (mark,)
        )

    def begin_batch(
        self, threads: Sequence[int], pages: Iterable[tuple[int, int, int]], mark: int
    ) -> None:
        """Mark threads as linked, delete their old links, and replace their pages.

        `mark` is the mark of the judge. `pages` are (key of a page, key of its thread, 1 if the
        thread is about it, else 0).
        """
        database = self._database
        keys = database.keys(threads)
        for table, column in (("link", "a"), ("link", "b"), ("thread_page", "thread")):
            database.execute(f"DELETE FROM {table} WHERE {column} IN {database.listed}", (keys,))
        database.executemany(
            "INSERT INTO thread_page (url, thread, own) VALUES (?, ?, ?)", list(pages)
        )
        database.execute(f"UPDATE thread SET linked = ? WHERE n IN {database.listed}", (mark, keys))

    def add(self, links: Iterable[LinkRow]) -> None:
        """Store links. If a link exists already, it gets the new kind and score."""
        self._database.executemany(
            "INSERT INTO link (a, b, kind, score) VALUES (?, ?, ?, ?) ON CONFLICT (a, b)"
            " DO UPDATE SET kind = excluded.kind, score = excluded.score",
            list(links),
        )

    def crossposts(self, uids: Iterable[str]) -> list[tuple[int, str]]:
        """Return (key, uid of the origin) of the linked threads whose origin is one of these
        uids."""
        rows: list[tuple[int, str]] = self._database.execute(
            f"SELECT n, crosspost_of FROM {self._database.wanted_texts} CROSS JOIN thread"
            " WHERE crosspost_of = wanted.value ->> 0 AND linked != 0",
            (msgspec.json.encode([[uid] for uid in uids]).decode(),),
        ).fetchall()
        return rows

    def linked_key(self, uid: str) -> int | None:
        """Return the key of the thread with this uid, or None if it is unknown or not linked."""
        row = self._database.execute(
            "SELECT n FROM thread WHERE community = ? AND id = ? AND linked != 0"
            " AND created IS NOT NULL",
            uid.partition(":")[::2],
        ).fetchone()
        return None if row is None else int(row[0])

    def created_between(self, since: int, until: int, *, as_of: int | None = None) -> list[int]:
        """Return the keys of the threads created in [since, until), but not of those after
        `as_of`."""
        limit = min(until, (_FOREVER if as_of is None else as_of) + 1)
        rows = self._database.execute(
            "SELECT n FROM thread WHERE created >= ? AND created < ?", (since, limit)
        ).fetchall()
        return [n for (n,) in rows]

    def keys_of(self, uids: Iterable[str]) -> list[int]:
        """Return the keys of the threads with these uids; unknown uids are left out."""
        from shiomi.digest.archive.loading import find_keys

        return list(find_keys(self._database, uids).values())

    def closure(
        self, seeds: Iterable[int], *, as_of: int | None = None
    ) -> tuple[set[int], set[LinkRow]]:
        """Return all threads that can be reached from the seeds by links that merge, and all links
        of these threads.

        Threads created after `as_of` are left out.
        """
        last = _FOREVER if as_of is None else as_of
        keys: set[int] = set()
        rows: set[LinkRow] = set()
        frontier = set(seeds)
        while frontier:
            keys |= frontier
            reached: set[int] = set()
            for row in self._ties(sorted(frontier), last):
                rows.add(row)
                if row[2] not in _LOOSE:
                    reached |= {row[0], row[1]}
            frontier = reached - keys
        return keys, rows

    def uids(self, keys: Iterable[int]) -> dict[int, str]:
        """Return the uid of each key."""
        return dict(
            self._database.execute(
                "SELECT n, community || ':' || thread.id"
                f" FROM {self._database.wanted} CROSS JOIN thread WHERE n = wanted.value",
                (self._database.keys(sorted(keys)),),
            ).fetchall()
        )

    def created_by(self, keys: Iterable[int], as_of: int | None) -> list[int]:
        """Keep the threads that are known and were created by `as_of`."""
        rows = self._database.execute(
            f"SELECT n FROM {self._database.wanted} CROSS JOIN thread"
            " WHERE n = wanted.value AND created <= ?",
            (self._database.keys(sorted(keys)), _FOREVER if as_of is None else as_of),
        ).fetchall()
        return [n for (n,) in rows]

    def _ties(self, frontier: Sequence[int], last: int) -> list[LinkRow]:
        database = self._database
        found: list[LinkRow] = []
        for one, other in (("a", "b"), ("b", "a")):
            found += database.execute(
                f"SELECT a, b, kind, score FROM {database.wanted}"
                " CROSS JOIN link CROSS JOIN thread"
                f" WHERE link.{one} = wanted.value AND thread.n = link.{other}"
                " AND thread.created <= ?",
                (database.keys(frontier), last),
            ).fetchall()
        return found
