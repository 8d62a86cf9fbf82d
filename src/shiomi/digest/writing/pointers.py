"""Find quotations that help a reader to act: a remedy, a deadline, a licence, an objection.

Each rule of signs.toml is a pattern. A sentence of the source that matches it is quoted as the
evidence. If no sentence matches, nothing is stated.
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
_FROM = {"source": (_SOURCE,), "comment": (_COMMENT,), "any": (_SOURCE, _COMMENT)}

FREQUENT = 12  # a comment is on the subject if it has one of the source's 12 most frequent words
LEAST_WORDS = 8  # words of a comment's sentence
_PRAISE = re.compile(
    r"\b(?:agree|works? (?:great|well|fine|perfectly)|impress\w+|excellent|great|amazing|best"
    r"|love|solid|useful|(?:very|really|pretty) (?:good|fast)|huge (?:win|improvement))\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"n[’']t\b|\b(?:not|no|never|without|would)\b", re.IGNORECASE)
_ASKS = re.compile(  # a real question, not a rhetorical question
    r"(?:^|[,;:] )(?:how|what|which|does|has|have|is there|are there|can|could|any(?:one|body)?)\b"
    r"(?!.*\b(?:really|realize|even|gonna|the point)\b).*\?$",
    re.IGNORECASE,
)
RATED = 12  # `best_comment` quotes one of the 12 comments with most points


@dataclass(frozen=True, slots=True)
class Pointer:
    """Quotations, with the rule that found them."""

    name: str  # a rule of signs.toml, "dispute", "voice" or "question"
    quotes: tuple[Quote, ...]
    focus: str = ""  # the version, date, licence, price or size that the first quotation names


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    kinds: tuple[frozenset[ItemKind], ...]  # in the order in which they are searched
    pattern: re.Pattern[str]
    focus: re.Pattern[str] | None


@lru_cache(maxsize=1)
def _rules() -> tuple[_Rule, ...]:
    return tuple(
        _Rule(
            name,
            _FROM[row["from"]],
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
    for rule, kinds in [(one, kinds) for one in _rules() for kinds in one.kinds]:
        found = on_subject(list(_matching(items, rule, kinds)), subject)
        if len(rule.kinds) > 1:  # a long text also has such sentences on other subjects
            found = [item for item in found if not subject or _words(subject) & _words(item.text)]
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
    shared = _words(objection.text) & _words(subject)
    others = [
        replace(item, text=said)
        for item in items
        if item.kind is ItemKind.COMMENT and item.link != objection.item.link
        for said in sentences(item.text)
        if _PRAISE.search(said)
        and not _NEGATION.search(said)
        and not _objects(said)
        and shared & _words(said)
        and _tells(said)
    ]
    quotes = extract(others, most=1, about=about, without={*without, objection.text})
    return quotes[0] if quotes else None


def best_comment(
    items: Sequence[Item], *, about: str, without: Collection[str] = ()
) -> Pointer | None:
    """Return a statement ("voice") of a highly rated comment, else a question of such a comment.

    The statement must share a word with the subject. The question must share a word with `about`.
    Return None if there is no such sentence.
    """
    rated = [item for item in items if item.kind is ItemKind.COMMENT]
    rated.sort(key=lambda item: (-(item.points or 0), item.number))
    subject = _subject(items, about)
    asked = [
        replace(item, text=said)
        for item in rated[:RATED]
        for said in sentences(item.text)
        if _ASKS.search(said) and len(said.split()) >= LEAST_WORDS and _words(said) & _words(about)
    ]  # fmt: skip
    for name, found in (("voice", on_subject(rated[:RATED], subject)), ("question", asked)):
        if quotes := extract(found, most=1, about=about, without=without):
            return Pointer(name, tuple(quotes))
    return None


def _objects(sentence: str) -> bool:
    return any(rule.name == "objection" and rule.pattern.search(sentence) for rule in _rules())


def _subject(items: Sequence[Item], about: str) -> str:
    """Return the title and the most frequent words of the texts other than comments.

    If the title is a question, return only the title, because comments answer it in other words.
    """
    if about.rstrip().endswith("?"):
        return about
    source = Counter(t for item in items if item.kind in _SOURCE for t in tokens(item.text))
    frequent = sorted(source, key=lambda token: (-source[token], token))[:FREQUENT]
    return " ".join([about, *frequent])


def _words(text: str) -> set[str]:
    """Return the content words, and the parts of joined words: "Voxtral" of "Voxtral-Mini-3B"."""
    found = tokens(text)
    return {*found, *(part for word in found for part in re.split("[-_.]", word) if len(part) > 3)}


def _tells(sentence: str, facts: bool = True) -> bool:
    """Return whether a comment's sentence makes a statement. With `facts` it must have a name or
    number."""
    return (
        not sentence.rstrip("!").endswith("?")
        and (is_japanese(sentence) or len(sentence.split()) >= LEAST_WORDS)
        and (states_fact(sentence) or not facts)
    )


def on_subject(items: Sequence[Item], about: str, *, facts: bool = True) -> list[Item]:
    """Return the items. Of the comments, return only statements that share a word with `about`.

    If `about` is a question, the statements need not share a word with it.
    """
    wanted = set() if about.rstrip().endswith("?") else _words(about)
    found = []
    for item in items:
        if item.kind is ItemKind.COMMENT:
            said = [
                one
                for one in sentences(item.text)
                if (not wanted or wanted & _words(one)) and _tells(one, facts)
            ]
            item = replace(item, text="\n\n".join(said))
        if item.text:
            found.append(item)
    return found


def _matching(items: Sequence[Item], rule: _Rule, kinds: frozenset[ItemKind]) -> Iterator[Item]:
    """Yield each matching sentence as a separate item."""
    for item in items:
        if item.kind in kinds:
            for sentence in sentences(item.text):
                if rule.pattern.search(sentence):
                    yield replace(item, text=sentence)
