"""Evidence: the texts of a story as numbered items, which every sentence must cite.

Items are titles and passages. Counts are not items, because a model must not write the count of a
community. Only code prints a count, together with the time when it was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shiomi.digest.story import Story
from shiomi.digest.thread import PassageKind, Reading, Thread, ThreadState
from shiomi.digest.writing.sentences import visible

__all__ = ["MOST_RELATED", "Evidence", "Item", "ItemKind", "gather"]

MOST_ITEMS = 200  # items of one story; the best comments of a thread are its first passages
LONGEST_TITLE = 1_000
MOST_RELATED = 5  # related threads that are printed and whose titles are evidence


class ItemKind(StrEnum):
    """The kind of text that an item contains."""

    TITLE = "title"
    POST = "post"
    COMMENT = "comment"
    ARTICLE = "article"
    ABSTRACT = "abstract"


_KINDS = {
    PassageKind.POST: ItemKind.POST,
    PassageKind.COMMENT: ItemKind.COMMENT,
    PassageKind.ARTICLE: ItemKind.ARTICLE,
    PassageKind.ABSTRACT: ItemKind.ABSTRACT,
}


@dataclass(frozen=True, slots=True)
class Item:
    """A text that a sentence can cite, with the page that it is from."""

    number: int  # counted from 1; the model sees this number
    kind: ItemKind
    text: str  # visible characters only; line breaks as in the source
    uid: str  # uid of the thread
    community: str
    link: str  # the page of the text
    points: int | None = None  # points of a comment
    related: bool = False  # its thread is related to the story, but not part of it


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the archive has about one story."""

    story: Story
    threads: tuple[Thread, ...]  # the live threads, or all threads if none is live
    items: tuple[Item, ...]  # titles first

    @property
    def titles(self) -> tuple[Item, ...]:
        """Return the titles of all threads. If titles are equal, only the first is returned."""
        return tuple(item for item in self.items if item.kind is ItemKind.TITLE)

    @property
    def passages(self) -> tuple[Item, ...]:
        """Return every item that is not a title."""
        return tuple(item for item in self.items if item.kind is not ItemKind.TITLE)

    @property
    def own_passages(self) -> tuple[Item, ...]:
        """Return the passages of the story's own threads, not of related ones."""
        return tuple(item for item in self.passages if not item.related)

    @property
    def heading(self) -> Thread:
        """Return the thread that gives the topic its title.

        It is the thread with most comments. If several have the same number, points decide, then
        the earlier time of creation.
        """
        return min(self.threads, key=_prominence)


def gather(story: Story, related: Sequence[Thread] = ()) -> Evidence:
    """Return the evidence of a story: its titles, its passages, then the titles of `related`
    threads.

    Texts of threads that were removed or deleted are left out.
    """
    live = tuple(thread for thread in story.threads if thread.state is ThreadState.LIVE)
    found = [*_titles(live or story.threads), *_passages(live)][:MOST_ITEMS]
    tied = [thread for thread in related[:MOST_RELATED] if thread.state is ThreadState.LIVE]
    rows = [(row, False) for row in found] + [(row, True) for row in _titles(tied)]
    items = (
        Item(number, kind, text, thread.uid, thread.community, link, points, tied)
        for number, ((kind, text, thread, link, points), tied) in enumerate(rows, 1)
    )
    return Evidence(story, live or story.threads, tuple(items))


_Found = tuple[ItemKind, str, Thread, str, int | None]


def _titles(threads: Sequence[Thread]) -> Iterator[_Found]:
    seen = set()
    for thread in threads:
        text = " ".join(visible(thread.title, LONGEST_TITLE).split())
        if text and (thread.community, text) not in seen:
            seen.add((thread.community, text))
            yield ItemKind.TITLE, text, thread, thread.link, None


def _passages(threads: Sequence[Thread]) -> Iterator[_Found]:
    """Yield the first passage of each thread, then the second of each, and so on.

    So the first passages contain a text of every thread.
    """
    seen = set()
    longest = max((len(thread.passages) for thread in threads), default=0)
    for place in range(longest):
        for thread in threads:
            if place < len(thread.passages):
                passage = thread.passages[place]
                text = visible(passage.text).strip()
                if text and text not in seen:
                    seen.add(text)
                    kind = _KINDS[passage.kind]
                    yield kind, text, thread, passage.link, passage.points


def _prominence(thread: Thread) -> tuple[object, ...]:
    """Return a sort key: threads with a title, then most comments, then most points.

    Unknown counts come last.
    """
    reading = thread.reading or Reading(0, None, None)
    counts = (-1_000_000 if n is None else n for n in (reading.comments, reading.points))
    return not thread.title.strip(), *(-n for n in counts), thread.created, thread.uid
