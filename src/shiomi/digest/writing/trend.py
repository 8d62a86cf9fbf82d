"""A theme of the week in sentences: how many threads, beside the weeks before, and where."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator

from shiomi.digest.document import Origin, Sentence, Trend
from shiomi.digest.languages import Language
from shiomi.digest.thread import Thread, community_label
from shiomi.digest.trends import TrendEvidence
from shiomi.digest.week import Week
from shiomi.digest.writing.evidence import gather
from shiomi.digest.writing.statements import said_title

__all__ = ["per_week", "write_trend"]

NAMED_TERMS = 4  # besides those in the name


def write_trend(trend: TrendEvidence, language: Language, week: Week | None = None) -> Trend:
    """The trend, its name as written in titles. Without a `week`, times are told in UTC."""
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
    uids = tuple(thread.uid for thread in trend.threads)
    comma = language.phrase("writing.comma")

    def say(key: str, **slots: object) -> Sentence:
        turn = zlib.crc32(trend.name.encode())
        return Sentence(language.phrase(f"trends.{key}", turn, **slots), Origin.TEMPLATE, uids)

    count, before = len(trend.threads), trend.counts[:-1]
    slots = {"name": said_title(trend.name), "count": language.number(count)}
    peak = max(before, default=0)
    if not before:
        yield say("plain", **slots)
    elif not peak:
        yield say("new", **slots)
    else:  # the archive may not reach back all weeks, so no mean over them is told
        yield say("more" if count > peak else "below", peak=language.number(peak), **slots)
    if len(trend.stories) > 1:
        yield say("stories", count=language.number(len(trend.stories)))
    where = Counter(community_label(thread.community) for thread in trend.threads)
    if len(where) > 1:
        rows = [
            language.phrase("trends.in_community", community=community, count=language.number(n))
            for community, n in where.most_common()
        ]
        yield say("communities", communities=comma.join(rows))
    if others := _other_terms(trend):
        yield say("terms", terms=comma.join(others))
    if trend.stories:
        yield leading_sentence(gather(trend.stories[0]).heading, language, zone, "trends")


def leading_sentence(thread: Thread, language: Language, zone: str, table: str) -> Sentence:
    """The thread with the strongest response, named with its counts and their time."""
    title, community = said_title(thread.title), community_label(thread.community)
    if thread.reading is None:
        text = language.phrase(f"{table}.leads_uncounted", title=title, community=community)
        return Sentence(text, Origin.TEMPLATE, (thread.uid,))
    counts = language.counts(thread.reading, zone)
    text = language.phrase(f"{table}.leads", title=title, community=community, counts=counts)
    return Sentence(text, Origin.TEMPLATE, (thread.uid,), None, (thread.reading,))


def _other_terms(trend: TrendEvidence) -> list[str]:
    """Terms of the theme that its name does not hold, none part of another."""
    said = trend.name.casefold()
    found: list[str] = []
    for term in trend.terms:
        if len(term) < 4 and not term.isupper():  # "Red": half of a name
            continue
        if not any(term.casefold() in text for text in (said, *map(str.casefold, found))):
            found.append(said_title(term))
    return found[:NAMED_TERMS]
