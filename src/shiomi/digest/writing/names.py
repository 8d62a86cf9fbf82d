"""Find the names, quotations and words of a text, and check whether another text has them.

The evidence of a sentence must contain its names. Names are Latin words in Japanese prose,
capitalised words in English prose, names in katakana, and text between quotation marks.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from importlib.resources import files

from shiomi.digest.terms import stop_words
from shiomi.digest.writing.tables import listed_words, rows

__all__ = ["Holding", "english_forms", "folded", "latin_words", "plain_words", "quoted_parts"]

_LATIN = "A-Za-z\u00c0-\u024f"
# A word of letters and digits, with the signs that names contain: Node.js, C++, HTTP/2, v2.0-rc1.
_WORD = re.compile(rf"[{_LATIN}0-9]+(?:[._+#'’/&-]+[{_LATIN}0-9]+)*(?:\+\+|#|\+)?")
_KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc]{2,}")
_JOINED = re.compile(r"[\u30a1-\u30fa\u30fc]{2,}(?:[・=＝][\u30a1-\u30fa\u30fc]{2,})+")
_PAIRS = dict(zip("「『“«‹〈《【〝‘„", "」』”»›〉》】〟’“", strict=True))
_CLOSERS = frozenset("」』”»›〉》】〟")
_TITLED = re.compile(
    r"([\u30a1-\u30fa\u30fc・]{2,}|[\u3400-\u9fff]{1,4})"
    r"(?:氏|さん|博士|教授|社長|社(?!会|員|内|外|説|交)|大統領|首相|議員)"
)


def folded(text: str) -> str:
    """Return a text for comparison: NFKC, case folded, one form of apostrophe and dash, single
    spaces."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[’‘`´]", "'", re.sub(r"[‐-―−]", "-", text)).split())


def latin_words(text: str) -> list[str]:
    """Return the words with a Latin letter, as written, with attached digits and signs."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text))
    return [word for word in words if re.search(f"[{_LATIN}]", word)]


@lru_cache(maxsize=1)
def plain_words() -> frozenset[str]:
    """Return the common words of English prose: plain_words.txt and the stop words."""
    counted = {word for row in rows("plain_words.txt") for word in row.split()}
    return stop_words() | counted | set(listed_words("imperatives"))


def quoted_parts(text: str) -> list[str] | None:
    """Return the texts between quotation marks, or None if a closing or opening mark is missing."""
    parts: list[str] = []
    expected: list[tuple[str, int]] = []
    for place, character in enumerate(text):
        if expected and character == expected[-1][0] and not _is_apostrophe(text, place):
            parts.append(text[expected.pop()[1] : place])
        elif character == '"':
            expected.append(('"', place + 1))
        elif character in "'‘" and _opens(text, place):
            expected.append(("'" if character == "'" else "’", place + 1))
        elif character in _PAIRS and character != "‘":
            expected.append((_PAIRS[character], place + 1))
        elif character in _CLOSERS:
            return None
    return None if expected else parts


def _is_apostrophe(text: str, place: int) -> bool:
    return (
        text[place] in "'’"
        and text[place - 1 : place].isalpha()
        and text[place + 1 : place + 2].isascii()
        and text[place + 1 : place + 2].isalpha()
    )


def _opens(text: str, place: int) -> bool:
    """Return whether a single mark opens a quotation.

    It does if no letter precedes it and a later mark closes it.
    """
    before, rest = text[place - 1 : place] if place else "", text[place + 1 :]
    if before.isascii() and before.isalnum():
        return False
    return bool(re.match(r"[^'’\s]", rest)) and bool(re.search(r"\S['’](?![A-Za-z])", rest))


def english_forms(word: str) -> Iterator[str]:
    """Yield other forms of a folded English word: without endings, and in American spelling."""
    word = re.sub(r"['’]\w+$", "", word.casefold())
    word = re.sub(r"is(?=(?:e[ds]?|ing|ations?|er|ers)$)", "iz", re.sub(r"our(?=s?$)", "or", word))
    yield word
    for ending in ("s", "es", "ed", "d", "ing", "ly", "er", "ers", "ation", "ations", "al", "ness"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            yield word.removesuffix(ending)
            yield word.removesuffix(ending) + "e"
    if word.endswith("ies"):
        yield word.removesuffix("ies") + "y"
    parts = word.split("-")
    if len(parts) > 1 and all(part in plain_words() for part in parts):
        yield parts[0]


class Holding:
    """The names and words that some evidence contains."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.text = "\n".join(map(folded, texts))
        self.words = frozenset(_forms(latin_words(self.text)))
        self._katakana = frozenset(_KATAKANA.findall(self.text))

    def holds_quotation(self, part: str) -> bool:
        """Return whether the evidence has the words of `part` in the same order."""
        wanted = folded(part).strip(" .,、。…!?")
        return bool(wanted) and wanted in self.text

    def holds_name(self, word: str) -> bool:
        """Return whether the evidence has a Latin word, or all parts of a hyphenated word."""
        wanted = folded(word).strip(".'-/&_")
        wanted = wanted.removesuffix("'s")
        if wanted in self.words or wanted.rstrip("s") in self.words or f"{wanted}s" in self.words:
            return True
        if self._holds_spelling(wanted):
            return True
        if re.search(r"[\d.]", wanted):
            return False  # a domain or a version must match as a whole
        parts = re.split(r"[-/&_+]", wanted)
        return len(parts) > 1 and all(part in self.words for part in parts if part)

    def _holds_spelling(self, wanted: str) -> bool:
        """Return whether the evidence has the name in another spelling, or its stem or initials."""
        squeezed = re.sub(r"[\s_-]", "", wanted)
        if len(squeezed) >= 3:
            edge = r"(?!\d)" if squeezed[-1].isdigit() else r"(?![a-z])"
            loose = r"[\s_-]?".join(map(re.escape, squeezed))
            if re.search(rf"(?<![a-z0-9]){loose}{edge}", self.text):
                return True
        if len(wanted) >= 3 and wanted.isalpha() and wanted in self._stems:
            return True
        return 3 <= len(wanted) <= 5 and wanted.isalpha() and wanted in self._initials

    @cached_property
    def _stems(self) -> frozenset[str]:
        """The letters before a version: "qwen" of "qwen3-30b"."""
        heads = (re.match(r"([a-z]{3,})[-.]?\d", word) for word in self.words)
        return frozenset(head[1] for head in heads if head)

    @cached_property
    def _initials(self) -> frozenset[str]:
        """The first letters of successive words, with and without short words: "moe", "rag"."""
        words = re.findall(r"[a-z]+", self.text)
        content = [word for word in words if word not in ("of", "the", "and", "for", "to", "in")]
        return frozenset(
            "".join(word[0] for word in row[place : place + length])
            for row in (words, content)
            for length in (3, 4, 5)
            for place in range(len(row) - length + 1)
        )

    def missing_names(self, text: str, language: str) -> Iterator[str]:
        """Yield the names in the prose that the evidence does not contain."""
        words = latin_words(text)
        if language == "en":
            words = list(_names_in_english(text))
        for place, word in enumerate(words):
            if language != "en" and word.casefold() in listed_words("common_latin"):
                continue
            # "huggingface" in the evidence supports "Hugging Face"
            joined = ("".join(words[at : at + 2]) for at in (place - 1, place) if at >= 0)
            if not self.holds_name(word) and not any(
                one != word and self.holds_name(one) for one in joined
            ):
                yield word
        yield from self._missing_katakana(text)

    def _missing_katakana(self, text: str) -> Iterator[str]:
        for name, spellings in _katakana_names().items():
            if name in text and name not in self.text:
                known = any(re.search(rf"(?<![a-z]){re.escape(s)}", self.text) for s in spellings)
                if not known:
                    yield name
        for match in _TITLED.finditer(text):
            name = match.group(1)
            if name in listed_words("untitled") or name in self.text or self._transliterated(name):
                continue
            yield match.group()
        for match in _JOINED.finditer(text):
            parts = re.split("[・=＝]", match.group())
            if not any(part in self._katakana or self._transliterated(part) for part in parts):
                yield match.group()

    def _transliterated(self, name: str) -> bool:
        wanted = [skeleton(part) for part in name.split("・") if part]
        held = {skeleton(word) for word in self.words}
        return bool(wanted) and all(part and part in held for part in wanted)


def _forms(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        word = word.strip(".'-/&_")
        yield word
        yield word.removesuffix("'s")
        yield word.rstrip("+#")
        if not re.search(r"\.", word):
            yield from (part for part in re.split(r"[-/&_'+]", word) if part)


def _names_in_english(text: str) -> Iterator[str]:
    """Yield the names of English prose.

    They are capitalised words inside a sentence, words with capitals or digits inside them, and a
    first word that is not common.
    """
    plain = plain_words()
    begins = True
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text)):
        word = match.group()
        if not re.search(f"[{_LATIN}]", word):
            begins = False
            continue
        inner = re.sub(r"['’](?:s|t|re|ve|ll|d|m)$", "", word)
        bare = re.split(r"[-/'’]", inner)
        if begins:
            known = all(any(f in plain for f in english_forms(part)) for part in bare if part)
            is_name = not known or any(c.isupper() for c in inner[1:])
        else:
            is_name = any(part[:1].isupper() for part in bare) or any(c.isupper() for c in inner)
        is_name = is_name or any(c.isdigit() for c in inner) or "." in inner or "_" in inner
        if is_name and inner not in ("I", "A"):
            yield inner
        begins = False


@lru_cache(maxsize=1)
def _katakana_names() -> dict[str, list[str]]:
    path = files("shiomi.digest.writing").joinpath("katakana_names.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


# The consonants of katakana and of Latin spelling. Consonants that Japanese does not distinguish
# have the same letter.
_KANA = (
    ("k", "カキクケコガギグゲゴ"), ("s", "サシスセソザジズゼゾ"), ("t", "タチツテトダヂヅデド"),
    ("n", "ナニヌネノマミムメモン"), ("h", "ハヒフヘホパピプペポバビブベボヴ"), ("r", "ラリルレロ"),
)  # fmt: skip
_CONSONANT = {kana: consonant for consonant, row in _KANA for kana in row}
_SPELLINGS = (("ght", "t"), ("ph", "h"), ("th", "s"), ("sh", "s"), ("sch", "s"), ("ch", "t"),
              ("ck", "k"), ("x", "ks"), ("qu", "k"), ("ce", "s"), ("ci", "s"), ("cy", "s"),
              ("ge", "s"), ("tion", "sn"))  # fmt: skip
_LETTERS = str.maketrans("gcqzjdmfpbvl", "kkksstnhhhhr", "aeiouywh")


@lru_cache(maxsize=65_536)
def skeleton(word: str) -> str:
    """Return the consonants of a katakana or Latin word: "knhr" for both コンパイラ and
    "compiler"."""
    if word[:1] >= "\u30a1":
        found = "".join(_CONSONANT.get(kana, "") for kana in word)
    else:
        found = folded(word)
        for spelling, sound in _SPELLINGS:
            found = found.replace(spelling, sound)
        found = re.sub(r"[^a-z]", "", found.replace("h", "")).translate(_LETTERS)
        found = re.sub(r"[^knhrst]", "", found)
    return re.sub(r"(.)\1+", r"\1", found).rstrip("r") if len(found) > 2 else found
