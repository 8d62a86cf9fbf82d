"""Decode images to pixels of one size; an error gives the reason."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shiomi.lejepa.errors import imported

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LARGEST_IMAGE", "DecodeError", "Decoded", "decode", "image_shape", "quiet_decoder"]

LARGEST_IMAGE = 89_478_485  # pixels; above this, Pillow suspects a decompression bomb


class DecodeError(ValueError):
    """The bytes are not an image, or the image is too large to decode. The image is skipped."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image stretched to a square. `ratio` is needed to undo the stretching."""

    pixels: NDArray[np.uint8]  # (3, S, S), RGB
    ratio: float  # width / height before stretching


def decode(data: bytes, size: int) -> Decoded:
    """Return the image as RGB, rotated by its EXIF orientation, resized to `size` x `size` pixels.

    The whole image is kept, because crops are drawn in the image's original proportions
    (`shiomi.lejepa.views`).

    Raises DecodeError if the image is truncated or has more than LARGEST_IMAGE pixels, or if the
    bytes are not an image.
    """
    from PIL import Image, ImageOps

    try:
        with _opened(data) as image:
            image.draft("RGB", (size, size))  # decodes a large JPEG at 1/2, 1/4 or 1/8 of its size
            turned = ImageOps.exif_transpose(image)
            width, height = turned.size
            rgb = _as_rgb(turned)
            if rgb.size != (size, size):
                rgb = rgb.resize((size, size), Image.Resampling.BILINEAR)
            pixels = np.asarray(rgb, dtype=np.uint8).transpose(2, 0, 1)
    except DecodeError:
        raise
    except Exception as error:  # decoders raise many kinds of errors on damaged bytes
        raise DecodeError(_reason(error)) from None
    return Decoded(np.ascontiguousarray(pixels), width / height)


def image_shape(data: bytes) -> tuple[int, int]:
    """Return (width, height) from the header. Raises DecodeError."""
    try:
        with _opened(data) as image:
            return image.size
    except DecodeError:
        raise
    except Exception as error:
        raise DecodeError(_reason(error)) from None


@contextmanager
def quiet_decoder() -> Iterator[None]:
    """Suppress Pillow's warnings about odd files.

    They are not needed, because a file that cannot be read is skipped and listed.

    Like `warnings.catch_warnings`, this must not be used in several threads at once.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


def _opened(data: bytes) -> Image:
    pillow = imported("PIL.Image", "reading images")
    if not data:
        raise DecodeError("empty file")
    try:
        image: Image = pillow.open(io.BytesIO(data))
    except pillow.UnidentifiedImageError:
        raise DecodeError("not an image") from None
    if image.width * image.height > LARGEST_IMAGE:
        raise DecodeError(f"{image.width} x {image.height} pixels, more than {LARGEST_IMAGE}")
    return image


def _as_rgb(image: Any) -> Image:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":  # 16 bits or more: convert() clips
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        eight = np.clip(values * (255.0 / top), 0, 255).astype(np.uint8)
        image = Image.fromarray(eight)
    rgb: Image.Image = image.convert("RGB")
    return rgb


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
