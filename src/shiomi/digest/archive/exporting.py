"""`export_threads` writes the archive's threads as JSON Lines. Another archive can import them."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from shiomi.atomic import atomic_file
from shiomi.digest.archive.archive import Archive
from shiomi.digest.archive.loading import find_keys
from shiomi.digest.archive.shapes import ThreadLine
from shiomi.digest.errors import ArchiveError
from shiomi.digest.thread import Thread

__all__ = ["FOREVER", "export_lines", "export_threads"]

_BATCH = 500
FOREVER = 2**62  # unix seconds


def export_threads(
    archive: Archive,
    path: Path | str,
    *,
    since: int = 0,
    until: int = FOREVER,
    progress: Callable[[int, int | None, str], None] | None = None,
) -> int:
    """Write the threads created in [since, until) to `path`; return their number.

    Each line is one JSON object; the file is compressed if its name ends in .gz. The same threads
    always give the same bytes. The file appears only when it is complete. The export
    leaves out threads without a title, ranks on the front page, links and digests. A backup
    contains all of them.
    Raises ArchiveError if the file cannot be written.
    """
    path = Path(path)
    count = 0
    try:
        with atomic_file(path) as file:
            out = (
                gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0)
                if path.suffix == ".gz"
                else file
            )
            for line in export_lines(archive, since, until):
                out.write(line)
                count += 1
                if progress is not None and count % _BATCH == 0:
                    progress(count, None, f"exporting {path.name}")
            if out is not file:
                out.close()
    except OSError as error:
        raise ArchiveError(
            f"{path} cannot be written: {error.strerror}; name a place that can be"
        ) from error
    return count


def export_lines(archive: Archive, since: int = 0, until: int = FOREVER) -> Iterator[bytes]:
    """Yield the threads created in [since, until), ordered by (created, uid), as lines of JSON."""
    batch: list[Thread] = []
    for thread in archive.threads(since, until):
        batch.append(thread)
        if len(batch) == _BATCH:
            yield from _lines(archive, batch)
            batch = []
    yield from _lines(archive, batch)


def _lines(archive: Archive, threads: list[Thread]) -> Iterator[bytes]:
    database = archive.database
    keys = find_keys(database, (thread.uid for thread in threads))
    wanted = (database.keys(keys.values()),)
    titles: dict[int, list[tuple[int, int, str]]] = {}
    for n, first, last, title in database.execute(
        "SELECT thread, first, last, title FROM title"
        f" WHERE thread IN {database.listed} ORDER BY first, last, title",
        wanted,
    ):
        titles.setdefault(n, []).append((first, last, title))
    stamps = database.execute(
        "SELECT n, seen, url_seen, tags_seen, crosspost_seen,"
        " (SELECT max(last) FROM title WHERE thread = thread.n),"
        " (SELECT max(seen) FROM passage WHERE thread = thread.n)"
        f" FROM thread WHERE n IN {database.listed}",
        wanted,
    )
    seen = {n: (max(stamp or 0 for stamp in (dated, *rest)), dated) for n, dated, *rest in stamps}
    for thread in threads:
        n = keys[thread.uid]
        line = ThreadLine(
            thread.community,
            thread.id,
            thread.title,
            thread.created,
            thread.link,
            thread.url,
            thread.tags,
            thread.state,
            thread.crosspost_of,
            thread.readings,
            thread.passages,
            seen[n][0],
            tuple(titles.get(n, ())),
            seen[n][1],
        )
        yield msgspec.json.encode(line) + b"\n"
