"""What the rig says, in the reader's language: one TOML file per language, the same keys.

Reasons, doubts and what an estimate rests on are made in English, as they are in JSON and in
errors; `in_language` finds the phrase again and says it in another language. A text that is no
phrase, such as a name of the reader's own, stays as it is.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from shiomi.rig.errors import RigError

__all__ = ["LANGUAGES", "in_language", "reason", "say", "unit_text", "wording"]

LANGUAGES = ("en", "ja")


@cache
def wording(language: str) -> Mapping[str, Mapping[str, str]]:
    """All phrases of a language, by table. Raises RigError where there is no such language."""
    if language not in LANGUAGES:
        raise RigError(f"no language {language!r}; there are {', '.join(LANGUAGES)}")
    folder = resources.files(__package__).joinpath("wordings")
    text = folder.joinpath(f"{language}.toml").read_text(encoding="utf-8")
    tables: dict[str, Any] = tomllib.loads(text)
    return tables


def say(language: str, table: str, key: str, slots: Mapping[str, str] | None = None) -> str:
    """A phrase with its slots filled; the values are text and are not read as phrases."""
    return wording(language)[table][key].format_map(dict(slots or {}))


def unit_text(unit: str, language: str) -> str:
    """A unit of an estimate as it is printed."""
    return wording(language)["unit"].get(unit, unit)


def reason(key: str, **slots: object) -> str:
    """A phrase of the table `reason` in English: why something is not known, or not to be had."""
    return say("en", "reason", key, {name: str(value) for name, value in slots.items()})


def in_language(text: str, language: str, table: str = "reason") -> str:
    """An English text that is a phrase of the table, in `language`; else the text itself.

    Of its slots, `of` and `machine` may be phrases of the same table, `categories` are kinds of
    parts.
    """
    if language == "en":
        return text
    for key, pattern in _patterns(table):
        if found := pattern.fullmatch(text):
            slots = found.groupdict()
            for name in {"of", "machine"} & slots.keys():
                slots[name] = in_language(slots[name], language, table)
            if "categories" in slots:
                names = wording(language)["category"]
                slots["categories"] = ", ".join(
                    names.get(x, x) for x in slots["categories"].split(", ")
                )
            return say(language, table, key, slots)
    return text


@cache
def _patterns(table: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each English phrase as a pattern, its slots as groups, in the order of the file."""
    return tuple(
        (key, re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(phrase)), re.DOTALL))
        for key, phrase in wording("en")[table].items()
    )
