"""The parts of search that every engine shares: filters, candidates, and where a word occurs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Candidate", "SearchFilters", "is_short", "occurs"]


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """Which threads a search is about; None: all."""

    since: int | None = None  # created at this moment or later, unix seconds
    until: int | None = None  # created before it
    community: str | None = None
    points: int | None = None  # at least so many in any reading

    @property
    def any(self) -> bool:
        """Whether a filter is set."""
        return self != SearchFilters()


@dataclass(slots=True)
class Candidate:
    """The fields of a thread that ranking uses."""

    n: int
    created: int
    uid: str
    title: str  # the current one
    points: int = 0  # the most ever read; 0 if none was


def is_short(word: str) -> bool:
    """Whether a folded word is a Latin one of one or two characters, which must be whole."""
    return len(word) < 3 and word.isascii() and word.isalnum()


def occurs(flat: str, word: str) -> float:
    """1 if the folded word is a whole word of the folded text, 0.8 if a part of one, else 0.

    A short word (`is_short`) does not count inside a longer word.
    """
    part = 0.0
    start = flat.find(word)
    while start >= 0:
        before, after = flat[:start][-1:], flat[start + len(word) :][:1]
        if not (_alphanumeric(before) and _alphanumeric(word[0])) and not (
            _alphanumeric(after) and _alphanumeric(word[-1])
        ):
            return 1.0
        part = 0.0 if is_short(word) else 0.8
        start = flat.find(word, start + 1)
    return part


def _alphanumeric(character: str) -> bool:
    return character.isascii() and character.isalnum()
