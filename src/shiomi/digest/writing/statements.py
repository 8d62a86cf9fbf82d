"""State facts of a story without a model: counts, rank, kind of page, tags.

Each statement names a thread, a community, a page or a count. A count is printed only with the time
it was read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from shiomi.digest.document import Origin, Reason, Sentence
from shiomi.digest.languages import Language
from shiomi.digest.thread import Reading, Thread, community_label
from shiomi.digest.untrusted import clean, shorten
from shiomi.digest.writing.evidence import Evidence, ItemKind
from shiomi.digest.writing.extract import tokens
from shiomi.digest.writing.glosses import glossed
from shiomi.digest.writing.kinds import kind_of, slug_of
from shiomi.digest.writing.titles import adding, differing, happening, near, stated

__all__ = ["Statements", "listed_title", "said_title"]

UNCOUNTED = frozenset({"arxiv"})  # communities without votes and comments
WORTH_SAYING = 25.0  # a percentage is mentioned only if the thread is in the top 25 %
OTHER_TITLES = 2  # titles of a story that are listed in addition to the heading
DISCUSSED = 5  # a related thread is mentioned if it has at least 5 comments
TITLE = 100  # characters of a title inside a sentence or list
PROJECT = ("repository", "release", "issue", "model")  # kinds of linked pages that are named
_WEB = re.compile(r"https?://[^\s()<>\[\]\"“”]+[\w/]")
ENGAGEMENT = " engagement"  # suffix of the ranking reason that contains a thread's strength


def said_title(title: str, most: int = TITLE) -> str:
    """Return a title for use inside a sentence, cut if it is long. The page makes it a link."""
    return shorten(clean(title), most)


def listed_title(thread: Thread, language: Language) -> str:
    """Return a thread's title with its community, for a list."""
    community = community_label(thread.community)
    return language.phrase("trends.title", title=said_title(thread.title), community=community)


@dataclass(frozen=True, slots=True)
class Statements:
    """States the facts of one story as sentences."""

    evidence: Evidence
    language: Language
    zone: str  # IANA name of the time zone in which times are printed
    reasons: tuple[Reason, ...] = ()  # the reasons that ranking gives

    def counts(self) -> Iterator[Sentence]:
        """State the reaction of the communities in one sentence.

        If a story has one thread, the sentence has the counts. If it has several threads, the
        counts are next to each link (出典), so the sentence has only the rank and the place of the
        first post.
        """
        threads = self.evidence.threads
        leading = self._leading()
        percent = self._percent(leading)
        if len(threads) == 1:
            yield self._gathered(leading, percent)
            return
        first = min(threads, key=lambda thread: (thread.created, thread.uid))
        slots: dict[str, object] = {
            "community": community_label(first.community),
            "time": self.language.moment(first.created, self.zone),
        }
        if percent is None or leading.reading is None:
            yield self._say("first", [first], (), **slots)
            return
        slots |= {"strongest": community_label(leading.community), "percent": percent}
        key = "strongest" if len(self.evidence.story.communities) > 1 else "strongest_here"
        yield self._say(key, [first, leading], [leading.reading], **slots)

    def happened(self) -> Iterator[Sentence]:
        """State the kind of news that the titles show, with the sum of money that they name."""
        found = happening([self.evidence.heading, *self.evidence.threads])
        if found is not None:
            name, thread, money = found
            said = self.language.phrase("writing.focus", text=self._with_gloss(money))
            kind = self.language.phrase(f"happening.{name}") + (said if money else "")
            yield self._say("happening", [thread], kind=kind)

    def page(self, earlier: Sequence[str] = ()) -> Iterator[Sentence]:
        """State the kind of page that the threads link to, their tags, and titles that differ.

        `earlier` are former titles of the heading's thread.
        """
        if (about := self._about(self._main())) is not None:
            yield about
        heading = self.evidence.heading
        if year := re.search(r"[(\[]((?:19|20)\d\d)[)\]]\s*$", heading.title):
            yield self._say("written_in", [heading], year=year.group(1))
        yield from self._tagged()
        yield from self._other_titles(heading, self.evidence.threads, "also_titled")
        community = community_label(heading.community)
        for title in earlier:
            if any(differing(heading.title, [replace(heading, title=title)], 1)):
                said = said_title(title)
                yield self._say("earlier_title", [heading], community=community, title=said)
                break

    def around(self, related: Sequence[Thread]) -> Iterator[Sentence]:
        """State the words of the address, and the titles of related threads."""
        main = self._main()
        words = slug_of(main.url)
        if words and any(differing(self._titles, [replace(main, title=words)], 1)):
            yield self._say("slug", [main], words=words)
        yield from self._other_titles(self.evidence.heading, related, "related_titled")

    @property
    def _titles(self) -> str:
        return " ".join(thread.title for thread in self.evidence.threads)

    def no_text(self) -> Sentence:
        """State that no text of the story was collected, or that none can be quoted."""
        return self._say("no_quote" if self.evidence.own_passages else "no_text")

    def pointed(self, name: str, focus: str, uids: tuple[str, ...]) -> Sentence:
        """Return the label of a quotation: its rule, and the date, version or price that it
        names."""
        said = (
            self.language.phrase("writing.focus", text=glossed(focus, self.language))
            if focus
            else ""
        )
        return Sentence(
            self.language.phrase(f"writing.pointer_{name}", focus=said), Origin.TEMPLATE, uids
        )

    def added(self, related: Sequence[Thread]) -> Sentence | None:
        """State a date or a replaced product from a title, or the addition in the title of another
        thread."""
        heading = self.evidence.heading
        for rule in ("licence", "date", "replaces"):
            if found := stated([heading, *self.evidence.threads], rule):
                return self._stated(rule, *found)
        if rule_and_thread := adding(heading.title, self._titles, related):
            name, thread = rule_and_thread
            return self._titled(f"title_{name}", thread)
        return self._linked()

    def _linked(self) -> Sentence | None:
        """State the first repository, release, issue or model to which a post links."""
        known = {thread.url for thread in self.evidence.threads}
        for item in self.evidence.own_passages:
            for url in _WEB.findall(item.text) if item.kind is ItemKind.POST else ():
                found = kind_of(replace(self.evidence.heading, url=url, title=""))
                if found and found[0] in PROJECT and url not in known:
                    page = self.language.phrase("writing.linked_name", name=found[1])
                    page = self.language.phrase(f"writing.about_{found[0]}", name=page)
                    said = self.language.phrase("writing.linked", page=page)
                    return Sentence(said, Origin.TEMPLATE, (item.uid,), url)
        return None

    def fact(
        self,
        related: Sequence[Thread],
        since: int,
    ) -> Sentence:
        """State one fact about the story.

        The first fact that exists is used: a number in a title, an earlier thread, another title
        with a discussion, or the community with most comments.
        """
        heading = self.evidence.heading
        number = stated([heading], "number")
        if number and glossed(number[1], self.language) != number[1]:
            return self._stated("number", *number)
        tied = [one for one in near(self._titles, related) if _comments(one) >= DISCUSSED]
        tied.sort(key=lambda one: (-_comments(one), one.uid))
        if before := [one for one in tied if one.created < since]:
            return self._titled("before", before[0])
        least = min(3, len(set(tokens(self._titles))))
        if others := list(differing(heading.title, near(self._titles, tied, least), 1)):
            return self._titled("follows", others[0])
        return self._discussed(heading)

    def _stated(self, rule: str, thread: Thread, words: str) -> Sentence:
        return self._say(f"stated_{rule}", [thread], words=self._with_gloss(words))

    def _titled(self, key: str, thread: Thread) -> Sentence:
        community, title = community_label(thread.community), said_title(thread.title)
        time = self.language.moment(thread.created, self.zone)
        return self._say(key, [thread], (), community=community, title=title, time=time)

    def _discussed(self, heading: Thread) -> Sentence:
        """State in which community the discussion is."""
        if not _comments(heading):
            return self._say("thread_at", [heading], community=community_label(heading.community))
        talk: Counter[str] = Counter()
        for thread in self.evidence.threads:
            talk[thread.community] += _comments(thread)
        key = "discussed_at" if len(talk) == 1 else "discussed_most"
        return self._say(key, [heading], community=community_label(talk.most_common(1)[0][0]))

    def _with_gloss(self, word: str, key: str = "") -> str:
        gloss = self.language.phrases.get(key) or glossed(word, self.language)
        return word if gloss == word else self.language.phrase("writing.gloss", of=word, is_=gloss)

    def _main(self) -> Thread:
        """Return the first thread with an address, or the heading's thread."""
        threads = (self.evidence.heading, *self.evidence.threads)
        return next((thread for thread in threads if thread.url), threads[0])

    def _leading(self) -> Thread:
        """Return the thread with the highest strength in ranking, or the heading's thread."""
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
        """Return x as text if ranking places the thread in the top x % of its community."""
        engaged = self._engaged()
        if not engaged or engaged[0].name != f"{leading.uid}{ENGAGEMENT}":
            return None
        percent = 100 * 10 ** -engaged[0].value
        reading = leading.reading
        if reading is None or None in (reading.points, reading.comments) or percent > WORTH_SAYING:
            return None
        return f"{percent:.2g}" if percent >= 0.1 else "0.1"

    def _about(self, main: Thread) -> Sentence | None:
        """State the kind of page if the address shows it; nothing is stated for a plain article."""
        paper = next((t for t in self.evidence.threads if t.community == "arxiv"), None)
        if paper is not None:
            tags = self._row(_words(paper.tags))
            if tags:
                return self._say("about_paper_in", [paper], tags=tags)
            return self._say("about_paper", [paper])
        found = kind_of(main)
        return self._say(f"about_{found[0]}", [main], name=found[1]) if found else None

    def _tagged(self) -> Iterator[Sentence]:
        for thread in self.evidence.threads:
            if thread.community == "lobsters" and (tags := _words(thread.tags)):
                label = community_label(thread.community)
                rows = [self._with_gloss(tag, f"tags.{tag}") for tag in tags]
                yield self._say("tagged", [thread], community=label, tags=self._row(rows))
                return

    def _other_titles(
        self, heading: Thread, threads: Sequence[Thread], key: str
    ) -> Iterator[Sentence]:
        """State the titles of `threads` that add words to the heading's title."""
        others = list(differing(heading.title, threads, OTHER_TITLES))
        if others:
            rows = [listed_title(one, self.language) for one in others]
            yield self._say(key, others, titles=self._row(rows))

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


def _comments(thread: Thread) -> int:
    return (thread.reading.comments or 0) if thread.reading else 0


def _words(tags: Sequence[str]) -> list[str]:
    """Return the tags that are short words without unusual characters, at most five."""
    return [tag for tag in tags if re.fullmatch(r"[\w+#.-]{1,30}", tag)][:5]
