"""Read a Hugging Face data set that `Dataset.save_to_disk` wrote. Only pyarrow is needed for it.

The folder holds `state.json`, which lists the Arrow files, and `dataset_info.json`, which names the
classes. A `DatasetDict` is a folder of such folders; `dataset_dict.json` lists their names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shiomi.lejepa.data.rows import (
    DETECTED,
    Columns,
    RowSource,
    image_bytes,
    image_column,
    label_column,
    number_labels,
)
from shiomi.lejepa.data.source import Unreadable, no_images
from shiomi.lejepa.errors import DataError, imported

__all__ = ["HfDiskSource", "open_hf_disk"]


class HfDiskSource(RowSource):
    """The rows of a data set on disk. Its Arrow files are mapped into memory, not read at once."""

    def __init__(
        self, folder: Path, *, use_labels: bool = True, columns: Columns = DETECTED
    ) -> None:
        self._folder = folder
        super().__init__()
        self._columns: list[Any] = []
        values: list[Any] = []
        label = None
        for path in _data_files(folder):
            table = self._table(path)
            if table is None:
                continue
            label = label_column(table.schema, columns.label) if use_labels else None
            self._columns.append(table.column(image_column(table.schema, path.name, columns.image)))
            self._starts.append(len(self.names))
            self.names += [f"{path.name}#{row}" for row in range(table.num_rows)]
            if label is not None:
                values += table.column(label).to_pylist()
        if not self.names:
            raise no_images(folder, self.unreadable)
        if values:
            self.labels, self.classes = number_labels(values, folder.name, _classes(folder, label))

    def read(self, index: int) -> bytes:
        table, row = self._place(index)
        return image_bytes(self._columns[table][row].as_py(), self._folder)

    def _table(self, path: Path) -> Any:
        pa = imported("pyarrow", "an Arrow file")
        try:
            return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            self.unreadable.append(Unreadable(path.name, f"not an Arrow stream: {error}"))
            return None


def open_hf_disk(
    folder: Path, *, use_labels: bool = True, columns: Columns = DETECTED
) -> HfDiskSource:
    """Open what `save_to_disk` wrote. If it has several splits, open `train`.

    Raises DataError if the data set is damaged, or has splits but no `train`, or has no images.
    """
    if (folder / "dataset_dict.json").is_file():
        splits = _json(folder / "dataset_dict.json").get("splits", [])
        if "train" not in splits:
            raise DataError(
                f"{folder} has no split 'train' (it has {', '.join(map(str, splits)) or 'none'});"
                " give the folder of the split you mean"
            )
        folder = folder / "train"
    return HfDiskSource(folder, use_labels=use_labels, columns=columns)


def _data_files(folder: Path) -> list[Path]:
    state = _json(folder / "state.json")
    if state.get("_indices_files"):
        raise DataError(
            f"{folder} was saved with an index of chosen rows; save it again after"
            " `dataset = dataset.flatten_indices()`"
        )
    try:
        return [folder / file["filename"] for file in state["_data_files"]]
    except (KeyError, TypeError):
        raise DataError(f"{folder / 'state.json'} lists no data files") from None


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise DataError(f"{path} is not a JSON object")
    return value


def _classes(folder: Path, label: str | None) -> tuple[str, ...] | None:
    try:
        features = json.loads((folder / "dataset_info.json").read_bytes())["features"]
        return tuple(str(name) for name in features[label]["names"])
    except (OSError, KeyError, TypeError, ValueError):
        return None
