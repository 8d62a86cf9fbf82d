"""Parquet files with a column of image bytes."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shiomi.extras import needs_extra
from shiomi.lejepa.data.rows import (
    DETECTED,
    Columns,
    image_bytes,
    image_column,
    label_column,
    number_labels,
    schema_classes,
)
from shiomi.lejepa.data.source import Unreadable
from shiomi.lejepa.errors import DataError, MissingError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ParquetSource", "open_parquet"]

_GROUPS_KEPT = 4  # row groups held in memory; reading rows in order needs only one


class ParquetSource:
    """The rows of one or more parquet files, in order of the files' names."""

    def __init__(
        self, paths: list[Path], *, use_labels: bool = True, columns: Columns = DETECTED
    ) -> None:
        self._chosen = columns
        self.names: list[str] = []
        self.labels: list[int] | None = None
        self.classes: tuple[str, ...] | None = None
        self.unreadable: list[Unreadable] = []
        self._groups: list[tuple[Path, int, str]] = []  # (file, row group, image column)
        self._starts: list[int] = []  # the number of each group's first row
        self._kept: OrderedDict[int, pa.Array] = OrderedDict()
        self._lock = threading.Lock()
        labels: list[Any] = []
        for path in paths:
            labels += self._index(path, use_labels)
        if not self.names:
            told = "; ".join(f"{one.name}: {one.reason}" for one in self.unreadable[:3])
            raise DataError(f"{paths[0]} holds no images{': ' + told if told else ''}")
        if labels and len(labels) != len(self.names):
            raise DataError(
                f"{len(labels)} of {len(self.names)} rows are in files with a column of labels;"
                " give files of one kind, or leave the labels out with --no-labels"
            )
        if labels:
            self.labels, self.classes = number_labels(labels, paths[0].name, self.classes)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> bytes:
        at = bisect_right(self._starts, index) - 1
        column = self._column(at)
        return image_bytes(column[index - self._starts[at]].as_py(), self._groups[at][0].parent)

    def _column(self, at: int) -> pa.Array:
        with self._lock:
            if at in self._kept:
                self._kept.move_to_end(at)
                return self._kept[at]
            path, group, name = self._groups[at]
            with _pyarrow_parquet().ParquetFile(path) as file:
                column = file.read_row_group(group, columns=[name]).column(name)
            self._kept[at] = column
            while len(self._kept) > _GROUPS_KEPT:
                self._kept.popitem(last=False)
            return column

    def _index(self, path: Path, use_labels: bool) -> list[Any]:
        """Add the rows of `path` to the index, and return their labels as stored."""
        try:
            file = _pyarrow_parquet().ParquetFile(path)
        except (OSError, ValueError) as error:
            self.unreadable.append(Unreadable(path.name, f"not a parquet file: {error}"))
            return []
        with file:
            schema = file.schema_arrow
            column = image_column(schema, path.name, self._chosen.image)
            label = label_column(schema, self._chosen.label) if use_labels else None
            first = 0
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                self._groups.append((path, group, column))
                self._starts.append(len(self.names))
                self.names += [f"{path.name}#{first + row}" for row in range(rows)]
                first += rows
            if label is None:
                return []
            self.classes = self.classes or schema_classes(schema, label)
            values: list[Any] = file.read(columns=[label]).column(label).to_pylist()
            return values


def open_parquet(
    path: Path, *, use_labels: bool = True, columns: Columns = DETECTED
) -> ParquetSource:
    """Open a parquet file, or the parquet files of a folder.

    Raises DataError if it contains no image or a label is invalid, MissingError if pyarrow is not
    installed.
    """
    paths = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    return ParquetSource(paths, use_labels=use_labels, columns=columns)


def _pyarrow_parquet() -> Any:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingError(needs_extra("a parquet file", "pyarrow", "lejepa")) from None
    return pq
