"""The glossary lets a Japanese word of a query also find English threads.

Each line of glossary.tsv has a Japanese term and its English words, separated by tabs. The most
common word comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from shiomi.digest.archive.search import query_words
from shiomi.digest.terms import normalized

__all__ = ["Translation", "translations"]

MOST = 3  # number of English words that are tried for one Japanese term


@dataclass(frozen=True, slots=True)
class Translation:
    """A query translated into English, with the translation of each term."""

    query: str
    pairs: tuple[tuple[str, str], ...]  # ("脆弱性", "vulnerability")


@lru_cache(maxsize=1)
def _terms() -> dict[str, tuple[str, ...]]:
    text = files("shiomi.site").joinpath("glossary.tsv").read_text(encoding="utf-8")
    terms = {}
    for line in text.splitlines():
        japanese, *english = line.split("\t")
        if english:
            terms[normalized(japanese)] = tuple(english)
    return terms


def _english(word: str) -> tuple[str, ...]:
    """Return the English words of a Japanese term, with or without a long vowel at its end."""
    key, terms = normalized(word), _terms()
    short = key.removesuffix("ー")
    return terms.get(key) or terms.get(short) or terms.get(short + "ー") or ()


def translations(query: str) -> list[Translation]:
    """Return English queries for a query with Japanese terms of the glossary. Return [] if it has
    no such term.

    The n-th query uses the n-th English word of each term. If a term has fewer words, its last word
    is used.
    """
    words = query_words(query)
    found = {word: english for word in words if (english := _english(word))}
    if not found:
        return []
    queries: dict[str, Translation] = {}
    for place in range(min(MOST, max(map(len, found.values())))):
        pairs = {word: english[min(place, len(english) - 1)] for word, english in found.items()}
        text = " ".join(_quoted(pairs.get(word, word)) for word in words)
        queries.setdefault(text, Translation(text, tuple(pairs.items())))
    return list(queries.values())


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word
