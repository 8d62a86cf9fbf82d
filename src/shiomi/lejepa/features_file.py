"""Features with names and labels on disk: parquet, or .npy with a .csv next to it.

    x.parquet    columns `name`, `label` (null: none), `class`, `embedding` (a list of D floats)
    x.npy        the features alone, (N, D) float32
    x.csv        beside x.npy: `name`, `label`, `class`, one line per row

A parquet or .npy file from another program can also be read if it has these columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shiomi.lejepa.atomic import atomic_file
from shiomi.lejepa.data.source import UNLABELLED
from shiomi.lejepa.errors import DataError, InputError, imported

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FORMATS", "Features", "read_features", "write_features"]

FORMATS = (".parquet", ".npy")
_ROWS = 16384  # rows written at once; one row group of parquet
_LABELS = ("label", "labels", "class_id", "target")


@dataclass(frozen=True, slots=True)
class Features:
    """N rows of D features, with the name, label and class of each row."""

    x: Tensor  # (N, D) float32
    names: Sequence[str]
    labels: Tensor | None  # (N,) int64, UNLABELLED for a row without a label; None: no labels
    classes: tuple[str, ...] | None  # the names of the classes 0, 1, …

    def __len__(self) -> int:
        return len(self.names)


def write_features(path: Path, features: Features) -> None:
    """Write `features` in the format that the ending of `path` names, completely or not at all.

    Raises
    ------
    InputError
        The ending is neither .parquet nor .npy.
    RunError
        The file cannot be written.
    MissingError
        It is parquet, and pyarrow is not installed.
    """
    if path.suffix == ".parquet":
        _write_parquet(path, features)
    elif path.suffix == ".npy":
        _write_npy(path, features)
    else:
        raise InputError(f"{path}: the name must end with {' or '.join(FORMATS)}")


def read_features(path: Path) -> Features:
    """Read a file that `write_features` or another program wrote.

    Raises
    ------
    DataError
        The file does not exist, is damaged, or contains no features.
    MissingError
        It is parquet, and pyarrow is not installed.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist; `shiomi lejepa embed` writes features")
    if path.suffix == ".npy":
        return _read_npy(path)
    if path.suffix == ".parquet":
        return _read_parquet(path)
    raise DataError(f"{path}: features are read from {' or '.join(FORMATS)}")


def _write_npy(path: Path, features: Features) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "label", "class"))
    for row in _rows(features):
        writer.writerow(["" if cell is None else cell for cell in row])
    # Names are written first: without them, features would be read as rows without labels.
    with atomic_file(path.with_suffix(".csv")) as file:
        file.write(text.getvalue().encode())
    with atomic_file(path) as file:
        array = features.x.numpy()
        header = {"descr": "<f4", "fortran_order": False, "shape": array.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(array), _ROWS):
            file.write(np.ascontiguousarray(array[start : start + _ROWS], dtype="<f4").tobytes())


def _read_npy(path: Path) -> Features:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is not an array of features: {error}") from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind != "f":
        shape = getattr(array, "shape", None)
        raise DataError(f"{path} holds {shape}, not (rows, columns) of floating numbers")
    beside = path.with_suffix(".csv")
    names: list[str] = [str(row) for row in range(len(array))]
    labels, classes = None, None
    if beside.exists():
        try:
            with beside.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            names = [row["name"] for row in rows]
            given = [int(row["label"]) if row.get("label") else None for row in rows]
        except (KeyError, ValueError, OSError) as error:
            raise DataError(f"{beside} does not give name and label of each row: {error}") from None
        if len(rows) != len(array):
            raise DataError(f"{beside} has {len(rows)} rows and {path} {len(array)}")
        labels, classes = _labels(given, [row.get("class") or None for row in rows])
    return Features(_tensor(array), names, labels, classes)


def _write_parquet(path: Path, features: Features) -> None:
    pa, pq = _pyarrow()
    width = features.x.shape[1]
    schema = pa.schema(
        [
            ("name", pa.string()),
            ("label", pa.int64()),
            ("class", pa.string()),
            ("embedding", pa.list_(pa.float32(), width)),
        ]
    )
    rows = _rows(features)
    with atomic_file(path) as file, pq.ParquetWriter(file, schema) as writer:
        for block in features.x.split(_ROWS):
            names, labels, classes = zip(*(next(rows) for _ in range(len(block))), strict=True)
            values = pa.array(block.contiguous().numpy().reshape(-1))
            columns = [names, labels, classes]
            arrays = [pa.array(c, schema.types[i]) for i, c in enumerate(columns)]
            embedding = pa.FixedSizeListArray.from_arrays(values, width)
            writer.write_table(pa.Table.from_arrays([*arrays, embedding], schema=schema))


def _read_parquet(path: Path) -> Features:
    pa, pq = _pyarrow()
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            column = _embedding_column(schema, path)
            label = next((name for name in _LABELS if name in schema.names), None)
            wanted = [c for c in (label, "class", "name") if c in schema.names]
            table = file.read(columns=wanted)
            blocks = [
                _block(file.read_row_group(group, columns=[column]).column(column), path)
                for group in range(file.num_row_groups)
                if file.metadata.row_group(group).num_rows
            ]
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}") from None
    if not blocks:
        raise DataError(f"{path} holds no rows")
    if len({block.shape[1] for block in blocks}) > 1:
        raise DataError(f"{path}: the lists of column {column!r} have several lengths")
    rows = table.num_rows
    names = table.column("name").to_pylist() if "name" in wanted else list(map(str, range(rows)))
    given = table.column(label).to_pylist() if label else [None] * rows
    if any(value is not None and not isinstance(value, int) for value in given):
        raise DataError(f"{path}: column {label!r} does not hold whole numbers")
    named = table.column("class").to_pylist() if "class" in wanted else [None] * rows
    labels, classes = _labels(given, named)
    return Features(torch.cat(blocks), names, labels, classes)


def _embedding_column(schema: pa.Schema, path: Path) -> str:
    pa, _ = _pyarrow()
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    for field in schema:
        if any(test(field.type) for test in lists) and pa.types.is_floating(field.type.value_type):
            return str(field.name)
    raise DataError(
        f"{path} has no column of lists of floating numbers (its columns:"
        f" {', '.join(schema.names) or 'none'}); `shiomi lejepa embed` writes one"
    )


def _block(column: pa.ChunkedArray, path: Path) -> Tensor:
    import pyarrow.compute as pc

    lengths = pc.list_value_length(column).unique()
    if len(lengths) > 1 or not lengths[0].as_py():
        raise DataError(f"{path}: the lists of features have gaps or several lengths")
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return _tensor(flat.reshape(len(column), -1))


def _tensor(array: NDArray[Any]) -> Tensor:
    """Return a float32 tensor that owns its memory."""
    return torch.from_numpy(np.array(array, dtype=np.float32))


def _rows(features: Features) -> Iterator[tuple[str, int | None, str | None]]:
    """Yield name, label and class of each row. Invalid UTF-8 bytes in names are replaced."""
    classes = features.classes
    labels = [UNLABELLED] * len(features) if features.labels is None else features.labels.tolist()
    for name, label in zip(features.names, labels, strict=True):
        text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        known = classes is not None and 0 <= label < len(classes)
        named = classes[label] if known and classes is not None else None
        yield text, None if label == UNLABELLED else label, named


def _labels(
    given: Sequence[int | None], named: Sequence[str | None]
) -> tuple[Tensor | None, tuple[str, ...] | None]:
    if all(value is None for value in given):
        return None, None
    labels = torch.tensor([UNLABELLED if value is None else value for value in given])
    names = {label: name for label, name in zip(given, named, strict=True) if label is not None}
    if not names or None in names.values() or min(names) < 0 or max(names) > 100_000:
        return labels, None
    return labels, tuple(names.get(i) or str(i) for i in range(max(names) + 1))


def _pyarrow() -> tuple[Any, Any]:
    return imported("pyarrow", "a parquet file"), imported("pyarrow.parquet", "a parquet file")
