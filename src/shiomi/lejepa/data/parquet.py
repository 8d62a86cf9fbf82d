"""Parquet files with a column of image bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shiomi.lejepa.data.rows import (
    DETECTED,
    Columns,
    RowSource,
    image_bytes,
    image_column,
    label_column,
    number_labels,
    schema_classes,
)
from shiomi.lejepa.data.source import Unreadable, no_images
from shiomi.lejepa.errors import DataError, imported

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ParquetSource", "open_parquet"]

_GROUPS_KEPT = 4  # row groups held in memory; reading rows in order needs only one


class ParquetSource(RowSource):
    """The rows of one or more parquet files, in order of the files' names."""

    def __init__(
        self, paths: list[Path], *, use_labels: bool = True, columns: Columns = DETECTED
    ) -> None:
        self._chosen = columns
        super().__init__()
        self._groups: list[tuple[Path, int, str]] = []  # (file, row group, image column)
        self._kept: OrderedDict[int, pa.Array] = OrderedDict()
        self._lock = threading.Lock()
        labels: list[Any] = []
        for path in paths:
            labels += self._index(path, use_labels)
        if not self.names:
            raise no_images(paths[0], self.unreadable)
        if labels and len(labels) != len(self.names):
            raise DataError(
                f"{len(labels)} of {len(self.names)} rows are in files with a column of labels;"
                " give files of one kind, or leave the labels out with --no-labels"
            )
        if labels:
            self.labels, self.classes = number_labels(labels, paths[0].name, self.classes)

    def read(self, index: int) -> bytes:
        group, row = self._place(index)
        return image_bytes(self._column(group)[row].as_py(), self._groups[group][0].parent)

    def _column(self, at: int) -> pa.Array:
        with self._lock:
            if at in self._kept:
                self._kept.move_to_end(at)
                return self._kept[at]
            path, group, name = self._groups[at]
            with imported("pyarrow.parquet", "a parquet file").ParquetFile(path) as file:
                column = file.read_row_group(group, columns=[name]).column(name)
            self._kept[at] = column
            while len(self._kept) > _GROUPS_KEPT:
                self._kept.popitem(last=False)
            return column

    def _index(self, path: Path, use_labels: bool) -> list[Any]:
        """Add the rows of `path` to the index, and return their labels as stored."""
        try:
            file = imported("pyarrow.parquet", "a parquet file").ParquetFile(path)
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
