"""Files of features of other programs are read, and those that hold none are said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray

from shiomi.lejepa.data.source import UNLABELLED
from shiomi.lejepa.errors import DataError
from shiomi.lejepa.features_file import Features, read_features, write_features

VECTORS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def test_hostile_names_and_missing_labels_come_back(tmp_path: Path) -> None:
    names = ['a,"b"\n.jpg', "caf\udce9.jpg", "\U0001f4f7"]
    features = Features(torch.tensor(VECTORS), names, torch.tensor([1, UNLABELLED, 0]), ("x", "y"))
    for ending in (".npy", ".parquet"):
        path = tmp_path / f"features{ending}"
        write_features(path, features)
        found = read_features(path)
        assert list(found.names) == ['a,"b"\n.jpg', "caf\ufffd.jpg", "\U0001f4f7"]
        assert found.labels is not None
        assert found.labels.tolist() == [1, UNLABELLED, 0]
        assert found.classes == ("x", "y")


def test_an_array_of_another_program_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array(VECTORS, dtype=np.float64))
    found = read_features(tmp_path / "x.npy")
    assert found.x.tolist() == VECTORS
    assert found.labels is None
    assert list(found.names) == ["0", "1", "2"]


def test_a_table_of_another_program_is_read(tmp_path: Path) -> None:
    columns = {"target": [3, 3, 9], "text": ["a", "b", "c"], "vector": VECTORS}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet", row_group_size=2)
    found = read_features(tmp_path / "x.parquet")
    assert found.x.tolist() == VECTORS
    assert found.labels is not None
    assert found.labels.tolist() == [3, 3, 9]
    assert found.classes is None


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3), "not .rows, columns."),
        (np.zeros((2, 3), dtype=np.int64), "floating"),
        (np.array([{"a": 1}]), "not an array of features"),
    ],
)
def test_arrays_without_features_are_said(tmp_path: Path, array: NDArray[Any], words: str) -> None:
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=words):
        read_features(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"label": [1, 2]}, "no column of lists of floating numbers"),
        ({"x": [[1.0], [2.0, 3.0, 4.0]]}, "several lengths"),
        ({"x": [[1.0], [2.0, 3.0]]}, "several lengths"),
        ({"x": [[1.0], None]}, "gaps"),
        ({"x": [[1.0], [2.0]], "label": ["a", "b"]}, "whole numbers"),
        ({"x": []}, "no rows"),
    ],
)
def test_tables_without_features_are_said(
    tmp_path: Path, columns: dict[str, object], words: str
) -> None:
    types = pa.schema([("x", pa.list_(pa.float32()))]) if columns == {"x": []} else None
    pq.write_table(pa.table(columns, types), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=words):
        read_features(tmp_path / "x.parquet")


@pytest.mark.parametrize("name", ["x.npy", "x.parquet"])
def test_truncated_and_empty_files_are_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_features(path, Features(torch.tensor(VECTORS), ["a", "b", "c"], None, None))
    whole = path.read_bytes()
    for part in (b"", whole[:10], whole[: len(whole) - 9]):
        path.write_bytes(part)
        with pytest.raises(DataError, match=name):
            read_features(path)


def test_names_that_do_not_fit_the_array_are_said(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 2)))
    for text in ("name,label\na,1\n", "name,label\na,one\nb,2\n", "id\n1\n2\n"):
        (tmp_path / "x.csv").write_text(text)
        with pytest.raises(DataError, match=r"x\.csv"):
            read_features(tmp_path / "x.npy")
