"""The interface that the archive requires of a database engine. `sqlite.py` and `postgres.py`
provide it.

Each statement is written once, in SQL that both engines understand. It uses `?` for a value, `ON
CONFLICT` with its target and `IS NOT NULL`, but not the scalar function `max`. If the engines
differ, this class has a method or an attribute for it. Only modules of this package use a Database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from shiomi.digest.archive.matching import Candidate, SearchFilters

__all__ = ["Database"]


class Database(Protocol):
    """One connection to one archive, in autocommit mode. Only one thread uses it.

    If something fails, every method raises ArchiveError with a remedy. The methods of a cursor do
    the same.
    """

    @property
    def name(self) -> str:
        """The name of the archive in errors: a path, or an address without its password."""

    @property
    def listed(self) -> str:
        """SQL for a list of integer keys. Write `n IN {listed}`, and pass `keys(...)` as the
        value."""

    @property
    def wanted(self) -> str:
        """SQL for a table of integer keys called `wanted`, with the column `value`."""

    @property
    def wanted_texts(self) -> str:
        """SQL for a table called `wanted`, whose column `value` is a JSON array of texts."""

    def execute(self, statement: str, values: Sequence[object] = ()) -> Any:
        """Run one statement with its values, and return a DB-API cursor."""

    def executemany(self, statement: str, values: Iterable[Sequence[object]]) -> Any:
        """Run one statement once for each sequence of values."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def begin(self) -> None:
        """Open a transaction for writing; other writers wait until it ends."""

    def begin_reading(self) -> None:
        """Open a transaction whose statements all see the same state of the database."""

    def new_keys(self, table: str, number: int) -> list[int]:
        """Reserve keys `n` for `number` new rows."""

    def load(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert new rows with their keys, and add their texts to the full-text index."""

    def finish_load(self) -> None:
        """Finish loading: call it after the last `load` and before other rows are inserted."""

    def newest_matches(
        self, words: Sequence[str], filters: SearchFilters, most: int
    ) -> list[Candidate]:
        """Return up to `most` threads whose texts probably contain all the folded words.

        If there are more, about the newest `most` are returned. The caller must check the words.
        """

    def limit(self, seconds: float) -> None:
        """Stop each later statement that runs longer than `seconds`, and raise ArchiveBusyError."""

    def change_token(self) -> tuple[object, ...]:
        """Return a value that changes with every commit of another connection. Reading it is
        fast."""

    def time(self, here: float) -> int:
        """Return unix seconds by the clock that all users share; `here` is this machine's time."""

    def size(self) -> int:
        """Return the size on disk in bytes."""

    def close(self) -> None:
        """Close the connection. Closing it twice does no harm."""

    def keys(self, values: Iterable[int]) -> object:
        """Convert integer keys to the single value that `listed` and `wanted` take."""
