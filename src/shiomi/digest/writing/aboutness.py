"""Whether a sentence speaks of what its evidence speaks of: against cross-wired summaries.

A summary under the wrong headline shares hardly a content word with its source. Within one language
the words themselves are compared; for Japanese prose over English evidence, its Latin words, its
loanwords by their consonants, and the field's words through glossary.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

from shiomi.digest.writing.extract import tokens
from shiomi.digest.writing.names import folded, latin_words, skeleton
from shiomi.digest.writing.sentences import is_japanese
from shiomi.digest.writing.tables import listed_words

__all__ = ["Subject", "shared"]

_KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc]{3,}")


@lru_cache(maxsize=1)
def _glossary() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Japanese words, the longest first, each with beginnings of English ones."""
    text = files("shiomi.digest.writing").joinpath("glossary.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text).items()
    return tuple(sorted(((ja, tuple(en)) for ja, en in rows), key=lambda row: -len(row[0])))


class Subject:
    """What some texts speak of."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.text = " ".join(map(folded, texts))
        self._tokens = frozenset(tokens(self.text))
        self._begin = frozenset(token[:5] for token in self._tokens if len(token) >= 4)
        words = set(re.findall(r"[a-z][a-z'-]+", self.text))
        self._skeletons = frozenset(skeleton(word) for word in words)

    def has(self, token: str) -> bool:
        """Whether a content word of the same language stands in the texts, endings aside."""
        return token in self._tokens or (len(token) >= 4 and token[:5] in self._begin)

    def has_katakana(self, word: str) -> bool:
        """Whether a loanword stands in the texts, in katakana or in Latin spelling."""
        if word in self.text:
            return True
        bones = skeleton(word)
        return len(bones) >= 2 and any(
            one == bones or (len(one) >= 4 and (bones.startswith(one) or one.startswith(bones)))
            for one in self._skeletons
        )

    def has_meaning(self, beginnings: Iterable[str]) -> bool:
        """Whether a word with one of these beginnings stands in the texts."""
        return any(re.search(rf"(?<![a-z]){re.escape(one)}", self.text) for one in beginnings)


def shared(text: str, subject: Subject, language: str, *, fewest: int = 3) -> float | None:
    """The share of a sentence's content words that the subject has; None for fewer than `fewest`.

    Where the evidence is in the sentence's language, its words are compared, else their meanings.
    """
    same = language == "en" or is_japanese(subject.text)
    told = _told_in_one(text, subject) if same else _told(text, subject)
    return sum(told) / len(told) if len(told) >= fewest else None


def _told_in_one(text: str, subject: Subject) -> list[bool]:
    common = listed_words("any_story")
    words = dict.fromkeys(token for token in tokens(text) if token not in common)
    return [subject.has(word) for word in words]


def _told(text: str, subject: Subject) -> list[bool]:
    """Of Japanese prose, or another language that is not the evidence's."""
    told = [subject.has(token) for word in latin_words(text) for token in tokens(word)]
    rest = text
    for word, beginnings in _glossary():
        if word in rest:
            rest = rest.replace(word, " ")
            told.append(word in subject.text or subject.has_meaning(beginnings))
    common = listed_words("any_katakana")
    loans = [word for word in dict.fromkeys(_KATAKANA.findall(rest)) if word not in common]
    return [*told, *map(subject.has_katakana, loans)]
