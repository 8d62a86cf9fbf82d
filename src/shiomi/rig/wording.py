"""What the planner says, in the reader's language: one TOML file per language, the same keys."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from shiomi.rig.errors import RigError

__all__ = ["LANGUAGES", "say", "wording"]

LANGUAGES = ("en", "ja")


@cache
def wording(language: str) -> Mapping[str, Mapping[str, str]]:
    """All phrases of a language, by table. Raises RigError where there is no such language."""
    if language not in LANGUAGES:
        raise RigError(f"no language {language!r}; there are {', '.join(LANGUAGES)}")
    folder = resources.files("shiomi.rig").joinpath("wordings")
    text = folder.joinpath(f"{language}.toml").read_text(encoding="utf-8")
    tables: dict[str, Any] = tomllib.loads(text)
    return tables


def say(language: str, table: str, key: str, slots: Mapping[str, str] | None = None) -> str:
    """A phrase with its slots filled; the values are text and are not read as phrases."""
    return wording(language)[table][key].format_map(dict(slots or {}))
