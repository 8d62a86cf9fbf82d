"""Write a theme of the week: its leading threads, then their number and communities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from shiomi.digest.document import Origin, Sentence, Trend
from shiomi.digest.languages import Language
from shiomi.digest.terms import normalized
from shiomi.digest.thread import Thread, community_label
from shiomi.digest.trends import TrendEvidence
from shiomi.digest.week import Week
from shiomi.digest.writing.evidence import gather
from shiomi.digest.writing.statements import said_title

__all__ = ["per_week", "write_trend"]

OTHER_TITLES = 2  # named after the leading one


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
    """Yield the leading thread, other titles, then the counts."""
    uids = tuple(thread.uid for thread in trend.threads)
    comma = language.phrase("writing.comma")

    def say(key: str, **slots: object) -> Sentence:
        return Sentence(language.phrase(f"trends.{key}", **slots), Origin.TEMPLATE, uids)

    if trend.stories:
        leading = [gather(story).heading for story in trend.stories]
        yield leading_sentence(leading[0], language, zone, "trends")
        if others := _other_titles(leading, language):
            yield say("also", titles=comma.join(others))
    count, before = len(trend.threads), trend.counts[:-1]
    slots = {"name": said_title(trend.name), "count": language.number(count)}
    peak = max(before, default=0)
    if not before:
        yield say("plain", **slots)
    elif not peak:
        yield say("new", **slots)
    else:  # the archive may lack early weeks, so no mean is stated
        yield say("more", peak=language.number(peak), **slots)
    where = Counter(community_label(thread.community) for thread in trend.threads)
    if len(where) > 1:
        rows = [
            language.phrase("trends.in_community", community=community, count=language.number(n))
            for community, n in where.most_common()
        ]
        yield say("communities", communities=comma.join(rows))


def _other_titles(leading: Sequence[Thread], language: Language) -> list[str]:
    """Return the titles of the next stories, those that differ from the ones before."""
    said = {normalized(leading[0].title)}
    found: list[str] = []
    for thread in leading[1:]:
        if (title := normalized(thread.title)) in said:
            continue
        said.add(title)
        found.append(
            language.phrase(
                "trends.title",
                title=said_title(thread.title),
                community=community_label(thread.community),
            )
        )
    return found[:OTHER_TITLES]


def leading_sentence(thread: Thread, language: Language, zone: str, table: str) -> Sentence:
    """The thread with the strongest response, named with its counts and their time."""
    title, community = said_title(thread.title), community_label(thread.community)
    if thread.reading is None:
        text = language.phrase(f"{table}.leads_uncounted", title=title, community=community)
        return Sentence(text, Origin.TEMPLATE, (thread.uid,))
    counts = language.counts(thread.reading, zone)
    text = language.phrase(f"{table}.leads", title=title, community=community, counts=counts)
    return Sentence(text, Origin.TEMPLATE, (thread.uid,), None, (thread.reading,))
