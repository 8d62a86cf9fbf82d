"""Webdataset shards: tar files in which the members with the same key form one sample.

The key of a sample is a member's path up to the first dot in the file name. Members such as `.jpg`
and `.png` contain an image. A `.cls` member contains the class as digits
(github.com/webdataset/webdataset, "The WebDataset Format"). The name of an image is its path up to
the last dot, so that `cat.0.jpg` and `cat.1.jpg` are two images. The class of an image is read from
the `.cls` member with the image's name. If there is no such member, the class is read from the
`.cls` member with the image's key. Members are located by their headers and read in place, so they
can be read in any order.
"""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

from shiomi.lejepa.data.folder import LARGEST_FILE
from shiomi.lejepa.data.source import UNLABELLED, Unreadable, no_images
from shiomi.lejepa.errors import DataError

__all__ = ["WebDatasetSource", "open_webdataset"]

_IMAGES = ("jpg", "jpeg", "png", "webp", "ppm", "pgm", "pbm", "bmp", "tif", "tiff", "gif", "img")
_LONGEST_LABEL = 32  # bytes of a .cls member that are read


@dataclass(frozen=True, slots=True)
class _Member:
    path: Path
    offset: int
    size: int


class WebDatasetSource:
    """The samples of one or more shards, in order of the shards' names."""

    def __init__(self, paths: list[Path], *, use_labels: bool = True) -> None:
        self.names: list[str] = []
        self.classes: tuple[str, ...] | None = None
        self.unreadable: list[Unreadable] = []
        self._members: list[_Member] = []
        labels: list[int] = []
        for path in paths:
            images, classes = self._index(path, use_labels)
            for key, member in images.items():
                self.names.append(f"{path.name}/{key}")
                self._members.append(member)
                folder, name = os.path.split(key)
                sample = f"{folder}/{name.partition('.')[0]}" if folder else name.partition(".")[0]
                labels.append(classes.get(key, classes.get(sample, UNLABELLED)))
        if not self.names:
            raise no_images(paths[0], self.unreadable)
        self.labels = labels if any(label != UNLABELLED for label in labels) else None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> bytes:
        member = self._members[index]
        if member.size > LARGEST_FILE:
            raise ValueError(f"{member.size} bytes, more than {LARGEST_FILE}")
        with member.path.open("rb") as shard:
            shard.seek(member.offset)
            data = shard.read(member.size)
        if len(data) < member.size:
            raise ValueError(f"the shard ends after {len(data)} of its {member.size} bytes")
        return data

    def _index(self, path: Path, use_labels: bool) -> tuple[dict[str, _Member], dict[str, int]]:
        images: dict[str, _Member] = {}
        classes: dict[str, int] = {}
        try:
            with path.open("rb") as shard, tarfile.open(fileobj=shard, mode="r:") as tar:
                for member in tar:
                    if not member.isfile():
                        continue
                    folder, name = os.path.split(member.name)
                    stem, _, kind = name.rpartition(".")
                    key = f"{folder}/{stem}" if folder else stem
                    kind = kind.lower()
                    if kind in _IMAGES:
                        images[key] = _Member(path, member.offset_data, member.size)
                    elif kind == "cls" and use_labels:
                        shard.seek(member.offset_data)
                        classes[key] = _label(shard.read(min(member.size, _LONGEST_LABEL)), path)
        except (tarfile.TarError, OSError, EOFError) as error:
            hint = "; unpack it once, compressed shards cannot be read at random"
            packed = path.suffix in (".gz", ".bz2", ".xz", ".zst", ".tgz")
            reason = f"not a whole tar file: {error}{hint if packed else ''}"
            self.unreadable.append(Unreadable(path.name, reason))
        return images, classes


def open_webdataset(path: Path, *, use_labels: bool = True) -> WebDatasetSource:
    """Open one shard, or all `*.tar` files of a folder.

    Raises DataError if there is no image, or a `.cls` member is not an integer.
    """
    paths = sorted(path.glob("*.tar")) if path.is_dir() else [path]
    return WebDatasetSource(paths, use_labels=use_labels)


def _label(text: bytes, path: Path) -> int:
    try:
        return max(int(text), UNLABELLED)
    except ValueError:
        raise DataError(
            f"{path.name}: the class {text!r} is not an integer; leave the labels out with"
            " --no-labels, or fix the shard"
        ) from None
