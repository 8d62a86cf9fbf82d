"""Load the real threads of the shared data into memory, for the ranking benchmarks.

A story is the set of threads with one canonical URL (a column of the data), so that ranking and
trends are measured independently of the linker. Set SHIOMI_DATA if the data is not in
../shared/data.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from shiomi.digest.story import Story
from shiomi.digest.thread import Reading, Thread
from shiomi.digest.week import Week

__all__ = ["DATA", "Memory", "real_threads", "stories"]

DATA = Path(os.environ.get("SHIOMI_DATA", Path(__file__).parents[3] / "shared" / "data")) / "digest"
COMMUNITIES = {"hn": "hackernews", "r/programming": "reddit/programming"}
READ = 1_700_000_000  # the data has no reading times; only this upper limit is known


class Memory:
    """Threads in memory with the interface of the archive."""

    def __init__(self, threads: list[Thread]) -> None:
        self.all = sorted(threads, key=lambda t: (t.created, t.uid))
        self.created = [t.created for t in self.all]

    def threads(
        self, since: int, until: int, *, as_of: int | None = None, community: str | None = None
    ) -> Iterator[Thread]:
        """Return threads created in [since, until); `as_of` must be after every reading."""
        if as_of is not None and as_of < READ:
            raise ValueError(f"as_of is {as_of}; these counts are known only from {READ} on")
        for thread in self.all[bisect_left(self.created, since) : bisect_left(self.created, until)]:
            if community in (None, thread.community):
                yield thread


def real_threads() -> tuple[Memory, dict[str, str]]:
    """Return all 427,504 threads, and the canonical URL of each uid that has one."""
    table = pq.read_table(DATA / "threads.parquet").to_pydict()
    names = ("uid", "community", "t", "title", "url", "canon", "score", "comments")
    threads, canon = [], {}
    rows = zip(*(table[name] for name in names), strict=True)
    for uid, source, created, title, url, key, points, comments in rows:
        community = COMMUNITIES.get(source, source)
        id_ = uid.partition(":")[2]
        reading = Reading(READ, points, comments, exact=False)
        link = f"https://example.org/{uid}"
        threads.append(Thread(community, id_, title, created, link, url, readings=(reading,)))
        if key:
            canon[threads[-1].uid] = key
    return Memory(threads), canon


def stories(memory: Memory, canon: dict[str, str], week: Week) -> list[Story]:
    """Group the threads of the week and the week before by canonical URL."""
    groups: dict[str, list[Thread]] = defaultdict(list)
    for thread in memory.threads(week.before().start, week.end):
        groups[canon.get(thread.uid, thread.uid)].append(thread)
    return [Story.of(g) for g in groups.values() if any(t.created >= week.start for t in g)]
