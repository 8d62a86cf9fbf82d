"""Path patterns, in which "*" stands for any characters, including "/".

    /feed            a whole path
    /feed/*          a beginning
    *.rss            an end
    */raw/*          anything else with "*" in it
    *?go-get=1       with a query: the path's pattern, and the whole query as it is sent

A path that contains "?" or "#" after decoding (`/private%3f.rss`) is compared only with whole paths
and prefixes. It is not compared with other patterns, because a server that decodes twice would
ignore the end of the path.

There are only these few forms, so that every web server can express them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import unquote

from shiomi.gate.policy.policy import ALWAYS_SERVED, PathRule

__all__ = ["PathTable", "always_served", "covers", "is_glob", "malformed"]

_FOLDERS = tuple(pattern[:-1] for pattern in ALWAYS_SERVED if pattern.endswith("*"))
_REMEMBERED = 4096  # paths
_LONGEST = 200  # characters of a path that is remembered
_MOST_STARS = 8

Matches = Callable[[str], bool]


class PathTable:
    """Rules on paths, prepared for lookup; the first match counts."""

    def __init__(self, rules: Sequence[PathRule]) -> None:
        self._rules = tuple(rules)
        self._exact: dict[str, int] = {}
        self._prefixes: list[tuple[str, int]] = []
        self._suffixes: list[tuple[str, int]] = []
        self._globs: list[tuple[list[str], int]] = []
        self._queries: list[tuple[Matches, bytes, int]] = []
        for number, rule in enumerate(self._rules):
            for written in rule.match:
                path, mark, query = written.partition("?")
                pattern = unquote(path)
                if mark:
                    self._queries.append((_matcher(pattern), query.encode(), number))
                elif is_glob(pattern):
                    self._globs.append((pattern.split("*"), number))
                elif pattern.endswith("*"):
                    self._prefixes.append((pattern[:-1], number))
                elif pattern.startswith("*"):
                    self._suffixes.append((pattern[1:], number))
                else:
                    self._exact.setdefault(pattern, number)
        self._any_prefix = tuple(text for text, _ in self._prefixes)
        self._any_suffix = tuple(text for text, _ in self._suffixes)
        self._known: dict[str, PathRule | None] = {}

    def find(self, path: str, query: bytes = b"") -> PathRule | None:
        """Return the first rule that matches a normalised path and its query, or None."""
        if query and self._queries:
            for matches, wanted, number in self._queries:
                if query == wanted and matches(path):
                    return self._rules[min([number, *self._numbers(path)])]
        try:
            return self._known[path]
        except KeyError:
            numbers = self._numbers(path)
            found = self._rules[min(numbers)] if numbers else None
            if len(path) <= _LONGEST:
                if len(self._known) >= _REMEMBERED:
                    self._known = {}
                self._known[path] = found
            return found

    def _numbers(self, path: str) -> list[int]:
        numbers = []
        if path in self._exact:
            numbers.append(self._exact[path])
        if path.startswith(self._any_prefix):
            numbers += [number for text, number in self._prefixes if path.startswith(text)]
        if "?" not in path and "#" not in path:
            if path.endswith(self._any_suffix):
                numbers += [number for text, number in self._suffixes if path.endswith(text)]
            numbers += [number for parts, number in self._globs if _glob_matches(parts, path)]
        return numbers


def _matcher(pattern: str) -> Matches:
    parts = pattern.split("*")
    return lambda path: _glob_matches(parts, path)


def _glob_matches(parts: Sequence[str], path: str) -> bool:
    """Return whether the path has these parts in order, from its start to its end."""
    first, *middle = parts
    if not middle:
        return path == first
    last = middle.pop()
    if len(path) < len(first) + len(last) or not path.startswith(first) or not path.endswith(last):
        return False
    at, end = len(first), len(path) - len(last)
    for part in middle:
        found = path.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def is_glob(pattern: str) -> bool:
    """Return whether a pattern is neither a whole path, nor a beginning, nor an end."""
    return "*" in pattern[1:-1] or (len(pattern) > 1 and pattern[0] == pattern[-1] == "*")


def always_served(path: str) -> bool:
    """Return whether this path is in ALWAYS_SERVED.

    The result is False for a path that is encoded twice, because some applications decode twice and
    then serve another page.
    """
    return path in ALWAYS_SERVED or (path.startswith(_FOLDERS) and "%" not in path)


def malformed(pattern: str) -> str:
    """Return what is wrong with a pattern, and what is allowed; "" if the pattern is valid."""
    path, mark, query = pattern.partition("?")
    if not path.startswith(("/", "*")):
        return 'must begin with "/" or "*"'
    if "**" in path or path.count("*") > _MOST_STARS:
        return f"may have at most {_MOST_STARS} *, each between other characters"
    if mark and (not query or "*" in query):
        return "must have a whole query without *, like ?go-get=1"
    if "//" in path or "/./" in f"{path}/" or "/../" in f"{path}/":
        return "matches no path, because // and dot segments are resolved first"
    if any(ord(character) < 0x21 for character in unquote(pattern)):
        return "must not have a blank or a control character"
    return ""


def covers(pattern: str, other: str) -> bool:
    """Return whether `pattern` certainly matches every path that `other` matches."""
    pattern, other = unquote(pattern), unquote(other)
    if pattern == other or pattern in ("*", "/*"):
        return True
    if "?" in pattern or is_glob(pattern):
        return False
    path, mark, _ = other.partition("?")
    parts = path.split("*")
    if pattern.endswith("*"):
        return parts[0].startswith(pattern[:-1])
    if pattern.startswith("*"):
        return parts[-1].endswith(pattern[1:])
    return bool(mark) and pattern == path
