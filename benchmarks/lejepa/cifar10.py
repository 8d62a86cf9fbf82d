"""Load CIFAR-10 as tensors from `../shared/data` or SHIOMI_DATA. It is decoded once and cached in
`.cache`."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor

__all__ = ["ROOT", "Cifar10", "cifar10"]

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data")) / "lejepa"


class Cifar10(NamedTuple):
    train_x: Tensor  # (50000, 3, 32, 32) uint8
    train_y: Tensor
    test_x: Tensor  # (10000, 3, 32, 32) uint8
    test_y: Tensor


def cifar10() -> Cifar10:
    """Return the images and labels, decoded at the first call."""
    kept = ROOT / ".cache" / "cifar10.pt"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        parts = [_decoded(DATA / f"cifar10_jpeg_{split}.parquet") for split in ("train", "test")]
        torch.save([*parts[0], *parts[1]], kept.with_suffix(".tmp"))
        kept.with_suffix(".tmp").replace(kept)
    return Cifar10(*torch.load(kept))


def _decoded(path: Path) -> tuple[Tensor, Tensor]:
    table = pq.read_table(path)
    images = [
        torch.frombuffer(bytearray(Image.open(io.BytesIO(data)).tobytes()), dtype=torch.uint8)
        for data in table["image"].to_pylist()
    ]
    pixels = torch.stack(images).view(-1, 32, 32, 3).permute(0, 3, 1, 2).contiguous()
    return pixels, torch.tensor(table["label"].to_pylist())
