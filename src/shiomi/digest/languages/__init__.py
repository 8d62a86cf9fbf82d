"""Languages of the digest: one TOML file of phrases for each language.

A file has a table for each package that prints text ([render], [writing], [trends], [watch]). A
value is a phrase. Its slots have the form `{name}`. If the text that fills a slot contains
`{name}`, it is printed as it is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from shiomi.digest.errors import ConfigError
from shiomi.digest.thread import Reading

__all__ = ["Language", "language_codes", "load_language", "parse_language"]


@dataclass(frozen=True, slots=True)
class Language:
    """The phrases of one language, and how it writes numbers and times."""

    code: str  # BCP 47: "ja", "en"
    phrases: Mapping[str, str]  # keyed by table and key: "render.topics"

    def phrase(self, key: str, /, **slots: object) -> str:
        """Return the phrase `key` with its slots filled.

        Raises KeyError, which names the missing phrase or slot.
        """
        return self.phrases[key].format(**slots)

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
    """Return the language of a TOML text that has a table of phrases for each package."""
    tables = tomllib.loads(text)
    phrases = {
        f"{name}.{key}": said for name, table in tables.items() for key, said in table.items()
    }
    return Language(code, phrases)
