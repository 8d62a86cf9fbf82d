"""The contents of an archive and their freshness."""

from __future__ import annotations

from dataclasses import dataclass

from shiomi.digest.archive.database import Database

__all__ = ["ArchiveStatus", "CommunityStatus", "SourceStatus", "read_status"]


@dataclass(frozen=True, slots=True)
class CommunityStatus:
    """One community's part of the archive. Times are unix seconds."""

    community: str
    threads: int
    newest_thread: int  # time when it was created
    newest_reading: int | None  # time of the newest reading; None if no count was ever read


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The collection state of one source."""

    source: str
    cursor: str
    collected: int | None  # unix seconds; None if nothing was read yet


@dataclass(frozen=True, slots=True)
class ArchiveStatus:
    """The contents of an archive and their freshness."""

    path: str
    size: int  # bytes on disk, the write-ahead log included
    migration: int  # number of the newest migration that was applied
    threads: int
    titles: int
    readings: int
    passages: int
    pending: int  # threads not linked yet
    communities: tuple[CommunityStatus, ...]
    sources: tuple[SourceStatus, ...]


def read_status(database: Database) -> ArchiveStatus:
    """Count the contents of the archive. It reads every thread, which takes about a
    second for a million threads."""

    def count(query: str) -> int:
        found: int = database.execute(query).fetchone()[0]
        return found

    newest = dict(
        database.execute(
            "SELECT community, max(time) FROM reading JOIN thread ON thread = n GROUP BY community"
        ).fetchall()
    )
    communities = tuple(
        CommunityStatus(community, threads, created, newest.get(community))
        for community, threads, created in database.execute(
            "SELECT community, count(*), max(created) FROM thread WHERE created IS NOT NULL"
            " GROUP BY community ORDER BY community"
        )
    )
    return ArchiveStatus(
        path=database.name,
        size=database.size(),
        migration=count("SELECT max(number) FROM migration"),
        threads=sum(community.threads for community in communities),
        titles=count("SELECT count(*) FROM title"),
        readings=count("SELECT count(*) FROM reading"),
        passages=count("SELECT count(*) FROM passage"),
        pending=count("SELECT count(*) FROM thread WHERE linked = 0 AND created IS NOT NULL"),
        communities=communities,
        sources=tuple(
            SourceStatus(*row)
            for row in database.execute("SELECT name, cursor, collected FROM source ORDER BY name")
        ),
    )
