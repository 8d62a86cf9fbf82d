"""A folder of image files. Its first-level folders, if any, are the classes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shiomi.lejepa.data.source import Unreadable
from shiomi.lejepa.errors import DataError

__all__ = ["LARGEST_FILE", "FolderSource", "open_folder"]

LARGEST_FILE = 512 * 2**20  # bytes; larger files such as videos and archives are not read


@dataclass(frozen=True, slots=True)
class FolderSource:
    """The files below `folder` in order of their names, without hidden files."""

    folder: Path
    names: list[str]
    labels: list[int] | None
    classes: tuple[str, ...] | None
    unreadable: list[Unreadable] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> bytes:
        path = self.folder / self.names[index]
        if (size := path.stat().st_size) > LARGEST_FILE:
            raise ValueError(f"{size} bytes, more than {LARGEST_FILE}")
        return path.read_bytes()


def open_folder(folder: Path, *, use_labels: bool = True) -> FolderSource:
    """List the files below `folder`. Whether a file is an image is only checked when it is decoded.

    If there are two or more first-level subfolders and every file is in one of them, they are the
    classes, numbered in order of their names.

    Raises DataError if the folder cannot be listed or holds no file.
    """
    try:
        names = sorted(_files(folder))
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror or error}") from None
    if not names:
        raise DataError(f"{folder} holds no files; give a folder with images in it")
    tops = [name.split("/", 1)[0] if "/" in name else None for name in names]
    classes = sorted({top for top in tops if top is not None})
    if None in tops or len(classes) < 2 or not use_labels:
        return FolderSource(folder, names, None, None)
    number = {name: label for label, name in enumerate(classes)}
    labels = [number[top] for top in tops if top is not None]
    return FolderSource(folder, names, labels, tuple(classes))


def _files(folder: Path) -> Iterator[str]:
    """Yield regular files as paths below `folder` with forward slashes."""

    def refuse(error: OSError) -> None:
        if error.filename == str(folder):
            raise error  # a subfolder without read permission is skipped

    for at, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = Path(at).relative_to(folder)
        for name in files:
            if not name.startswith(".") and (Path(at) / name).is_file():
                yield (below / name).as_posix()
