"""Read the tables of words and patterns of this folder once."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

__all__ = ["listed_words", "patterns", "rows", "signs"]


def rows(name: str) -> list[str]:
    """Return the lines of a text file of this folder, without comments and empty lines."""
    text = files("shiomi.digest.writing").joinpath(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@lru_cache
def patterns(name: str) -> re.Pattern[str]:
    """The patterns of a text file, one per line, joined: case is ignored, "." matches line
    breaks."""
    return re.compile("|".join(rows(name)), re.IGNORECASE | re.DOTALL)


@lru_cache
def listed_words(name: str) -> tuple[str, ...]:
    """A list of words.toml, in its order."""
    text = files("shiomi.digest.writing").joinpath("words.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)[name].split())


@lru_cache
def signs() -> dict[str, Any]:
    """The tables of signs.toml."""
    return tomllib.loads(files("shiomi.digest.writing").joinpath("signs.toml").read_text("utf-8"))
