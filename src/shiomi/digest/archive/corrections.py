"""Corrections by people: two threads are one story (join), or are two stories (split)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from shiomi.digest.archive.archive import Archive

__all__ = ["Correction", "CorrectionStore"]


class Correction(NamedTuple):
    """One judgement of a person. `a` is the smaller uid."""

    a: str
    b: str
    kind: str  # "join" or "split"
    time: int  # time of the correction, unix seconds


class CorrectionStore:
    """The corrections in one archive. They stay when threads are linked again."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._database = archive.database

    def put(self, correction: Correction) -> None:
        """Store a correction. It replaces an earlier correction about the same two threads."""
        with self._archive.transaction():
            self._database.execute(
                "INSERT INTO correction (a, b, kind, time) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (a, b) DO UPDATE SET kind = excluded.kind, time = excluded.time",
                correction,
            )

    def remove(self, a: str, b: str) -> bool:
        """Delete the correction about two threads; return whether there was one."""
        with self._archive.transaction():
            removed = self._database.execute(
                "DELETE FROM correction WHERE a = ? AND b = ?", (min(a, b), max(a, b))
            )
            return bool(removed.rowcount)

    def all(self) -> list[Correction]:
        """Return every correction, the oldest first."""
        rows = self._database.execute(
            "SELECT a, b, kind, time FROM correction ORDER BY time, a, b"
        ).fetchall()
        return [Correction(*row) for row in rows]

    def about(self, uids: Iterable[str]) -> set[Correction]:
        """Return the corrections that name at least one of these threads."""
        wanted = msgspec.json.encode([[uid] for uid in sorted(uids)]).decode()
        found: set[Correction] = set()
        for column in ("a", "b"):
            rows = self._database.execute(
                f"SELECT a, b, kind, time FROM {self._database.wanted_texts}"
                f" CROSS JOIN correction WHERE correction.{column} = wanted.value ->> 0",
                (wanted,),
            ).fetchall()
            found |= {Correction(*row) for row in rows}
        return found
