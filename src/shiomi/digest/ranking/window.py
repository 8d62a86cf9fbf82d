"""The week and the weeks before it, read from the archive once for all comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from shiomi.digest.thread import Reading, Thread
from shiomi.digest.week import Week

__all__ = ["ThreadSource", "Window", "read_window"]


class ThreadSource(Protocol):
    """The part of an archive that ranking needs: threads by time of creation."""

    def threads(
        self, since: int, until: int, *, as_of: int | None = None, community: str | None = None
    ) -> Iterator[Thread]:
        """Yield threads created in [since, until), by (created, uid), with readings up to
        `as_of`."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """Threads grouped by week of creation, in their state at `as_of`."""

    week: Week
    as_of: int  # unix seconds; no later reading or thread is in here
    weeks: tuple[tuple[Thread, ...], ...]  # oldest first, this week last

    @property
    def now(self) -> tuple[Thread, ...]:
        """The threads of this week."""
        return self.weeks[-1]

    @property
    def earlier(self) -> Iterator[Thread]:
        """The threads of the weeks before, oldest first."""
        return (thread for threads in self.weeks[:-1] for thread in threads)

    @property
    def all(self) -> Iterator[Thread]:
        """Every thread, oldest first."""
        return (thread for threads in self.weeks for thread in threads)


def read_window(archive: ThreadSource, week: Week, *, as_of: int, weeks: int) -> Window:
    """Read the threads of `week` and of up to `weeks` weeks before it in one pass.

    The window begins with the first week that has a thread, because earlier weeks are unknown, not
    empty. Raises ValueError if `weeks` is negative.
    """
    if weeks < 0:
        raise ValueError(f"weeks is {weeks}; a window looks back 0 weeks or more")
    # Week gives the boundaries, because they are local midnights and a day may have 23 or 25 hours
    ends = [week.before(back).end for back in range(weeks, -1, -1)]
    split: list[list[Thread]] = [[] for _ in ends]
    place = 0
    until = min(week.end, as_of + 1)
    for thread in archive.threads(week.before(weeks).start, until, as_of=as_of):
        while thread.created >= ends[place]:
            place += 1
        split[place].append(thread)
    known = next((place for place, threads in enumerate(split) if threads), len(split) - 1)
    return Window(week, as_of, tuple(map(tuple, split[known:])))


def newest_known(thread: Thread, count: str, as_of: int) -> Reading | None:
    """Return the newest reading up to `as_of` that shows the `count` ("points" or "comments")."""
    for reading in reversed(thread.readings):
        if reading.time <= as_of and getattr(reading, count) is not None:
            return reading
    return None
