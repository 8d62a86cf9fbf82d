"""The digests an archive holds: planned, being written, finished."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import msgspec

from shiomi.digest.archive.archive import Archive
from shiomi.digest.document import Digest
from shiomi.digest.week import Week

__all__ = ["DigestStore", "Plan"]

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a digest was begun with; the same however often its making was interrupted."""

    week: Week
    language: str
    as_of: int  # unix seconds


class DigestStore:
    """Digests of one language in one archive. Every method is one transaction."""

    def __init__(self, archive: Archive, language: str) -> None:
        self._archive = archive
        self._language = language

    def plan(self, week: Week, as_of: int) -> Plan:
        """Begin the digest of `week`, or give the plan it was begun with."""
        with self._archive.transaction():
            self._archive.connection.execute(
                "INSERT OR IGNORE INTO digest (last, zone, language, as_of) VALUES (?, ?, ?, ?)",
                (week.last.isoformat(), week.zone, self._language, as_of),
            )
            zone, kept = self._archive.connection.execute(
                "SELECT zone, as_of FROM digest WHERE last = ? AND language = ?", self._key(week)
            ).fetchone()
        return Plan(Week(week.last, zone), self._language, kept)

    def part(self, plan: Plan, kind: str, key: str, shape: type[Part]) -> Part | None:
        """A part that an interrupted run had finished."""
        row = self._archive.connection.execute(
            "SELECT document FROM digest_part"
            " WHERE last = ? AND language = ? AND kind = ? AND key = ?",
            (*self._key(plan.week), kind, key),
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=shape)

    def keep_part(self, plan: Plan, kind: str, key: str, part: object) -> None:
        """Keep a finished part, so that a killed run need not write it again."""
        with self._archive.transaction():
            self._archive.connection.execute(
                "INSERT OR REPLACE INTO digest_part VALUES (?, ?, ?, ?, ?)",
                (*self._key(plan.week), kind, key, msgspec.json.encode(part)),
            )

    def finish(self, digest: Digest) -> None:
        """Keep the whole digest; its parts are no longer needed."""
        key = self._key(digest.week)
        uids = {thread.uid for topic in digest.topics for thread in topic.story.threads}
        with self._archive.transaction():
            self._archive.connection.execute(
                "UPDATE digest SET document = ? WHERE last = ? AND language = ?",
                (msgspec.json.encode(digest), *key),
            )
            self._archive.connection.execute(
                "DELETE FROM digest_part WHERE last = ? AND language = ?", key
            )
            self._archive.connection.executemany(
                "INSERT OR IGNORE INTO digest_thread VALUES (?, ?, ?)",
                [(uid, *key) for uid in sorted(uids)],
            )

    def forget(self, week: Week) -> None:
        """Drop the digest of `week`, planned or finished, so that it is made anew."""
        with self._archive.transaction():
            self._archive.connection.execute(
                "DELETE FROM digest WHERE last = ? AND language = ?", self._key(week)
            )

    def finished(self, week: Week) -> Digest | None:
        """The finished digest of `week`."""
        row = self._archive.connection.execute(
            "SELECT document FROM digest WHERE last = ? AND language = ? AND document NOT NULL",
            self._key(week),
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Digest)

    def all(self) -> list[Digest]:
        """All finished digests, newest week first."""
        rows: Iterable[tuple[bytes]] = self._archive.connection.execute(
            "SELECT document FROM digest WHERE language = ? AND document NOT NULL"
            " ORDER BY last DESC",
            (self._language,),
        )
        return [msgspec.json.decode(document, type=Digest) for (document,) in rows]

    def published_uids(self, before: date) -> frozenset[str]:
        """The threads that digests of weeks ending before `before` gave a place to."""
        rows = self._archive.connection.execute(
            "SELECT DISTINCT uid FROM digest_thread WHERE language = ? AND last < ?",
            (self._language, before.isoformat()),
        )
        return frozenset(uid for (uid,) in rows)

    def _key(self, week: Week) -> tuple[str, str]:
        return week.last.isoformat(), self._language
