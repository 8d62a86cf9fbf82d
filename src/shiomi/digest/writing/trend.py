"""Write a theme of the week: its leading threads, then their number and communities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

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

OTHER_TITLES = 2  # named after the leading one
QUOTED = 3  # leading stories of a theme, of which one is quoted


def write_trend(trend: TrendEvidence, language: Language, week: Week | None = None) -> Trend:
    """The trend, its name as written in titles. Without a `week`, times are in UTC."""
    return Trend(
        name=trend.name,
        sentences=tuple(_sentences(trend, language, week.zone if week else "UTC")),
        threads=trend.threads,
        counts=trend.counts,
    )


def per_week(threads: float) -> str:
    """Threads per week in words: "0.4", "3", "12"."""
    return f"{threads:.1f}".removesuffix(".0") if threads < 10 else f"{threads:,.0f}"


def _sentences(trend: TrendEvidence, language: Language, zone: str) -> Iterator[Sentence]:
    """Yield what happened, the leading thread and other titles, then the counts."""
    uids = tuple(thread.uid for thread in trend.threads)
    comma = language.phrase("writing.comma")

    def say(key: str, **slots: object) -> Sentence:
        return Sentence(language.phrase(f"trends.{key}", **slots), Origin.TEMPLATE, uids)

    if trend.stories:
        stories = [gather(story) for story in trend.stories]
        leading = [one.heading for one in stories]
        yield leading_sentence(leading[0], language, zone, "trends")
        yield from _quoted(stories, trend.name)
        others = differing(leading[0].title, leading[1:], OTHER_TITLES)
        if titles := [listed_title(thread, language) for thread in others]:
            yield say("also", titles=comma.join(titles))
    count, before = len(trend.threads), trend.counts[:-1]
    peak = max(before, default=0)
    key = "plain" if not before else "more" if peak else "new"  # early weeks may lack: no mean
    slots = {"name": said_title(trend.name), "count": language.number(count)}
    yield say(key, weeks=language.number(len(before)), peak=language.number(peak), **slots)
    where = Counter(community_label(thread.community) for thread in trend.threads)
    if len(where) > 1:
        rows = [
            language.phrase("trends.in_community", community=community, count=language.number(n))
            for community, n in where.most_common()
        ]
        yield say("communities", communities=comma.join(rows))


def _quoted(stories: Sequence[Evidence], name: str) -> Iterator[Sentence]:
    """Yield the best sentence of the texts of the first story that has any, comments left out."""
    for story in stories[:QUOTED]:
        items = [item for item in story.own_passages if item.kind is not ItemKind.COMMENT]
        if quotes := extract(items, most=1, about=f"{name} {story.heading.title}"):
            yield quotation(quotes[0])
            return


def leading_sentence(thread: Thread, language: Language, zone: str, table: str) -> Sentence:
    """The thread with the strongest response, named with its counts and their time."""
    title, community = said_title(thread.title), community_label(thread.community)
    if thread.reading is None:
        text = language.phrase(f"{table}.leads_uncounted", title=title, community=community)
        return Sentence(text, Origin.TEMPLATE, (thread.uid,))
    counts = language.counts(thread.reading, zone, listed=True)
    text = language.phrase(f"{table}.leads", title=title, community=community, counts=counts)
    return Sentence(text, Origin.TEMPLATE, (thread.uid,), None, (thread.reading,))
