"""Stories: groups of threads, computed from the links of the archive.

Threads that are tied by SAME_STORY, CANONICAL_URL and CROSSPOST form components. A component may be
a chain whose ends have nothing in common, so it is divided. Its ties are followed from the
strongest to the weakest, and two groups are joined only if

- no two of their threads are further apart in time than SPAN,
- no guard applies to two of their threads (for example, one is part 1 and one is part 2),
- Lobsters has not folded one of two threads into the other, so that both have the same title, and
- the mean score of the pairs between the two groups is at least LINKED (average linkage; a pair
  without a tie has score 0).

Exact links (one page, one crosspost) need only the first condition. Corrections by a person
(`shiomi link`) take precedence over all of this. The stories depend only on the component, not on
the order of arrival or on the requested time span.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from shiomi.digest.archive import Archive, Correction, CorrectionStore, LinkStore
from shiomi.digest.archive.links import LinkRow
from shiomi.digest.linking.guards import apart, one_is_folded
from shiomi.digest.story import Link, LinkKind, Story
from shiomi.digest.thread import Thread

__all__ = ["LINKED", "SPAN", "agglomerate", "stories", "stories_of", "story_of"]

SPAN = 14 * 86400  # seconds from the first to the last thread of a story
LINKED = 0.4  # two groups are joined if the mean score between them is at least this

_EXACT = frozenset({LinkKind.CANONICAL_URL, LinkKind.CROSSPOST})


def stories(archive: Archive, since: int, until: int, *, as_of: int | None = None) -> list[Story]:
    """Return the stories with at least one thread created in [since, until), unix seconds.

    Each story has all its threads, even those outside this period, and the uids of related threads.
    With `as_of`, later threads and readings are left out. Stories are ordered by their earliest
    thread. Every thread of the period is in exactly one story.
    """
    seeds = LinkStore(archive).created_between(since, until, as_of=as_of)
    return _stories_of(archive, seeds, as_of)


def story_of(archive: Archive, uid: str, *, as_of: int | None = None) -> Story | None:
    """Return the story of the thread `uid`, or None if the archive has no such thread."""
    found = stories_of(archive, [uid], as_of=as_of)
    return found[0] if found else None


def stories_of(archive: Archive, uids: Iterable[str], *, as_of: int | None = None) -> list[Story]:
    """Return the stories of these threads, ordered by their earliest thread. Each story occurs
    once; a thread that the archive does not have is left out."""
    return _stories_of(archive, LinkStore(archive).keys_of(uids), as_of)


def _stories_of(archive: Archive, seeds: list[int], as_of: int | None) -> list[Story]:
    """Return the stories that hold at least one of the threads with these keys."""
    store = LinkStore(archive)
    keys, rows, corrections = _corrected_closure(archive, store, seeds, as_of)
    uids = store.uids(keys | {n for row in rows for n in row[:2]})
    threads = archive.get_many(sorted(uids[n] for n in keys), as_of=as_of)
    links = [
        Link(min(uids[a], uids[b]), max(uids[a], uids[b]), LinkKind(kind), score)
        for a, b, kind, score in rows
    ]
    links, apart_by_hand = _corrected(links, corrections)
    wanted = {uids[n] for n in seeds if n in uids}
    found = [
        story
        for story in agglomerate(threads, links, apart_by_hand)
        if any(thread.uid in wanted for thread in story.threads)
    ]
    return sorted(found, key=lambda story: (story.threads[0].created, story.id))


def _corrected_closure(
    archive: Archive, store: LinkStore, seeds: Iterable[int], as_of: int | None
) -> tuple[set[int], set[LinkRow], set[Correction]]:
    """Return the result of LinkStore.closure(), but also follow manual joins.

    The third item returned is the corrections that were found.
    """
    corrections = CorrectionStore(archive)
    seeds = set(seeds)
    while True:
        keys, rows = store.closure(seeds, as_of=as_of)
        about = corrections.about(store.uids(keys).values())
        ends = {uid for one in about if one.kind == "join" for uid in (one.a, one.b)}
        joined = set(store.keys_of(ends)) - keys
        joined &= set(store.created_by(joined, as_of))
        if not joined:
            return keys, rows, about
        seeds = keys | joined


def _corrected(
    links: Iterable[Link], corrections: Iterable[Correction]
) -> tuple[list[Link], frozenset[tuple[str, str]]]:
    """Return the links including manual joins, and the pairs that a person split."""
    by_pair = {(link.a, link.b): link for link in links}
    split = set()
    for one in corrections:
        pair = (one.a, one.b)
        if one.kind == "join":
            by_pair[pair] = Link(*pair, LinkKind.JOINED, 1.0)
        else:
            split.add(pair)
            known = by_pair.get(pair)
            if known:
                by_pair[pair] = Link(*pair, LinkKind.RELATED, known.score)
    return list(by_pair.values()), frozenset(split)


def agglomerate(
    threads: Mapping[str, Thread],
    links: Iterable[Link],
    split: Collection[tuple[str, str]] = (),
) -> list[Story]:
    """Divide the threads (by uid) into stories along the links.

    If a link leads to a thread that is not in `threads`, that thread becomes related. No story
    contains both threads of a pair in `split` (the smaller uid first).
    """
    grouping = _Grouping(threads, split)
    ties = sorted(set(links), key=_strength)
    for link in ties:
        if link.a in threads and link.b in threads:
            grouping.tie(link.a, link.b, link.score)
    for link in ties:
        if link.kind.merges and link.a in threads and link.b in threads:
            grouping.join(link)
    inside: dict[str, list[Link]] = defaultdict(list)
    related: dict[str, set[str]] = defaultdict(set)
    for link in ties:
        a, b = grouping.group.get(link.a), grouping.group.get(link.b)
        if a is not None and a == b:
            inside[a].append(link)
            continue
        if a is not None:
            related[a].add(link.b)
        if b is not None:
            related[b].add(link.a)
    return [
        Story.of((threads[uid] for uid in members), inside[name], related[name])
        for name, members in grouping.members.items()
    ]


def _strength(link: Link) -> tuple[int, float, str, str]:
    """Return the sort key of ties: manual ones first, then exact ones, then by score, then by
    uid."""
    judged = 0 if link.kind is LinkKind.JOINED else 1 if link.kind in _EXACT else 2
    return judged, -link.score, link.a, link.b


class _Grouping:
    """Groups of threads. The uid of one member identifies the group."""

    def __init__(self, threads: Mapping[str, Thread], split: Collection[tuple[str, str]]) -> None:
        self._threads = threads
        self._split = split
        self.group = {uid: uid for uid in threads}
        self.members = {uid: [uid] for uid in sorted(threads)}
        self._between: dict[str, dict[str, float]] = {uid: {} for uid in threads}  # sums of scores

    def tie(self, a: str, b: str, score: float) -> None:
        """Add the score of a tie between two threads."""
        self._between[a][b] = self._between[b][a] = score

    def join(self, link: Link) -> None:
        """Merge the groups of two linked threads if that is allowed."""
        one, other = self.group[link.a], self.group[link.b]
        if one == other or self._split_by_hand(one, other):
            return
        if link.kind is not LinkKind.JOINED:
            if not self._near(one, other):
                return
            if link.kind not in _EXACT and not self._alike(one, other):
                return
        if len(self.members[one]) < len(self.members[other]):
            one, other = other, one
        self._merge(one, other)

    def _split_by_hand(self, one: str, other: str) -> bool:
        return bool(self._split) and any(
            (min(a, b), max(a, b)) in self._split
            for a in self.members[one]
            for b in self.members[other]
        )

    def _near(self, one: str, other: str) -> bool:
        times = [self._threads[uid].created for uid in self.members[one] + self.members[other]]
        return max(times) - min(times) <= SPAN

    def _alike(self, one: str, other: str) -> bool:
        pairs = len(self.members[one]) * len(self.members[other])
        if self._between[one].get(other, 0.0) < LINKED * pairs:
            return False
        return not any(
            apart(self._threads[a].title, self._threads[b].title)
            or one_is_folded(self._threads[a], self._threads[b])
            for a in self.members[one]
            for b in self.members[other]
        )

    def _merge(self, one: str, other: str) -> None:
        for uid in self.members[other]:
            self.group[uid] = one
        self.members[one] += self.members.pop(other)
        for third, score in self._between.pop(other).items():
            self._between[third].pop(other, None)
            if third != one:
                total = self._between[one].get(third, 0.0) + score
                self._between[one][third] = self._between[third][one] = total
