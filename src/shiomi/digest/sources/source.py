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

    threads: tuple[Thread, ...]  # title "": the community shows none now; the known title stays
    cursor: str  # the source's own notes, to continue after an interruption; "": start over
    skipped: int = 0  # number of invalid items
    # Outcomes of the feeds that were read for this batch or that failed.
    outcomes: tuple[Outcome, ...] = ()
    memory: str | None = None  # the next run's first cursor; None: unchanged


class Source(Protocol):
    """One community, or several with one API. All state of a source is in the cursor and memory."""

    @property
    def name(self) -> str:
        """Its name in shiomi.toml, in the archive's cursors and in messages."""

    @property
    def communities(self) -> tuple[str, ...]:
        """The communities its threads belong to. If no batch has an outcome for a community, it is
        recorded as read when `collect` returns, and as failed when it raises."""

    @property
    def manners(self) -> Manners:
        """The limits its community states."""

    def collect(self, http: Http, since: int, until: int, cursor: str | None) -> Iterator[Batch]:
        """Yield threads created since `since`, each with a current reading; times are unix seconds.

        `until` is the start of the run. Younger threads may be left out, except those in the answer
        to a conditional request: that answer is not sent again until it changes.

        `cursor` is None at the start of a run, or the `memory` of an earlier run; after an
        interruption it is the cursor of the last batch that was archived. The next batch is
        requested only after the last one is archived. Keep batches small, because a crash loses
        one. If something could not be read, raise SourceError after the available batches, with the
        missing parts and the reason.
        """
