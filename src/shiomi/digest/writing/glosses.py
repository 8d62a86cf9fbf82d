"""Write sums of money and dates of English text in Japanese."""

from __future__ import annotations

import re
from decimal import Decimal

from shiomi.digest.languages import Language

__all__ = ["date_in", "glossed"]

_SCALES = {"thousand": 3, "k": 3, "million": 6, "m": 6, "billion": 9, "bn": 9, "b": 9,
           "trillion": 12}  # fmt: skip
_CURRENCIES = {"$": "ドル", "€": "ユーロ", "£": "ポンド"}
_LARGE = ((12, "兆"), (8, "億"), (4, "万"))
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
           "october", "november", "december")  # fmt: skip
_MONTH = "|".join(_MONTHS)
_MONEY = re.compile(
    r"(?P<sign>[$€£])\s?(?P<figure>\d[\d,]*(?:\.\d+)?)"
    r"(?:\s?(?P<scale>thousand|million|billion|trillion|bn|[kmb])\b)?",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?P<end>(?:the )?end of (?P<ending>(?:19|20)\d\d))"
    rf"|(?P<day>\d{{1,2}}) (?P<month>{_MONTH}) (?P<year>(?:19|20)\d\d)"
    rf"|(?P<month2>{_MONTH})(?: (?P<day2>\d{{1,2}}))?,? (?P<year2>(?:19|20)\d\d)"
    rf"|\b(?P<month3>{_MONTH}) (?P<day3>\d{{1,2}})\b(?!,? \d)",
    re.IGNORECASE,
)


_UNITS = {"day": "日", "week": "週間", "month": "か月", "hour": "時間", "minute": "分",
          "second": "秒", "people": "人", "user": "人", "line": "行", "percent": "%"}  # fmt: skip
_COUNT = re.compile(
    r"(?P<figure>\d[\d,]*(?:\.\d+)?)\s?(?P<scale>thousand|million|billion|trillion|[kmb]\b)?"
    r"\s?(?P<unit>day|week|month|hour|minute|second|people|user|line|percent)s?",
    re.IGNORECASE,
)


def date_in(text: str) -> str | None:
    """Return the first date in `text`: a month with a year or day, or the end of a year."""
    found = _DATE.search(text)
    return found.group() if found else None


def glossed(text: str, language: Language) -> str:
    """Return the first sum of money, date or count in `text`, written in `language`.

    "$27.7 billion" becomes "277億ドル", and "the end of 2021" becomes "2021年末". Text without
    such parts is returned unchanged. If `language` is not Japanese, any text is returned unchanged.
    """
    if language.code != "ja":
        return text
    if found := _MONEY.search(text):
        return _money(found)
    if found := _DATE.search(text):
        return _date(found)
    if found := _COUNT.fullmatch(text):
        return f"{_scaled(found)}{_UNITS[found['unit'].lower()]}"
    return text


def _money(found: re.Match[str]) -> str:
    return f"{_scaled(found)}{_CURRENCIES[found['sign']]}"


def _scaled(found: re.Match[str]) -> str:
    scale = _SCALES.get((found["scale"] or "").lower(), 0)
    value, unit = Decimal(found["figure"].replace(",", "")) * 10**scale, ""
    for power, name in _LARGE:
        if scale and value >= 10**power:
            value, unit = value / 10**power, name
            break
    return f"{value.normalize():,f}{unit}"


def _date(found: re.Match[str]) -> str:
    if found["end"]:
        return f"{found['ending']}年末"
    month = _MONTHS.index((found["month"] or found["month2"] or found["month3"]).lower()) + 1
    day, year = found["day"] or found["day2"] or found["day3"], found["year"] or found["year2"]
    return (f"{year}年" if year else "") + f"{month}月" + (f"{int(day)}日" if day else "")
