"""Read access logs of nginx and Apache, in the common and the combined format, line by line.

A line is `host ident user [time] "request" status bytes`. The combined format adds `"referer" "user
agent"`, and Apache's `vhost_combined` puts `name:port` in front. Further fields at the end are
ignored. nginx writes a quote inside a field as `\\x22`, Apache as `\\"`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from shiomi.gate.errors import DataError

__all__ = ["Hit", "Reading", "read_hits"]

_LONGEST_LINE = 64 * 1024  # bytes; servers refuse longer requests
_SAMPLES = 5  # bad lines that are shown
_BLOCK = 1 << 20
_PACKED_BLOCK = 1 << 16
_FIELD = rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LINE = re.compile(
    rb"(?:[^ ]+:\d+ )?"  # vhost_combined
    rb"(\S+) \S+ (?:\S+|[^\[]*?) \[([^\]]{20,26})\] "
    + _FIELD
    + rb" (\d{3}) (\d+|-)(?: "
    + _FIELD
    + rb" "
    + _FIELD
    + rb")?"
)
_TIME = re.compile(r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"  # each name at 4 * (month - 1)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Hit:
    """One answered request."""

    address: str
    time: int  # Unix seconds
    method: str  # empty if the request line was not valid
    target: str  # path and query, as sent
    status: int
    bytes: int  # of the body; a "-" is 0
    referer: str  # empty if there was none
    user_agent: str | None  # None in the common format, which has no such field


@dataclass(slots=True)
class Reading:
    """Counts of the lines read so far; `read_hits` updates them."""

    lines: int = 0
    bad_lines: int = 0
    bad_samples: list[str] = field(default_factory=list)  # "FILE:LINE: start of the line"
    without_user_agent: int = 0  # lines of the common format
    broken_files: list[str] = field(default_factory=list)  # "FILE: what is wrong with it"

    @property
    def no_log(self) -> bool:
        """Return whether lines were read, but none of them was a line of an access log."""
        return 0 < self.lines == self.bad_lines


def read_hits(
    paths: Iterable[Path],
    reading: Reading,
    progress: Callable[[int, int | None, str], None] = lambda *_: None,
) -> Iterator[Hit]:
    """Yield the hits of each file, in the order of the files' first hits, with bounded memory.

    Files may be gzipped, whatever their names. `reading` counts lines that are not valid. If a
    gzip file is truncated, the intact part is read, and `reading` names the file.

    Raises
    ------
    DataError
        A file cannot be opened.
    """
    for path in sorted(paths, key=_begins):
        yield from _hits_of(path, reading, progress)


def _begins(path: Path) -> int:
    """Return the time of a file's first hit; 0 if it has none."""
    first = next(_hits_of(path, Reading(), lambda *_: None), None)
    return 0 if first is None else first.time


def _hits_of(
    path: Path, reading: Reading, progress: Callable[[int, int | None, str], None]
) -> Iterator[Hit]:
    try:
        size = path.stat().st_size
        raw = path.open("rb")
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}; name an access log of nginx or Apache"
        ) from None
    with raw:
        lines = _lines(raw)
        parse = _parser()
        number = 0
        try:
            for number, line in enumerate(lines, 1):
                reading.lines += 1
                if number % 20_000 == 0:
                    progress(min(raw.tell(), size), size, path.name)
                hit = parse(line)
                if hit is None:
                    _note_bad(reading, path, number, line)
                    continue
                if hit.user_agent is None:
                    reading.without_user_agent += 1
                yield hit
        except (EOFError, zlib.error) as error:
            reading.broken_files.append(f"{path}: {error}, after line {number:,}")
        except OSError as error:
            reading.broken_files.append(f"{path}: {error.strerror}, after line {number:,}")
        progress(size, size, path.name)


def _lines(raw: IO[bytes]) -> Iterator[bytes]:
    """Yield lines without their line ends; lines that are too long for a request are cut."""
    rest, cut = b"", False
    for block in _blocks(raw):
        first, *others = block.split(b"\n")
        rest = rest if cut else rest + first
        for line in others:
            yield rest[:_LONGEST_LINE]
            rest, cut = line, False
        if len(rest) > _LONGEST_LINE:
            rest, cut = rest[:_LONGEST_LINE], True
    if rest:
        yield rest


def _blocks(raw: IO[bytes]) -> Iterator[bytes]:
    """Yield the file's content, unpacked if it is gzip; before an error, all intact data."""
    start = raw.read(2)
    raw.seek(0)
    if start != b"\x1f\x8b":
        yield from iter(lambda: raw.read(_BLOCK), b"")
        return
    inflate = zlib.decompressobj(wbits=31)
    while piece := raw.read(_PACKED_BLOCK):
        while piece:
            yield inflate.decompress(piece, _BLOCK)  # at most _BLOCK bytes at a time
            if inflate.eof:  # next comes another member (RFC 1952, 2.2), or padding with zeros
                piece = inflate.unused_data.lstrip(b"\0")
                inflate = zlib.decompressobj(wbits=31) if piece else inflate
            else:
                piece = inflate.unconsumed_tail
    if not inflate.eof:
        raise EOFError("the compressed file ends too early")


def _note_bad(reading: Reading, path: Path, number: int, line: bytes) -> None:
    reading.bad_lines += 1
    if len(reading.bad_samples) < _SAMPLES:
        shown = line[:80].decode("utf-8", "backslashreplace")
        reading.bad_samples.append(f"{path}:{number}: {shown}")


def _parser() -> Callable[[bytes], Hit | None]:
    minutes: dict[bytes, int] = {}  # a cache, because many neighbouring lines have the same minute

    def time_of(text: bytes) -> int | None:
        minute = text[:17] + text[20:]  # all but ":SS"
        begins = minutes.get(minute)
        if begins is None:
            begins = _minute(minute.decode("latin-1"))
            if begins is None:
                return None
            if len(minutes) > 10_000:
                minutes.clear()
            minutes[minute] = begins
        seconds = text[18:20]
        return begins + int(seconds) if seconds.isdigit() else None

    def parse(line: bytes) -> Hit | None:
        match = _LINE.match(line)
        if match is None:
            return None
        address, when, request, status, size, referer, agent = match.groups()
        time = time_of(when)
        if time is None:
            return None
        method, target = _request_line(_text(request))
        return Hit(
            address.decode("latin-1"),
            time,
            method,
            target,
            int(status),
            0 if size == b"-" else int(size[:18]),
            "" if referer in (None, b"-") else _text(referer),
            None if agent is None else "" if agent == b"-" else _text(agent),
        )

    return parse


def _minute(text: str) -> int | None:
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        return None
    ahead = timedelta(hours=int(match[7]), minutes=int(match[8]))
    day, year, hour, minute = (int(match[n]) for n in (1, 3, 4, 5))
    try:
        local = datetime(year, _MONTHS.index(match[2]) // 4 + 1, day, hour, minute, tzinfo=UTC)
        moment = local - ahead if match[6] == "+" else local + ahead
    except (ValueError, OverflowError):
        return None
    return int(moment.timestamp())


def _request_line(text: str) -> tuple[str, str]:
    """Return method and target of `GET /path HTTP/1.1`; both are empty for any other text."""
    method, _, rest = text.partition(" ")
    if not method.isascii() or not method.isalpha() or not rest:
        return "", ""
    return method, rest.rsplit(" HTTP/", 1)[0]


def _text(raw: bytes) -> str:
    """Return a quoted field as it was sent. Bytes that are not UTF-8 become escapes."""
    if b"\\" not in raw:
        return raw.decode("utf-8", "backslashreplace")
    text = raw.decode("latin-1")
    unescaped = _ESCAPE.sub(
        lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 3 else _ESCAPED.get(m[1], m[1]), text
    )
    return unescaped.encode("latin-1").decode("utf-8", "backslashreplace")
