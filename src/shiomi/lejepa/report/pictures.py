"""Make the pictures inside the page, as data URIs of a few kilobytes each."""

from __future__ import annotations

import base64
import io

import torch
from torch import Tensor

from shiomi.lejepa.errors import imported

__all__ = ["photograph", "principal_colours", "tiles"]

_SIDE = 96  # pixels of a thumbnail


def photograph(image: Tensor) -> str:
    """Return a JPEG of (3, H, W) in [0, 1] as a data URI, 96 pixels wide."""
    return _data_uri(image, "JPEG", smooth=True)


def tiles(image: Tensor) -> str:
    """Return a PNG of a small image (3, h, w) in [0, 1] as a data URI. Its pixels appear as
    squares."""
    return _data_uri(image, "PNG", smooth=False)


def principal_colours(patches: Tensor) -> Tensor:
    """Return the three principal components of patch features as colours (N, 3, h, w) in [0, 1].

    `patches` is (N, C, h, w). The components are computed over all patches of all N images, so that
    a colour means the same in every image. Each component is scaled so that its 2nd to 98th
    percentile fill [0, 1]. If C is below three, the missing components are a constant grey.
    """
    n, _, height, width = patches.shape
    rows = patches.detach().double().permute(0, 2, 3, 1).flatten(0, 2)  # (N h w, C)
    rows = rows - rows.mean(0)
    _, axes = torch.linalg.eigh(rows.T @ rows)
    axes = axes.flip(1)[:, :3]
    # The sign of an axis is arbitrary. Making the largest entry positive makes the picture
    # repeatable.
    largest = axes.abs().argmax(0)
    axes = axes * axes.gather(0, largest[None]).sign()
    parts = rows @ axes
    low, high = (torch.quantile(parts, q, dim=0) for q in (0.02, 0.98))
    scaled = ((parts - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
    colours = torch.full((len(rows), 3), 0.5, dtype=torch.float64)
    colours[:, : scaled.shape[1]] = scaled
    return colours.view(n, height, width, 3).permute(0, 3, 1, 2).float()


def _data_uri(image: Tensor, kind: str, *, smooth: bool) -> str:
    pillow = imported("PIL.Image", "the pictures of a report")
    pixels = (image.detach().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    picture = pillow.fromarray(pixels)
    method = pillow.Resampling.LANCZOS if smooth else pillow.Resampling.NEAREST
    picture = picture.resize((_SIDE, _SIDE), method)
    data = io.BytesIO()
    options = {"quality": 82} if kind == "JPEG" else {"optimize": True}
    picture.save(data, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data.getvalue()).decode()}"
