"""Rows of a file, one by one, never the whole file: JSON Lines, plain or gzip, and parquet."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from shiomi.digest.errors import ImportFileError

__all__ = ["LONGEST_LINE", "BadRow", "Row", "open_rows"]

LONGEST_LINE = 8 * 2**20  # bytes; a longer line is no thread
_BATCH = 5000  # rows of parquet turned into Python objects at once


@dataclass(frozen=True, slots=True)
class Row:
    """One row that could be read: JSON text or columns."""

    number: int  # from 1; lines are counted with the empty ones
    content: bytes | Mapping[str, Any]

    @property
    def columns(self) -> frozenset[str]:
        """The names of its columns; none for a line that is no JSON object."""
        if not isinstance(self.content, bytes):
            return frozenset(self.content)
        try:
            return frozenset(msgspec.json.decode(self.content, type=dict[str, msgspec.Raw]))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return frozenset()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that could not be read, or the place where the file breaks off."""

    number: int
    problem: str


def open_rows(path: Path, skip: int = 0) -> tuple[Iterator[Row | BadRow], int | None]:
    """The rows of a file after the first `skip`, and how many it has where that is known.

    Raises ImportFileError where there is no such file, it is empty, or its kind is not known.
    """
    if path.is_dir():
        raise ImportFileError(f"{path} is a directory; name the files in it")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error.strerror}") from error
    if not magic:
        raise ImportFileError(f"{path} is empty")
    if magic == b"PAR1":
        return _parquet_rows(path, skip)
    if magic.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ImportFileError(f"{path} is UTF-16; save it as UTF-8, one JSON object per line")
    for start, kind in ((b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\3\4", "zip"), (b"BZh", "bzip2")):
        if magic.startswith(start):
            raise ImportFileError(f"{path} is packed with {kind}; unpack it, or pack it with gzip")
    return _lines(path, magic.startswith(b"\x1f\x8b"), skip), None


def _lines(path: Path, packed: bool, skip: int) -> Iterator[Row | BadRow]:
    number = 0
    with path.open("rb") as file:
        stream: BinaryIO = io.BufferedReader(gzip.GzipFile(fileobj=file)) if packed else file
        try:
            while line := stream.readline(LONGEST_LINE + 1):
                number += 1
                too_long = len(line) > LONGEST_LINE
                while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                    line = stream.readline(LONGEST_LINE + 1)  # the rest of it, piece by piece
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
        except (EOFError, zlib.error, OSError) as error:
            yield BadRow(number + 1, f"the file breaks off or is damaged here ({error})")


def _parquet_rows(path: Path, skip: int) -> tuple[Iterator[Row | BadRow], int]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportFileError(
            f"{path} is parquet, which needs pyarrow; from a checkout of shiomi:"
            " pip install -e '.[parquet]'"
        ) from error
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ImportFileError(f"{path} is damaged or cut short: {error}") from error

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
            yield BadRow(number + 1, f"the file is damaged here ({error})")

    return rows(), file.metadata.num_rows
