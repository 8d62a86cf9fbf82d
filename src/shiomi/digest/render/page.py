"""Prepare a digest for readers: cleaned text, checked links, counts with their time of reading.

Markdown, HTML and the feeds all print this page. So every text from the network is cleaned first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from shiomi.digest.document import Digest, Gap, Origin, Sentence, Subject, Topic, Trend
from shiomi.digest.languages import Language
from shiomi.digest.linking import canonical_url
from shiomi.digest.thread import Reading, Thread, community_label
from shiomi.digest.untrusted import clean, language_of, safe_link, shorten

__all__ = ["Anchor", "DigestPage", "Line", "ThemeBlock", "ThreadRow", "TopicPage", "lay_out"]

_TITLE = 200  # characters of a title that are shown; the link is kept
_LISTED_TITLE = 100  # the same for a title in a list of threads
_SENTENCE = 2_000
_UNCOUNTED = frozenset({"arxiv"})  # communities without votes and comments
_UPLOAD = re.compile(r"https?://(?:\w+\.redd\.it/|(?:www\.)?reddit\.com/gallery/)")
_BRACKETED = re.compile("[「“]([^「」“”]+)[」”]")
_LISTED = 6  # threads shown under a trend or a subject


@dataclass(frozen=True, slots=True)
class Anchor:
    """A text with a link, or only the text if the address is not safe."""

    text: str
    href: str | None
    lang: str | None = None  # BCP 47, if it differs from the page's language


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence. `quoted_from` is set if the sentence is a quotation."""

    text: str
    lang: str | None = None
    quoted_from: Anchor | None = None
    parts: tuple[Anchor, ...] = ()  # the same text in parts; titles of threads are links


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """One thread of a story: its link, and its counts from the last reading that the digest
    uses."""

    thread: Thread
    link: Anchor  # text: the community's name
    title: Anchor
    counts: str  # "146ポイント・72件のコメント、2025-11-16 09:00 JST 時点"
    points: str  # "146" or "不明"
    comments: str
    read: str  # "2025-11-16 09:00" in the page's time zone, or "不明"
    points_count: int | None
    comments_count: int | None
    points_over_time: tuple[tuple[int, int], ...]  # (unix seconds, points), oldest first


@dataclass(frozen=True, slots=True)
class TopicPage:
    """A topic; the field names are the format's labels."""

    number: int  # from 1
    heading: Anchor
    article: Anchor | None  # the page that the threads are about; its text is the host
    sources: tuple[ThreadRow, ...]
    attention: tuple[Line, ...]
    technical: tuple[Line, ...]
    implications: tuple[Line, ...]
    related: tuple[ThreadRow, ...]

    @property
    def most_comments(self) -> int:
        """Return the largest count of comments of its threads, or 0 if fewer than two counts are
        known."""
        known = [one.comments_count for one in self.sources if one.comments_count is not None]
        return max(known) if len(known) > 1 else 0


@dataclass(frozen=True, slots=True)
class ThemeBlock:
    """A trend or a watched subject."""

    name: str
    lang: str | None
    lines: tuple[Line, ...]
    threads: tuple[ThreadRow, ...]
    counts: tuple[int, ...]  # number of threads per week, oldest week first, this week last
    rising: bool = False


@dataclass(frozen=True, slots=True)
class DigestPage:
    """One digest, ready to be rendered in any format."""

    language: str
    date: str  # ISO
    first: str  # the week's first day, ISO
    zone: str
    as_of: str  # "2025-11-17 00:00 JST"
    topics: tuple[TopicPage, ...]
    trends: tuple[ThemeBlock, ...]
    subjects: tuple[ThemeBlock, ...]
    notes: tuple[str, ...]
    gaps: tuple[str, ...]  # a sentence for each community that is missing or incomplete

    @property
    def year(self) -> str:
        """Return the year in which the week ends."""
        return self.date[:4]

    @property
    def shared(self) -> int:
        """Return the number of topics that are in more than one community."""
        return sum(len({one.link.text for one in topic.sources}) > 1 for topic in self.topics)


def lay_out(digest: Digest, language: Language) -> DigestPage:
    """Return the page of a digest in `language`."""
    threads = [thread for topic in digest.topics for thread in topic.story.threads]
    threads += [thread for theme in digest.trends for thread in theme.threads]
    threads += [thread for theme in digest.subjects for thread in theme.threads]
    links = frozenset(filter(None, (safe_link(thread.link) for thread in threads)))
    return _Layout(digest, language, links, frozenset(map(_host, links))).page()


@dataclass(frozen=True, slots=True)
class _Layout:
    digest: Digest
    language: Language
    discussed: frozenset[str]  # the links of the digest's threads
    discussions: frozenset[str]  # the hosts of the digest's threads

    def page(self) -> DigestPage:
        digest = self.digest
        first = datetime.fromtimestamp(digest.week.start, ZoneInfo(digest.week.zone)).date()
        return DigestPage(
            language=digest.language,
            date=digest.week.last.isoformat(),
            first=first.isoformat(),
            zone=digest.week.zone,
            as_of=self.moment(digest.as_of),
            topics=tuple(self.topic(i, topic) for i, topic in enumerate(digest.topics, 1)),
            trends=tuple(map(self.theme, digest.trends)),
            subjects=tuple(map(self.theme, digest.subjects)),
            notes=tuple(shorten(clean(note), _SENTENCE) for note in digest.notes),
            gaps=tuple(map(self.gap, digest.gaps)),
        )

    def gap(self, gap: Gap) -> str:
        """Return a sentence on a gap: which community was not read, and when."""
        community = clean(community_label(gap.community))
        if gap.missing or not gap.days:
            return self.language.phrase("render.gap_all", community=community)
        if len(gap.days) == 1:
            return self.language.phrase("render.gap_day", community=community, day=gap.days[0])
        comma = self.language.phrase("render.comma")
        days = comma.join(gap.days)
        return self.language.phrase("render.gap_days", community=community, days=days)

    def topic(self, number: int, topic: Topic) -> TopicPage:
        sources = tuple(map(self.source, topic.story.threads))
        related = tuple(map(self.source, topic.related))
        rows = (*sources, *related)
        return TopicPage(
            number=number,
            heading=self.title(topic.title, topic.link, _TITLE),
            article=_article(topic),
            sources=sources,
            attention=self.lines(topic.attention, rows),
            technical=self.lines(topic.technical, rows),
            implications=self.lines(topic.implications, rows),
            related=related,
        )

    def theme(self, theme: Trend | Subject) -> ThemeBlock:
        name = shorten(clean(theme.name), _TITLE) or self.language.phrase("render.untitled")
        threads = tuple(map(self.source, theme.threads[:_LISTED]))
        return ThemeBlock(
            name=name,
            lang=self.foreign(name),
            lines=self.lines(theme.sentences, threads),
            threads=threads,
            counts=theme.counts,
            rising=isinstance(theme, Subject) and theme.rising,
        )

    def lines(self, sentences: Sequence[Sentence], rows: Sequence[ThreadRow]) -> tuple[Line, ...]:
        titles = {row.title.text: row.title for row in reversed(rows) if row.title.href}
        laid_out = []
        for sentence in sentences:
            text = shorten(clean(sentence.text), _SENTENCE)
            if not text:
                continue
            named = _BRACKETED.search(text) if sentence.link else None
            if named:  # a sentence that names a page
                titles = {**titles, named[1]: Anchor(named[1], safe_link(sentence.link))}
            quoted_from = self.quoted_from(sentence) if sentence.origin is Origin.QUOTE else None
            lang = self.foreign(text) if quoted_from else None
            laid_out.append(Line(text, lang, quoted_from, _linked(text, titles)))
        return tuple(laid_out)

    def quoted_from(self, sentence: Sentence) -> Anchor:
        """Return the source of a quotation: the community of a thread or comment, else the page's
        host."""
        href = safe_link(sentence.link)
        community = sentence.evidence[0].rpartition(":")[0] if sentence.evidence else ""
        if href and (not community or _host(href) not in self.discussions):
            return Anchor(_host(href), href)
        said = _community(community) or self.language.phrase("render.unknown")
        if href and href not in self.discussed:
            said = self.language.phrase("render.comment_on", community=said)
        return Anchor(said, href)

    def source(self, thread: Thread) -> ThreadRow:
        known = [one for one in thread.readings if one.time <= self.digest.as_of]
        reading = known[-1] if known else None
        counted = reading is not None or thread.community not in _UNCOUNTED
        return ThreadRow(
            thread=thread,
            link=Anchor(_community(thread.community), safe_link(thread.link)),
            title=self.title(thread.title, thread.link, _LISTED_TITLE),
            counts=self.language.counts(reading, self.digest.week.zone, listed=True)
            if counted
            else self.language.phrase("render.uncounted"),
            points=self.number(reading.points if reading else None) if counted else "—",
            comments=self.number(reading.comments if reading else None) if counted else "—",
            read=self.read(reading) if counted else "—",
            points_count=reading.points if reading else None,
            comments_count=reading.comments if reading else None,
            points_over_time=tuple(
                (one.time, one.points) for one in known if one.points is not None and one.exact
            ),
        )

    def number(self, count: int | None) -> str:
        if count is None:
            return self.language.phrase("render.unknown")
        return self.language.number(count)

    def read(self, reading: Reading | None) -> str:
        if reading is None:
            return self.language.phrase("render.unknown")
        local = datetime.fromtimestamp(reading.time, ZoneInfo(self.digest.week.zone))
        return f"{local:%Y-%m-%d %H:%M}" if reading.exact else f"≤\u00a0{local:%Y-%m-%d}"

    def moment(self, time: int) -> str:
        """Return a time in the time zone of the week: "2025-11-16 09:00 JST"."""
        return self.language.moment(time, self.digest.week.zone)

    def title(self, title: str, link: str, limit: int) -> Anchor:
        text = shorten(clean(title), limit) or self.language.phrase("render.untitled")
        return Anchor(text, safe_link(link), self.foreign(text))

    def foreign(self, text: str) -> str | None:
        """Return the language of `text` if it differs from the page's."""
        lang = language_of(text)
        return None if lang == self.digest.language else lang


def _linked(text: str, titles: Mapping[str, Anchor]) -> tuple[Anchor, ...]:
    """Return the parts of a sentence; each title of `titles` in quotation marks is a link."""
    pattern = "|".join(re.escape(title) for title in sorted(titles, key=len, reverse=True))
    found = re.split(rf"(?<=[「“])({pattern})(?=[」”])", text) if titles else [text]
    return tuple(titles.get(part, Anchor(part, None)) if n % 2 else Anchor(part, None)
                 for n, part in enumerate(found) if part)  # fmt: skip


def _community(community: str) -> str:
    return shorten(clean(community_label(community)), 60)


def _article(topic: Topic) -> Anchor | None:
    """Return the page of the story: preferably a quoted one, then the heading's, then the
    commonest."""
    discussed = {safe_link(thread.link) for thread in topic.story.threads} | {safe_link(topic.link)}
    linked = [(safe_link(thread.url), thread.link) for thread in topic.story.threads]
    pages = [
        (href, link)
        for href, link in linked
        if href and href not in discussed and not _UPLOAD.match(href)
    ]
    shares = Counter(canonical_url(href) for href, _ in pages)
    said = (*topic.attention, *topic.technical, *topic.implications)
    quoted = {canonical_url(one.link or "") for one in said if one.origin is Origin.QUOTE}

    def order(page: tuple[str, str]) -> tuple[bool, bool, int]:
        key = canonical_url(page[0])
        return key not in quoted, page[1] != topic.link, -shares[key]

    href = min(pages, key=order)[0] if pages else None
    return Anchor(_host(href), href) if href else None


def _host(href: str) -> str:
    return shorten((urlsplit(href).hostname or "").removeprefix("www."), 60)
