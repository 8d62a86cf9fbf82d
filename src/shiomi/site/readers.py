"""A few read-only connections to the archive, shared by all requests of one worker.

If a connection is lost or the archive is replaced, a new connection is opened. ArchiveBusyError is
raised if the archive is locked, being migrated or missing, or if too many requests wait. The client
then gets a 503.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from shiomi.digest.address import Location
from shiomi.digest.archive import Archive
from shiomi.digest.errors import ArchiveBusyError, ArchiveError

__all__ = ["Readers"]

CONNECTIONS = 4  # number of queries of one worker that run at the same time
WAITING = 64  # number of further requests that may wait for a connection
SECONDS = 5.0  # longest time of a query, in seconds

Result = TypeVar("Result")


class Readers:
    """Runs queries in threads. Each thread has its own connection."""

    def __init__(self, location: Location | str) -> None:
        self._location = location
        self._lock = threading.Lock()
        self._free: list[tuple[object, Archive]] = []  # (identity of the file, archive)
        self._watch: Archive | None = None
        self._limiter = anyio.CapacityLimiter(CONNECTIONS)
        self._waiting = 0

    def token(self) -> tuple[object, ...]:
        """Return a value that changes with every commit to the archive. Call this method in the
        event loop."""
        if self._watch is not None:
            with contextlib.suppress(ArchiveError):  # the connection was lost; a new one may work
                token = self._watch.change_token()
                if _identity(token) == self._watched:
                    return token
            self._forget_watch()
        self._watch = self._open()
        return self._watch.change_token()

    async def run(self, query: Callable[[Archive], Result]) -> Result:
        """Return the result of `query`, run in a thread with a read-only archive."""
        if self._waiting >= WAITING:
            raise ArchiveBusyError("too many requests wait for the archive; try again")
        self._waiting += 1
        try:
            return await anyio.to_thread.run_sync(self._with_archive, query, limiter=self._limiter)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._forget_watch()
        with self._lock:
            free, self._free = self._free, []
        for _, archive in free:
            archive.close()

    def _with_archive(self, query: Callable[[Archive], Result]) -> Result:
        identity, archive = self._take()
        lost = False
        try:
            archive.limit(SECONDS)
            return query(archive)
        except ArchiveError:
            lost = True
            raise
        finally:
            if lost:
                archive.close()
            else:
                with self._lock:
                    self._free.append((identity, archive))

    def _take(self) -> tuple[object, Archive]:
        with self._lock:
            kept = self._free.pop() if self._free else None
        if kept is not None:
            with contextlib.suppress(ArchiveError):  # the connection was lost; a new one may work
                if _identity(kept[1].change_token()) == kept[0]:
                    return kept
            kept[1].close()  # or the archive was replaced meanwhile
        archive = self._open()
        return _identity(archive.change_token()), archive

    def _open(self) -> Archive:
        archive = Archive.open(self._location, create=False, read_only=True)
        if self._watch is None:
            self._watched = _identity(archive.change_token())
        return archive

    def _forget_watch(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None


def _identity(token: tuple[object, ...]) -> object:
    return token[:-1]
