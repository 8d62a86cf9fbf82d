"""Patterns of paths: a whole path, a beginning ("/feed/*") or an end ("*.rss").

No more than that, so that every server can be told the same, and a path costs three comparisons in
C however many patterns there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from shiomi.gate.policy.policy import ALWAYS_SERVED, PathRule

__all__ = ["PathTable", "always_served", "covers", "malformed"]

_FOLDERS = tuple(pattern[:-1] for pattern in ALWAYS_SERVED if pattern.endswith("*"))


class PathTable:
    """Rules on paths, ready to be asked; the first that matches counts."""

    def __init__(self, rules: Sequence[PathRule]) -> None:
        self._rules = tuple(rules)
        exact: dict[str, int] = {}
        prefixes: list[tuple[str, int]] = []
        suffixes: list[tuple[str, int]] = []
        for number, rule in enumerate(self._rules):
            for written in rule.match:
                pattern = unquote(written)
                if pattern.endswith("*"):
                    prefixes.append((pattern[:-1], number))
                elif pattern.startswith("*"):
                    suffixes.append((pattern[1:], number))
                else:
                    exact.setdefault(pattern, number)
        self._exact = exact
        self._prefixes = prefixes
        self._suffixes = suffixes
        self._any_prefix = tuple(text for text, _ in prefixes)
        self._any_suffix = tuple(text for text, _ in suffixes)

    def find(self, path: str) -> PathRule | None:
        """Return the first rule that matches a normalised path, or None."""
        if not (
            path in self._exact
            or path.startswith(self._any_prefix)
            or path.endswith(self._any_suffix)
        ):
            return None
        numbers = [number for text, number in self._prefixes if path.startswith(text)]
        numbers += [number for text, number in self._suffixes if path.endswith(text)]
        if path in self._exact:
            numbers.append(self._exact[path])
        return self._rules[min(numbers)]


def always_served(path: str) -> bool:
    """Whether nobody is refused this path, which is in order: ALWAYS_SERVED names it.

    What is encoded twice could lead elsewhere in an application that decodes twice.
    """
    return path in ALWAYS_SERVED or (path.startswith(_FOLDERS) and "%" not in path)


def malformed(pattern: str) -> str:
    """Return what is wrong with a pattern, with the remedy; "" where nothing is."""
    if pattern.count("*") > 1 or "*" in pattern[1:-1]:
        return "may have one *, at its beginning or its end"
    if not pattern.startswith(("/", "*")):
        return 'must begin with "/" or "*"'
    if "//" in pattern or "/./" in f"{pattern}/" or "/../" in f"{pattern}/":
        return "matches no path, as // and dot segments are resolved before"
    if any(ord(character) < 0x21 for character in unquote(pattern)):
        return "holds a blank or a control character"
    return ""


def covers(pattern: str, other: str) -> bool:
    """Whether every path that `other` matches is matched by `pattern`."""
    pattern, other = unquote(pattern), unquote(other)
    if pattern in ("*", "/*"):
        return True
    if pattern.endswith("*"):
        return not other.startswith("*") and other.removesuffix("*").startswith(pattern[:-1])
    if pattern.startswith("*"):
        return not other.endswith("*") and other.removeprefix("*").endswith(pattern[1:])
    return pattern == other
