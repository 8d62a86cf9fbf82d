"""Decoded images: the same from a cache and without one, with stand-ins for damaged ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from shiomi.lejepa.data import Images, Source, load_images, open_source
from shiomi.lejepa.data.cache import CachedImages, cache_folder
from shiomi.lejepa.data.images import DecodedImages, typical_side
from shiomi.lejepa.errors import DataError, RunError
from tests.lejepa.full_disk import no_more_than
from tests.lejepa.image_folders import image_folder, picture


@pytest.fixture
def damaged(tmp_path: Path) -> Source:
    """Eighteen pictures and four files that are none."""
    folder = image_folder(tmp_path / "images", per_class=6)
    (folder / "blue" / "a.txt").write_text("not a picture")
    (folder / "green" / "a.jpg").write_bytes(picture(1, 1)[:200])
    (folder / "green" / "b.jpg").write_bytes(b"")
    (folder / "red" / "z.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    return open_source(folder)


def cached(source: Source, folder: Path) -> Images:
    return load_images(source, 16, cache=folder)


def test_damaged_files_keep_their_numbers_and_are_listed(damaged: Source, tmp_path: Path) -> None:
    images = cached(damaged, tmp_path / "cache")
    assert len(images) == 22
    assert sorted(one.name for one in images.skipped) == [
        "blue/a.txt",
        "green/a.jpg",
        "green/b.jpg",
        "red/z.jpg",
    ]
    assert {one.reason for one in images.skipped} >= {"not an image", "empty file"}
    assert images.labels is not None
    assert images.labels.tolist() == [0] * 6 + [1] * 7 + [2] * 8 + [0]
    assert images.classes == ("blue", "green", "red")


def test_without_a_cache_the_pixels_are_the_same(damaged: Source, tmp_path: Path) -> None:
    kept = cached(damaged, tmp_path / "cache")
    fresh = load_images(damaged, 16, cache=tmp_path / "none", limit_gib=0.0)
    assert isinstance(kept, CachedImages)
    assert isinstance(fresh, DecodedImages)
    assert len(kept) == len(fresh)
    one, other = kept.batch(range(22)), fresh.batch(range(22))
    assert torch.equal(one.pixels, other.pixels)
    assert kept.names == fresh.names
    assert kept.labels is not None
    assert fresh.labels is not None
    assert torch.equal(kept.labels, fresh.labels)
    assert torch.equal(one.ratio, other.ratio)
    assert not (tmp_path / "none").exists()


def test_without_a_cache_the_next_image_stands_in_for_a_damaged_one(damaged: Source) -> None:
    images = load_images(damaged, 16)
    at = images.names.index("green/a.jpg")
    stand_in = images.names.index("green/b.jpg") + 1
    batch = images.batch([at, stand_in])
    assert torch.equal(batch.pixels[0], batch.pixels[1])
    assert {one.name for one in images.skipped} == {"green/a.jpg", "green/b.jpg"}


def test_a_cache_is_made_once(damaged: Source, tmp_path: Path) -> None:
    seen: list[int] = []
    for _ in range(2):
        load_images(
            damaged, 16, cache=tmp_path, progress=lambda done, total, what: seen.append(done)
        )
    assert seen == [len(damaged)]


@pytest.mark.parametrize("lines", [0, 5, 21])
@pytest.mark.parametrize("pixels", [0, 100, 3 * 16 * 16 * 4 + 7, 10**6])
def test_a_build_that_was_cut_off_anywhere_goes_on(
    damaged: Source, tmp_path: Path, lines: int, pixels: int
) -> None:
    whole = cached(damaged, tmp_path / "whole")
    expected = whole.batch(range(22))
    cut = cache_folder(tmp_path / "cut", damaged, 16)
    shutil.copytree(cache_folder(tmp_path / "whole", damaged, 16), cut)
    index = (cut / "index.jsonl").read_text().splitlines(keepends=True)
    (cut / "index.jsonl").write_text("".join(index[:lines]) + index[lines][:3])
    with (cut / "pixels.u8").open("r+b") as file:
        file.truncate(min(pixels, 18 * 768))
    images = cached(damaged, tmp_path / "cut")
    assert images.names == whole.names
    assert torch.equal(images.batch(range(22)).pixels, expected.pixels)


def test_a_full_disk_says_so(damaged: Source, tmp_path: Path) -> None:
    with (
        no_more_than(4000),
        pytest.raises(RunError, match=r"File too large; the decoded images need .* --cache"),
    ):
        cached(damaged, tmp_path / "cache")


def test_where_nothing_is_an_image_that_is_told(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text("text")
    source = open_source(tmp_path)
    with pytest.raises(DataError, match="none of 2 files is a readable image"):
        cached(source, tmp_path / "cache")
    with pytest.raises(DataError, match="none of 2 files is a readable image"):
        load_images(source, 16).batch([0])
    with pytest.raises(DataError, match=r"no readable image among 2 files \(b.txt: not an image"):
        typical_side(source)


def test_the_typical_side_is_the_median_of_the_shorter_ones(damaged: Source) -> None:
    assert typical_side(damaged) == 24
