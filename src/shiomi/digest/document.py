"""A digest as a document: `writing` makes it and `render` prints it. It is plain data that can be
saved as JSON and read again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shiomi.digest.story import Story
from shiomi.digest.thread import Reading, Thread
from shiomi.digest.week import Week

__all__ = ["Digest", "Gap", "Origin", "Reason", "Sentence", "Subject", "Topic", "Trend"]


class Origin(StrEnum):
    """The writer of a sentence."""

    TEMPLATE = "template"  # a sentence of the language file; the program filled its slots
    MODEL = "model"  # a language model; the sentence has passed grounding
    QUOTE = "quote"  # the source's own words, printed as 原文引用


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the digest, with its origin and evidence."""

    text: str  # plain text, never markup
    origin: Origin
    evidence: tuple[str, ...] = ()  # uids of the threads that support the sentence
    link: str | None = None  # for a quotation: the quoted page
    readings: tuple[Reading, ...] = ()  # threads whose numbers the sentence prints


@dataclass(frozen=True, slots=True)
class Reason:
    """One of the reasons for choosing a story; `--explain` prints it."""

    name: str  # "hackernews:45944441 engagement", "communities", "repeat"
    value: float  # the amount it adds to the score
    text: str  # an explanation with the figures


@dataclass(frozen=True, slots=True)
class Topic:
    """One story of the digest. The field names are the format's labels."""

    story: Story
    title: str
    link: str  # the discussion that the heading links to
    attention: tuple[Sentence, ...]  # 注目ポイント
    technical: tuple[Sentence, ...]  # 技術的内容
    implications: tuple[Sentence, ...]  # 開発者への示唆
    related: tuple[Thread, ...] = ()  # 関連: related threads that are not in the story
    score: float = 0.0
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Trend:
    """A theme that several stories of the week have, with the threads about it."""

    name: str
    sentences: tuple[Sentence, ...]
    threads: tuple[Thread, ...]
    # number of threads on the theme in each week, from the oldest week to this week
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """One week of a watched subject: how much it is discussed, in which communities, and what they
    say."""

    name: str
    sentences: tuple[Sentence, ...]
    threads: tuple[Thread, ...]
    # number of threads in each week, from the oldest week to this week
    counts: tuple[int, ...] = ()
    rising: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A community that was enabled but not read on some days of the week."""

    community: str
    days: tuple[str, ...]  # local days not read, YYYY-MM-DD
    missing: bool  # no part of the week was read
    reason: str  # the last error; "" if no request was made


@dataclass(frozen=True, slots=True)
class Digest:
    """One week, ready to be rendered."""

    week: Week
    language: str  # "ja", "en"
    as_of: int  # unix seconds; readings after this time are not used
    topics: tuple[Topic, ...]
    trends: tuple[Trend, ...]
    subjects: tuple[Subject, ...] = ()
    notes: tuple[str, ...] = ()  # failures of the model that writes; () if no model is used
    gaps: tuple[Gap, ...] = ()  # communities that are missing or incomplete in this week
