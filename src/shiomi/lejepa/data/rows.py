"""Read rows of a table as images: find the columns with image bytes and labels, and read them.

This is used for parquet files and for Hugging Face data sets on disk. An image is bytes, or a
struct of `bytes` and `path` as the `datasets` library writes it. A label is a whole number or a
name.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shiomi.lejepa.data.source import UNLABELLED, Unreadable
from shiomi.lejepa.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "DETECTED",
    "Columns",
    "RowSource",
    "image_bytes",
    "image_column",
    "label_column",
    "number_labels",
    "schema_classes",
]

_IMAGE_NAMES = ("image", "img", "jpg", "png", "bytes", "image_bytes")
LARGEST_FILE = 1 << 28  # bytes; the largest encoded image that a row may refer to by its path
_LABEL_NAMES = ("label", "labels", "class", "target", "fine_label", "cls")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table to read. A column that is None is found by type and name."""

    image: str | None = None
    label: str | None = None


DETECTED = Columns()


class RowSource:
    """The rows of several tables, one after the other. A subclass reads their cells."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.labels: list[int] | None = None
        self.classes: tuple[str, ...] | None = None
        self.unreadable: list[Unreadable] = []
        self._starts: list[int] = []  # the number of each table's first row

    def __len__(self) -> int:
        return len(self.names)

    def _place(self, index: int) -> tuple[int, int]:
        """Return the number of the table of a row, and the number of the row in this table."""
        at = bisect_right(self._starts, index) - 1
        return at, index - self._starts[at]


def image_column(schema: pa.Schema, where: str, wanted: str | None = None) -> str:
    """Return the name of the column with images: `wanted`, if given.

    Raises DataError if no column has image bytes, if several columns have image bytes but none of
    them has a usual name, or if the column `wanted` has no image bytes.
    """
    import pyarrow as pa

    def holds(kind: pa.DataType) -> bool:
        if pa.types.is_struct(kind):
            return any(f.name == "bytes" and holds(f.type) for f in kind)
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    found: list[str] = [field.name for field in schema if holds(field.type)]
    if wanted is not None:
        if wanted not in found:
            raise DataError(
                f"{where} has no column {wanted!r} of bytes; there are {', '.join(found) or 'none'}"
            )
        return wanted
    if len(found) == 1:
        return found[0]
    for name in _IMAGE_NAMES:
        if name in found:
            return name
    if not found:
        raise DataError(
            f"{where} has no column of bytes (its columns: {', '.join(schema.names) or 'none'});"
            " images are read from a binary column, or from a struct of bytes and path"
        )
    raise DataError(
        f"{where} has several columns of bytes ({', '.join(found)}); name the column"
        " of images with --image-column"
    )


def label_column(schema: pa.Schema, wanted: str | None = None) -> str | None:
    """Return the name of the column with labels: `wanted`, if given. Return None if there is none.

    Raises DataError if the column `wanted` is missing.
    """
    if wanted is not None and wanted not in schema.names:
        raise DataError(
            f"there is no column {wanted!r} of labels; there are {', '.join(schema.names)}"
        )
    if wanted is not None:
        return wanted
    return next((name for name in _LABEL_NAMES if name in schema.names), None)


def schema_classes(schema: pa.Schema, label: str | None) -> tuple[str, ...] | None:
    """Return the names of the classes from the schema's metadata, or None.

    Two forms are read: the ClassLabel features of `datasets` (key `huggingface`), and a key
    `classes` with the names joined by commas.
    """
    metadata: dict[bytes, bytes] = schema.metadata or {}
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return tuple(str(name) for name in features[label]["names"])
    except (KeyError, TypeError, ValueError):
        pass
    names = metadata.get(b"classes", b"").decode("utf-8", "replace")
    return tuple(names.split(",")) if names else None


def number_labels(
    values: Sequence[Any], where: str, classes: tuple[str, ...] | None
) -> tuple[list[int], tuple[str, ...] | None]:
    """Convert labels, which are whole numbers or names, to numbers.

    Returns the numbers and the names of the classes.

    Names are numbered in sorted order. None and negative numbers become UNLABELLED.

    Raises DataError if a label is neither a whole number nor a name, or if some labels are names
    and others are numbers.
    """
    given = [value for value in values if value is not None]
    if given and all(isinstance(value, str) for value in given):
        names = sorted(set(given))
        number = {name: label for label, name in enumerate(names)}
        return [UNLABELLED if v is None else number[v] for v in values], tuple(names)
    labels = []
    for row, value in enumerate(values):
        if value is None:
            labels.append(UNLABELLED)
        elif isinstance(value, int) and not isinstance(value, bool):
            labels.append(max(value, UNLABELLED))
        else:
            raise DataError(
                f"{where}, row {row}: the label {value!r} is neither an integer nor a class name;"
                " leave the labels out with --no-labels, or fix the column"
            )
    if classes is not None and max(labels, default=0) >= len(classes):
        classes = None  # there are fewer names than classes, so the names are ignored
    return labels, classes


def image_bytes(value: Any, folder: Path) -> bytes:
    """Return the bytes of one cell. A path in a cell is relative to `folder`.

    Raises ValueError if the cell has no image, if its path leads out of `folder`, or if the path is
    not a regular file of at most LARGEST_FILE bytes. A downloaded data set must not be able to read
    /etc/passwd or /dev/zero.
    """
    if isinstance(value, dict):
        held = value.get("bytes")
        if held is None and value.get("path"):
            return _file_inside(folder, str(value["path"]))
        value = held
    if not isinstance(value, bytes):
        raise ValueError("no image in this row")
    return value


def _file_inside(folder: Path, name: str) -> bytes:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"the path {name!r} is outside {folder}")
    if not path.is_file():
        raise ValueError(f"the path {name!r} is not a file")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"the file {name!r} is larger than {LARGEST_FILE:,} bytes")
    return path.read_bytes()
