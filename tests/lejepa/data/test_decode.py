from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from shiomi.lejepa.data.decode import DecodeError, decode, image_shape
from tests.lejepa.image_folders import picture


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has a great many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(3 * width + 1))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b""))
    )


def test_an_image_of_the_size_is_left_as_it_is() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    found = decode(encoded(image), 16)
    assert (found.pixels.transpose(1, 2, 0) == np.asarray(image)).all()
    assert found.ratio == 1.0


def test_a_wide_image_is_stretched_and_its_proportions_kept() -> None:
    found = decode(encoded(Image.new("RGB", (60, 20), (9, 80, 200))), 16)
    assert found.pixels.shape == (3, 16, 16)
    assert found.ratio == 3.0
    assert found.pixels[:, 8, 8].tolist() == [9, 80, 200]


def test_a_picture_that_lies_on_its_side_is_turned() -> None:
    image = Image.new("RGB", (40, 20))
    exif = image.getexif()
    exif[0x0112] = 6
    assert decode(encoded(image, "JPEG", exif=exif), 16).ratio == 0.5


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "TIFF" if mode in ("CMYK", "F", "I") else "PNG"
    image = Image.new(mode, (20, 20), 0)
    assert decode(encoded(image, kind), 8).pixels.shape == (3, 8, 8)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    found = decode(encoded(Image.fromarray(values)), 64).pixels[0]
    assert np.abs(found - values / 257.0).max() <= 1


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty file"),
        (b"this is text, not a picture", "not an image"),
        (picture(0, 0)[:300], "Truncated|truncated|broken"),
        (picture(0, 0)[:30], "not an image|runcated"),
        (encoded(Image.new("RGB", (50, 50)))[:60], "runcated|broken|not an image"),
        (bomb(12_000, 10_000), "120000000|12000 x 10000"),
        (bomb(100_000, 100_000), "exceeds limit|pixels"),
    ],
    ids=["empty", "text", "truncated jpeg", "header only", "truncated png", "bomb", "huge bomb"],
)
@pytest.mark.filterwarnings("ignore:Image size")
def test_what_is_no_whole_image_says_why(data: bytes, told: str) -> None:
    with pytest.raises(DecodeError, match=told):
        decode(data, 16)


def test_the_shape_is_read_from_the_header() -> None:
    assert image_shape(picture(0, 0, size=24)) == (24, 24)
    with pytest.raises(DecodeError, match="not an image"):
        image_shape(b"text")
