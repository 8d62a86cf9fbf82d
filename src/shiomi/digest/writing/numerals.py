"""Find the quantities of a text: in digits of any script, kanji, words, or as 1.5万 and 10k.

Grounding uses this for both the claims of a model's sentence and its evidence. A number inside a
name ("M1", "HTTP/2", "3D") belongs to the name and is ignored here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from shiomi.digest.writing.tables import rows

__all__ = ["Quantity", "fold_digits", "held_quantities", "is_near", "quantities", "unit_at"]

_KANJI = dict(zip("〇零一二三四五六七八九", (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_SMALL = {"十": 10, "百": 100, "千": 1_000}
_LARGE = {"万": 10**4, "億": 10**8, "兆": 10**12}
_FORMAL = dict(zip("壱壹弐貳貮参參肆伍陸漆捌玖拾佰仟萬", (1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10,
                   100, 1000, 10_000), strict=True))  # fmt: skip
_KANJI_RUN = "〇零一二三四五六七八九十百千万億兆"

_WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30,
    "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9,
           "trillion": 10**12}  # fmt: skip
_SUFFIXES = {"k": 1_000, "m": 10**6, "bn": 10**9, "b": 10**9}
# Amounts written without a figure, in both languages. The evidence must contain the same amount.
_VAGUE = (
    ("half", r"\bhal(?:f|ves|ved|ving)\b|半数|半分|半減|過半"),
    (
        "double",
        r"\btwice\b|\bdoubl(?:e[ds]?|ing)\b|\btwo-?fold\b|倍増"
        r"|(?<![\d〇一二三四五六七八九十百千万数何])倍(?:に|の|以上|近く)",
    ),
    ("triple", r"\bthrice\b|\btripl(?:e[ds]?|ing)\b|\bthree-?fold\b"),
    ("quadruple", r"\bquadrupl(?:e[ds]?|ing)\b|\bfour-?fold\b"),
    ("dozens", r"\bdozens?\b|\bscores of\b|\btens of\b|数十|ダース"),
    ("hundreds", r"\bhundreds\b|数百|ハンドレッド"),
    ("thousands", r"\bthousands\b|数千(?!万)|サウザンド"),
    ("tens of thousands", r"数万|何万"),
    ("tens of millions", r"\btens of millions\b|数千万|\$10M['’]?s"),
    ("millions", r"\bmillions\b|数百万|ミリオン"),
    ("billions", r"\bbillions\b|\btrillions\b|数億|数十億|ビリオン"),
    ("third", r"\b(?:a|one|two)[- ]thirds?\b|3分の[12]"),
    ("quarter", r"\b(?:a|one|three)[- ]quarters?\b|4分の[13]"),
    ("fraction", r"\b(?:a|one|two|three|four)[- ](?:fifth|sixth|seventh|eighth|ninth|tenth)s?\b"),
    ("several times", r"数倍|何倍|\bseveral times\b|\bmany times (?:as|more|faster)\b"),
)
_VAGUE_PATTERNS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _VAGUE)
_HIRAGANA = {
    "ふたつ": 2, "みっつ": 3, "よっつ": 4, "いつつ": 5,
    "むっつ": 6, "ななつ": 7, "やっつ": 8, "ここのつ": 9,
}  # fmt: skip

# Units in both languages. The same number with a different unit is a different claim.
_UNITS = (
    ("engagement", r"ポイント|件のコメント|コメント|いいね|票|支持|スコア|賛成|反対票|閲覧|再生"
                   r"|(?:\s|-)?(?:points?|comments?|upvotes?|downvotes?|votes?|karma|likes?|stars?"
                   r"|views?|replies|scores?)\b"),
    ("percent", r"\s?(?:%|percent\b|per cent\b|パーセント|割)"),
    ("dollar", r"\s?(?:ドル|dollars?\b|usd\b|bucks?\b|\$(?!\d))"),
    ("yen", r"\s?(?:円|yen\b|jpy\b)"),
    ("euro", r"\s?(?:ユーロ|euros?\b|eur\b)"),
    ("ms", r"\s?(?:ミリ秒|ms\b|milliseconds?\b)"),
    ("second", r"\s?(?:秒|seconds?\b|secs?\b|s\b)"),
    ("minute", r"\s?(?:分間?|minutes?\b|mins?\b)"),
    ("hour", r"[\s-]?(?:時間|hours?\b|hrs?\b|h\b)"),
    ("day", r"[\s-]?(?:日間?|days?\b)"),
    ("week", r"[\s-]?(?:週間?|weeks?\b)"),
    ("month", r"[\s-]?(?:[かカヶケ]月|月|months?\b)"),
    ("year", r"[\s-]?(?:年間?|周年|years?\b|yrs?\b)"),
    ("kilobyte", r"\s?(?:kbs?|kib|キロバイト)(?![a-z])"),
    ("megabyte", r"\s?(?:mbs?|mib|メガバイト)(?![a-z])"),
    ("gigabyte", r"\s?(?:gbs?|gib|ギガバイト|gigs?|g)(?![a-z0-9])"),
    ("terabyte", r"\s?(?:tbs?|tib|テラバイト)(?![a-z])"),
    ("line", r"[\s-]?(?:行|lines?\b)"),
    ("person", r"\s?(?:人|名|people\b|users?\b|ユーザー|developers?\b|employees?\b)"),
    ("times", r"[\s-]?(?:倍|times\b|folds?\b|x(?![a-z0-9]))"),
)  # fmt: skip
_UNIT_PATTERNS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _UNITS)
_CURRENCY = {"$": "dollar", "¥": "yen", "€": "euro", "£": "pound"}

LOOSE = "loose"  # unit of a number inside a name
_DIGITS = r"\d[\d,]*(?:\.\d+)*"
# A figure with the kanji scales ("1万2千", "1.5億") or the suffix ("10k") that follow it.
_FIGURE = re.compile(
    rf"(?<![A-Za-z0-9])(?<![A-Za-z0-9][.])(?<![A-Za-z][-/'’_])(?<![+][+])({_DIGITS})"
    rf"((?:[十百千万億兆](?:{_DIGITS}|[{_KANJI_RUN}])*)?)"
    r"(?:\s?(hundred|thousand|million|billion|trillion)\b|(k|m|bn|b)(?![A-Za-z0-9]))?",
    re.IGNORECASE,
)
_GROWN = re.compile(r"[A-Za-z_]")
_WORD_RUN = re.compile(
    r"\b(?:{w}|(?:a|one)[\s-]+(?:{s}))(?:[\s-]+(?:and\s+)?(?:{w}|{s}|one))*\b".format(
        w="|".join(_WORDS), s="|".join(_SCALES)
    ),
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount in prose."""

    value: str  # "1234", "0.5", "3.11.2", "half": equal for equal amounts
    unit: str | None  # "percent", "engagement", ...; None for any other unit
    text: str  # as written


def quantities(text: str) -> list[Quantity]:
    """Return every quantity of `text`, in no particular order."""
    found = list(_symbols(text))
    folded = _without_ordinary(unicodedata.normalize("NFKC", fold_digits(text)))
    for name, pattern in _VAGUE_PATTERNS:
        found += [Quantity(name, None, match.group()) for match in pattern.finditer(folded)]
    folded = re.sub(r"[数何][十百千万億兆]+|[34]分の[123]", "・", folded)
    return [*found, *_figures(folded), *_kanji(folded), *_words(folded)]


def held_quantities(text: str) -> dict[str, set[str | None]]:
    """Return the values that the evidence `text` contains, each with its units.

    Some forms are read in evidence, but not in a claim: numbers inside names and addresses
    ("10tk/s", "pull/15012"), ordinals ("5th"), month names, and words for one and two.
    """
    found: dict[str, set[str | None]] = {}
    text = re.sub(r"\b[A-Za-z]{2,}-\d{4}-\d{3,}\b", " ", text)  # such as CVE-2020-1234
    # "2.5x-5x", "2x32GB"
    text = re.sub(r"(?<=\d)([x×])(?=\d)", r"\1 ", text, flags=re.IGNORECASE)
    text = re.sub(r"(?<=\d)([x×%])\s?[-–~]\s?(?=\d)", r"\1 ", text)
    for quantity in quantities(text):
        found.setdefault(quantity.value, set()).add(quantity.unit)
    flat = unicodedata.normalize("NFKC", fold_digits(text)).casefold()
    for match in re.finditer(r"\b(?:one|single|once)\b|一つ|ひとつ", flat):
        # "one of them" does not support "1 %"
        found.setdefault("1", set()).add(unit_at(flat, match.end()) or "one")
    for match in re.finditer(r"\b(?:dual|both|pair|couple|two)\b", flat):
        found.setdefault("2", set()).add(unit_at(flat, match.end()))
    for match in _ONE_PERIOD.finditer(flat):  # "a week ago", "per month", "daily"
        unit = match[1] or _ADVERBS[match[2]]
        found.setdefault("1", set()).add(unit)
    for digit in re.findall(r"\b([234])x (?:less|fewer|smaller|lower)\b", flat):
        found.setdefault({"2": "half", "3": "third", "4": "quarter"}[digit], {None})
    if re.search(r"\bquad\b", flat):
        found.setdefault("4", {None})
    for word in re.findall(r"[a-z]+", flat):
        if word in _MONTHS:
            found.setdefault(str(_MONTHS[word]), set()).add("month")
    for digits, suffix in re.findall(rf"({_DIGITS})(k|m|b)(?![a-z0-9])", flat):  # "coder-32b-q8"
        if (value := _value(digits)) is not None:
            found.setdefault(_plain(value * _SUFFIXES[suffix]), {None})
    for digits in re.findall(_DIGITS, flat):
        for part in (digits, *digits.split(",")):
            value = _value(part.rstrip(",."))
            # "v0.10.0" is a version, not a decimal number
            found.setdefault(part if value is None else _plain(value), {LOOSE})
    return found


def is_near(text: str, quantity: Quantity, held: str) -> bool:
    """Return whether a claim with "about" differs by at most 10 % from the value `held`."""
    place = text.find(quantity.text)
    before, after = text[max(place - 4, 0) : place], text[place + len(quantity.text) :][:8]
    if not (_ABOUT_BEFORE.search(before) or _ABOUT_AFTER.search(after)):
        return False
    claimed, real = _value(quantity.value), _value(held)
    if claimed is None or real is None or len(quantity.value.replace(".", "").strip("0")) > 2:
        return False  # a number with more than two digits is not rounded
    return abs(claimed - real) <= abs(real) / 10


_ADVERBS = {"daily": "day", "weekly": "week", "monthly": "month", "yearly": "year",
            "annual": "year", "hourly": "hour", "overnight": "day"}  # fmt: skip
_ONE_PERIOD = re.compile(
    r"(?:\b(?:an?|per|each|every|last|past|next|whole)\s|/\s?)(second|minute|hour|day|week|month|year)\b"
    rf"|\b({'|'.join(_ADVERBS)})"
)
_ABOUT_BEFORE = re.compile(r"約|およそ|ほぼ|だいたい|~|〜")
_ABOUT_AFTER = re.compile(r"ほど|程度|前後|近く|余り|あまり|[強弱超]|くらい|ぐらい|以上|以下")
_MONTHS = {
    name[:length]: number
    for number, name in enumerate(
        (
            *("january", "february", "march", "april", "may", "june", "july", "august"),
            *("september", "october", "november", "december"),
        ),
        1,
    )
    for length in (3, len(name))
    if name[:length] != "mar"  # "mar" is a word
}


def fold_digits(text: str) -> str:
    """Return `text` with digits of any script and form (５, ⑤, ⁵) as ASCII, other numerals (Ⅳ) as
    spaces."""
    if text.isascii():
        return text
    return "".join(map(_folded, text))


def _folded(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category not in ("No", "Nl") or character in _KANJI:
        return character
    plain = unicodedata.normalize("NFKC", character).strip("().")
    # successive digits are one number: ²² is 22
    return plain if plain.isascii() and plain.isdigit() else " "


def _symbols(text: str) -> Iterator[Quantity]:
    for character in text:
        if character.isascii():
            continue
        if character in "🔟💯":
            yield Quantity("10" if character == "🔟" else "100", None, character)
        elif _folded(character) == " " and unicodedata.category(character)[0] == "N":
            value = unicodedata.numeric(character, -1.0)
            yield Quantity(_plain(Decimal(str(value))), None, character)


@lru_cache(maxsize=1)
def _ordinary() -> re.Pattern[str]:
    held = {word for row in rows("ordinary_numerals.txt") for word in row.split()}
    words = sorted(held, key=lambda word: (-len(word), word))
    # a numeral directly before it makes a longer number: 十一部 is eleven copies
    return re.compile(rf"(?<![{_KANJI_RUN}\d])(?:{'|'.join(words)})")


def _without_ordinary(text: str) -> str:
    return _ordinary().sub("・", text) if any(c in _KANJI_RUN + "半" for c in text) else text


def _figures(text: str) -> Iterator[Quantity]:
    for match in _FIGURE.finditer(text):
        digits, kanji, scale, suffix = match.groups()
        end = match.end()
        unit = _unit(text, match.start(), end)
        if unit is None and _GROWN.match(text, end):
            continue  # "3D" is a name; names are checked elsewhere
        value = _value(digits)
        if value is None:  # 3.11.2, a version
            yield Quantity(digits.replace(",", ""), unit, match.group())
            continue
        if kanji:
            value = _sum(digits + kanji)
        elif scale:
            value *= _SCALES[scale.lower()]
        elif suffix:
            value *= _SUFFIXES[suffix.lower()]
        if unit == "percent" and text[end : end + 1] == "割":
            value *= 10
        yield Quantity(_plain(value), unit, match.group())


def _value(digits: str) -> Decimal | None:
    try:
        return Decimal(digits.replace(",", ""))
    except InvalidOperation:
        return None


def _sum(number: str) -> Decimal:
    """Return the value of a number with kanji: 百四十五, 一四五, 三万, 1万2千, 1.5億."""
    total = section = Decimal(0)
    current: Decimal | None = None
    for token in re.findall(rf"{_DIGITS}|.", number):
        if token[0].isdigit():
            current = _value(token)
        elif token in _KANJI:
            current = (current or Decimal(0)) * 10 + _KANJI[token]
        elif token in _SMALL:
            section += (Decimal(1) if current is None else current) * _SMALL[token]
            current = None
        else:
            total += ((section + (current or Decimal(0))) or Decimal(1)) * _LARGE[token]
            section, current = Decimal(0), None
    return total + section + (current or Decimal(0))


def _kanji(text: str) -> Iterator[Quantity]:
    for match in re.finditer(rf"(?<![\d.])[{_KANJI_RUN}]+", text):
        run, end = match.group(), match.end()
        if run[0] in _LARGE and len(run) == 1:
            continue  # 万 without a number is a part of a word
        unit = _unit(text, match.start(), end)
        if (
            run == "一"
            and unit in (None, "line", "person")
            and text[end : end + 1] not in tuple("位件票割")
        ):
            continue  # 一行 and 一社 mean "a line" and "a company"; a duration has a unit
        value = _sum(run)
        if text[end : end + 1] == "割":
            value, unit = value * 10, "percent"
        yield Quantity(_plain(value), unit, run)
    formal = "".join(_FORMAL)
    counted = "件個人名社年月日回倍割円位票行台本点ポド"
    for match in re.finditer(
        rf"[{formal}]{{2,}}|[壱壹弐貳貮肆捌玖佰仟萬]|[{formal}](?=[{counted}])", text
    ):
        yield Quantity(match.group(), None, match.group())
    for word, number in _HIRAGANA.items():
        if word in text:
            yield Quantity(str(number), None, word)


def _words(text: str) -> Iterator[Quantity]:
    for match in _WORD_RUN.finditer(text):
        total = section = 0
        for word in re.findall(r"[a-z]+", match.group().lower()):
            if word in _WORDS:
                section += _WORDS[word]
            elif word in ("a", "one"):
                section += 1
            elif word == "hundred":
                section = (section or 1) * 100
            elif word in _SCALES:
                total += (section or 1) * _SCALES[word]
                section = 0
        unit = _unit(text, match.start(), match.end())
        yield Quantity(str(total + section), unit, match.group())


def _unit(text: str, start: int, end: int) -> str | None:
    before = text[:start].rstrip()[-1:]
    return _CURRENCY.get(before) or unit_at(text, end)


def unit_at(text: str, end: int) -> str | None:
    """Return the unit of a number that ends at this position of `text`, or None for an unknown
    unit."""
    for name, pattern in _UNIT_PATTERNS:
        if pattern.match(text, end):
            return name
    return None


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
