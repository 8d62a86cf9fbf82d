"""Find quotations that help a reader to act: a remedy, a deadline, a licence, an objection.

Each rule of signs.toml is a pattern. A sentence of the source that matches it is quoted as the
evidence. Without a match nothing is stated.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from shiomi.digest.writing.evidence import Item, ItemKind
from shiomi.digest.writing.extract import Quote, extract, states_fact, tokens
from shiomi.digest.writing.sentences import is_japanese, sentences
from shiomi.digest.writing.tables import signs

__all__ = ["Pointer", "best_comment", "find_pointer", "on_subject"]

_SOURCE = frozenset({ItemKind.POST, ItemKind.ARTICLE, ItemKind.ABSTRACT})
_COMMENT = frozenset({ItemKind.COMMENT})

FREQUENT = 12  # most frequent words of the source; a comment on its subject shares one of them
LEAST_WORDS = 8  # words of a comment's sentence
_PRAISE = re.compile(
    r"\b(?:agree|works? (?:great|well|fine|perfectly)|impress\w+|excellent|great|amazing|best"
    r"|love|solid|useful|(?:very|really|pretty) (?:good|fast)|huge (?:win|improvement))\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"n[’']t\b|\b(?:not|no|never|without|would)\b", re.IGNORECASE)
RATED = 12  # `best_comment` quotes one of the comments with most points


@dataclass(frozen=True, slots=True)
class Pointer:
    """Quotations, with the rule that found them."""

    name: str  # a rule of signs.toml, or "dispute"
    quotes: tuple[Quote, ...]
    focus: str = ""  # the version, date, licence, price or size that the first quotation names


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    kinds: frozenset[ItemKind]
    pattern: re.Pattern[str]
    focus: re.Pattern[str] | None


@lru_cache(maxsize=1)
def _rules() -> tuple[_Rule, ...]:
    return tuple(
        _Rule(
            name,
            _SOURCE if row["from"] == "source" else _COMMENT,
            re.compile(row["pattern"], 0 if row.get("cased") else re.IGNORECASE),
            re.compile(row["focus"], 0 if row.get("cased") else re.IGNORECASE)
            if "focus" in row
            else None,
        )
        for name, row in signs()["text"].items()
    )


def find_pointer(
    items: Sequence[Item], *, about: str = "", without: Collection[str] = ()
) -> Pointer | None:
    """Return the best quotation for the first rule that matches, or None.

    `without` are quotations that the topic already has. An objection gets a second quotation: a
    comment of the opposite opinion, if there is one.
    """
    subject = _subject(items, about)
    for rule in _rules():
        found = on_subject(list(_matching(items, rule)), subject)
        if not (quotes := extract(found, most=1, about=about, without=without)):
            continue
        quote = quotes[0]
        if rule.name == "objection":
            other = _support(items, quote, subject, about, without)
            if other is not None:
                return Pointer("dispute", (quote, other))
        focus = rule.focus.search(quote.text) if rule.focus else None
        return Pointer(rule.name, (quote,), focus.group() if focus else "")
    return None


def _support(
    items: Sequence[Item], objection: Quote, subject: str, about: str, without: Collection[str]
) -> Quote | None:
    """Return a sentence of another comment that praises the subject of `objection`."""
    shared = set(tokens(objection.text)) & set(tokens(subject))
    others = [
        replace(item, text=said)
        for item in items
        if item.kind is ItemKind.COMMENT and item.link != objection.item.link
        for said in sentences(item.text)
        if _PRAISE.search(said)
        and not _NEGATION.search(said)
        and not _objects(said)
        and shared & set(tokens(said))
        and _tells(said)
    ]
    quotes = extract(others, most=1, about=about, without={*without, objection.text})
    return quotes[0] if quotes else None


def best_comment(
    items: Sequence[Item], *, about: str, without: Collection[str] = ()
) -> Quote | None:
    """Return a sentence of a highly rated comment that shares a word with the subject."""
    rated = [item for item in items if item.kind is ItemKind.COMMENT]
    rated.sort(key=lambda item: (-(item.points or 0), item.number))
    telling = on_subject(rated[:RATED], _subject(items, about))
    quotes = extract(telling, most=1, about=about, without=without)
    return quotes[0] if quotes else None


def _objects(sentence: str) -> bool:
    return any(rule.name == "objection" and rule.pattern.search(sentence) for rule in _rules())


def _subject(items: Sequence[Item], about: str) -> str:
    """Return the title and the most frequent words of the texts other than comments."""
    source = Counter(t for item in items if item.kind in _SOURCE for t in tokens(item.text))
    frequent = sorted(source, key=lambda token: (-source[token], token))[:FREQUENT]
    return " ".join([about, *frequent])


def _tells(sentence: str, facts: bool = True) -> bool:
    """Return whether a comment's sentence makes a statement. With `facts` it must have a name or
    number."""
    return (
        not sentence.endswith("?")
        and (is_japanese(sentence) or len(sentence.split()) >= LEAST_WORDS)
        and (states_fact(sentence) or not facts)
    )


def on_subject(items: Sequence[Item], about: str, *, facts: bool = True) -> list[Item]:
    """Return the items; of comments only the statements that share a word with `about`."""
    wanted = set(tokens(about))
    found = []
    for item in items:
        if item.kind is ItemKind.COMMENT:
            said = [
                one
                for one in sentences(item.text)
                if (not wanted or wanted.intersection(tokens(one))) and _tells(one, facts)
            ]
            item = replace(item, text="\n\n".join(said))
        if item.text:
            found.append(item)
    return found


def _matching(items: Sequence[Item], rule: _Rule) -> Iterator[Item]:
    """Yield each matching sentence as a separate item."""
    for item in items:
        if item.kind in rule.kinds:
            for sentence in sentences(item.text):
                if rule.pattern.search(sentence):
                    yield replace(item, text=sentence)
