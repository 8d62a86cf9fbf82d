"""Read text and JSON files whose errors name the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shiomi.gate.errors import DataError

__all__ = ["parse_json", "read_text"]

_BIGGEST = 64 << 20  # bytes; every list that the gate reads is smaller


def read_text(path: Path) -> str:
    """Return the content of a UTF-8 file, without a byte order mark.

    Raises
    ------
    DataError
        The file cannot be read, is larger than 64 MiB, or is not UTF-8.
    """
    try:
        if path.stat().st_size > _BIGGEST:
            raise DataError(f"{path}: the file is larger than {_BIGGEST >> 20} MiB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None


def parse_json(text: str, where: str) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    DataError
        The text is not valid JSON; the message begins with `where`.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not valid JSON: {error}") from None
