"""Four kinds of data behind one address, each with what goes wrong in it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shiomi.lejepa.data import UNLABELLED, Source, open_source
from shiomi.lejepa.data.images import DecodedImages, typical_side
from shiomi.lejepa.data.rows import Columns
from shiomi.lejepa.data.source import fingerprint
from shiomi.lejepa.errors import DataError
from tests.lejepa.image_folders import CLASSES, image_folder, picture

N = 6
PICTURES = [picture(i % 3, i) for i in range(N)]
LABELS = [i % 3 for i in range(N)]


def folder(at: Path) -> Path:
    return image_folder(at / "images", per_class=2)


def parquet(at: Path, **columns: Any) -> Path:
    path = at / "images.parquet"
    table = pa.table({"image": PICTURES, "label": LABELS, **columns})
    names = {b"classes": ",".join(CLASSES).encode()}
    pq.write_table(table.replace_schema_metadata(names), path, row_group_size=2)
    return path


def hf_disk(at: Path) -> Path:
    """As `datasets.Dataset.save_to_disk` of datasets 3 lays it out."""
    out = at / "dataset"
    out.mkdir()
    rows = [{"bytes": one, "path": None} for one in PICTURES]
    for part in range(2):
        table = pa.table({"image": rows[part::2], "label": LABELS[part::2]})
        with pa.ipc.new_stream(out / f"data-0000{part}-of-00002.arrow", table.schema) as stream:
            stream.write_table(table)
    files = [{"filename": f"data-0000{part}-of-00002.arrow"} for part in range(2)]
    (out / "state.json").write_text(json.dumps({"_data_files": files, "_indices_files": None}))
    label = {"names": list(CLASSES), "_type": "ClassLabel"}
    (out / "dataset_info.json").write_text(json.dumps({"features": {"label": label}}))
    return out


def webdataset(at: Path) -> Path:
    out = at / "shards"
    out.mkdir()
    for part in range(2):
        with tarfile.open(out / f"train-{part}.tar", "w") as tar:
            for i in range(part, N, 2):
                add(tar, f"sample{i:03}.jpg", PICTURES[i])
                add(tar, f"sample{i:03}.cls", str(LABELS[i]).encode())
    return out


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("make", [folder, parquet, hf_disk, webdataset])
def test_every_kind_gives_images_with_their_labels(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    source = open_source(make(tmp_path))
    assert len(source) == len(source.names) == len(set(source.names)) == N
    assert source.labels is not None
    if make is folder:
        expected = {picture(c, i): c for c in range(3) for i in range(2)}
    else:
        expected = dict(zip(PICTURES, LABELS, strict=True))
    assert {source.read(i): source.labels[i] for i in range(N)} == expected
    assert source.classes == (None if make is webdataset else CLASSES)


@pytest.mark.parametrize("make", [folder, parquet, hf_disk, webdataset])
def test_labels_may_be_left_out_or_be_given(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path)
    assert open_source(path, use_labels=False).labels is None
    given = tmp_path / "labels.txt"
    given.write_text("5\n4\n3\n2\n1\n-1\n\n")
    source = open_source(path, given)
    assert list(source.labels or []) == [5, 4, 3, 2, 1, UNLABELLED]
    assert source.read(0) == open_source(path).read(0)
    assert fingerprint(source) != fingerprint(open_source(path))
    assert fingerprint(open_source(path)) == fingerprint(open_source(path))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1\n2\n", "2 labels for 6 images"),
        ("1\n" * 7, "7 labels for 6 images"),
        ("1\n2\ncat\n4\n5\n6\n", "line 3: 'cat' is not an integer"),
        ("1\n2\n3.5\n4\n5\n6\n", "line 3: '3.5'"),
        ("\udcff", "cannot be read"),
    ],
)
def test_wrong_labels_are_told(text: str, told: str, tmp_path: Path) -> None:
    given = tmp_path / "labels.txt"
    given.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=told):
        open_source(folder(tmp_path), given)


def test_wrong_labels_in_a_table_are_told_and_may_be_left_out(tmp_path: Path) -> None:
    path = parquet(tmp_path, label=[0.5] * N)
    with pytest.raises(DataError, match=r"row 0: the label 0\.5 .* --no-labels"):
        open_source(path)
    assert len(open_source(path, use_labels=False)) == N


def test_names_as_labels_are_numbered_and_a_missing_one_is_unlabelled(tmp_path: Path) -> None:
    source = open_source(parquet(tmp_path, label=["b", "a", None, "c", "a", "b"]))
    assert list(source.labels or []) == [1, 0, UNLABELLED, 2, 0, 1]
    assert source.classes == ("a", "b", "c")


def test_a_wrong_class_in_a_shard_is_told(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add(tar, "x.jpg", PICTURES[0])
        add(tar, "x.cls", b"cat")
    with pytest.raises(DataError, match="'cat' is not an integer"):
        open_source(tmp_path / "a.tar")
    assert len(open_source(tmp_path / "a.tar", use_labels=False)) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [("absent", "does not exist"), ("file.xyz", "of an unknown kind"), ("empty", "holds no files")],
)
def test_what_is_not_there_or_unknown_is_told(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "file.xyz").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".hidden").write_text("x")
    with pytest.raises(DataError, match=told):
        open_source(tmp_path / name)


def test_a_table_without_bytes_names_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": ["a"], "label": [1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"no column of bytes .*path, label"):
        open_source(tmp_path / "a.parquet")


def test_a_broken_file_beside_whole_ones_is_listed(tmp_path: Path) -> None:
    parquet(tmp_path)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    source = open_source(tmp_path)
    assert len(source) == N
    assert [one.name for one in source.unreadable] == ["broken.parquet"]


@pytest.mark.parametrize("name", ["a.parquet", "a.tar", "a.tar.gz"])
def test_a_broken_file_alone_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind" * 50)
    with pytest.raises(DataError, match=r"holds no images: a.*not a"):
        open_source(tmp_path / name)


def test_of_a_truncated_shard_what_is_whole_is_used(tmp_path: Path) -> None:
    shard = webdataset(tmp_path) / "train-0.tar"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 3])
    source = open_source(shard)
    assert 0 < len(source) < N
    assert source.read(0) in PICTURES
    with pytest.raises(ValueError, match="shard ends"):
        source.read(len(source) - 1)


def test_a_data_set_on_disk_with_several_splits_gives_train(tmp_path: Path) -> None:
    hf_disk(tmp_path).rename(tmp_path / "train")
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train"]}')
    assert len(open_source(tmp_path)) == N
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["test"]}')
    with pytest.raises(DataError, match=r"no split 'train' \(it has test\)"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "not a JSON object"),
        ("{}", "lists no data files"),
        ('{"_indices_files": [{"filename": "x"}]}', "flatten_indices"),
        ('{"_data_files": [{"filename": "gone.arrow"}]}', "gone.arrow: not an Arrow stream"),
    ],
)
def test_a_damaged_data_set_on_disk_is_told(state: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(state)
    with pytest.raises(DataError, match=told):
        open_source(tmp_path)


def test_a_file_of_half_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(PICTURES[0])
    with (tmp_path / "b.mkv").open("wb") as file:
        file.truncate(2**30)
    source: Source = open_source(tmp_path)
    with pytest.raises(ValueError, match="1073741824 bytes"):
        source.read(1)


@pytest.mark.parametrize(
    ("name", "count", "side"),
    [("cifar10_jpeg_test", 10_000, 32), ("imagenette128_val", 3_925, 128)],
)
def test_real_image_sets_are_read(shared_data: Path, name: str, count: int, side: int) -> None:
    source = open_source(shared_data / "lejepa" / f"{name}.parquet")
    assert len(source) == count
    assert source.classes is not None
    assert len(source.classes) == 10
    assert set(source.labels or []) == set(range(10))
    assert typical_side(source) == side
    batch = DecodedImages(source, 32).batch([0, count // 2, count - 1])
    assert batch.pixels.float().std((1, 2, 3)).min() > 5


def test_the_dots_of_a_member_s_name_do_not_make_one_image_of_several(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, data in [
            *((f"img.{i}.jpg", PICTURES[i]) for i in range(3)),
            ("img.cls", b"7"),
            ("img.1.cls", b"2"),
        ]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    source = open_source(path)
    assert list(source.names) == ["a.tar/img.0", "a.tar/img.1", "a.tar/img.2"]
    assert source.labels == [7, 2, 7]
    assert [source.read(i) for i in range(3)] == PICTURES[:3]


@pytest.mark.parametrize("make", [parquet, hf_disk])
def test_columns_are_chosen_by_name(make: Callable[..., Path], tmp_path: Path) -> None:
    path = make(tmp_path)
    assert open_source(path, columns=Columns("image", "label")).labels is not None
    with pytest.raises(DataError, match="has no column 'photo' of bytes; there are image"):
        open_source(path, columns=Columns("photo"))
    with pytest.raises(DataError, match="no column 'kind' of labels; there are image, label"):
        open_source(path, columns=Columns(label="kind"))


def test_of_two_columns_of_bytes_one_is_named(tmp_path: Path) -> None:
    path = parquet(tmp_path, thumbnail=PICTURES[::-1], kind=[5] * N)
    source = open_source(path, columns=Columns("thumbnail", "kind"))
    assert source.read(0) == PICTURES[-1]
    assert source.labels == [5] * N
