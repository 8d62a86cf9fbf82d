"""Turn messages into sentences of a language. Each language has one TOML file with equal keys."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from importlib import resources
from typing import Any

from shiomi.rig.errors import RigError
from shiomi.rig.message import Text

__all__ = ["LANGUAGES", "phrases", "say", "text_of", "texts_of", "unit_text", "wording"]

LANGUAGES = ("en", "ja")


@cache
def wording(language: str) -> Mapping[str, Mapping[str, str]]:
    """Return all phrases of a language, by table. Raises RigError if the language is unknown."""
    if language not in LANGUAGES:
        raise RigError(f"language must be {' or '.join(LANGUAGES)}, got {language!r}")
    folder = resources.files(__package__).joinpath("wordings")
    text = folder.joinpath(f"{language}.toml").read_text(encoding="utf-8")
    tables: dict[str, Any] = tomllib.loads(text)
    return tables


def say(language: str, table: str, key: str, **slots: object) -> str:
    """Return a phrase with its slots filled. The values are inserted as plain text."""
    return wording(language)[table][key].format_map(slots)


def phrases(language: str, table: str) -> Callable[..., str]:
    """Return `say` for one language and one table."""
    return partial(say, language, table)


def unit_text(unit: str, language: str) -> str:
    """Return a unit of an estimate as it is printed."""
    return wording(language)["unit"].get(unit, unit)


def text_of(text: Text, language: str = "en") -> str:
    """Word a message in `language`; a plain sentence stays as it is."""
    if isinstance(text, str):
        return text
    if text.table == "list":
        return ", ".join(text_of(x, language) for _, x in text.slots)
    slots = {name: text_of(x, language) for name, x in text.slots}
    return wording(language)[text.table][text.key].format_map(slots)


def texts_of(texts: Iterable[Text], language: str = "en") -> str:
    """Word several messages as one line."""
    return "; ".join(text_of(x, language) for x in texts)
