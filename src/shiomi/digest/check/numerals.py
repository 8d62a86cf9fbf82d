"""Numbers as people write them: 1,510, １５１０, 1.5k, 1.2万, 三千, 約800, 1,900以上."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

__all__ = ["Amount", "read_amount"]

_DIGITS = {digit: value for value, digit in enumerate("〇一二三四五六七八九")}
_SCALES = {"十": 10, "百": 100, "千": 1_000, "k": 1_000, "万": 10_000}
_PART = re.compile(
    r"(?P<digits>[0-9][0-9,]*(?:\.[0-9]+)?|[〇一二三四五六七八九]?)(?P<scale>[十百千k万]?)"
)
_MOST = 10**9  # no thread has more points or comments


@dataclass(frozen=True, slots=True)
class Amount:
    """The range of a written number: from `low` to `high`, both included. If `high` is None, the
    range has no upper end."""

    low: int
    high: int | None

    @property
    def exact(self) -> bool:
        """Return whether the range is a single number."""
        return self.low == self.high

    def allows(self, low: float, high: float) -> bool:
        """Return whether the range contains any number from `low` to `high`."""
        return self.low <= high and (self.high is None or low <= self.high)


def read_amount(number: str, near: str | None = None, bound: str | None = None) -> Amount | None:
    """Return the amount that a number and the words around it state, or None if it is not a number.

    `near` is the word before the number ("約", "over"), and `bound` is the word after it ("以上",
    "+"). A rounded number ("1.3k") allows every number that rounds to it. "約" allows a tenth more
    or less.
    """
    parsed = _parse(unicodedata.normalize("NFKC", number).lower())
    if parsed is None:
        return None
    value, slack = parsed
    low, high = max(0, round(value - slack)), round(value + slack)
    near, bound = (near or "").strip().lower(), (bound or "").removeprefix("件")
    if bound in ("以上", "+", "＋", "強", "あまり", "余り") or near in ("over", "more than"):
        return Amount(low, None)
    if bound in ("超", "超え"):
        return Amount(low + (slack == 0), None)
    if bound == "以下":
        return Amount(0, high)
    if bound == "未満":
        return Amount(0, max(0, high - (slack == 0)))
    if bound in ("近い", "近く", "弱") or near == "nearly":
        return Amount(round(value * 0.85), high)
    if near:
        return Amount(min(low, round(value * 0.9)), max(high, round(value * 1.1)))
    return Amount(low, high)


def _parse(text: str) -> tuple[float, float] | None:
    """Return the value and its rounding error: half a unit of the last digit, or 0 if the number
    is written in full."""
    text = text.rstrip(".,")
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+", text) or re.fullmatch(
        r"[0-9]{1,3}(\.[0-9]{3})+", text
    ):
        text = re.sub(r"[.,]", "", text)
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text), 0.0
    total, section, slack, rest = 0.0, 0.0, 0.0, text
    while rest:
        part = _PART.match(rest)
        if part is None or not part.group():
            return None
        digits, scale = part["digits"], _SCALES.get(part["scale"], 1)
        if scale == 1 and "." in digits:
            return None  # a part of a vote does not exist
        if scale == 10_000:  # multiplies everything before it: 十一万
            total += (section + _value(digits) if digits or section else 1.0) * scale
            section = 0.0
        else:
            section += (_value(digits) if digits else 1.0) * scale
        decimals = len(digits.partition(".")[2])
        slack = scale / 10**decimals / 2 if digits[:1].isdigit() and scale > 1 else 0.0
        rest = rest[part.end() :]
    value = total + section
    return (value, slack) if text and value <= _MOST else None


def _value(digits: str) -> float:
    if not digits:
        return 0.0
    return float(_DIGITS[digits]) if digits in _DIGITS else float(digits.replace(",", ""))
