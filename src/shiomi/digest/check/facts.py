"""Check the quotations of a digest, and compare it with the archive's digest of the same week.

A quotation is compared with the passages of the thread that is linked next to it. If the archive
has the digest of that week, each topic, trend and subject is compared with that digest. The
comparison covers links, times, percentages, numbers, communities and quotations, in their order. A
missing fact is accepted; a fact with another value is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from shiomi.digest.thread import Thread
from shiomi.digest.untrusted import clean

__all__ = ["Difference", "differing", "misquoted"]

LONGEST = 20_000  # characters of a line that are read
SHARED = 0.5  # a text with at least this share of a digest's headings is a copy of the digest

_HEADING = re.compile(r"^(#{1,3}) (.*)$")
_LABEL = re.compile(r"^- \*\*[^*]{1,30}\*\*")
_LINK = r"\]\((?P<link>[^()\s]{1,2000})\)"
_QUOTE = (
    r"(?:「(?P<quote>(?:[^「」]|「[^「」]{0,300}」){4,2000})」"
    r"|“(?P<english>(?:[^“”]|“[^“”]{0,300}”){4,2000})”)"
)
# Phrases of the language files that state a kind of story, page or quotation, or explain a tag.
_WORDED = "|".join(
    (
        r"[^。「」（）]{2,24}(?=（[^（）]{1,60}）の話題です|の話題です)",
        r"(?<=is about )[^.(]{3,60}",
        r"[^。」）：]{1,30}(?:（[^（）]{1,40}）)?：(?=「)",
        r"[A-Z][^.:“”]{5,60}:(?= “)",
        r"[^。」）]{3,40}スレッドがあります",
        r"(?<=＝)[^、。）＝]{1,20}(?=、|）| です)",
        r"[^。、：」）]{1,16}(?=（[^（）]{2,60}）です。)",
        r"An? [A-Za-z ]{4,40}(?= \([^()]{2,60}\)\.)|(?<=[a-z] \()[a-z ]{3,40}(?=\)[,.])",
        r"(?:top|lowest)(?= \d+ %)",
        r"関連して最も|前の週まで",
        r"(?:時期|数値|ライセンス)は [^。＝]{1,60}?(?=＝| です)",
        r"[^。、「」]{2,40}(?= の代わりを扱う)",
        r"(?<=in its title: )[^.]{1,60}|(?<=replacement of )[^.]{2,40}",
    )
)
_UNIT = r"(?:\s?%|[兆億万]?(?:ドル|ユーロ|ポンド)|年(?:末|\d{1,2}月(?:\d{1,2}日)?)|日後)?"
_FACT = re.compile(
    rf"{_LINK}|{_QUOTE}|(?P<worded>{_WORDED})"
    r"|(?P<time>\d{4}-\d\d-\d\d(?: \d\d:\d\d(?: [A-Z]{2,5})?)?)"
    rf"|(?P<number>\d[\d,]*(?:\.\d+)?{_UNIT})"
    r"|(?P<community>Hacker News|Lobsters|arXiv|Reddit \(r/\w{2,30}\)|r/\w{2,30})"
    r"|(?P<unknown>不明|unknown|以前|or earlier|1件もありません|増加中)"
)
_QUOTED = re.compile(
    rf"{_QUOTE} ?[（(](?:原文引用:|quoted from) \[[^\]]{{0,200}}\]\((?P<page>[^()\s]+)\)"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact that differs from the archive."""

    line: int  # from 1
    text: str  # the wording of the file
    why: str


def misquoted(text: str, threads: Mapping[str, Thread]) -> Iterator[Difference]:
    """Yield the quotations whose page is in the archive but does not contain the words."""
    pages: dict[str, list[str]] = {}
    for thread in threads.values():
        for passage in thread.passages:
            pages.setdefault(_page(passage.link), []).append(_squeezed(passage.text))
    for number, line in enumerate(text.splitlines(), 1):
        for found in _QUOTED.finditer(_plain(line[:LONGEST])):
            held = pages.get(_page(found["page"]))
            quote = found["quote"] or found["english"]
            wanted = _squeezed(quote.removesuffix("…"))
            if held is not None and not any(wanted in one for one in held):
                yield Difference(number, quote, f"{found['page']} does not say so")


def differing(text: str, own: str) -> Iterator[Difference]:
    """Yield the facts of `text` that differ from `own`, the archive's digest of the same week.

    Yields nothing if less than half of the headings of `text` are in `own`.
    """
    theirs, ours = list(_blocks(text)), list(_blocks(own))
    places = [_place(block, ours) for block in theirs]
    if not theirs or sum(place is not None for place in places) < SHARED * len(theirs):
        return
    for block, place in zip(theirs, places, strict=True):
        if place is None:
            heading = block.lines[0][1]
            yield Difference(block.lines[0][0], heading, "the archive's digest has no such part")
            continue
        said = {_key(line): line for _, line in ours[place].lines}
        for number, line in block.lines:
            yield from _compared(number, line, said.get(_key(line), ""))


def _compared(number: int, line: str, own: str) -> Iterator[Difference]:
    stated, known = _facts(line), _facts(own)
    for kind, start, end, from_, to in SequenceMatcher(
        None, known, stated, autojunk=False
    ).get_opcodes():
        if kind in ("replace", "insert"):
            instead = ", ".join(known[start:end]) or "nothing"
            for fact in stated[from_:to]:
                yield Difference(number, fact, f"the archive's digest has {instead[:200]} here")


@dataclass(frozen=True, slots=True)
class _Block:
    lines: tuple[tuple[int, str], ...]  # (line number, text); the heading comes first


def _blocks(text: str) -> Iterator[_Block]:
    """Yield each heading with the lines under it."""
    held: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if _HEADING.match(line):
            if held:
                yield _Block(tuple(held))
            held = []
        if line.strip() and (held or _HEADING.match(line)):
            held.append((number, _plain(line[:LONGEST])))
    if held:
        yield _Block(tuple(held))


def _place(block: _Block, ours: list[_Block]) -> int | None:
    """Return the index in `ours` of the block with the same heading, else with the same title or
    link."""
    heading = block.lines[0][1]
    for same in (lambda other: other == heading, lambda other: _alike(other, heading)):
        for place, other in enumerate(ours):
            if same(other.lines[0][1]):
                return place
    return None


def _alike(one: str, other: str) -> bool:
    """Return whether two headings have the same title or the same link."""
    first, second = re.search(_LINK, one), re.search(_LINK, other)
    if bool(first) != bool(second):
        return False
    if first is None or second is None:
        return one.startswith("# ") and other.startswith("# ")
    return first["link"] == second["link"] or one[: first.start()] == other[: second.start()]


def _key(line: str) -> str:
    """Return the label of a line, which identifies it within its block."""
    if found := _HEADING.match(line):
        return found[1]
    found = _LABEL.match(line) or re.match(r"[^:「]{1,40}:(?= )", line)
    return found.group() if found else "text"


def _facts(line: str) -> list[str]:
    return [found.group().strip("](").rstrip(")") for found in _FACT.finditer(line)]


def _plain(line: str) -> str:
    return re.sub(r"\\([^\w\s])", r"\1", line)


def _page(link: str) -> str:
    return re.sub(r"^https?://(?:www\.|old\.)?", "", link).rstrip("/").replace("%28", "(")


def _squeezed(text: str) -> str:
    """Return only the letters and digits, because formats differ in blanks and unprintable
    characters."""
    return "".join(c for c in clean(text) if c.isalnum() and c.isprintable())
