"""Compute the features of any source of images, in batches. An interrupted call can be resumed.

Rows are collected in a temporary file until all of them exist. The file has one record of D float32
values per image, in the order of the source. The record of a damaged image contains NaN. The file's
first line names the encoder and the source. If it names another encoder or source, the file is
started again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor, nn

from shiomi.lejepa.data.decode import Decoded, quiet_decoder
from shiomi.lejepa.data.images import Batch, Progress, as_labels, read_one, workers
from shiomi.lejepa.data.source import Source, Unreadable, fingerprint
from shiomi.lejepa.encoders import feature_width
from shiomi.lejepa.errors import DataError, InputError, NonFiniteError, RunError
from shiomi.lejepa.features_file import FORMATS, Features, write_features
from shiomi.lejepa.run_folder import RunFolder, load_encoder
from shiomi.lejepa.views import resize

__all__ = ["Embedded", "Embedder", "embed_images", "embed_to_file", "embedder"]


@dataclass(frozen=True, slots=True)
class Embedder:
    """An encoder and the image sizes that it expects."""

    encoder: nn.Module  # on its device, in evaluation mode
    size: int
    """Side of the encoder's input, in pixels."""
    stored: int
    """Side to which images are decoded, as in training, in pixels. They are then resized to
    `size`."""
    device: torch.device

    @torch.no_grad()
    def __call__(self, pixels: Tensor, ratio: Tensor) -> Tensor:
        """Return features (N, D), float32 on the CPU, of pixels (N, 3, stored, stored) uint8.

        `ratio` (N,) is width / height of each image before it was stretched to a square. The
        encoder sees the largest square in the middle of the image.
        """
        features: Tensor = self.encoder(resize(Batch(pixels.to(self.device), ratio), self.size))
        return features.float().cpu()

    @property
    def width(self) -> int:
        """D."""
        return feature_width(
            self.encoder, torch.zeros(1, 3, self.size, self.size, device=self.device)
        )

    def key(self, source: Source) -> str:
        """Return the key of these features: a hash of the encoder and of the fingerprint of
        `source`."""
        digest = hashlib.sha256(f"square {self.size} {self.stored} {fingerprint(source)}".encode())
        for name, value in self.encoder.state_dict().items():
            digest.update(name.encode())
            digest.update(value.cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Embedded:
    """The features of the embedded images, and the images that failed."""

    features: Features
    skipped: tuple[Unreadable, ...]


def embedder(run: Path | str, device: str = "auto", encoder: nn.Module | None = None) -> Embedder:
    """Return the encoder of a run, with its image sizes, on its device.

    If the run was given a module instead of a name, `encoder` must be a module of the same
    architecture. Raises RunError if the run does not exist or has no weights, InputError if the
    device is missing.
    """
    from shiomi.lejepa.devices import pick_device

    config = RunFolder(Path(run)).read_config()
    size = config.global_size or 224
    chosen = pick_device(device)
    loaded = load_encoder(run, encoder).to(chosen)
    return Embedder(loaded, size, config.stored_size or size, chosen)


def embed_images(
    embed: Embedder,
    source: Source,
    *,
    batch_size: int = 256,
    progress: Progress = lambda *_: None,
) -> Embedded:
    """Return the features of every readable image of `source`, in memory.

    Raises DataError if no image can be read, InputError if `batch_size` is not positive,
    NonFiniteError if the encoder gives NaN.
    """
    blocks: list[Tensor] = []
    skipped: list[Unreadable] = []
    for block, damaged in _blocks(embed, source, 0, batch_size, progress):
        blocks.append(block)
        skipped += damaged
    return _embedded(torch.cat(blocks), source, skipped)


def embed_to_file(
    embed: Embedder,
    source: Source,
    out: Path,
    *,
    batch_size: int = 256,
    progress: Progress = lambda *_: None,
) -> Embedded:
    """Write the features of `source` to `out`, a .parquet or .npy file.

    If the call is interrupted, the same call resumes it.

    Finished features are kept in `.NAME.part` next to `out`. The features are mapped from that
    file, not held in memory. If images are damaged, the features are copied without them.

    Raises
    ------
    DataError, InputError, NonFiniteError
        As for `embed_images`. Also InputError if the file name ending of `out` is unknown.
    RunError
        `out` cannot be written; the features computed so far are kept.
    """
    if out.suffix not in FORMATS:
        raise InputError(f"{out}: the name must end with {' or '.join(FORMATS)}")
    part = out.with_name(f".{out.name}.rows")
    width = embed.width
    first_line = f"shiomi features {width} {embed.key(source)}\n".encode()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with _opened(part, first_line) as file:
            done = (file.seek(0, 2) - len(first_line)) // (4 * width)
            file.truncate(len(first_line) + done * 4 * width)
            file.seek(0, 2)
            skipped: list[Unreadable] = []
            for block, damaged in _blocks(embed, source, done, batch_size, progress):
                file.write(block.numpy().astype("<f4").tobytes())
                file.flush()
                skipped += damaged
        shape = (len(source), width)
        rows = np.memmap(part, "<f4", mode="c", offset=len(first_line), shape=shape)
    except OSError as error:
        raise RunError(
            f"{part} cannot be written: {error.strerror or error}; free some space and"
            " run the same command to continue"
        ) from None
    embedded = _embedded(torch.from_numpy(rows), source, skipped)
    write_features(out, embedded.features)
    part.unlink()
    return embedded


def _opened(part: Path, first_line: bytes) -> IO[bytes]:
    """Open the file of an interrupted call, or start a new file if there is none with the same
    key."""
    if part.exists():
        file = part.open("r+b")
        if file.readline() == first_line:
            return file
        file.close()
    file = part.open("w+b")
    file.write(first_line)
    return file


def _blocks(
    embed: Embedder, source: Source, start: int, batch_size: int, progress: Progress
) -> Iterator[tuple[Tensor, Sequence[Unreadable]]]:
    """Yield the rows of the source from `start` on; a damaged image gives a row of NaN.

    Images are decoded one batch ahead.
    """
    if batch_size < 1:
        raise InputError(f"the batch size must be >= 1, got {batch_size}")
    total, width = len(source), embed.width
    with ThreadPoolExecutor(workers()) as threads, quiet_decoder():

        def ask(begin: int) -> Iterator[Decoded | Unreadable]:
            numbers = range(begin, min(total, begin + batch_size))
            return threads.map(lambda i: read_one(source, i, embed.stored), numbers)

        ahead = ask(start)
        for begin in range(start, total, batch_size):
            found = list(ahead)
            ahead = ask(begin + batch_size)
            rows = torch.full((len(found), width), float("nan"))
            good = [(at, one) for at, one in enumerate(found) if isinstance(one, Decoded)]
            if good:
                pixels = torch.from_numpy(np.stack([one.pixels for _, one in good]))
                features = embed(pixels, torch.tensor([one.ratio for _, one in good]))
                if bad := int((~features.isfinite()).any(1).sum()):
                    raise NonFiniteError(
                        f"{bad} of {len(good)} images from {source.names[begin]} on have features"
                        " that are NaN or infinite; the encoder is not usable"
                    )
                rows[[at for at, _ in good]] = features
            yield rows, [one for one in found if isinstance(one, Unreadable)]
            progress(begin + len(found), total, "embedding")


def _embedded(rows: Tensor, source: Source, skipped: Sequence[Unreadable]) -> Embedded:
    """Remove the rows of damaged images."""
    damaged = torch.cat([block.isnan().all(1) for block in rows.split(65536)])
    told = {one.name: one for one in (*source.unreadable, *skipped)}
    for at in damaged.nonzero()[:, 0].tolist():
        name = source.names[at]
        # These damaged images were found by an earlier call.
        told.setdefault(name, Unreadable(name, "no readable image"))
    if damaged.all():
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in list(told.values())[:3])
        raise DataError(f"none of {len(source)} images can be read ({reasons})")
    labels = as_labels(source.labels)
    names = source.names
    if damaged.any():
        kept = (~damaged).nonzero()[:, 0]
        rows, names = rows[kept], [names[at] for at in kept.tolist()]
        labels = None if labels is None else labels[kept]
    return Embedded(Features(rows, names, labels, source.classes), tuple(told.values()))
