"""A story: the threads of one or more communities about the same thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shiomi.digest.thread import Thread

__all__ = ["Link", "LinkKind", "Story"]


class LinkKind(StrEnum):
    """The kind of a link between two threads."""

    CANONICAL_URL = "canonical_url"
    CROSSPOST = "crosspost"
    JOINED = "joined"  # joined by a person: `shiomi link join`
    SAME_STORY = "same_story"  # judged by the linking model
    RELATED = "related"  # for example a reply, part two of a series, or the same subject
    NAMED = "named"  # one thread is a text post that contains the address of the other's page

    @property
    def merges(self) -> bool:
        """Whether threads with such a link are one story, and not only related."""
        return self not in (LinkKind.RELATED, LinkKind.NAMED)


@dataclass(frozen=True, slots=True)
class Link:
    """A link between two threads. The smaller uid is first."""

    a: str
    b: str
    kind: LinkKind
    score: float  # probability in [0, 1]; 1.0 if the rule is exact


@dataclass(frozen=True, slots=True)
class Story:
    """All threads about the same thing, each with its own link, community and counts.

    `threads` is ordered by (created, uid) and never empty. So a story does not depend on the order
    in which its threads arrived.
    """

    threads: tuple[Thread, ...]
    links: tuple[Link, ...] = ()  # why these threads are one story
    related: tuple[str, ...] = ()  # uids of related threads in other stories

    @classmethod
    def of(
        cls, threads: Iterable[Thread], links: Iterable[Link] = (), related: Iterable[str] = ()
    ) -> Story:
        """Make a story of these threads, which may be in any order."""
        ordered = tuple(sorted(threads, key=lambda t: (t.created, t.uid)))
        return cls(
            ordered,
            tuple(sorted(links, key=lambda link: (link.a, link.b, link.kind))),
            tuple(sorted(set(related))),
        )

    def until(self, moment: int) -> Story:
        """Return the story as it was before `moment` (unix seconds), without threads created later.

        Raises ValueError if the story had no thread before `moment`.
        """
        threads = tuple(thread for thread in self.threads if thread.created < moment)
        if not threads:
            raise ValueError(f"the story {self.id} begins at {self.threads[0].created}, not before")
        uids = {thread.uid for thread in threads}
        links = tuple(link for link in self.links if link.a in uids and link.b in uids)
        return Story(threads, links, self.related)

    @property
    def id(self) -> str:
        """The uid of its earliest thread."""
        return self.threads[0].uid

    @property
    def communities(self) -> tuple[str, ...]:
        """The communities that talk about it, in order of their first thread."""
        return tuple(dict.fromkeys(thread.community for thread in self.threads))
