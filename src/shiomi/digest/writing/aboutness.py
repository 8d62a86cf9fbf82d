"""Score whether a sentence is about its evidence, to reject sentences that belong to another story.

Each comparable word of the sentence is looked up in the evidence. If the sentence is about the
same subject as the evidence, most words are found. If not, a word is found only by chance, and this
chance grows with the length of the evidence. Each word has a log likelihood ratio of these two
explanations. The score is the sum of the ratios.

If both texts are in one language, words are compared directly. For a Japanese sentence on English
evidence, three kinds of words are compared: Latin words directly, loanwords by their consonants,
and kanji words through a table of English word stems.
"""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

from shiomi.digest.writing.extract import tokens
from shiomi.digest.writing.names import folded, latin_words, skeleton
from shiomi.digest.writing.sentences import is_japanese
from shiomi.digest.writing.tables import listed_words

__all__ = ["Vocabulary", "stems_of", "support"]

# If sentence and evidence are about the same subject, the evidence has a word of the sentence with
# the probability chance + lift * (1 - chance).
LIFT_OF_LATIN = 0.7
LIFT = 0.35  # the same for words that need a translation
LIFT_OF_ADVICE = 0.2  # the same for advice, which also has words that no evidence has
CHANCE_OF_LATIN = 0.02  # probability that a Latin word is in 100 words on another subject
CHANCE_OF_FIGURE = 0.05  # the same for a number of two or more digits
CHANCES_OF_LOANWORD = (0.5, 0.5, 0.25, 0.1, 0.03)  # the same, by the number of consonants
LEAST, MOST = 0.005, 0.95  # bounds of the probability for a whole text

_KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc]{3,}")
_FIGURE = re.compile(r"(?<![\dA-Za-z.])\d[\d.,]*\d(?![\d.])")
_LONGEST_WORD = 8


@dataclass(frozen=True, slots=True)
class _Entry:
    chance: float  # probability that 100 words of other evidence contain one of the stems
    stems: re.Pattern[str]


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[float, str]]:
    """Return the chance of a match and the English stems of each Japanese word of the table."""
    data = files("shiomi.digest.writing").joinpath("japanese_english.tsv.gz").read_bytes()
    rows = (line.split("\t") for line in gzip.decompress(data).decode().splitlines())
    return {word: (float(chance), stems) for word, chance, stems in rows}


@lru_cache(maxsize=4096)
def _entry(word: str) -> _Entry | None:
    row = _table().get(word)
    if row is None:
        return None
    # a stem of less than four letters must match a whole word
    stems = "|".join(
        re.escape(stem) + (r"s?(?![a-z])" if len(stem) < 4 else "") for stem in row[1].split()
    )
    return _Entry(row[0], re.compile(rf"(?<![a-z])(?:{stems})"))


class Vocabulary:
    """The words of some texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.text = " ".join(map(folded, texts))
        whole = tokens(self.text)
        parts = {part for token in whole for part in re.split(r"[-/_.]", token) if len(part) > 1}
        self._tokens = frozenset(whole) | parts
        self._begin = frozenset(token[:5] for token in self._tokens if len(token) >= 4)
        words = re.findall(r"[a-z][a-z']+", self.text)
        # エポック ("epoch") has a k, サーバー ("server") no r; オープンウェイト is "open-weight"
        hard = (word.replace("ch", "k") for word in words if "ch" in word)
        soft = [re.sub(r"r(?=[^aeiouy])", "", word) for word in words]
        self._skeletons = frozenset(map(skeleton, {*words, *hard, *soft}))
        self._pairs = frozenset(skeleton(a + b) for a, b in pairwise(soft))

    def has(self, token: str) -> bool:
        """Return whether the texts contain a word of their language, with any ending."""
        return token in self._tokens or (len(token) >= 4 and token[:5] in self._begin)

    def has_katakana(self, word: str) -> bool:
        """Return whether the texts contain a loanword, in katakana or in Latin spelling."""
        if word in self.text:
            return True
        bones = skeleton(word)
        if len(bones) >= 3 and bones in self._pairs:
            return True
        return len(bones) >= 2 and any(
            one == bones or (len(one) >= 4 and (bones.startswith(one) or one.startswith(bones)))
            for one in self._skeletons
        )

    @property
    def words(self) -> int:
        """Return the number of words of the texts."""
        return max(len(self.text.split()), 1)

    def chance(self, in_100_words: float) -> float:
        """Return the probability of finding a word here if the texts are on another subject."""
        chance: float = 1 - (1 - in_100_words) ** (self.words / 100)
        return min(max(chance, LEAST), MOST)


def _weight(found: bool, chance: float, lift: float) -> float:
    """Return the log likelihood ratio of one word.

    `found` states whether the evidence has the word. `chance` is the probability of finding the
    word if the sentence is about something else.
    """
    expected = chance + (1 - chance) * lift
    return math.log(expected / chance if found else (1 - expected) / (1 - chance))


def support(text: str, subject: Vocabulary, language: str, *, advice: bool = False) -> float | None:
    """Return the log likelihood ratio of "about the evidence" and "about something else".

    A positive number means that "about the evidence" is more likely. Return None if the text has
    no word that can be compared.
    """
    lift = LIFT_OF_ADVICE if advice else LIFT
    same = language == "en" or is_japanese(subject.text)
    weights = list(_in_one_language(text, subject, lift) if same else _in_two(text, subject, lift))
    return math.fsum(weights) if weights else None


def _in_one_language(text: str, subject: Vocabulary, lift: float) -> Iterator[float]:
    common = listed_words("any_story")
    for token in dict.fromkeys(token for token in tokens(text) if token not in common):
        yield _weight(subject.has(token), subject.chance(CHANCE_OF_LATIN), lift)


def _in_two(text: str, subject: Vocabulary, lift: float) -> Iterator[float]:
    """Yield the weight of each comparable word of a Japanese text; the evidence is English."""
    for word in dict.fromkeys(latin_words(text)):
        for token in tokens(word):
            yield _weight(subject.has(token), subject.chance(CHANCE_OF_LATIN), LIFT_OF_LATIN)
    for figure in dict.fromkeys(_FIGURE.findall(text)):  # grounding.py rejects a missing number
        if re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", subject.text):
            yield _weight(True, subject.chance(CHANCE_OF_FIGURE), LIFT_OF_LATIN)
    common = listed_words("any_katakana")
    for word in dict.fromkeys(_KATAKANA.findall(text)):
        if word not in common:
            chance = CHANCES_OF_LOANWORD[min(len(skeleton(word)), len(CHANCES_OF_LOANWORD) - 1)]
            yield _weight(subject.has_katakana(word), subject.chance(chance), lift)
    common = listed_words("any_kanji")
    for word in dict.fromkeys(_dictionary_words(text)):
        if word not in common and (entry := _entry(word)) is not None:
            found = word in subject.text or bool(entry.stems.search(subject.text))
            yield _weight(found, subject.chance(entry.chance), lift)


def stems_of(text: str, *, chance: float) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield the words of a Japanese sentence that are in the table, each with its English stems.

    Words that occur in any story are left out. A word is also left out if 100 words of other
    evidence contain one of its stems with a probability above `chance`.
    """
    common = listed_words("any_kanji")
    for word in dict.fromkeys(_dictionary_words(text)):
        entry = _entry(word)
        if word not in common and entry is not None and entry.chance <= chance:
            yield word, entry.stems


def _dictionary_words(text: str) -> Iterator[str]:
    """Yield the words of `text` that are in the table, the longest one at each position."""
    place, table = 0, _table()
    while place < len(text):
        for length in range(min(_LONGEST_WORD, len(text) - place), 1, -1):
            if (word := text[place : place + length]) in table:
                yield word
                place += length
                break
        else:
            place += 1
