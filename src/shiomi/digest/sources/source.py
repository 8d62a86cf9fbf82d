"""What a source is: one community's answers turned into threads, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from shiomi.digest.sources.http import Http
from shiomi.digest.sources.manners import Manners
from shiomi.digest.thread import Thread

__all__ = ["Batch", "Source"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Threads to archive together, and where to go on after them."""

    threads: tuple[Thread, ...]  # title "": the community shows none any more; the known one stays
    cursor: str  # the source's own words, for going on after an interruption; "": begin anew
    skipped: int = 0  # items left out because they are not what they should be


class Source(Protocol):
    """One community. It keeps no state between runs: where it is stands in the cursor."""

    @property
    def name(self) -> str:
        """Its name in shiomi.toml, in the archive's cursors and in messages."""

    @property
    def manners(self) -> Manners:
        """The limits its community states."""

    def collect(self, http: Http, since: int, until: int, cursor: str | None) -> Iterator[Batch]:
        """Threads created since `since`, with a reading of now each; times are unix seconds.

        `until` is the start of the run. Threads younger than that may be left out, unless they
        came in an answer that was asked for conditionally: unchanged, it is not sent again.

        `cursor` is None at the start of a run; else that of the last batch archived in this same
        run, which was interrupted. A batch is small: it is what a crash may lose. Raises
        SourceError, after the batches that could be had, naming what is missing and why.
        """
