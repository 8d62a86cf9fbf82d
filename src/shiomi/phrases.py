"""Phrases in several languages: one TOML file per language, all with the same keys and slots.

    [render]
    topics = "Topics of the week"
    read_at = "read at {time}"
    opening = ["{name} leads.", "{name} comes first."]

A key is written "render.read_at". A list holds several ways to say the same. A slot is `{name}` and
is filled with text, which is not parsed again.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from shiomi.tables import nearest, shortened

__all__ = ["Phrases", "language_codes", "load_phrases", "parse_phrases", "slots_of"]


@dataclass(frozen=True, slots=True)
class Phrases:
    """The phrases of one language."""

    code: str  # BCP 47: "ja", "en"
    phrases: Mapping[str, tuple[str, ...]]  # each key with one or more ways to say it

    def phrase(self, key: str, variant: int = 0, /, **slots: object) -> str:
        """Return the phrase `key` with its slots filled; `variant` wraps around.

        Raises LookupError for an unknown key or a missing slot.
        """
        variants = self._variants(key)
        text = variants[variant % len(variants)]
        try:
            return text.format(**slots)
        except KeyError as error:
            raise LookupError(f"{self.code}: {key} needs the slot {error.args[0]!r}") from None

    def variants(self, key: str) -> int:
        """Return the number of ways to say `key`. Raises LookupError."""
        return len(self._variants(key))

    def __contains__(self, key: str) -> bool:
        return key in self.phrases

    def _variants(self, key: str) -> tuple[str, ...]:
        try:
            return self.phrases[key]
        except KeyError:
            hint = nearest(key, self.phrases)
            raise LookupError(f"language {self.code} has no phrase {key}; {hint}") from None


def language_codes(package: str) -> tuple[str, ...]:
    """Return the codes of the language files in `package`, sorted."""
    names = (entry.name for entry in files(package).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@lru_cache
def load_phrases(package: str, code: str) -> Phrases:
    """Return the phrases of `code`.toml in `package`.

    Raises LookupError for an unknown language, ValueError for a file that cannot be read.
    """
    known = language_codes(package)
    if code not in known:
        raise LookupError(f"language must be one of {', '.join(known)}; got {shortened(code)}")
    return parse_phrases(code, (files(package) / f"{code}.toml").read_text(encoding="utf-8"))


def parse_phrases(code: str, text: str) -> Phrases:
    """Return the phrases of a TOML text. Raises ValueError with the key and the problem."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{code}.toml is not valid TOML: {error}") from None
    phrases = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ValueError(f"{code}.toml: {name} must be in a table such as [render]")
        for key, value in table.items():
            phrases[f"{name}.{key}"] = _checked(f"{code}.toml: {name}.{key}", value)
    return Phrases(code, phrases)


def slots_of(phrase: str) -> frozenset[str]:
    """Return the slots of a phrase: {"count"} for "{count} points".

    Raises ValueError for a slot that is not a plain `{name}`.
    """
    slots = set()
    for _, name, spec, conversion in string.Formatter().parse(phrase):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"a slot must be a plain {{name}}, got {{{name}}}")
        slots.add(name)
    return frozenset(slots)


def _checked(key: str, value: object) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [value]
    variants = tuple(one for one in given if isinstance(one, str))
    if not variants or len(variants) < len(given):
        raise ValueError(f"{key} must be a phrase or a list of phrases, got {shortened(value)}")
    for one in variants:
        try:
            slots_of(one)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    return variants
