"""Read a parsed TOML or JSON table into frozen dataclasses, and report all its problems at once.

@dataclass(frozen=True)
class Server:
    host: str = "127.0.0.1"
    port: int = 8080

read_table(Server, tomllib.loads('prot = 1'))
# TableError: prot: unknown key; did you mean port?
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

__all__ = ["TableError", "key_lines", "nearest", "read_table", "shortened"]

T = TypeVar("T")
_LONGEST = 60  # characters of a value in a message
_NOTHING: Mapping[type, Callable[[object], Any]] = MappingProxyType({})
_TYPE_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path that is not empty",
}


class TableError(ValueError):
    """A table cannot be read; `problems` holds (key, message) of each problem."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{key}: {what}" if key else what for key, what in problems))


def read_table(
    cls: type[T],
    table: object,
    *,
    convert: Mapping[type, Callable[[object], Any]] = _NOTHING,
    default: T | None = None,
    folder: Path = Path(),
) -> T:
    """Return the dataclass `cls` with the values of `table`.

    Fields may be str, int, float, bool, Path, a StrEnum, a dataclass, `X | None`,
    `tuple[X, ...]` or `Mapping[str or StrEnum, X]`.

    Parameters
    ----------
    convert
        For other types, a function that returns the value or raises ValueError with a message
        such as "must be a month such as 2025-04, got 'x'".
    default
        The values of keys that the table leaves out. Without it the defaults of `cls` apply, and
        a field that has none is required.
    folder
        Relative paths start here.

    Raises TableError, which lists every unknown key, missing key and wrong type.
    """
    reader = _Reader(convert, folder)
    value: T = reader.table(cls, table, "", default)
    if reader.problems:
        raise TableError(reader.problems)
    return value


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "did you mean X?", or "known here: X, Y" if nothing in `known` is similar."""
    names = sorted(str(one) for one in known)
    close = difflib.get_close_matches(name[:_LONGEST], names, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(names)}"


def shortened(value: object) -> str:
    """Return the repr of `value`, cut to a length that fits into a message."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


@dataclass(frozen=True, slots=True)
class _Reader:
    convert: Mapping[type, Callable[[object], Any]]
    folder: Path
    problems: list[tuple[str, str]] = field(default_factory=list)

    def table(self, cls: type[Any], table: object, key: str, default: Any) -> Any:
        if not isinstance(table, Mapping):
            self._wrong(key, f"must be a table, got {shortened(table)}")
            return default
        hints = get_type_hints(cls)
        known = {one.name for one in fields(cls) if one.init}
        for name in table:
            if name not in known:
                self._wrong(_joined(key, str(name)), f"unknown key; {nearest(str(name), known)}")
        values = {}
        for one in fields(cls):
            if not one.init:
                continue
            before = getattr(default, one.name, MISSING) if default is not None else _default(one)
            if one.name in table:
                full = _joined(key, one.name)
                values[one.name] = self.value(hints[one.name], table[one.name], full, before)
            elif before is MISSING:
                self._wrong(_joined(key, one.name), "is missing")
            else:
                under_folder = isinstance(before, Path) and default is None
                values[one.name] = self.folder / before if under_folder else before
        return None if self.problems else cls(**values)

    def value(self, hint: Any, value: object, key: str, default: Any) -> Any:
        if get_origin(hint) is UnionType:
            hint = next(one for one in get_args(hint) if one is not NoneType)
        if hint in self.convert:
            return self._converted(self.convert[hint], value, key)
        if is_dataclass(hint):
            return self.table(hint, value, key, None if default is MISSING else default)  # type: ignore[arg-type]
        if get_origin(hint) is tuple:
            return self._list(get_args(hint)[0], value, key)
        if get_origin(hint) is Mapping:
            return self._mapping(hint, value, key)
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            return self._member(hint, value, key)
        if hint is Path and isinstance(value, str) and value:
            return self.folder / value
        if hint is float and type(value) is int:
            return float(value)
        if type(value) is not hint:
            self._wrong(key, f"must be {_TYPE_NAMES[hint]}, got {shortened(value)}")
        return value

    def _list(self, hint: Any, value: object, key: str) -> tuple[Any, ...]:
        if isinstance(value, list):
            return tuple(
                self.value(hint, item, f"{key}[{n}]", MISSING) for n, item in enumerate(value)
            )
        written = f"a list of tables [[{key}]]" if is_dataclass(hint) else "a list"
        self._wrong(key, f"must be {written}, got {shortened(value)}")
        return ()

    def _mapping(self, mapping: Any, value: object, key: str) -> Mapping[Any, Any]:
        names, hint = get_args(mapping)
        if not isinstance(value, Mapping):
            self._wrong(key, f"must be a table, got {shortened(value)}")
            return {}
        read = {}
        for name, item in value.items():
            full = _joined(key, str(name))
            if names is not str and name not in set(names):
                self._wrong(full, f"unknown key; {nearest(str(name), names)}")
                continue
            read[names(name)] = self.value(hint, item, full, MISSING)
        return MappingProxyType(read)

    def _member(self, enum: type[StrEnum], value: object, key: str) -> StrEnum | None:
        if isinstance(value, str) and value in set(enum):
            return enum(value)
        allowed = ", ".join(enum)
        self._wrong(key, f"must be one of {allowed}; got {shortened(value)}")
        return None

    def _converted(self, convert: Callable[[object], Any], value: object, key: str) -> Any:
        try:
            return convert(value)
        except ValueError as error:
            self._wrong(key, str(error))
            return None

    def _wrong(self, key: str, what: str) -> None:
        self.problems.append((key, what))


def _default(one: Field[Any]) -> Any:
    return one.default_factory() if one.default_factory is not MISSING else one.default


def _joined(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*(["']?)([\w.-]+)\1\s*=""")


def key_lines(text: str) -> dict[str, int]:
    """Return the line number of each key in a TOML text, for error messages.

    Keys are spelled as in TableError: "sources.reddit.comments", "watch[0].name". Only the start
    of each line is read, so a key inside an inline table has no entry.
    """
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = header[2].replace('"', "").replace(" ", "")
            if header[1] == "[[":
                index = counts.get(table, 0)
                counts[table] = index + 1
                table = f"{table}[{index}]"
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault(_joined(table, key[2]), number)
    return lines
