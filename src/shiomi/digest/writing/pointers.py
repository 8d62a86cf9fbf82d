"""Quotations that help a reader to act: a remedy, a deadline, a licence, an objection.

Each rule is a pattern; a sentence of the source that matches is the evidence. Nothing is invented
without a match.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from shiomi.digest.writing.evidence import Item, ItemKind
from shiomi.digest.writing.extract import Quote, extract, is_chat, tokens
from shiomi.digest.writing.sentences import sentences

__all__ = ["Pointer", "find_pointer", "on_subject"]

_SOURCE = frozenset({ItemKind.POST, ItemKind.ARTICLE, ItemKind.ABSTRACT})

# name of the phrase, kinds of item, pattern; the first that matches is used
_RULES: tuple[tuple[str, frozenset[ItemKind], str], ...] = (
    (
        "remedy",
        _SOURCE,
        r"\b(?:workaround(?:s? (?:is|are|for)|:)|mitigations?\b|patched in|fixed in"
        r"|(?:upgrade|update|downgrade) to (?:version )?v?\d|rotate (?:your|all) \w+)"
        r"|回避策|修正版|対策版",
    ),
    (
        "deadline",
        _SOURCE,
        r"\b(?:end[- ]of[- ](?:life|support)|EOL|discontinued?|deprecated|sunset"
        r"|shut(?:s|ting)? down|no longer (?:be )?(?:supported|maintained|available)"
        r"|will (?:end|stop|be removed))\b"
        r".{0,80}\b(?:20\d\d|January|February|March|April|May|June|July|August|September"
        r"|October|November|December|v?\d+\.\d+)\b",
    ),
    (
        "licence",
        _SOURCE,
        r"\b(?:MIT|Apache(?:[- ]?2(?:\.0)?)?|A?GPL(?:v?\d)?|LGPL|BSD|MPL|CC[- ]BY[\w-]*|BUSL|SSPL)"
        r"\b[- ]?(?:licen[cs]ed?|-licen[cs]ed)|\blicen[cs]ed? under\b|\bunder (?:an? |the )?"
        r"(?:MIT|Apache|A?GPL|BSD|MPL)\b",
    ),
    (
        "requirement",
        _SOURCE,
        r"\b(?:requires?|needs?|runs? (?:on|in|with)|fits? (?:in|on|into)|minimum of)\b.{0,60}"
        r"\b\d+(?:\.\d+)? ?(?:GB|GiB|MB|TB|VRAM|cores?)\b",
    ),
    (
        "objection",
        frozenset({ItemKind.COMMENT}),
        r"\b(?:disagree|not true|isn[’']t true|misleading|incorrect|inaccurate|overstat\w+"
        r"|exaggerat\w+|not convinced|skeptical|sceptical|downside|drawback|overhyped|flawed"
        r"|doesn[’']t make sense|the (?:problem|issue|concern) (?:is|here|with) (?!that they)"
        r"|(?:I[’']m|I am|am) (?:\w+ )?worried|my (?:worry|concern)"
        r"|bad idea|I (?:don[’']t|do not) (?:believe|buy|trust))\b",
    ),
)


RATED = (4, 12)  # comments with most points, of which one is quoted if no rule matches
FREQUENT = 12  # words of the source that a comment on its subject may share
LEAST_WORDS = 8  # of a comment's sentence


@dataclass(frozen=True, slots=True)
class Pointer:
    """A quotation and the rule that found it."""

    name: str  # "remedy", "deadline", "licence", "requirement", "objection", "voice"
    quote: Quote


def find_pointer(
    items: Sequence[Item], *, about: str = "", without: Collection[str] = ()
) -> Pointer | None:
    """Return the best quotation of the first rule that matches, else of a highly rated comment.

    None if there is neither. `without` are quotations that the topic has already.
    """
    subject = _subject(items, about)
    for name, kinds, pattern in _RULES:
        matching = re.compile(pattern, re.IGNORECASE if name != "licence" else 0)
        found = on_subject(list(_matching(items, kinds, matching)), subject)
        if quotes := extract(found, most=1, about=about, without=without):
            return Pointer(name, quotes[0])
    rated = [item for item in items if item.kind is ItemKind.COMMENT and item.points]
    rated.sort(key=lambda item: (-(item.points or 0), item.number))
    for most in RATED:
        telling = [
            replace(item, text=_telling(item.text)) for item in on_subject(rated[:most], subject)
        ]
        for quote in extract(telling, most=1, about=about, without=without):
            return Pointer("voice", quote)
    return None


def _subject(items: Sequence[Item], about: str) -> str:
    """Return the title and the most frequent words of what is not a comment."""
    source = Counter(t for item in items if item.kind in _SOURCE for t in tokens(item.text))
    frequent = sorted(source, key=lambda token: (-source[token], token))[:FREQUENT]
    return " ".join([about, *frequent])


def _telling(text: str) -> str:
    """Return the sentences of a comment that state something."""
    return "\n\n".join(
        one
        for one in sentences(text)
        if not one.endswith("?") and len(one.split()) >= LEAST_WORDS and not is_chat(one)
    )


def on_subject(items: Sequence[Item], about: str) -> list[Item]:
    """Return the items, comments with only the sentences that share a word with `about`."""
    wanted = set(tokens(about))
    if not wanted:
        return list(items)
    found = []
    for item in items:
        if item.kind is ItemKind.COMMENT:
            said = [one for one in sentences(item.text) if wanted.intersection(tokens(one))]
            item = replace(item, text="\n\n".join(said))
        if item.text:
            found.append(item)
    return found


def _matching(
    items: Sequence[Item], kinds: frozenset[ItemKind], pattern: re.Pattern[str]
) -> Iterator[Item]:
    """Yield each matching sentence as a separate item."""
    for item in items:
        if item.kind in kinds:
            for sentence in sentences(item.text):
                if pattern.search(sentence):
                    yield replace(item, text=sentence)
