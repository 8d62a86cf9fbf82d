"""Load the images of a source: from a cache if there is enough space, else decoded on demand."""

from __future__ import annotations

import shutil
from pathlib import Path

from shiomi.lejepa.data.cache import cache_bytes, cache_folder, cached_images
from shiomi.lejepa.data.images import DecodedImages, Images, Progress
from shiomi.lejepa.data.source import Source

__all__ = ["load_images"]

_SHARE_OF_DISK = 0.5  # share of the free disk; the rest is for checkpoints and other users


def load_images(
    source: Source,
    size: int,
    *,
    cache: Path | None = None,
    limit_gib: float = 16.0,
    progress: Progress = lambda *_: None,
) -> Images:
    """Return the images of `source` at `size` x `size` pixels.

    Parameters
    ----------
    cache
        The folder below which decoded images are kept; None: no cache.
    limit_gib
        The largest size of the cache. If the cache would be larger than this, or larger than half
        of the free disk space, images are decoded each time they are needed. Decoding each time
        takes longer and gives the same pixels.

    Raises
    ------
    DataError, RunError
        For the same reasons as in `shiomi.lejepa.data.cache.cached_images`.
    """
    if cache is not None and _fits(source, size, cache, limit_gib):
        return cached_images(cache, source, size, progress)
    return DecodedImages(source, size)


def _fits(source: Source, size: int, cache: Path, limit_gib: float) -> bool:
    needed = cache_bytes(source, size)
    if needed > limit_gib * 2**30:
        return False
    if cache_folder(cache, source, size).exists():
        return True  # the cache exists, whole or in part
    there = next(p for p in (cache, *cache.absolute().parents) if p.exists())
    return needed < shutil.disk_usage(there).free * _SHARE_OF_DISK
