"""The digests in an archive: unfinished and complete ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from shiomi.digest.archive.archive import Archive
from shiomi.digest.archive.storable import storable
from shiomi.digest.document import Digest
from shiomi.digest.errors import ArchiveError
from shiomi.digest.week import Week

__all__ = ["DigestStore", "Plan"]

Document = TypeVar("Document")


@dataclass(frozen=True, slots=True)
class Plan:
    """The inputs of a digest. Interruptions do not change them."""

    week: Week
    language: str
    as_of: int  # unix seconds


class DigestStore:
    """Digests of one language in one archive. Every write is one transaction."""

    def __init__(self, archive: Archive, language: str) -> None:
        self._archive = archive
        self._language = language

    def plan(self, week: Week, as_of: int) -> Plan:
        """Begin the digest of `week`, or return its stored plan."""
        with self._archive.transaction():
            self._archive.database.execute(
                "INSERT INTO digest_plan (last, zone, language, as_of)"
                " VALUES (?, ?, ?, ?) ON CONFLICT (last, language) DO NOTHING",
                (week.last.isoformat(), week.zone, self._language, as_of),
            )
            zone, kept = self._archive.database.execute(
                "SELECT zone, as_of FROM digest_plan WHERE last = ? AND language = ?",
                self._key(week),
            ).fetchone()
        return Plan(Week(week.last, zone), self._language, kept)

    def give_up(self, plan: Plan) -> None:
        """Delete a plan and its parts."""
        with self._archive.transaction():
            self._archive.database.execute(
                "DELETE FROM digest_plan WHERE last = ? AND language = ?", self._key(plan.week)
            )

    def part(self, plan: Plan, kind: str, key: str, shape: type[Document]) -> Document | None:
        """Return a part that an interrupted run completed; None if it must still be written."""
        row = self._archive.database.execute(
            "SELECT document FROM digest_part"
            " WHERE last = ? AND language = ? AND kind = ? AND key = ?",
            (*self._key(plan.week), kind, key),
        ).fetchone()
        try:
            return None if row is None else msgspec.json.decode(row[0], type=shape)
        except msgspec.MsgspecError:  # written by another version of shiomi
            return None

    def keep_part(self, plan: Plan, kind: str, key: str, part: object) -> None:
        """Store a finished part. If the run is killed, the next run uses the stored part."""
        with self._archive.transaction():
            self._archive.database.execute(
                "INSERT INTO digest_part (last, language, kind, key, document)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT (last, language, kind, key)"
                " DO UPDATE SET document = excluded.document",
                (*self._key(plan.week), kind, key, msgspec.json.encode(part)),
            )

    def finish(self, digest: Digest, explanation: str) -> None:
        """Store the digest, replacing an earlier one of its week, and delete its plan."""
        key = self._key(digest.week)
        uids = {thread.uid for topic in digest.topics for thread in topic.story.threads}
        with self._archive.transaction():
            execute = self._archive.database.execute
            execute("DELETE FROM digest WHERE last = ? AND language = ?", key)
            execute(
                "INSERT INTO digest (last, language, document, explanation) VALUES (?, ?, ?, ?)",
                (*key, msgspec.json.encode(digest), explanation),
            )
            self._archive.database.executemany(
                "INSERT INTO digest_thread VALUES (?, ?, ?)", [(uid, *key) for uid in sorted(uids)]
            )
            execute("DELETE FROM digest_plan WHERE last = ? AND language = ?", key)

    def finished(self, week: Week) -> Digest | None:
        """Return the complete digest of `week`. Raises ArchiveError if it cannot be read."""
        last = week.last.isoformat()
        document = self.document(last)
        return None if document is None else self.read(last, document)

    def explanation(self, week: Week) -> str:
        """Return the explanation of the digest of `week`; "" if there is none."""
        row = self._archive.database.execute(
            "SELECT explanation FROM digest WHERE last = ? AND language = ?", self._key(week)
        ).fetchone()
        return "" if row is None else str(row[0])

    def all(self) -> list[Digest]:
        """Return all complete digests, newest week first. Raises ArchiveError."""
        return [self.read(last, document) for last, document in self.documents()]

    def weeks(self) -> list[str]:
        """Return the last day of each week with a complete digest, newest first."""
        rows = self._archive.database.execute(
            "SELECT last FROM digest WHERE language = ? ORDER BY last DESC", (self._language,)
        )
        return [last for (last,) in rows]

    def document(self, last: str) -> bytes | None:
        """Return the stored JSON of the digest whose week ends on `last` (ISO), or None."""
        row = self._archive.database.execute(
            "SELECT document FROM digest WHERE last = ? AND language = ?",
            (storable(last), self._language),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def documents(self, limit: int = 10_000, offset: int = 0) -> list[tuple[str, bytes]]:
        """Return the last day and the stored JSON of complete digests, newest week first."""
        rows = self._archive.database.execute(
            "SELECT last, document FROM digest WHERE language = ?"
            " ORDER BY last DESC LIMIT ? OFFSET ?",
            (self._language, limit, offset),
        ).fetchall()
        return [(last, bytes(document)) for last, document in rows]

    def telling(self, uids: Iterable[str]) -> list[str]:
        """Return the last day of each digest that contains one of these threads, newest first."""
        found: set[str] = set()
        for uid in uids:
            rows = self._archive.database.execute(
                "SELECT last FROM digest_thread WHERE uid = ? AND language = ?",
                (uid, self._language),
            )
            found.update(last for (last,) in rows)
        return sorted(found, reverse=True)

    def read(self, last: str, document: bytes) -> Digest:
        """Decode a stored digest. Raises ArchiveError if another version of shiomi wrote it."""
        try:
            return msgspec.json.decode(document, type=Digest)
        except msgspec.MsgspecError as error:
            raise ArchiveError(
                f"the digest of {last} was written by another version of shiomi ({error});"
                f" `shiomi digest --week {last} --again` makes it again"
            ) from None

    def published_uids(self, week: Week) -> frozenset[str] | None:
        """Return the uids of threads in digests of earlier weeks; None if there is no such digest.

        A digest that overlaps with `week`, such as a daily one, does not count as earlier.
        """
        limit = self._language, week.before().last.isoformat()
        execute = self._archive.database.execute
        if not execute(
            "SELECT 1 FROM digest WHERE language = ? AND last <= ? LIMIT 1", limit
        ).fetchone():
            return None
        rows = execute(
            "SELECT DISTINCT uid FROM digest_thread WHERE language = ? AND last <= ?", limit
        )
        return frozenset(uid for (uid,) in rows)

    def _key(self, week: Week) -> tuple[str, str]:
        return week.last.isoformat(), self._language
