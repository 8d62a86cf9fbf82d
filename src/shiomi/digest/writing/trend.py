"""Write a theme of the week: its leading threads, then the number of threads and communities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from shiomi.digest.document import Origin, Sentence, Trend
from shiomi.digest.languages import Language
from shiomi.digest.thread import Thread, community_label
from shiomi.digest.trends import TrendEvidence
from shiomi.digest.week import Week
from shiomi.digest.writing.evidence import Evidence, ItemKind, gather
from shiomi.digest.writing.extract import extract
from shiomi.digest.writing.grounded import quotation
from shiomi.digest.writing.statements import listed_title, said_title
from shiomi.digest.writing.titles import differing

__all__ = ["per_week", "write_trend"]

OTHER_TITLES = 2  # titles listed after the leading thread
QUOTED = 3  # leading stories of a theme; one of them is quoted


def write_trend(trend: TrendEvidence, language: Language, week: Week) -> Trend:
    """Return the trend, with its name as the titles write it. Threads that a sentence names come
    first."""
    sentences = tuple(_sentences(trend, language, week.zone))
    of_all = len(trend.threads)  # sentences on all threads name none of them
    named = {uid for one in sentences if len(one.evidence) < of_all for uid in one.evidence}
    return Trend(
        name=trend.name,
        sentences=sentences,
        threads=tuple(sorted(trend.threads, key=lambda thread: thread.uid not in named)),
        counts=trend.counts,
    )


def per_week(threads: float) -> str:
    """Return a number of threads per week as text: "0.4", "3", "12"."""
    return f"{threads:.1f}".removesuffix(".0") if threads < 10 else f"{threads:,.0f}"


def _sentences(trend: TrendEvidence, language: Language, zone: str) -> Iterator[Sentence]:
    """Yield the leading thread, a quotation and other titles, then the counts."""
    uids = tuple(thread.uid for thread in trend.threads)
    comma = language.phrase("writing.comma")

    def say(key: str, **slots: object) -> Sentence:
        return Sentence(language.phrase(f"trends.{key}", **slots), Origin.TEMPLATE, uids)

    stories = [gather(story) for story in trend.stories]
    if leading := [one for story in stories if (one := _shown(story, uids)) is not None]:
        yield leading_sentence(leading[0], language, zone, "trends")
        yield from _quoted(stories, trend.name)
        if others := list(differing(leading[0].title, leading[1:], OTHER_TITLES)):
            titles = comma.join(listed_title(thread, language) for thread in others)
            text = language.phrase("trends.also", titles=titles)
            yield Sentence(text, Origin.TEMPLATE, tuple(thread.uid for thread in others))
    count, before = len(trend.threads), trend.counts[:-1]
    peak = max(before, default=0)
    key = "plain" if not before else "more" if peak else "new"  # early weeks may be missing
    slots = {"name": said_title(trend.name), "count": language.number(count)}
    yield say(key, weeks=language.number(len(before)), peak=language.number(peak), **slots)
    where = Counter(community_label(thread.community) for thread in trend.threads)
    if len(where) > 1:
        rows = [
            language.phrase("trends.in_community", community=community, count=language.number(n))
            for community, n in where.most_common()
        ]
        yield say("communities", communities=comma.join(rows))


def _shown(story: Evidence, uids: Collection[str]) -> Thread | None:
    """Return the thread of a story that the page links: its heading's, else the first."""
    shown = [thread for thread in (story.heading, *story.threads) if thread.uid in uids]
    return shown[0] if shown else None


def _quoted(stories: Sequence[Evidence], name: str) -> Iterator[Sentence]:
    """Yield the best sentence of the first story that has one; comments are not used."""
    for story in stories[:QUOTED]:
        items = [item for item in story.own_passages if item.kind is not ItemKind.COMMENT]
        if quotes := extract(items, most=1, about=f"{name} {story.heading.title}"):
            yield quotation(quotes[0])
            return


def leading_sentence(thread: Thread, language: Language, zone: str, table: str) -> Sentence:
    """Return the sentence that names the leading thread, with its counts and their time of
    reading."""
    title, community = said_title(thread.title), community_label(thread.community)
    if thread.reading is None:
        text = language.phrase(f"{table}.leads_uncounted", title=title, community=community)
        return Sentence(text, Origin.TEMPLATE, (thread.uid,))
    counts = language.counts(thread.reading, zone, listed=True)
    text = language.phrase(f"{table}.leads", title=title, community=community, counts=counts)
    return Sentence(text, Origin.TEMPLATE, (thread.uid,), None, (thread.reading,))
