"""Find stories by their words. The query is also translated, and the hits are grouped by story."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from shiomi.digest.archive import Archive, Hit
from shiomi.digest.linking.stories import stories_of
from shiomi.digest.thread import Thread
from shiomi.site.glossary import translations

__all__ = ["StoryHit", "find_stories"]

# each pair: a Japanese term, and the English word that is also searched for
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class StoryHit:
    """A story that a query found."""

    thread: Thread  # the best hit of the story
    snippet: str  # the title or the part of a passage with the words, plain text
    rank: float  # greater is better
    elsewhere: tuple[Thread, ...] = ()  # the story's other threads, oldest first, without passages


def find_stories(
    archive: Archive, query: str, *, limit: int, search: Callable[..., list[Hit]]
) -> tuple[list[StoryHit], Pairs]:
    """Return the stories that have the words, and the translated terms.

    The stories that have the words of the query itself are first, best first. Those that have only
    the words of a translation follow, best first for each translation. If the archive has at least
    `limit` such stories, at least `limit` stories are returned.
    `search(query, limit=...)` is `archive.search` with the user's filters.
    """
    threads = limit
    while True:
        threads += threads // 2  # several of the threads may belong to one story
        hits, pairs = _translated(query, threads, search)
        found = _grouped(archive, hits)
        if len(found) >= limit or len(hits) < threads:
            return found, pairs


def _translated(
    query: str, limit: int, search: Callable[..., list[Hit]]
) -> tuple[list[Hit], Pairs]:
    """Return the hits and the translated terms. If there are at least `limit` hits, at least
    `limit` are returned."""
    tried: list[tuple[str, Pairs]] = [(query, ())]
    tried += [(one.query, one.pairs) for one in translations(query)]
    hits: dict[str, Hit] = {}
    pairs: dict[tuple[str, str], None] = {}
    for text, translated in tried:
        for hit in search(text, limit=limit):
            hits.setdefault(hit.thread.uid, hit)
        pairs |= dict.fromkeys(translated)
        if len(hits) >= limit and translated:
            break
    return list(hits.values()), tuple(pairs)


def _grouped(archive: Archive, hits: Iterable[Hit]) -> list[StoryHit]:
    """Return one hit for each story, in the order of the best hits."""
    best = {hit.thread.uid: hit for hit in hits}
    stories = {one.uid: story for story in stories_of(archive, best) for one in story.threads}
    found: dict[str, StoryHit] = {}
    for uid, hit in best.items():
        story = stories[uid]
        if story.id not in found:
            others = (replace(one, passages=()) for one in story.threads if one.uid != uid)
            found[story.id] = StoryHit(hit.thread, hit.snippet, hit.rank, tuple(others))
    return list(found.values())
