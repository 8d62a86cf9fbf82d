"""Read the claims of a digest: each number of points or comments, and the thread it belongs to.

The input is Markdown in the format of the series. The formats of its older weeks are read too:
headings with or without numbers, labels like **スコア**, bare addresses, and items as bold lines.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from shiomi.digest.check.numerals import Amount, read_amount

__all__ = ["Claim", "Unit", "Written", "read_claims"]


class Unit(StrEnum):
    """The unit of a number."""

    POINTS = "points"
    COMMENTS = "comments"


@dataclass(frozen=True, slots=True)
class Claim:
    """One number that the digest states, and what it is about."""

    line: int  # from 1
    text: str  # as written: "1,900以上の支持"
    unit: Unit
    amount: Amount
    about: tuple[str, ...]  # uids of the threads it may belong to; empty if unknown
    community: str | None  # set if `about` is empty: the community that the sentence names
    title: str | None  # a title quoted in the sentence
    read: str | None  # the time of reading that the digest states: "2025-11-16 09:00", "2025-11-16"
    clock: str | None  # the time zone of `read`, if the text names it: "JST", "UTC"
    or_earlier: bool = False  # `read` is only the latest possible time
    total: bool = False  # the number is a sum over several threads


@dataclass(frozen=True, slots=True)
class Written:
    """The facts read from a digest's text: its date, claims and linked threads."""

    date: date | None
    claims: tuple[Claim, ...]
    uids: tuple[str, ...]  # every thread that the text links, in order
    skipped: tuple[int, ...] = ()  # line numbers, from 1, of lines too long to be read


_MOST_THREADS = 100  # threads read from one item
_LONGEST_LINE = 100_000  # characters; longer than any real sentence
# The patterns below limit each repetition, so that a search takes linear time on any text.

_THREAD = re.compile(
    r"""(?xi)https?://(?:
      news\.ycombinator\.com/item\?(?:[^\s)>\]]{0,200}?&)?id=(?P<hn>[0-9]{1,12})
    | (?:[a-z]{2,4}\.)?reddit\.com/r/(?P<sub>\w{2,30})/comments/(?P<post>[0-9a-z]{3,12})
    | lobste\.rs/s/(?P<lobsters>[0-9a-z]{4,10})
    | (?:www\.)?arxiv\.org/(?:abs|pdf)/(?P<arxiv>[0-9]{4}\.[0-9]{4,5}|[a-z.-]+/[0-9]{7})
    )[^\s)>\]「」（）]*"""
)
_ADDRESS = re.compile(r"https?://[^\s)>\]「」（）]*")
_HEADING = re.compile(r"^ {0,3}(#{1,6})\s")
_BOLD_ITEM = re.compile(r"^\*\*\s*[0-9０-９]+[.)．、]")
_DATE = re.compile(r"(20[0-9]{2})(?:-|年|/)([0-9]{1,2})(?:-|月|/)([0-9]{1,2})")
_QUOTED = re.compile(r"「[^「」]*」|『[^『』]*』|“[^“”]*”|\"[^\"]{0,300}\"|`[^`]*`")
_QUOTE_SOURCE = re.compile(r"[（(](?:原文引用|quoted from)[^）\n]{0,120}?\]\([^)]{0,1000}\)[）)]")
_SENTENCE = re.compile(r"[^。！？!?]*(?:[。！？!?]+|$)")

_NUMBER = (
    r"(?<![0-9０-９A-Za-z.,+\-−/])(?P<number>[0-9０-９][0-9０-９,，.．]{0,12}[kKｋＫ百千万]?[0-9０-９千]{0,2}"
    r"|(?<!数)[一二三四五六七八九十百千万]{1,9})"
)
_BEFORE = r"(?P<near>約|およそ|ほぼ|around |about |nearly |~|〜|over |more than )?\s{0,3}"
_AFTER = r"(?P<bound>\+|＋|件?(?:以上|以下|未満|超え?|近い|近く|弱|強|あまり|余り))?"
_POINTS = (
    r"ポイント|points?\b|pts?\b|支持|賛成票?|高評価|up-?votes?\b|アップボート|いいね"
    r"|likes?\b|票|スコア"
)
_COMMENTS = r"(?:(?:技術的|活発|建設的)な?)?(?:コメント|議論|返信|comments?\b|replies\b)"
_NOT_A_COUNT = (  # "10ポイント改善" means percentage points; "2つのポイント" is not a count
    r"(?!\s{0,3}(?:向上|改善|上昇|低下|増|減|上回|下回|高|低|差|の差|以内|アップ|ダウン|上げ|下げ|out\b|higher|lower))"
)
_COUNTED = re.compile(
    rf"(?i){_BEFORE}{_NUMBER}\s{{0,3}}{_AFTER}\s{{0,3}}の?\s{{0,3}}"
    rf"(?:(?P<points>{_POINTS}){_NOT_A_COUNT}|件?の?\s{{0,3}}(?P<comments>{_COMMENTS}))"
)
_LABELLED = re.compile(
    rf"(?i)(?<![ぁ-んァ-ヶー一-龠])(?:(?P<points>ポイント|points|score|スコア|up-?votes|アップボート数?|投票数|支持数?)"
    rf"|(?P<comments>コメント数?|comments))\**\s{{0,3}}[:：]\s{{0,3}}\**\s{{0,3}}{_BEFORE}{_NUMBER}\s{{0,3}}{_AFTER}"
    r"(?=\s{0,3}(?:点|[、,/／・()（）|;；。*]|$))"
)
_TOTAL = re.compile(r"(?i)合計|合わせて|累計|総計|\btotal|\bcombined|\bin all\b")
_READ = re.compile(
    r"(?i)(?P<as_of>as of |read )?(?P<read>20[0-9]{2}-[0-9]{2}-[0-9]{2}(?: [0-9]{2}:[0-9]{2})?)"
    r"(?: (?P<clock>(?-i:UTC[+-][0-9]{2,4}|[A-Z]{3,4})))?"
    r"\s{0,3}(?P<earlier>以前に読取|以前の時点|or earlier)?(?P<ja>時点)?"
)
_COMMUNITY = re.compile(
    r"(?i)(?P<hackernews>hacker\s?news|\bHN\b|(?<![A-Za-z])HN(?![A-Za-z]))|(?P<lobsters>lobsters|lobste\.rs)"
    r"|(?<![A-Za-z0-9/])r/(?P<sub>[A-Za-z0-9_]{2,30})|(?P<reddit>reddit)"
)


def read_claims(text: str) -> Written:
    """Return every claim of a digest's Markdown text. Never raises: text in another form is
    skipped."""
    lines = text.splitlines()
    claims: list[Claim] = []
    uids: dict[str, None] = {}
    for start, item in _items(lines):
        block = _Heading.of(item)
        uids.update(dict.fromkeys(block.uids))
        for offset, line in enumerate(item):
            claims += block.claims(start + offset + 1, line)
    skipped = tuple(n for n, line in enumerate(lines, 1) if len(line) > _LONGEST_LINE)
    return Written(_written_date(lines), tuple(claims), tuple(uids), skipped)


def _written_date(lines: list[str]) -> date | None:
    for line in lines[:20]:
        found = _DATE.search(line) if _HEADING.match(line) else None
        if found:
            try:
                return date(*map(int, found.groups()))
            except ValueError:
                return None
    return None


def _items(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield, for each heading, the index of its line and the lines up to the next heading."""
    start = 0
    for index, line in enumerate(lines):
        if index > start and (_HEADING.match(line) or _BOLD_ITEM.match(line)):
            yield start, lines[start:index]
            start = index
    yield start, lines[start:]


def _uid(found: re.Match[str]) -> str:
    if found["hn"]:
        return f"hackernews:{int(found['hn'])}"
    if found["post"]:
        return f"reddit/{found['sub']}:{found['post'].lower()}"
    if found["lobsters"]:
        return f"lobsters:{found['lobsters'].lower()}"
    return f"arxiv:{found['arxiv'].lower()}"


def _blank(found: re.Match[str]) -> str:
    return " " * len(found.group())


@dataclass(frozen=True, slots=True)
class _Heading:
    """A heading and the lines under it."""

    uids: tuple[str, ...]
    heading: tuple[str, ...]  # threads that the heading itself links

    @property
    def counted(self) -> tuple[str, ...]:
        """Return the threads whose community shows counts."""
        return tuple(uid for uid in self.uids[:_MOST_THREADS] if not uid.startswith("arxiv:"))

    @classmethod
    def of(cls, lines: list[str]) -> _Heading:
        def linked(text: str) -> list[str]:
            return list(dict.fromkeys(_uid(found) for found in _THREAD.finditer(text)))

        return cls(tuple(linked("\n".join(lines))), tuple(linked(lines[0])) if lines else ())

    def claims(self, number: int, line: str) -> Iterator[Claim]:
        """Yield the claims of one line, sentence by sentence."""
        if len(line) > _LONGEST_LINE:
            return
        line = _QUOTE_SOURCE.sub(_blank, line)
        threads = list(_THREAD.finditer(line))
        plain = _ADDRESS.sub(_blank, line)
        masked = _QUOTED.sub(_blank, plain)
        for sentence in _SENTENCE.finditer(masked):
            begin, end = sentence.span()
            if begin == end:
                continue
            part = _Sentence(
                item=self,
                threads=[found for found in threads if begin <= found.start() < end],
                text=plain,
                masked=masked[:end],
                begin=begin,
            )
            yield from part.claims(number)


class _Sentence:
    """One sentence of a line. Positions are counted from the start of the line, not of the
    sentence."""

    def __init__(
        self, item: _Heading, threads: list[re.Match[str]], text: str, masked: str, begin: int
    ) -> None:
        self._item = item
        self._text = text  # the line without addresses
        self._masked = masked  # the line without addresses and quotations, up to the sentence's end
        self._begin = begin
        self._threads = threads
        # Each pattern searches the sentence once, so the time is linear in its length.
        self._communities = list(_COMMUNITY.finditer(masked, begin))
        self._quotes = list(_QUOTED.finditer(text, begin, len(masked)))
        self._totals = list(_TOTAL.finditer(masked, begin))
        self._times = [
            found
            for found in _READ.finditer(masked, begin)
            if found["as_of"] or found["ja"] or found["earlier"]
        ]

    def claims(self, number: int) -> Iterator[Claim]:
        taken: set[int] = set()
        found = [
            *_COUNTED.finditer(self._masked, self._begin),
            *_LABELLED.finditer(self._masked, self._begin),
        ]
        for match in sorted(found, key=lambda one: one.start("number")):
            position = match.start("number")
            amount = read_amount(match["number"], match["near"], match["bound"])
            if amount is None or position in taken:
                continue
            taken.add(position)
            about, community = self._about(position)
            read = _first_from(self._times, match.end())
            quote = _last_before(self._quotes, position)
            yield Claim(
                line=number,
                text=self._text[match.start() : match.end()].strip(),
                unit=Unit.POINTS if match["points"] else Unit.COMMENTS,
                amount=amount,
                about=about,
                community=community,
                title=quote.group()[1:-1].strip() or None if quote and not about else None,
                read=read["read"] if read else None,
                clock=read["clock"] if read else None,
                or_earlier=bool(read and read["earlier"]),
                total=_last_before(self._totals, position) is not None,
            )

    def _about(self, position: int) -> tuple[tuple[str, ...], str | None]:
        """Return the threads that a number at `position` may belong to, and a community.

        The community is set if the sentence names a community instead of a thread.
        """
        linked = _last_before(self._threads, position)
        if linked is None and len(self._threads) == 1:
            linked = self._threads[0]
        if linked is not None:
            return (_uid(linked),), None
        counted = self._item.counted
        heading = tuple(uid for uid in counted if uid in self._item.heading)
        # The nearest community name before the number, else the first name after it.
        found = _last_before(self._communities, position) or _first_from(self._communities, 0)
        if found is None:
            return heading or counted, None
        community = f"reddit/{found['sub']}" if found["sub"] else str(found.lastgroup)
        # A story may have several threads in one community; the sentence may mean any of them.
        return tuple(uid for uid in counted if _in_community(uid, community)), community


def _last_before(found: list[re.Match[str]], position: int) -> re.Match[str] | None:
    index = bisect_left(found, position, key=re.Match.start)
    return found[index - 1] if index else None


def _first_from(found: list[re.Match[str]], position: int) -> re.Match[str] | None:
    index = bisect_left(found, position, key=re.Match.start)
    return found[index] if index < len(found) else None


def _in_community(uid: str, community: str) -> bool:
    own = uid.rpartition(":")[0].lower()
    return own == community.lower() or (community == "reddit" and own.startswith("reddit/"))
