"""Features of a source: in its order, without damaged images, and going on where it stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor, nn

from shiomi.lejepa.data import open_source
from shiomi.lejepa.embed import Embedder, embed_images, embed_to_file
from shiomi.lejepa.encoders import build_encoder
from shiomi.lejepa.errors import DataError, InputError, NonFiniteError, RunError
from shiomi.lejepa.features_file import read_features
from tests.lejepa.image_folders import image_folder


class MeanColour(nn.Module):
    """Features a test can foresee; counts the images it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = 0

    def forward(self, images: Tensor) -> Tensor:
        self.shown += len(images)
        return images.mean((2, 3))


def mean_colour() -> Embedder:
    return Embedder(MeanColour().eval(), 16, 24, torch.device("cpu"))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = image_folder(tmp_path / "images")
    (folder / "green" / "0.jpg").write_bytes(b"not an image")
    (folder / "red" / "3.jpg").write_bytes((folder / "red" / "3.jpg").read_bytes()[:100])
    return folder


@pytest.mark.parametrize("batch_size", [1, 5, 100])
def test_rows_are_those_of_the_readable_images_in_order(images: Path, batch_size: int) -> None:
    embedded = embed_images(mean_colour(), open_source(images), batch_size=batch_size)
    found = embedded.features
    assert [one.name for one in embedded.skipped] == ["green/0.jpg", "red/3.jpg"]
    assert len(found.names) == len(found.x) == 22
    assert found.names[7:10] == ["blue/7.jpg", "green/1.jpg", "green/2.jpg"]
    assert found.labels is not None
    assert found.labels.bincount().tolist() == [8, 7, 7]
    assert found.classes == ("blue", "green", "red")
    assert (found.x.argmax(1) == 2 - found.labels).all()


@pytest.mark.parametrize("ending", [".npy", ".parquet"])
def test_what_is_written_is_read_again(images: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / "new" / f"features{ending}"
    written = embed_to_file(mean_colour(), open_source(images), out, batch_size=4).features
    found = read_features(out)
    assert torch.equal(found.x, written.x)
    assert list(found.names) == list(written.names)
    assert found.labels is not None
    assert written.labels is not None
    assert torch.equal(found.labels, written.labels)
    assert found.classes == written.classes
    assert {file.suffix for file in out.parent.iterdir()} <= {ending, ".csv"}


def test_numpy_and_pyarrow_read_the_files_without_us(images: Path, tmp_path: Path) -> None:
    for name in ("x.npy", "x.parquet"):
        embed_to_file(mean_colour(), open_source(images), tmp_path / name)
    array = np.load(tmp_path / "x.npy")
    table = pq.read_table(tmp_path / "x.parquet").to_pydict()
    np.testing.assert_array_equal(array, np.array(table["embedding"], np.float32))
    assert table["class"][:9] == ["blue"] * 8 + ["green"]


def test_a_call_that_was_stopped_goes_on(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.npy"
    source = open_source(images)

    def stop(done: int, total: int | None, what: str) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_to_file(mean_colour(), source, out, batch_size=4, progress=stop)
    assert not out.exists()
    with (tmp_path / ".x.npy.rows").open("ab") as part:
        part.write(b"torn")  # half a row, as a full disk or a power cut leaves it
    second = mean_colour()
    embedded = embed_to_file(second, source, out, batch_size=4)
    assert isinstance(second.encoder, MeanColour)
    assert second.encoder.shown <= 11 + 2  # what was left, and two to ask for the width
    assert [one.name for one in embedded.skipped] == ["red/3.jpg", "green/0.jpg"]
    assert torch.equal(embedded.features.x, embed_images(mean_colour(), source).features.x)
    assert not (tmp_path / ".x.npy.rows").exists()


def test_another_encoder_or_source_begins_anew(images: Path, tmp_path: Path) -> None:
    source = open_source(images)
    one, other = (
        Embedder(build_encoder("small", 24).eval(), 24, 24, torch.device("cpu")) for _ in range(2)
    )
    assert one.key(source) == one.key(source) != other.key(source)
    assert one.key(source) != one.key(open_source(image_folder(tmp_path / "b", per_class=2)))
    (tmp_path / ".x.npy.rows").write_bytes(b"of another program")
    embed_to_file(one, source, tmp_path / "x.npy")
    assert len(read_features(tmp_path / "x.npy")) == 22


def test_what_cannot_be_embedded_is_said(images: Path, tmp_path: Path) -> None:
    source = open_source(images)
    with pytest.raises(InputError, match="batch size must be >= 1, got 0"):
        embed_images(mean_colour(), source, batch_size=0)
    with pytest.raises(InputError, match=r"\.parquet or \.npy"):
        embed_to_file(mean_colour(), source, tmp_path / "x.csv")
    with pytest.raises(RunError, match="cannot be written"):
        embed_to_file(mean_colour(), source, images / "red" / "0.jpg" / "x.npy")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"none of 1 images can be read .a\.jpg: empty file"):
        embed_images(mean_colour(), open_source(broken))


def test_an_encoder_that_gives_nan_is_said(images: Path) -> None:
    class Divided(MeanColour):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) / 0 * 0

    embed = Embedder(Divided().eval(), 16, 24, torch.device("cpu"))
    with pytest.raises(NonFiniteError, match="NaN"):
        embed_images(embed, open_source(images))
