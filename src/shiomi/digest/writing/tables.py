"""Read each table of words or patterns in this folder once, and keep it in memory."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

__all__ = ["listed_words", "patterns", "rows", "signs"]


def rows(name: str) -> list[str]:
    """Return the lines of a text file in this folder, without comments and empty lines."""
    text = files("shiomi.digest.writing").joinpath(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@lru_cache
def patterns(name: str) -> re.Pattern[str]:
    """Return one pattern that matches any pattern of a text file with one pattern per line.

    Case is ignored, and "." matches line breaks.
    """
    return re.compile("|".join(rows(name)), re.IGNORECASE | re.DOTALL)


@lru_cache
def listed_words(name: str) -> tuple[str, ...]:
    """Return a list of words.toml, in the order of the file."""
    text = files("shiomi.digest.writing").joinpath("words.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)[name].split())


@lru_cache
def signs() -> dict[str, Any]:
    """Return the tables of signs.toml."""
    return tomllib.loads(files("shiomi.digest.writing").joinpath("signs.toml").read_text("utf-8"))
