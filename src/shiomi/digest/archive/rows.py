"""Rows of a file, one by one, never the whole file: JSON Lines, plain or gzip, and parquet."""

from __future__ import annotations

import gzip
import io
import stat
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from shiomi.digest.archive.one_line import one_line
from shiomi.digest.errors import ImportFileError
from shiomi.extras import needs_extra

__all__ = ["LONGEST_LINE", "BadRow", "Row", "cannot_read", "open_rows"]

LONGEST_LINE = 8 * 2**20  # bytes; longer lines are refused
_BATCH = 5000  # rows of parquet turned into Python objects at once


@dataclass(frozen=True, slots=True)
class Row:
    """One row that could be read: JSON text or columns."""

    number: int  # from 1; lines are counted with the empty ones
    content: bytes | Mapping[str, Any]

    @property
    def size(self) -> int:
        """Its approximate size in bytes."""
        if isinstance(self.content, bytes):
            return len(self.content)
        return sum(len(text) for text in self.content.values() if isinstance(text, str))

    @property
    def columns(self) -> frozenset[str]:
        """The names of its columns; empty for a line that is not a JSON object."""
        if not isinstance(self.content, bytes):
            return frozenset(self.content)
        try:
            return frozenset(msgspec.json.decode(self.content, type=dict[str, msgspec.Raw]))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return frozenset()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that could not be read, or the place where the file is truncated."""

    number: int
    problem: str


def open_rows(path: Path, skip: int = 0) -> tuple[Iterator[Row | BadRow], int | None]:
    """Return the rows of a file after the first `skip`, and their number if it is known.

    Raises ImportFileError if the file does not exist, is not regular, is empty or of unknown kind;
    and while rows are read, if reading fails.
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
        return _parquet_rows(path, skip)
    if magic.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ImportFileError(f"{name} is UTF-16; save it as UTF-8, one JSON object per line")
    for start, kind in ((b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\3\4", "zip"), (b"BZh", "bzip2")):
        if magic.startswith(start):
            raise ImportFileError(f"{name} is packed with {kind}; unpack it, or pack it with gzip")
    return _lines(path, magic.startswith(b"\x1f\x8b"), skip), None


def cannot_read(path: Path, error: Exception) -> ImportFileError:
    """The error for a file that cannot be opened."""
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


def _parquet_rows(path: Path, skip: int) -> tuple[Iterator[Row | BadRow], int]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportFileError(
            needs_extra(f"the parquet file {one_line(str(path))}", "pyarrow", "parquet")
        ) from error
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ImportFileError(
            f"{one_line(str(path))} is damaged or cut short: {one_line(str(error))}"
        ) from error

    def rows() -> Iterator[Row | BadRow]:
        number = 0
        try:
            for batch in file.iter_batches(batch_size=_BATCH):
                if number + batch.num_rows <= skip:
                    number += batch.num_rows
                    continue
                names = batch.schema.names
                columns = [column.to_pylist() for column in batch.columns]
                for values in zip(*columns, strict=True):
                    number += 1
                    if number > skip:
                        yield Row(number, dict(zip(names, values, strict=True)))
        except (pa.ArrowException, OSError, UnicodeError) as error:
            if getattr(error, "errno", None) is not None:  # otherwise pyarrow's error for damage
                raise cannot_read(path, error) from error
            yield BadRow(number + 1, f"the file is damaged here ({one_line(str(error))})")

    return rows(), file.metadata.num_rows
