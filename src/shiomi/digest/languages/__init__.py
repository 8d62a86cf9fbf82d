"""Languages of the digest: one TOML file of phrases for each language.

A file has a table for each package that prints text ([render], [writing], [trends], [watch]). A
value is a phrase. Its slots have the form `{name}`. If the text that fills a slot contains
`{name}`, it is printed as it is.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from shiomi.digest.errors import ConfigError
from shiomi.digest.thread import Reading
from shiomi.toml_file import load_toml, nearest

__all__ = ["Language", "language_codes", "load_language", "parse_language", "slots_of"]


@dataclass(frozen=True, slots=True)
class Language:
    """The phrases of one language, and how it writes numbers and times."""

    code: str  # BCP 47: "ja", "en"
    phrases: Mapping[str, str]  # keyed by table and key: "render.topics"

    def phrase(self, key: str, /, **slots: object) -> str:
        """Return the phrase `key` with its slots filled.

        Raises LookupError for a key or slot that the language does not have.
        """
        try:
            return self._said(key).format(**slots)
        except KeyError as error:
            raise LookupError(f"{self.code}: {key} needs the slot {error.args[0]!r}") from None

    def number(self, value: int) -> str:
        """ "1,023"."""
        return f"{value:,}"

    def moment(self, time: int, zone: str) -> str:
        """Return Unix seconds as local time with its zone: "2020-12-06 09:00 JST"."""
        local = datetime.fromtimestamp(time, ZoneInfo(zone))
        name = local.tzname() or zone
        # The time zone database writes "+03" for zones that have no abbreviation.
        return f"{local:%Y-%m-%d %H:%M} {'UTC' + name if name[0] in '+-' else name}"

    def counts(self, reading: Reading | None, zone: str, *, listed: bool = False) -> str:
        """Return a reading in words, with its time; an unknown count is printed as unknown, never
        as 0.

        "1,023ポイント・545件のコメント（2020-12-06 09:00 JST 時点）",
        or `listed`, for use inside parentheses:
        "1,023ポイント・545件のコメント、2020-12-06 09:00 JST 時点".
        """
        if reading is None:
            return self.phrase("counts.never_read")
        return self.phrase(
            "counts.listed" if listed else "counts.said",
            counts=self._both(reading),
            read=self.read(reading, zone),
        )

    def read(self, reading: Reading, zone: str) -> str:
        """Return the time of a reading in words, or the latest possible day if its time is not
        exact."""
        if reading.exact:
            return self.phrase("counts.read_at", time=self.moment(reading.time, zone))
        day = datetime.fromtimestamp(reading.time, ZoneInfo(zone)).date()
        return self.phrase("counts.read_by", day=day)

    def _both(self, reading: Reading) -> str:
        if reading.points is None and reading.comments is None:
            return self.phrase("counts.both_unknown")
        return self.phrase(
            "counts.both",
            points=self._counted("point", reading.points),
            comments=self._counted("comment", reading.comments),
        )

    def _counted(self, what: str, count: int | None) -> str:
        if count is None:
            return self.phrase(f"counts.{what}s_unknown")
        if count == 1:
            return self.phrase(f"counts.one_{what}")
        return self.phrase(f"counts.{what}s", count=self.number(count))

    def _said(self, key: str) -> str:
        try:
            return self.phrases[key]
        except KeyError:
            hint = nearest(key, self.phrases)
            raise LookupError(f"the language {self.code} has no phrase {key}; {hint}") from None


def language_codes() -> tuple[str, ...]:
    """The codes of the languages that ship, in order."""
    names = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@lru_cache
def load_language(code: str) -> Language:
    """Return the language with this code. Raises ConfigError, which names the known codes."""
    if code not in language_codes():
        known = ", ".join(language_codes())
        raise ConfigError(f"language {code!r} is not known; known are {known}")
    return parse_language(code, (files(__name__) / f"{code}.toml").read_text(encoding="utf-8"))


def parse_language(code: str, text: str) -> Language:
    """Return the language of a TOML text. Raises ConfigError, which names the wrong key."""
    tables = load_toml(text, ConfigError, f"{code}.toml")
    phrases = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{code}.toml: {name} must stand in a table, like [render]")
        for key, value in table.items():
            phrases[f"{name}.{key}"] = _checked(f"{code}.toml: {name}.{key}", value)
    return Language(code, phrases)


def slots_of(phrase: str) -> frozenset[str]:
    """Return the slots of a phrase: {"count"} for "{count} points".

    Raises ValueError for a slot of any other form than `{name}`.
    """
    slots = set()
    for _, name, spec, conversion in string.Formatter().parse(phrase):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"{{{name}}} is no plain slot; write {{name}}")
        slots.add(name)
    return frozenset(slots)


def _checked(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{key} must be a phrase; got {value!r}")
    try:
        slots_of(value)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None
    return value
