"""Read a digest's file as text. If it cannot be a digest, the error names the kind of file."""

from __future__ import annotations

import codecs
from pathlib import Path

from shiomi.digest.errors import DigestError

__all__ = ["read_digest"]

_LARGEST = 4 << 20  # bytes; a week's digest has some 20 KB


def read_digest(path: Path) -> str:
    """Return the text of a digest's file. Raises DigestError with the remedy if it cannot be a
    digest."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise DigestError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST:
        raise DigestError(f"{path} is larger than {_LARGEST >> 20} MiB; no weekly digest is")
    if not content.strip():
        raise DigestError(f"{path} is empty")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DigestError(f"{path} is UTF-16; `iconv -f UTF-16 -t UTF-8` makes it readable")
    if b"\0" in content:
        raise DigestError(f"{path} is no text: it holds NUL bytes; give the digest's Markdown")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and error.end == len(content):
            return content[: error.start].decode("utf-8-sig")  # the file ends inside a character
        encoding = _other_encoding(content)
        raise DigestError(
            f"{path} is not UTF-8 (byte {error.start})"
            + (f"; if it is {encoding}, `iconv -f {encoding} -t UTF-8` helps" if encoding else "")
        ) from None


def _other_encoding(content: bytes) -> str | None:
    for name, label in (("cp932", "CP932"), ("euc_jp", "EUC-JP")):
        try:
            content.decode(name)
        except UnicodeDecodeError:
            continue
        return label
    return None
