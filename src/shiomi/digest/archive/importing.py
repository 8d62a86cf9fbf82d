"""`import_file` imports threads from JSON Lines, plain or compressed with gzip.

The fields of a line determine its shape (shapes.py). Lines are read one by one and written in
batches. Each batch is one transaction that also stores the position in the file, so an interrupted
import resumes there. A file that was imported completely is recognised by its content.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import msgspec

from shiomi.digest.archive.adding import Added, SeenThread, add_threads
from shiomi.digest.archive.archive import Archive
from shiomi.digest.archive.one_line import one_line
from shiomi.digest.archive.rows import BadRow, Row, cannot_read, open_rows
from shiomi.digest.archive.shapes import SHAPES, Shape, shape_of
from shiomi.digest.errors import ImportFileError

__all__ = ["ImportReport", "Progress", "import_file"]

Progress = Callable[[int, int | None, str], None]
"""Called with (rows done, rows in all or None, what is being done)."""

_BATCH = 5000  # number of rows in a transaction
_BATCH_BYTES = 32 * 2**20  # size in bytes of the rows of a transaction, which are all in memory
_PROBED = 1000  # number of rows that are checked for a known shape
_NAMED = 20  # number of bad rows for which a message is kept
_PATTERN = re.compile(r"matching regex '.*'(?= - at)", re.DOTALL)  # of `Id` and `Name` in shapes.py


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The result of importing a file, summed over all runs."""

    path: str
    shape: str
    rows: int = 0  # number of good rows
    added: Added = field(default_factory=Added)
    bad: int = 0
    problems: tuple[str, ...] = ()  # messages about the first bad rows
    done: bool = False  # the whole file was read
    already: bool = False  # the file was imported earlier; nothing was done now

    def text(self) -> str:
        """Return the report as lines of text."""
        added = self.added
        lines = [
            f"{self.path}: {self.rows:,} rows ({self.shape}); {added.new:,} new threads,"
            f" {added.changed:,} changed, {added.readings:,} readings"
            + (" (imported before)" if self.already else "")
        ]
        lines += [f"  {problem}" for problem in self.problems]
        if self.bad > len(self.problems):
            lines.append(f"  and {self.bad - len(self.problems):,} more bad rows")
        return "\n".join(lines)


def import_file(
    archive: Archive,
    path: Path | str,
    *,
    format: str | None = None,  # noqa: A002 - the name of the command's option
    read_at: int | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Read a file into the archive. Reading the same file again changes nothing.

    `format` is the name of a shape; by default the columns determine it. `read_at` (unix seconds)
    is the latest time at which the counts were read. It is used for rows without such a time. The
    default is the file's date. A bad row does not stop the import. Raises ImportFileError if the
    file cannot be read or its shape is unknown.
    """
    path = Path(path)
    name = one_line(str(path))  # the name of a file may not be UTF-8
    rows = open_rows(path)
    key = _digest(path)
    row = archive.database.execute(
        "SELECT read_at, rows, report FROM import WHERE file = ?", (key,)
    ).fetchone()
    if row is not None and read_at in (None, row[0]):
        read_at, skip, report = row[0], row[1], msgspec.json.decode(row[2], type=ImportReport)
        report = replace(report, path=name)
        if report.done:
            return replace(report, already=True)
        rows = open_rows(path, skip)
    else:
        read_at = int(path.stat().st_mtime) if read_at is None else read_at
        skip, report = 0, ImportReport(name, "")
    shape, rows = _recognise(name, rows, format or report.shape or None)
    report = replace(report, shape=shape.name)
    run = _ImportRun(archive, shape, read_at, key, report)
    what = f"importing {one_line(path.name)}"
    for done in run.batches(rows, skip):
        if progress is not None:
            progress(done, None, what)
    return run.report


class _ImportRun:
    """One run over a file; it starts where the last run stopped."""

    def __init__(
        self, archive: Archive, shape: Shape, read_at: int, key: str, report: ImportReport
    ) -> None:
        self.report = report
        self._archive = archive
        self._shape = shape
        self._read_at = read_at
        self._key = key

    def batches(self, rows: Iterator[Row | BadRow], done: int) -> Iterator[int]:
        """Write all rows; yield the progress after each batch."""
        decode = msgspec.json.Decoder(self._shape.row).decode
        last = False
        while not last:
            batch, last = _batch(rows)
            found: list[SeenThread] = []
            problems = []
            for row in batch:
                done = row.number
                if isinstance(row, BadRow):
                    problems.append(f"row {row.number}: {row.problem}")
                    continue
                try:
                    found.append(self._shape.found(decode(row.content), self._read_at))
                except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
                    problems.append(f"row {row.number}: {_brief(error)}")
            self._write(found, problems, done, last=last)
            yield done

    def _write(
        self, found: list[SeenThread], problems: list[str], done: int, *, last: bool
    ) -> None:
        """Write one batch and the position in the file, in one transaction."""
        with self._archive.transaction():
            added = add_threads(self._archive.database, found)
            report = replace(
                self.report,
                rows=self.report.rows + len(found),
                added=self.report.added + added,
                bad=self.report.bad + len(problems),
                problems=(*self.report.problems, *problems)[:_NAMED],
                done=last,
            )
            self._archive.database.execute(
                "INSERT INTO import (file, read_at, rows, report) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (file) DO UPDATE SET read_at = excluded.read_at,"
                " rows = excluded.rows, report = excluded.report",
                (self._key, self._read_at, done, msgspec.json.encode(report).decode()),
            )
        self.report = report


def _batch(rows: Iterator[Row | BadRow]) -> tuple[list[Row | BadRow], bool]:
    """Return the rows of the next transaction, and whether they are the last rows."""
    batch: list[Row | BadRow] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row.content) if isinstance(row, Row) else 0
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            return batch, False
    return batch, True


def _recognise(
    path: str, rows: Iterator[Row | BadRow], name: str | None
) -> tuple[Shape, Iterator[Row | BadRow]]:
    """Return the shape of the first row whose shape is known, and all rows."""
    if name is not None:
        shape = next((shape for shape in SHAPES if shape.name == name), None)
        if shape is None:
            raise ImportFileError(f"there is no format {name!r}; there are{_known_shapes()}")
        return shape, rows
    bad: list[BadRow] = []
    columns: frozenset[str] = frozenset()
    first: Row | BadRow | None = None
    for row in islice(rows, _PROBED):
        first = first or row
        if isinstance(row, BadRow):
            bad.append(row)
            continue
        seen = row.columns
        shape = shape_of(seen)
        if shape is not None:
            return shape, _chain(bad, row, rows)
        columns = columns or seen
        bad.append(BadRow(row.number, "its fields are of no known shape"))
    if columns:
        have = ", ".join(sorted(one_line(name[:40]) for name in columns)[:20])
        raise ImportFileError(
            f"{path} is of no known shape; its fields are: {have}. Known are{_known_shapes()}"
        )
    problem = f" ({bad[0].problem})" if bad else ""
    if bad and isinstance(first, Row) and first.content.startswith(b"["):
        problem = " (it is one JSON array; `jq -c '.[]'` writes its items as lines)"
    raise ImportFileError(
        f"{path} has no row that can be read{problem}; it must be UTF-8 text with one JSON"
        f" object per line, plain or gzip. Known are{_known_shapes()}"
    )


def _chain(
    bad: Iterable[BadRow], first: Row, rows: Iterator[Row | BadRow]
) -> Iterator[Row | BadRow]:
    yield from bad
    yield first
    yield from rows


def _known_shapes() -> str:
    return "".join(
        f"\n  {shape.name}: {shape.what} (with {', '.join(sorted(shape.columns))})"
        for shape in SHAPES
    )


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise cannot_read(path, error) from error


def _brief(error: Exception) -> str:
    text = _PATTERN.sub("of 1 to 200 characters without spaces and controls", str(error))
    return one_line(text)[:200] or type(error).__name__
