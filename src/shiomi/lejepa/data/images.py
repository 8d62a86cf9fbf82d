"""Decoded images of one size, by number: from a cache on disk, or decoded on demand.

Both ways give the same pixels, so a run does not depend on which one is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from shiomi.lejepa.data.decode import Decoded, DecodeError, decode, image_shape, quiet_decoder
from shiomi.lejepa.data.source import UNLABELLED, Source, Unreadable
from shiomi.lejepa.errors import DataError

__all__ = [
    "Batch",
    "DecodedImages",
    "Images",
    "Progress",
    "as_labels",
    "read_one",
    "typical_side",
    "workers",
]

Progress = Callable[[int, int | None, str], None]
"""Called with (done, total or None, name of the activity)."""

_ASKED = 64  # number of images whose headers are read to find the typical size


@dataclass(frozen=True, slots=True)
class Batch:
    """Decoded images."""

    pixels: Tensor  # (N, 3, S, S) uint8, stretched to squares
    ratio: Tensor  # (N,) float32: width / height before the stretching


class Images(Protocol):
    """The images that training and evaluation read."""

    @property
    def size(self) -> int:
        """Pixels of a side, S."""
        ...

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def labels(self) -> Tensor | None:
        """(N,) int64, UNLABELLED for an image without a label. None: no image has a label."""
        ...

    @property
    def classes(self) -> tuple[str, ...] | None: ...

    @property
    def skipped(self) -> Sequence[Unreadable]:
        """The damaged files that were found so far."""
        ...

    def __len__(self) -> int:
        """Return the number of files, including damaged ones."""
        ...

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return the images of these numbers, in this order."""
        ...


class DecodedImages:
    """Images that are decoded on demand, with one thread per core.

    A damaged image is listed. The next readable image replaces it and keeps its own label.
    """

    def __init__(self, source: Source, size: int) -> None:
        self.size = size
        self.names = list(source.names)
        self.labels = as_labels(source.labels)
        self.classes = source.classes
        self._source = source
        self._skipped = {one.name: one for one in source.unreadable}
        self._threads = ThreadPoolExecutor(workers(), thread_name_prefix="decode")

    @property
    def skipped(self) -> list[Unreadable]:
        return list(self._skipped.values())

    def __len__(self) -> int:
        return len(self._source)

    def batch(self, indices: Sequence[int]) -> Batch:
        images = list(self._threads.map(self._readable, indices))
        return Batch(
            torch.from_numpy(np.stack([image.pixels for image in images])),
            torch.tensor([image.ratio for image in images], dtype=torch.float32),
        )

    def _readable(self, index: int) -> Decoded:
        for at in range(index, index + len(self)):
            found = read_one(self._source, at % len(self), self.size)
            if isinstance(found, Decoded):
                self._stand_in(index, at % len(self))
                return found
            self._skipped[found.name] = found
        raise DataError(f"none of {len(self)} files is a readable image")

    def _stand_in(self, index: int, shown: int) -> None:
        self.names[index] = self.names[shown]
        if self.labels is not None:
            self.labels[index] = self.labels[shown]


def read_one(source: Source, index: int, size: int) -> Decoded | Unreadable:
    """Return an image of `source`, or the reason why it cannot be read."""
    try:
        return decode(source.read(index), size)
    except (DecodeError, OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return Unreadable(source.names[index], reason)


def typical_side(source: Source) -> int:
    """Return the median of the shorter sides of some images, in pixels.

    Raises DataError if none of the sampled images can be read, because the other images are then
    probably unreadable too.
    """
    step = max(1, len(source) // _ASKED)
    sides = []
    last = "no image"
    with quiet_decoder():
        for index in range(0, len(source), step):
            try:
                sides.append(min(image_shape(source.read(index))))
            except (DecodeError, OSError, ValueError) as error:
                last = f"{source.names[index]}: {error}"
    if not sides:
        raise DataError(f"no readable image among {min(_ASKED, len(source))} files ({last})")
    return sorted(sides)[len(sides) // 2]


def as_labels(labels: Sequence[int] | None) -> Tensor | None:
    """Return labels as int64, or None if all labels are missing."""
    if labels is None:
        return None
    values = torch.tensor(labels, dtype=torch.int64)
    return values if bool((values != UNLABELLED).any()) else None


def workers() -> int:
    """Return the number of decoding threads: one per core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
