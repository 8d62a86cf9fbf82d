"""Grounding: keep a model's sentence only if its cited evidence supports its claims.

A sentence is rejected if it contains a quantity, name, quotation or address that its cited
evidence does not contain. It is also rejected if it has markup, hidden characters, instructions to
the reader, or text in another language than the digest's, or if it is not about the subject of its
evidence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shiomi.digest.writing.aboutness import Vocabulary, support
from shiomi.digest.writing.contradiction import contradictions
from shiomi.digest.writing.evidence import Item
from shiomi.digest.writing.names import (
    Holding,
    english_forms,
    latin_words,
    plain_words,
    quoted_parts,
)
from shiomi.digest.writing.numerals import (
    Quantity,
    fold_digits,
    held_quantities,
    is_near,
    quantities,
)
from shiomi.digest.writing.sentences import is_instruction, is_japanese

__all__ = ["Fault", "faults", "unquoted"]

LONGEST = {"ja": 240}
LONGEST_LATIN = 420
SHORTEST = {"ja": 8}
SHORTEST_LATIN = 20
# A sentence with a lower log likelihood ratio is not about its evidence. Advice is compared with
# the whole story. The limits were chosen with benchmarks/digest/grounding_unseen.py.
SUPPORT, SUPPORT_OF_ADVICE = 1.4, 0.3

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp", "So", "Mn", "Me"})
_MARKUP = re.compile(
    r"[<>`*|\\{}\[\]~^]|__|(?:^|\s)#|#\w*(?=\s)(?<![A-Za-z]#)|&#?\w+;|^\s*(?:[-+=]{2,}|\d+[.)]\s)"
)
_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*:/|//|\bwww\.|\b(?:https?|hxxps?|ftp|javascript|mailto|data|file):|@"
    r"|\b[\w-]+\s?(?:\[\.\]|\(dot\)|\bdot\b|ドット)\s?(?:com|org|net|io|dev|jp|コム)\b",
    re.IGNORECASE,
)
# Only code prints counts of a community, so the model must not write a number next to these words.
_COUNTED = (
    r"ポイント|コメント|いいね|票|支持|スコア|賛成|再生|閲覧"
    r"|points?\b|comments?\b|up-?votes?\b|down-?votes?\b|votes?\b|karma\b|likes?\b|replies\b"
)
_NUMERAL = r"[\d〇一二三四五六七八九十百千万億][\d〇一二三四五六七八九十百千万億,.]*"
_ENGAGEMENT = re.compile(
    rf"{_NUMERAL}\s?(?:件|人|個|回)?(?:以上|超|余り|近く|ほど)?の?\s?(?:{_COUNTED})"
    rf"|(?:{_COUNTED})(?:数|の数)?\s?(?:は|が|も|を|:|：)?\s?{_NUMERAL}\s?(?:件|点|ポイント|票|[。、]|$)",
    re.IGNORECASE,
)
_ASSISTANT = re.compile(
    r"承知(?:しました|いたしました)|かしこまりました|ご?指示(?:に従|の通り|のとおり|どおり|通り)"
    r"|言語モデルとして|申し訳(?:ありません|ございません)|^(?:はい|もちろん)[、。]|\bjson\b.{0,12}(?:形式|返)"
    r"|\bas (?:requested|instructed|an ai)\b|^(?:sure|certainly|of course|okay|ok)[,.!]"
    r"|\bhere (?:is|are) (?:the|your)\b|\bi (?:cannot|can't|am unable|am sorry)\b",
    re.IGNORECASE,
)
_COUNTED_NAME = re.compile(r"([A-Za-z])(\d+)(?=枚|台|基|個|本|つ)")  # GPU1枚
_REPEATED = re.compile(r"(.{6,40})(?:.{0,3}\1){2}")  # small models repeat themselves
_HIRAGANA = re.compile(r"[\u3041-\u309f]")
_JAPANESE = re.compile(r"[\u3041-\u30ff\u3400-\u9fff々]")
# Characters of simplified Chinese that are not used in Japanese.
_CHINESE = re.compile(
    r"[这们说为对时间个过开关门问闻马鸟鱼长东车见贝页风飞齐龙让应该发现实际产业务给还进远运连云]"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason for which a sentence is rejected."""

    kind: str  # "number", "name", "quotation", "address", "markup", "hidden", "language", ...
    text: str  # the part of the sentence with the fault


def faults(
    text: str,
    cited: Sequence[Item],
    language: str,
    *,
    advice: bool = False,
    story: Sequence[Item] = (),
) -> Iterator[Fault]:
    """Yield everything in a sentence that its cited evidence does not support.

    `advice` is True for a sentence on what developers can do. Such a sentence may add other words,
    and is compared with the whole `story`.
    """
    if not cited:
        yield Fault("evidence", "cites none")
        return
    yield from _form(text, language)
    text = _COUNTED_NAME.sub(r"\1 \2", text)
    holding = _holding(tuple(item.text for item in cited))
    yield from _quotations(text, holding)
    yield from _quantities(text, tuple(item.text for item in cited))
    # a name may be in any item of the story, a number only in the cited items
    named = _holding(tuple(item.text for item in (*cited, *story))) if story else holding
    held = _held(tuple(item.text for item in cited))
    yield from (
        Fault("name", name)
        for name in named.missing_names(text, language)
        if not _is_held_quantity(name, held)
    )
    if language == "en":
        yield from _unknown_words(text, holding)
    if language == "ja" and not advice:
        yield from (Fault("contradiction", one) for one in
                    contradictions(text, [item.text for item in cited]))  # fmt: skip
    yield from _about(text, [item.text for item in (story if advice and story else cited)],
                      language, advice)  # fmt: skip


def _form(text: str, language: str) -> Iterator[Fault]:
    """Yield the faults that do not depend on the evidence."""
    for character in unicodedata.normalize("NFC", text):
        if unicodedata.category(character) in _HIDDEN:
            yield Fault("hidden", f"U+{ord(character):04X}")
            return
    for pattern, kind in ((_MARKUP, "markup"), (_ADDRESS, "address"), (_ASSISTANT, "instruction")):
        for version in (text, unicodedata.normalize("NFKC", text)):
            # a wide tilde and wide brackets are Japanese punctuation, not markup
            if kind == "markup" and version != text:
                continue
            if found := pattern.search(version):
                yield Fault(kind, found.group())
                break
    if is_instruction(text):
        yield Fault("instruction", text)
    if found := _REPEATED.search(text):
        yield Fault("repetition", found[1])
    if len(text) > LONGEST.get(language, LONGEST_LATIN):
        yield Fault("length", str(len(text)))
    if len(text) < SHORTEST.get(language, SHORTEST_LATIN):
        yield Fault("length", str(len(text)))
    if not _is_in(text, language):
        yield Fault("language", text)


def _is_in(text: str, language: str) -> bool:
    letters = [c for c in unicodedata.normalize("NFKC", text) if c.isalpha()]
    japanese = sum(bool(_JAPANESE.match(c)) for c in letters)
    latin = sum(c < "\u0250" for c in letters)
    if japanese + latin < len(letters) or not letters:
        return False  # Cyrillic, Hangul, Arabic, look-alikes of Latin letters
    if language == "ja":
        kana = len(_HIRAGANA.findall(text))
        # Names may be long, so only lower-case English words in a row show English prose.
        prose = re.search(r"(?:\b[a-z]{2,}\b[ ,]+){3}[a-z]{2,}\b", text)
        return (
            not _CHINESE.search(text)
            and not prose
            and japanese >= 0.15 * len(letters)
            and kana >= 0.2 * japanese
        )
    words = [word.casefold() for word in latin_words(text)]
    plain = sum(word in plain_words() or word.rstrip("s") in plain_words() for word in words)
    return not japanese and plain >= 0.5 * len(words)


def unquoted(text: str, cited: Sequence[Item]) -> str:
    """Return a Japanese sentence without the quotation marks around translated words.

    English evidence cannot contain these words, so with 「」 they would look like a wrong
    quotation.
    """
    if is_japanese("\n".join(item.text for item in cited)):
        return text
    return re.sub(
        r"「([^「」『』]{1,40})」",
        lambda found: found[1] if is_japanese(found[1]) else found[0],
        text,
    )


def _quotations(text: str, holding: Holding) -> Iterator[Fault]:
    parts = quoted_parts(text)
    if parts is None:
        yield Fault("quotation", "a quotation mark without a partner")
        return
    yield from (Fault("quotation", part) for part in parts if not holding.holds_quotation(part))


def _quantities(text: str, texts: tuple[str, ...]) -> Iterator[Fault]:
    # a number inside a name ("Qwen3-235B-A22B") is checked as a part of the name
    rest = text
    for word in latin_words(text):
        if word[0].isalpha() and any(character.isdigit() for character in word):
            rest = rest.replace(word, "・")
    claimed = quantities(rest)
    if found := _ENGAGEMENT.search(unicodedata.normalize("NFKC", fold_digits(text))):
        yield Fault("number", f"{found.group()} is a count of a community")
    held = _held(texts)
    for quantity in claimed:
        if quantity.value == "1" and quantity.unit is None:
            continue  # "1つの" and "1回" mean "a"
        if _is_enumerated(text, quantity):
            continue
        units = held.get(quantity.value)
        if units is None:
            near = [units for value, units in held.items() if is_near(text, quantity, value)]
            units = frozenset().union(*near) if near else None
        if units is None or not _agrees(quantity, units):
            yield Fault("number", quantity.text)
    if _loose_digit(text):
        yield Fault("number", text)


def _is_enumerated(text: str, quantity: Quantity) -> bool:
    """Return whether a number counts the names before it, as the 3 in 7B・13B・32Bの3サイズ."""
    found = re.search(rf"(?<![\d.]){re.escape(quantity.text)}{_COUNTS_NAMES}", text)
    listed = _LISTED.search(text[: found.start()]) if found else None
    if listed is None or not quantity.value.isdigit():
        return False
    return len(re.split(r"[・、,/]|と", listed[1])) == int(quantity.value)


_COUNTS_NAMES = r"\s?(?:種類?|サイズ|つ|モデル|版|機種|社|言語|形式|段階|点)"
_LISTED = re.compile(
    r"([A-Za-z0-9][\w.+ -]*(?:(?:[・、,/]|と)[A-Za-z0-9][A-Za-z0-9.+ -]*)+)の$", re.ASCII
)


def _is_held_quantity(word: str, held: dict[str, frozenset[str | None]]) -> bool:
    """Return whether a word such as "355B" is a number that the evidence has in another
    spelling."""
    read = quantities(word) if word[0].isdigit() else []
    return bool(read) and all(quantity.value in held for quantity in read)


def _agrees(quantity: Quantity, units: frozenset[str | None]) -> bool:
    if quantity.unit == "engagement":
        return False
    if quantity.unit == "percent":  # a bare number does not count as a percentage
        return "percent" in units
    return quantity.unit is None or None in units or quantity.unit in units


def _loose_digit(text: str) -> bool:
    """Return whether a digit belongs to no known quantity or word."""
    rest = unicodedata.normalize("NFKC", fold_digits(text))
    parts = [*latin_words(rest), *(quantity.text for quantity in quantities(rest))]
    for part in sorted(parts, key=len, reverse=True):
        rest = rest.replace(part, " ")
    return any(character.isdigit() for character in rest)


def _unknown_words(text: str, holding: Holding) -> Iterator[Fault]:
    """Yield a fault if many English words are neither common nor in the evidence."""
    words = [word.casefold() for word in latin_words(text)]
    plain = plain_words()
    strange = [
        word
        for word in words
        if not holding.holds_name(word) and not any(form in plain for form in english_forms(word))
    ]
    if len(strange) > max(2, 0.2 * len(words)):
        yield Fault("language", " ".join(strange))


def _about(text: str, texts: Sequence[str], language: str, advice: bool) -> Iterator[Fault]:
    score = support(text, _subject(tuple(texts)), language, advice=advice)
    if score is not None and score < (SUPPORT_OF_ADVICE if advice else SUPPORT):
        yield Fault("aboutness", f"{score:.2f}")


@lru_cache(maxsize=256)
def _holding(texts: tuple[str, ...]) -> Holding:
    return Holding(texts)


@lru_cache(maxsize=256)
def _subject(texts: tuple[str, ...]) -> Vocabulary:
    return Vocabulary(texts)


@lru_cache(maxsize=256)
def _held(texts: tuple[str, ...]) -> dict[str, frozenset[str | None]]:
    """Return the quantities of the texts, each with the units that it has there."""
    found: dict[str, set[str | None]] = {}
    for text in texts:
        for value, units in held_quantities(text).items():
            found.setdefault(value, set()).update(units)
    return {value: frozenset(units) for value, units in found.items()}
