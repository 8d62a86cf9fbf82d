"""Determine from the stored outcomes how fresh each enabled feed is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shiomi.digest.archive.archive import Archive
from shiomi.digest.archive.outcomes import FeedState, OutcomeStore

__all__ = ["Freshness", "read_freshness"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """One feed of an enabled community."""

    source: str
    community: str
    feed: str  # for example "new" or "top"; "" if the community has only one feed
    success: int | None  # time of the last success, unix seconds; None: never read
    failures: int  # readings that failed since the last success
    error: str | None  # error of the last reading
    stale: bool  # the last reading is too old


def read_freshness(
    archive: Archive, communities: Mapping[str, str], *, now: int, stale_after: int
) -> tuple[Freshness, ...]:
    """Return the freshness of every feed of `communities` (community to source), ordered by name.

    A feed is stale if it was never read, or if its last success is more than `stale_after` seconds
    ago. The result is empty if nothing was ever collected into this archive.
    """
    states: dict[str, list[FeedState]] = {}
    for state in OutcomeStore(archive).states():
        states.setdefault(state.community, []).append(state)
    if not states:
        return ()
    found = []
    for community, source in sorted(communities.items()):
        never = FeedState(source, community, "", None, 0, None)
        for one in states.get(community, [never]):
            stale = one.success is None or now - one.success > stale_after
            found.append(
                Freshness(source, community, one.feed, one.success, one.failures, one.error, stale)
            )
    return tuple(found)
