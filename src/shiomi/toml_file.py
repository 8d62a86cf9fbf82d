"""Read a TOML file into frozen dataclasses, and check the type of each value.

The error for an unknown key names the nearest known key.

`nearest` and `load_toml` are used for every TOML file. `TableReader` is used only for files with
settings.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

__all__ = ["TableReader", "load_toml", "nearest", "read_settings_text"]

_TYPE_NAMES: dict[Any, str] = {
    str: "a string in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "did you mean X?", or the known names if none is similar to `name`."""
    names = sorted(str(one) for one in known)
    close = difflib.get_close_matches(name[:80], names, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(names)}"


def read_settings_text(path: Path, writer: str, error: type[Exception]) -> str:
    """Return the text of the file. `writer` is the command that creates such a file.

    Raises `error` if there is no such file, or if it is not UTF-8 or not readable.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        where = f" in {Path.cwd()}" if not path.is_absolute() else ""
        raise error(f"{path} does not exist{where}; `{writer}` writes one") from None
    except UnicodeDecodeError as wrong:
        raise error(f"{path} is not UTF-8 (byte {wrong.start}); save it as UTF-8") from None
    except OSError as wrong:
        raise error(f"{path} cannot be read: {wrong.strerror}") from None


def load_toml(text: str, error: type[Exception], name: str = "this") -> dict[str, Any]:
    """Return the parsed text. Raises `error` with the message "NAME is not valid TOML: REASON"."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as wrong:
        raise error(f"{name} is not valid TOML: {wrong}{_foreign(text, str(wrong))}") from None


def _foreign(text: str, reason: str) -> str:
    """Name the character at the place of a TOML error if an input method or editor put it there."""
    place = re.search(r"at line (\d+), column (\d+)", reason)
    line = text.split("\n")[int(place[1]) - 1] if place else ""
    at = line[int(place[2]) - 1 : int(place[2])] if place else ""
    if not at or at.isascii():
        return ""
    return f'; {at!r} is there, but quotes, digits and signs must be ASCII, as in "ja" or 8'


class TableReader:
    """Turns parsed TOML into dataclasses by the type hints of their fields.

    A subclass defines `wrong`, which raises an error or records the problem. It also extends
    `value` for its own types. If `wrong` returns, the default value is used.
    """

    def wrong(self, key: str, what: str) -> None:
        """Report that `key` is wrong. `what` is the end of the message, such as "must be a table;
        got 3"."""
        raise NotImplementedError

    def shown(self, key: str, value: object) -> str:  # noqa: ARG002 - a key may hold a secret
        """Return the text that messages show for the `value` of `key`."""
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."

    def unknown(self, name: str, key: str, known: Iterable[str]) -> None:
        """Report that `key`, which ends in `name`, is not one of the `known` names."""
        self.wrong(key, f"is not a known key; {nearest(name, known)}")

    def table(self, cls: type[Any], table: object, key: str, default: Any = None) -> Any:
        """Return an instance of `cls` with the values of a table. Missing values are taken from
        `default`."""
        if not isinstance(table, dict):
            self.wrong(key, f"must be a table, written [{key}]; got {self.shown(key, table)}")
            return default
        hints = get_type_hints(cls)
        for name in table:
            if name not in hints:
                self.unknown(name, f"{key}.{name}" if key else name, hints)
        values = {}
        for field in fields(cls):
            known = getattr(default, field.name, None)
            if field.name in table:
                full = f"{key}.{field.name}" if key else field.name
                values[field.name] = self.value(hints[field.name], table[field.name], full, known)
            elif default is not None:
                values[field.name] = known
            elif field.default is MISSING and field.default_factory is MISSING:
                self.wrong(key, f"needs the key {field.name}")
                values[field.name] = () if get_origin(hints[field.name]) is tuple else ""
        return cls(**values)

    def value(self, hint: Any, value: object, key: str, default: Any = None) -> Any:
        """Return `value` if it is of the type `hint`. Otherwise, report the problem and return
        `default`."""
        if get_origin(hint) is UnionType:
            hint = next(one for one in get_args(hint) if one is not NoneType)
        if is_dataclass(hint):
            return self.table(hint, value, key, default)  # type: ignore[arg-type]
        if get_origin(hint) is tuple:
            return self._sequence(get_args(hint)[0], value, key, default)
        if hint is float and type(value) is int:
            return float(value)
        if type(value) is hint:
            return value
        self.wrong(key, f"must be {_TYPE_NAMES[hint]}; got {self.shown(key, value)}")
        return default

    def _sequence(self, hint: Any, value: object, key: str, default: Any) -> Any:
        if not isinstance(value, list):
            wanted = f"written [[{key}]]" if is_dataclass(hint) else 'a list, like ["a", "b"]'
            self.wrong(key, f"must be {wanted}; got {self.shown(key, value)}")
            return default or ()
        items = (self.value(hint, one, f"{key}[{n}]") for n, one in enumerate(value))
        return tuple(one for one in items if one is not None)
