"""The words of a title that can name something, without common phrases such as "Show HN"."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

__all__ = ["Term", "bare_title", "normalized", "phrases", "stop_words", "words"]

MOST = 1000  # number of characters of a title that are read; a hostile title may have 10 kB

_LABELS = re.compile(
    r"^\s*(?:(?:show|ask|tell|launch)\s+hn\s*[:\-–—]\s*|\[[A-Za-z]{1,12}\]\s*)+"
    r"|[\[(](?:pdf|video|audio|slides|yc\s+[swx]\d\d|\d{4}|updated?|nsfw|oc|meta|rant)[\])]"
    r"|\|\s*hacker\s+news\s*$",
    re.IGNORECASE,
)
# most titles have no label or date, and this check is cheaper than searching for each label
_MAY_HAVE_LABEL = re.compile(r"[\[(|]|(?:19|20)\d\d|^\s*(?:show|ask|tell|launch)\s", re.IGNORECASE)
_DATES = re.compile(
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b[ .,]*(?:19|20)\d\d\b"
    r"|\b(?:19|20)\d\d[-/.]\d\d?(?:[-/.]\d\d?)?\b|\b\d\d?[-/.]\d\d?[-/.](?:19|20)\d\d\b",
    re.IGNORECASE,
)
_KATAKANA = "\u30a1-\u30fa\u30fc"
_KANJI = "\u4e00-\u9fff\u3400-\u4dbf々"
_WORD = re.compile(
    rf"[{_KATAKANA}]{{2,}}|[{_KANJI}]{{2,}}"
    # hiragana is left out, because words of only hiragana are grammar
    rf"|\.?[^\W_\u3040-\u30ff{_KANJI}](?:[^\W_\u3040-\u30ff{_KANJI}]|[.'’+#&/-](?=[\w+#]))*[+#]*"
)
_NUMBER = re.compile(r"(?!(?:19|20)\d\d$)\d{1,4}(?:\.\d{1,3}){0,2}")
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase of a title, with its key for counting and its spelling."""

    key: str  # the same for all spellings of a word: "opensource" for "Open-Source"
    surface: str  # as written: "Apple M1"
    words: tuple[str, ...]  # ("apple", "m1")


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """Return the stop words of stop_words.txt."""
    text = files("shiomi.digest").joinpath("stop_words.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())


def normalized(text: str) -> str:
    """Return the text in NFKC and case-folded, so that Ｍ１ equals m1, and ｱｯﾌﾟﾙ equals アップル."""
    return unicodedata.normalize("NFKC", text).casefold()


def bare_title(title: str) -> str:
    """Return the title without labels and dates: "Show HN: X (2019) [pdf]" is "X"."""
    text = title[:MOST]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if _MAY_HAVE_LABEL.search(text):
        text = _DATES.sub(" ", _LABELS.sub(" ", text))
    return " ".join(text.split())


def words(title: str) -> list[Term | None]:
    """Return the words of a title in order; None replaces a word that names nothing.

    Latin words keep the marks that belong to a name (C++, C#, .NET, Node.js, GPT-3). A run of
    katakana or of kanji is one word. A number that is not a year is a word, because it may be a
    version.
    """
    stops = stop_words()
    found: list[Term | None] = []
    end = 0
    text = bare_title(title)
    for match in _WORD.finditer(text):
        if text[end : match.start()].strip(" "):
            found.append(None)  # punctuation ends a phrase
        end = match.end()
        surface = match.group()
        if "'" in surface or "’" in surface:
            surface = _POSSESSIVE.sub("", surface).replace("’", "'")
        key = surface.casefold()
        if key in stops or not _names(key):
            found.append(None)
        else:
            found.append(Term(key.replace("-", "") or key, surface, (key,)))
    return found


def _names(key: str) -> bool:
    """Return whether a word can name something.

    It must have at least two letters, or be C, R or D, or be a version number.
    """
    if len(key) == 1:
        return key in {"c", "r", "d"} or key.isdigit()
    return key.isalpha() or any(map(str.isalpha, key)) or _NUMBER.fullmatch(key) is not None


def phrases(title: str, longest: int = 3) -> list[Term]:
    """Return the words that name something, and the runs of up to `longest` such words.

    Each word and each run occurs once, in the order of the text.
    """
    found: dict[str, Term] = {}
    row = words(title)
    for start in range(len(row)):
        run: list[Term] = []
        for word in row[start : start + longest]:
            if word is None:
                break
            if not run and _NUMBER.fullmatch(word.key):
                break  # "Qt 6" names something, 6 does not
            run.append(word)
            term = word if len(run) == 1 else _phrase(run)
            found.setdefault(term.key, term)
    return list(found.values())


def _phrase(run: list[Term]) -> Term:
    """Join adjacent words into one term. "corona virus" and "coronavirus" get the same key."""
    key = "".join(word.key for word in run)
    return Term(key, _joined([word.surface for word in run]), tuple(w.words[0] for w in run))


def _joined(surfaces: list[str]) -> str:
    """Join words, with spaces between Latin words and no space next to kana or kanji."""
    text = surfaces[0]
    for surface in surfaces[1:]:
        wide = any("\u3040" <= letter <= "\u9fff" for letter in (text[-1], surface[0]))
        text += surface if wide else f" {surface}"
    return text
