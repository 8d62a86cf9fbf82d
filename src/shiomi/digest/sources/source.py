"""The interface of a source, which converts a community's answers to threads, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from shiomi.digest.archive.outcomes import Outcome
from shiomi.digest.sources.http import Http
from shiomi.digest.sources.manners import Manners
from shiomi.digest.thread import Thread

__all__ = ["Batch", "Source"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Threads to archive together, and the cursor to continue after them."""

    # an empty title means that the known title stays, because the community shows none now
    threads: tuple[Thread, ...]
    # the source's position, to continue after an interruption; "": start from the beginning
    cursor: str
    skipped: int = 0  # number of invalid items
    # Outcomes of the feeds that were read for this batch or that failed.
    outcomes: tuple[Outcome, ...] = ()
    memory: str | None = None  # the next run's first cursor; None: unchanged


class Source(Protocol):
    """One community, or several communities with the same API. All state of a source is in the
    cursor and memory."""

    @property
    def name(self) -> str:
        """The name of the source in shiomi.toml, in the archive's cursors and in messages."""

    @property
    def communities(self) -> tuple[str, ...]:
        """The communities of the threads. If no batch has an outcome for a community, the community
        is recorded as read if `collect` returns, and as failed if `collect` raises an error."""

    @property
    def manners(self) -> Manners:
        """The limits that the community states."""

    def collect(self, http: Http, since: int, until: int, cursor: str | None) -> Iterator[Batch]:
        """Yield threads created since `since`, each with a current reading; times are unix seconds.

        `until` is the start of the run. Younger threads may be left out. But all threads in the
        answer to a conditional request must be yielded, because the server does not send this
        answer again until it changes.

        At the start of a run, `cursor` is the `memory` of an earlier run, or None. After an
        interruption, it is the cursor of the last batch that was archived. The next batch is
        requested only after the last one is archived. Keep batches small, because a crash loses one
        batch. If something could not be read, yield the available batches first, and then raise
        SourceError with the missing parts and the reason.
        """
