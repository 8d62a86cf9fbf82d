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

    TEMPLATE = "template"  # a sentence of the language file whose slots code has filled
    MODEL = "model"  # a language model, after grounding
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
    related: tuple[Thread, ...] = ()  # 関連: related, not merged
    score: float = 0.0
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Trend:
    """A theme across stories of the week, with the threads that show it."""

    name: str
    sentences: tuple[Sentence, ...]
    threads: tuple[Thread, ...]
    counts: tuple[int, ...] = ()  # threads on the theme per week, oldest first, this week last


@dataclass(frozen=True, slots=True)
class Subject:
    """One week of a watched subject: how strong it is, in which communities, and what they say."""

    name: str
    sentences: tuple[Sentence, ...]
    threads: tuple[Thread, ...]
    counts: tuple[int, ...] = ()  # threads per week, oldest first, this week last
    rising: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A community that was enabled but not read on some days of the week."""

    community: str
    days: tuple[str, ...]  # local days not read, YYYY-MM-DD
    missing: bool  # nothing of the week was read
    reason: str  # the last error; "" if no request was made


@dataclass(frozen=True, slots=True)
class Digest:
    """One week, ready to be rendered."""

    week: Week
    language: str  # "ja", "en"
    as_of: int  # no reading later than this was used; unix seconds
    topics: tuple[Topic, ...]
    trends: tuple[Trend, ...]
    subjects: tuple[Subject, ...] = ()
    notes: tuple[str, ...] = ()  # failures of the model writer; () without one
    gaps: tuple[Gap, ...] = ()  # communities that are missing or incomplete in this week
