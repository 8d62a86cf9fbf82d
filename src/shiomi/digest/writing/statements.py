"""Facts of a story that need no model: counts, rank, kind of page, tags.

Each statement names a thread, a community, a page or a count. A count is printed only with the
time it was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shiomi.digest.document import Origin, Reason, Sentence
from shiomi.digest.languages import Language
from shiomi.digest.thread import Reading, Thread, community_label
from shiomi.digest.writing.evidence import Evidence
from shiomi.digest.writing.kinds import host_of, medium_of, model_of, repository_of
from shiomi.digest.writing.sentences import visible

__all__ = ["Statements", "said_title"]

UNCOUNTED = frozenset({"arxiv"})  # communities without votes and comments
WORTH_SAYING = 25.0  # percent: a lower standing is not mentioned
TITLE = 100  # characters of a title inside a sentence
ENGAGEMENT = " engagement"  # suffix of the reason by which ranking names a thread's strength


def said_title(title: str, most: int = TITLE) -> str:
    """Return a title for use inside a sentence: one line, visible, cut at a word."""
    text = " ".join(visible(title, 1_000).split())
    if len(text) <= most:
        return text
    head = text[: most - 1]
    return (head[: head.rfind(" ")] if " " in head[most // 2 :] else head).rstrip() + "…"


@dataclass(frozen=True, slots=True)
class Statements:
    """The facts of one story."""

    evidence: Evidence
    language: Language
    zone: str  # IANA name of the time zone in which times are printed
    reasons: tuple[Reason, ...] = ()  # of ranking

    def counts(self) -> Iterator[Sentence]:
        """State the response in one or two sentences.

        A story with one thread prints its counts. A story with several threads has the counts next
        to each link (出典), so only the number of threads, the first post and the standing follow.
        """
        threads = self.evidence.threads
        leading = self._leading()
        percent = self._percent(leading)
        if len(threads) == 1:
            yield self._gathered(leading, percent)
            return
        yield self._spread(threads)
        if percent is not None and leading.reading is not None:
            yield self._say(
                "strongest",
                [leading],
                [leading.reading],
                community=community_label(leading.community),
                percent=percent,
            )

    def page(self) -> Iterator[Sentence]:
        """State what the threads link to, their tags, and a differing title."""
        main = self._main()
        if (about := self._about(main)) is not None:
            yield about
        heading = self.evidence.heading
        if year := re.search(r"[(\[]((?:19|20)\d\d)[)\]]\s*$", heading.title):
            yield self._say("written_in", [heading], year=year.group(1))
        yield from self._tagged()
        yield from self._other_titles(heading)

    def no_text(self) -> Sentence:
        """State that no text of the story was collected, or that none can be quoted."""
        return self._say("no_quote" if self.evidence.own_passages else "no_text")

    def discussed(self) -> Sentence:
        """State where the discussion is."""
        known = [
            (reading.comments, thread)
            for thread, reading in self.evidence.counts()
            if reading is not None and reading.comments
        ]
        known.sort(key=lambda row: (-row[0], row[1].uid))
        if not known:
            heading = self.evidence.heading
            return self._say("thread_at", [heading], community=community_label(heading.community))
        most = known[0][1]
        label = community_label(most.community)
        if len(known) == 1:
            return self._say("discussed_at", [most], community=label)
        others = self._row([community_label(thread.community) for _, thread in known[1:]])
        threads = [thread for _, thread in known]
        return self._say("discussed_most", threads, community=label, others=others)

    def _main(self) -> Thread:
        """Return the first thread with an address, or the heading's thread."""
        threads = (self.evidence.heading, *self.evidence.threads)
        return next((thread for thread in threads if thread.url), threads[0])

    def _spread(self, threads: Sequence[Thread]) -> Sentence:
        names = dict.fromkeys(community_label(thread.community) for thread in threads)
        first = min(threads, key=lambda thread: (thread.created, thread.uid))
        slots = {
            "count": self.language.number(len(threads)),
            "community": community_label(first.community),
            "time": self.language.moment(first.created, self.zone),
        }
        if len(names) == 1:
            return self._say("in_threads", threads, (), **slots)
        return self._say(
            "in_communities", threads, (), communities=self.language.number(len(names)), **slots
        )

    def _leading(self) -> Thread:
        """Return the thread that ranking found strongest, or the heading's thread."""
        threads = {thread.uid: thread for thread in self.evidence.threads}
        engaged = (r.name.removesuffix(ENGAGEMENT) for r in self._engaged())
        return next((threads[uid] for uid in engaged if uid in threads), self.evidence.heading)

    def _engaged(self) -> list[Reason]:
        return [r for r in self.reasons if r.name.endswith(ENGAGEMENT) and r.value > 0]

    def _gathered(self, thread: Thread, percent: str | None) -> Sentence:
        community, reading = community_label(thread.community), thread.reading
        if reading is None:
            key = "listed" if thread.community in UNCOUNTED else "gathered_unknown"
            return self._say(key, [thread], community=community)
        counts = self.language.counts(reading, self.zone)
        if percent is None:
            return self._say("gathered", [thread], [reading], community=community, counts=counts)
        return self._say(
            "gathered_top",
            [thread],
            [reading],
            community=community,
            counts=counts,
            percent=percent,
        )

    def _percent(self, leading: Thread) -> str | None:
        """Return in which top percentage of its community ranking placed the thread."""
        engaged = self._engaged()
        if not engaged or engaged[0].name != f"{leading.uid}{ENGAGEMENT}":
            return None
        percent = 100 * 10 ** -engaged[0].value
        if leading.reading is None or percent > WORTH_SAYING:
            return None
        return f"{percent:.2g}" if percent >= 0.1 else "0.1"

    def _about(self, main: Thread) -> Sentence | None:
        """State the kind of page if the address shows it; a plain article is not mentioned."""
        host = host_of(main.url)
        paper = next((t for t in self.evidence.threads if t.community == "arxiv"), None)
        if paper is not None:
            tags = self._row(_words(paper.tags))
            if tags:
                return self._say("about_paper_in", [paper], tags=tags)
            return self._say("about_paper", [paper])
        if name := repository_of(main.url):
            return self._say("about_repository", [main], name=name, host=host)
        if name := model_of(main.url):
            return self._say("about_model", [main], name=name, host=host)
        if re.match(r"\s*(?:show|launch) hn\b", main.title, re.IGNORECASE):
            return self._say("about_show", [main])
        if host and (medium := medium_of(main)) is not None:
            return self._say(f"about_{medium}", [main], host=host)
        if (main.url or "").lower().endswith(".pdf") or "[pdf]" in main.title.lower():
            return self._say("about_document", [main], host=host) if host else None
        return None

    def _tagged(self) -> Iterator[Sentence]:
        for thread in self.evidence.threads:
            if thread.community == "lobsters" and (tags := _words(thread.tags)):
                label = community_label(thread.community)
                yield self._say("tagged", [thread], community=label, tags=self._row(tags))
                return

    def _other_titles(self, heading: Thread) -> Iterator[Sentence]:
        """State another community's title if it has at least three other words."""
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

    def _row(self, parts: Sequence[str]) -> str:
        return self.language.phrase("writing.comma").join(parts)

    def _say(
        self,
        key: str,
        threads: Sequence[Thread] | None = None,
        readings: Sequence[Reading] = (),
        **slots: object,
    ) -> Sentence:
        on = self.evidence.threads if threads is None else threads
        text = self.language.phrase(f"writing.{key}", **slots)
        uids = tuple(thread.uid for thread in on)
        return Sentence(text, Origin.TEMPLATE, uids, None, tuple(readings))


def _words(tags: Sequence[str]) -> list[str]:
    """Return the tags that are plain short words."""
    return [tag for tag in tags if re.fullmatch(r"[\w+#.-]{1,30}", tag)][:5]
