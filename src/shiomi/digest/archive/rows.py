"""Read rows of JSON Lines, plain or gzip, one by one, without loading the whole file."""

from __future__ import annotations

import gzip
import io
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from shiomi.digest.archive.one_line import one_line
from shiomi.digest.errors import ImportFileError

__all__ = ["LONGEST_LINE", "BadRow", "Row", "cannot_read", "open_rows"]

LONGEST_LINE = 8 * 2**20  # bytes; longer lines are refused


@dataclass(frozen=True, slots=True)
class Row:
    """One line of JSON."""

    number: int  # number of the line, starting at 1; empty lines are counted too
    content: bytes

    @property
    def columns(self) -> frozenset[str]:
        """The names of its fields; empty for a line that is not a JSON object."""
        try:
            return frozenset(msgspec.json.decode(self.content, type=dict[str, msgspec.Raw]))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return frozenset()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that could not be read, or the line at which the file is truncated."""

    number: int
    problem: str


def open_rows(path: Path, skip: int = 0) -> Iterator[Row | BadRow]:
    """Return the rows of a file, without the first `skip` rows.

    Raises ImportFileError if the file does not exist, is not a regular file, is empty or is of an
    unknown kind. The iterator also raises it if reading a row fails.
    """
    name = one_line(str(path))
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ImportFileError(f"{name} is a directory; name the files in it")
        if not stat.S_ISREG(mode):  # a pipe may never end and cannot be read again
            raise ImportFileError(
                f"{name} is a pipe or a device; only regular files can be imported: write it to"
                " a file first"
            )
        with path.open("rb") as file:
            magic = file.read(4)
    except (OSError, ValueError) as error:
        raise cannot_read(path, error) from error
    if not magic:
        raise ImportFileError(f"{name} is empty")
    if magic == b"PAR1":
        raise ImportFileError(f"{name} is parquet; write its rows as JSON, one object per line")
    if magic.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ImportFileError(f"{name} is UTF-16; save it as UTF-8, one JSON object per line")
    for start, kind in ((b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\3\4", "zip"), (b"BZh", "bzip2")):
        if magic.startswith(start):
            raise ImportFileError(f"{name} is packed with {kind}; unpack it, or pack it with gzip")
    return _lines(path, magic.startswith(b"\x1f\x8b"), skip)


def cannot_read(path: Path, error: Exception) -> ImportFileError:
    """Return the error for a file that cannot be opened."""
    reason = getattr(error, "strerror", None) or str(error)
    return ImportFileError(
        f"{one_line(str(path))} cannot be read: {reason}; what was read is kept, and importing it"
        " again goes on there"
    )


def _lines(path: Path, packed: bool, skip: int) -> Iterator[Row | BadRow]:
    number = 0
    with path.open("rb") as file:
        stream: BinaryIO = io.BufferedReader(gzip.GzipFile(fileobj=file)) if packed else file
        try:
            while line := stream.readline(LONGEST_LINE + 1):
                number += 1
                too_long = len(line) > LONGEST_LINE
                while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                    line = stream.readline(LONGEST_LINE + 1)  # the rest of the line, in pieces
                if number <= skip:
                    continue
                if too_long:
                    yield BadRow(number, f"longer than {LONGEST_LINE:,} bytes")
                    continue
                line = line.strip()
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if line:
                    yield Row(number, line)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield BadRow(number + 1, f"the file breaks off or is damaged here ({error})")
        except OSError as error:  # a disk or network error: the rest may be valid
            raise cannot_read(path, error) from error
