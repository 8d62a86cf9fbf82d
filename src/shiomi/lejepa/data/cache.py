"""A cache of decoded images: one file of pixels, mapped into memory, and an index.

The name of a cache's folder is derived from its source and size. The folder contains

    pixels.u8     the images one after the other, (3, S, S) uint8 each
    index.jsonl   a line per file of the source: {"ratio": r}, or {"skipped": why}

Both files grow together, so that a killed build resumes where it stopped. While the cache grows,
pixels are written with write(), not through a memory map: a full disk then raises an error instead
of a signal that ends the process.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shiomi.lejepa.data.decode import Decoded, quiet_decoder
from shiomi.lejepa.data.images import Batch, Progress, as_labels, read_one, workers
from shiomi.lejepa.data.source import Source, Unreadable, fingerprint
from shiomi.lejepa.errors import DataError, RunError
from shiomi.lejepa.locking import locked

__all__ = ["CachedImages", "cache_bytes", "cache_folder", "cached_images"]

_CHUNK = 512  # images that are decoded and then written together


class CachedImages:
    """The images of a cache; see `shiomi.lejepa.data.images.Images`.

    A damaged file keeps its number, and the next readable image is returned in its place.
    `DecodedImages` does the same, so a run does not depend on whether there was room for a cache.
    """

    def __init__(self, folder: Path, source: Source, size: int) -> None:
        entries = _read_index(folder)
        good = [at for at, entry in enumerate(entries) if "ratio" in entry]
        if not good:
            why = next((f" ({source.names[0]}: {e['skipped']})" for e in entries[:1]), "")
            raise DataError(f"none of {len(source)} files is a readable image{why}")
        self.size = size
        shown = _stand_ins(len(entries), good)
        self.names = [source.names[at] for at in shown]
        self.classes = source.classes
        labels = source.labels
        self.labels = None if labels is None else as_labels([labels[at] for at in shown])
        self._rows = np.searchsorted(good, shown)
        self.skipped = [
            *source.unreadable,
            *(
                Unreadable(source.names[at], str(entry["skipped"]))
                for at, entry in enumerate(entries)
                if "skipped" in entry
            ),
        ]
        shape = (len(good), 3, size, size)
        self._pixels: NDArray[np.uint8] = np.memmap(
            folder / "pixels.u8", np.uint8, mode="r", shape=shape
        )
        self._ratio = torch.tensor([entries[at]["ratio"] for at in good], dtype=torch.float32)

    def __len__(self) -> int:
        return len(self.names)

    def batch(self, indices: Sequence[int]) -> Batch:
        at = self._rows[np.asarray(indices, dtype=np.int64)]
        pixels: Tensor = torch.from_numpy(self._pixels[at])
        return Batch(pixels, self._ratio[torch.from_numpy(at)])


def _stand_ins(count: int, good: Sequence[int]) -> NDArray[np.int64]:
    """Return, for each number below `count`, the first number in `good` that is not smaller.

    `good` is in ascending order. If all numbers in `good` are smaller, return the first of them.
    """
    places = np.searchsorted(good, np.arange(count)) % len(good)
    return np.asarray(good, dtype=np.int64)[places]


def cache_bytes(source: Source, size: int) -> int:
    """Return the size in bytes that a cache of all images would have."""
    return len(source) * 3 * size * size


def cache_folder(parent: Path, source: Source, size: int) -> Path:
    """Return the folder below `parent` for the cache of this source at this size."""
    return parent / f"images-{fingerprint(source)}-{size}"


def cached_images(parent: Path, source: Source, size: int, progress: Progress) -> CachedImages:
    """Decode images that are missing in the cache of `source` below `parent`, and open the cache.

    If several processes open the same cache, one builds it and the others wait.

    Raises
    ------
    DataError
        No image can be read.
    RunError
        The disk is full, or the folder cannot be written.
    """
    folder = cache_folder(parent, source, size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "lock", wait=True):
            builder = _Builder(folder, source, size)
            if builder.done < len(source):
                builder.build(progress)
    except OSError as error:
        free = shutil.disk_usage(parent if parent.exists() else Path.cwd()).free
        raise RunError(
            f"{folder}: {error.strerror or error}; the decoded images need"
            f" {cache_bytes(source, size) / 2**20:.0f} MiB, {free / 2**20:.0f} MiB are free; free"
            " space, give another --cache, or give --cache-gib 0 to decode images at each use"
        ) from None
    return CachedImages(folder, source, size)


@dataclass
class _Builder:
    folder: Path
    source: Source
    size: int
    done: int = 0

    def __post_init__(self) -> None:
        """Remove images that a killed build wrote to only one of the two files."""
        entries = _read_index(self.folder)
        pixels = self.folder / "pixels.u8"
        whole = pixels.stat().st_size // self._bytes if pixels.exists() else 0
        good = 0
        for entry in entries:
            if "ratio" in entry:
                if good == whole:
                    break
                good += 1
            self.done += 1
        if self.done == len(self.source):
            return
        lines = [json.dumps(entry) + "\n" for entry in entries[: self.done]]
        _replace(self.folder / "index.jsonl", "".join(lines))
        with pixels.open("ab") as file:
            file.truncate(good * self._bytes)

    @property
    def _bytes(self) -> int:
        return 3 * self.size * self.size

    def build(self, progress: Progress) -> None:
        total = len(self.source)
        pixels = (self.folder / "pixels.u8").open("ab")
        index = (self.folder / "index.jsonl").open("a", encoding="utf-8")
        with pixels, index, ThreadPoolExecutor(workers()) as threads, quiet_decoder():
            for start in range(self.done, total, _CHUNK):
                numbers = range(start, min(total, start + _CHUNK))
                found = threads.map(lambda i: read_one(self.source, i, self.size), numbers)
                lines: list[dict[str, Any]] = []
                for one in found:
                    if isinstance(one, Decoded):
                        pixels.write(one.pixels.tobytes())
                        lines.append({"ratio": round(one.ratio, 6)})
                    else:
                        lines.append({"skipped": one.reason})
                pixels.flush()  # before the index, because a line of the index promises pixels
                index.write("".join(json.dumps(line) + "\n" for line in lines))
                index.flush()
                self.done = numbers.stop
                progress(self.done, total, "decoding")


def _read_index(folder: Path) -> list[dict[str, Any]]:
    """Return the complete lines of the index. A last line that was cut off is left out."""
    try:
        lines = (folder / "index.jsonl").read_text("utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:
            break
    return entries


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, "utf-8")
    beside.replace(path)
