"""Sources of images: encoded files with names and, if there are any, labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shiomi.lejepa.errors import DataError

__all__ = ["UNLABELLED", "Source", "Unreadable", "fingerprint", "no_images"]

UNLABELLED = -1
"""The label of an image without a label, in a source where other images have labels."""


class Source(Protocol):
    """An indexable set of encoded images. It never decodes an image."""

    @property
    def names(self) -> Sequence[str]:
        """The location of each image, for messages: a path below the folder, a tar member or a
        row."""
        ...

    @property
    def labels(self) -> Sequence[int] | None:
        """The class of each image, or UNLABELLED if an image has no label. None: the source has no
        labels."""
        ...

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of classes 0, 1, …, if the classes have names."""
        ...

    @property
    def unreadable(self) -> Sequence[Unreadable]:
        """Parts that cannot be read, such as the rest of a truncated shard."""
        ...

    def __len__(self) -> int:
        """Return the number of images. It includes damaged images, because damage is found only
        when an image is decoded."""
        ...

    def read(self, index: int) -> bytes:
        """Return the encoded image. Raises OSError or ValueError if it cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file, tar member or row from which no image can be read."""

    name: str
    reason: str


def no_images(where: Path, unreadable: Sequence[Unreadable]) -> DataError:
    """Return the error of a source without images, with the first reasons."""
    told = "; ".join(f"{one.name}: {one.reason}" for one in unreadable[:3])
    return DataError(f"{where} holds no images{': ' + told if told else ''}")


def fingerprint(source: Source) -> str:
    """Return a fingerprint of the source: a hash of its names and labels, in order."""
    digest = hashlib.sha256(str(len(source)).encode())
    for name in source.names:
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
    digest.update(b"none" if source.labels is None else repr(list(source.labels)).encode())
    return digest.hexdigest()[:16]
