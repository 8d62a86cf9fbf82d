"""Sentences of the language file, their slots filled by code: what is known without any model.

Each statement rests on the story's threads and prints a count only with the time it was read.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from shiomi.digest.document import Origin, Reason, Sentence
from shiomi.digest.languages import Language
from shiomi.digest.thread import Reading, Thread, community_label
from shiomi.digest.writing.evidence import Evidence
from shiomi.digest.writing.extract import key_terms
from shiomi.digest.writing.kinds import host_of, kind_of, repository_of
from shiomi.digest.writing.sentences import visible

__all__ = ["Statements", "said_title"]

UNCOUNTED = frozenset({"arxiv"})  # communities without votes and comments
WORTH_SAYING = 25.0  # percent: a standing below this is no news
TITLE = 100  # characters of a title inside a sentence
ENGAGEMENT = " engagement"  # how ranking names the reason that holds a thread's strength
SIZEABLE = 20  # comments that make a discussion


def said_title(title: str, most: int = TITLE) -> str:
    """A title inside a sentence: one line, visible, cut at a word."""
    text = " ".join(visible(title, 1_000).split())
    if len(text) <= most:
        return text
    head = text[: most - 1]
    return (head[: head.rfind(" ")] if " " in head[most // 2 :] else head).rstrip() + "…"


@dataclass(frozen=True, slots=True)
class Statements:
    """What code can say of one story."""

    evidence: Evidence
    language: Language
    zone: str  # IANA name: whose clock the times are told by
    reasons: tuple[Reason, ...] = ()  # of ranking

    @property
    def _turn(self) -> int:
        """Which way of saying a thing is taken: the same for the same story, whenever asked."""
        return zlib.crc32(self.evidence.story.id.encode())

    def attention(self) -> Iterator[Sentence]:
        """Which communities, the strongest response with its time, and how it stands.

        The counts of every thread stand beside its link, as 出典.
        """
        counted = list(self.evidence.counts())
        if len(counted) > 1:
            yield from self._breadth([thread for thread, _ in counted])
        leading = self._leading()
        yield self._gathered(leading)
        if (standing := self._standing(leading)) is not None:
            yield standing
        others = len(self.evidence.threads) - len(counted)
        if others == 1:
            yield self._say("one_more_thread")
        elif others > 1:
            yield self._say("more_threads", count=self.language.number(others))

    def technical(self, avoid: Collection[str] = ()) -> Iterator[Sentence]:
        """What the threads point at, how it is filed and titled. Quotations are not made here."""
        main = self._main()
        yield self._about(main)
        heading = self.evidence.heading
        if year := re.search(r"[(\[]((?:19|20)\d\d)[)\]]\s*$", heading.title):
            yield self._say("written_in", [heading], year=year.group(1))
        yield from self._tagged()
        yield from self._other_titles(heading)
        if not self.evidence.passages:
            yield self._sentence(self._another("writing.no_text", avoid), [main])
        terms = key_terms(self.evidence.passages, without=heading.title)
        if len(terms) > 1:
            yield self._say("recurring", terms=self._row(terms))

    def implications(
        self, related: Sequence[Thread] = (), avoid: Collection[str] = (), *, kind: bool = True
    ) -> Iterator[Sentence]:
        """What a developer can check or read next: by the story's kind, and where it is discussed.

        Texts in `avoid`, said elsewhere in the digest, are not said again while there are others.
        Without `kind`, only where it is discussed.
        """
        if kind:
            key = f"writing.for_{kind_of(self.evidence.threads)}"
            yield self._sentence(self._another(key, avoid))
        yield from self._compared(avoid)
        if related:
            first = related[0]
            yield self._say(
                "related_too",
                [first],
                title=said_title(first.title),
                community=community_label(first.community),
            )

    def _main(self) -> Thread:
        """The thread that says what the story is about: the first with an address."""
        threads = (self.evidence.heading, *self.evidence.threads)
        return next((thread for thread in threads if thread.url), threads[0])

    def _breadth(self, threads: Sequence[Thread]) -> Iterator[Sentence]:
        names = self._row([community_label(thread.community) for thread in threads])
        count = self.language.number(len(threads))
        yield self._say("in_communities", threads, count=count, communities=names)
        first = min(self.evidence.threads, key=lambda thread: (thread.created, thread.uid))
        yield self._say(
            "first_posted",
            [first],
            community=community_label(first.community),
            time=self.language.moment(first.created, self.zone),
        )

    def _leading(self) -> Thread:
        """The thread that ranking found strongest, or the one the topic is named by."""
        threads = {thread.uid: thread for thread in self.evidence.threads}
        engaged = (r.name.removesuffix(ENGAGEMENT) for r in self._engaged())
        return next((threads[uid] for uid in engaged if uid in threads), self.evidence.heading)

    def _engaged(self) -> list[Reason]:
        return [r for r in self.reasons if r.name.endswith(ENGAGEMENT) and r.value > 0]

    def _gathered(self, thread: Thread) -> Sentence:
        community, reading = community_label(thread.community), thread.reading
        if reading is None:
            key = "listed" if thread.community in UNCOUNTED else "gathered_unknown"
            return self._say(key, [thread], community=community)
        return self._say(
            "gathered",
            [thread],
            [reading],
            community=community,
            counts=self.language.counts(reading, self.zone),
        )

    def _standing(self, leading: Thread) -> Sentence | None:
        """How the strongest thread stands in its community, as ranking found it."""
        engaged = self._engaged()
        if not engaged or engaged[0].name != f"{leading.uid}{ENGAGEMENT}":
            return None
        percent = 100 * 10 ** -engaged[0].value
        if leading.reading is None or percent > WORTH_SAYING:
            return None
        return self._say(
            "stands",
            [leading],
            [leading.reading],
            community=community_label(leading.community),
            percent=f"{percent:.2g}" if percent >= 0.1 else "0.1",
        )

    def _about(self, main: Thread) -> Sentence:
        host, name = host_of(main.url), repository_of(main.url)
        paper = next((t for t in self.evidence.threads if t.community == "arxiv"), None)
        if paper is not None:
            tags = self._row(_words(paper.tags))
            if tags:
                return self._say("about_paper_in", [paper], tags=tags)
            return self._say("about_paper", [paper])
        if re.match(r"\s*(?:show|launch) hn\b", main.title, re.IGNORECASE):
            if host:
                return self._say("about_show", [main], host=host)
            return self._say("about_show_text", [main])
        if name:
            return self._say("about_repository", [main], name=name, host=host)
        kind = self.language.phrase(f"writing.kind_{kind_of(self.evidence.threads)}")
        if host is None:
            label = community_label(main.community)
            if kind_of(self.evidence.threads) == "discussion":
                return self._say("about_text", [main], community=label)
            return self._say("about_post", [main], community=label, kind=kind)
        if (seen := kind_of([main])) in ("video", "image"):
            return self._say(f"about_{seen}", [main], host=host)
        if (main.url or "").lower().endswith(".pdf") or "[pdf]" in main.title.lower():
            return self._say("about_document", [main], host=host)
        if kind_of(self.evidence.threads) == "article":
            return self._say("about_article", [main], host=host)
        return self._say("about_link", [main], host=host, kind=kind)

    def _tagged(self) -> Iterator[Sentence]:
        for thread in self.evidence.threads:
            if thread.community == "lobsters" and (tags := _words(thread.tags)):
                label = community_label(thread.community)
                yield self._say("tagged", [thread], community=label, tags=self._row(tags))
                return

    def _other_titles(self, heading: Thread) -> Iterator[Sentence]:
        """The title of another community where it says it in other words."""
        known = set(re.findall(r"\w+", heading.title.casefold()))
        for thread in self.evidence.threads:
            words = set(re.findall(r"\w+", thread.title.casefold()))
            if thread.community != heading.community and len(words - known) >= 3:
                yield self._say(
                    "also_titled",
                    [thread],
                    community=community_label(thread.community),
                    title=said_title(thread.title),
                )
                return

    def _compared(self, avoid: Collection[str]) -> Iterator[Sentence]:
        """Where the discussion is, when more than one community has one; their counts are told
        under attention."""
        known = [
            (reading.comments, thread)
            for thread, reading in self.evidence.counts()
            if reading is not None and reading.comments is not None
        ]
        known.sort(key=lambda row: (-row[0], row[1].uid))
        if len(known) < 2 or known[0][0] < SIZEABLE:
            return
        (_, most), (fewer, least) = known[:2]
        key = "both_discuss" if fewer >= SIZEABLE else "one_discusses"
        slots = {"most": community_label(most.community), "least": community_label(least.community)}
        yield self._sentence(self._another(f"writing.{key}", avoid, **slots), [most, least])

    def _another(self, key: str, avoid: Collection[str], **slots: object) -> str:
        """A way of saying it that is not in `avoid`, or this story's own way where all are."""
        turns = range(self._turn, self._turn + self.language.variants(key))
        ways = [self.language.phrase(key, turn, **slots) for turn in turns]
        return next((way for way in ways if way not in avoid), ways[0])

    def _row(self, parts: Sequence[str]) -> str:
        return self.language.phrase("writing.comma").join(parts)

    def _say(
        self,
        key: str,
        threads: Sequence[Thread] | None = None,
        readings: Sequence[Reading] = (),
        **slots: object,
    ) -> Sentence:
        text = self.language.phrase(f"writing.{key}", self._turn, **slots)
        return self._sentence(text, threads, readings)

    def _sentence(
        self, text: str, threads: Sequence[Thread] | None = None, readings: Sequence[Reading] = ()
    ) -> Sentence:
        on = self.evidence.threads if threads is None else threads
        return Sentence(
            text, Origin.TEMPLATE, tuple(thread.uid for thread in on), None, tuple(readings)
        )


def _words(tags: Sequence[str]) -> list[str]:
    """Tags that are words: a community's own, so short and plain."""
    return [tag for tag in tags if re.fullmatch(r"[\w+#.-]{1,30}", tag)][:5]
