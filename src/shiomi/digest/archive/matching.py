"""The parts of search that both engines share: filters, candidates, and matching of words.

`keep` and `newest` collect the candidates of a search. `latest`, `of_keys` and `rarest` find them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from shiomi.digest.archive.database import Database
from shiomi.digest.archive.folding import folded

__all__ = [
    "FIELDS",
    "MARKS",
    "Candidate",
    "Condition",
    "SearchFilters",
    "conditions",
    "is_short",
    "keep",
    "latest",
    "newest",
    "occurs",
    "of_keys",
    "rarest",
    "short_words",
    "texts_to_index",
]

_POINTS = "EXISTS (SELECT 1 FROM reading WHERE thread = thread.n AND points >= ?)"
FIELDS = "thread.n, created, community || ':' || thread.id, thread.title"  # fields of a Candidate

Condition = tuple[str, list[object]]  # an SQL condition, and its values

_ALPHANUMERIC = re.compile("[A-Za-z0-9]")
_SHORT = re.compile(r"\b[a-z0-9]{1,2}(?![a-z0-9])", re.ASCII)
_MARKED = re.compile(r"\b[a-z0-9][#+]", re.ASCII)  # c#
# These words are so frequent that searching the newest threads (`_by_time`) is enough.
_FREQUENT = frozenset(
    re.findall(
        r"\w+", "a an as at be by do he hn i if in is it me my no of on or so s t to up us we"
    )
)
_WIDE = re.compile(r"[^\x00-\x7f\s\u2000-\u206f]")  # without dashes and quotation marks
_WIDE_PAIR = re.compile(
    r"(?=([^\x00-\x7f\s\u2000-\u206f][^\s]|[a-z0-9][^\x00-\x7f\s\u2000-\u206f]))"
)
MARKS = {code: 0xE000 + code for code in range(128) if not chr(code).isalnum() and code != 32}


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """The filters of a search; None means no filter."""

    since: int | None = None  # created at this moment or later, unix seconds
    until: int | None = None  # created before this moment
    community: str | None = None
    points: int | None = None  # at least this many points in any reading

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
    title: str  # the current title
    points: int = 0  # the most points ever read, 0 if unknown; search.py sets it


def is_short(word: str) -> bool:
    """Return whether a folded word is Latin and has one or two characters.

    Such a word must match a whole word.
    """
    return len(word) < 3 and word.isascii() and word.isalnum()


def occurs(flat: str, word: str) -> float:
    """Return 1 if the folded word is a whole word of the folded text, 0.8 if it is part of a word,
    else 0.

    A short word (`is_short`) does not count inside a longer word.
    """
    if word not in flat:
        return 0.0
    if _as_whole_word(word).search(flat):
        return 1.0
    return 0.0 if is_short(word) else 0.8


@lru_cache(1024)
def _as_whole_word(word: str) -> re.Pattern[str]:
    """Return a pattern for the word. No Latin letter or digit may be next to a Latin letter or
    digit of the word."""
    before = r"(?<![A-Za-z0-9])" if _ALPHANUMERIC.match(word[0]) else ""
    after = r"(?![A-Za-z0-9])" if _ALPHANUMERIC.match(word[-1]) else ""
    return re.compile(before + re.escape(word) + after)


def short_words(text: str) -> str:
    """Return the one- and two-character words of a folded text, separated by spaces.

    A Latin word counts only as a whole word, and keeps its marks, as in c#. The most frequent Latin
    words are left out. Other scripts have no spaces, so each character and each pair of characters
    counts as a word. ASCII marks are replaced by private-use characters, which the index treats as
    letters. The case of a to z does not matter.
    """
    flat = text.lower()
    found = [word for word in _SHORT.findall(flat) if word not in _FREQUENT]
    if "#" in flat or "+" in flat:
        found += _MARKED.findall(flat)
    if not flat.isascii():
        found += [*_WIDE.findall(flat), *_WIDE_PAIR.findall(flat)]
    return " ".join(dict.fromkeys(found)).translate(MARKS) if found else ""


def texts_to_index(
    table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> Iterator[tuple[object, str]]:
    """Yield the key and the folded text of each row of `title` or `passage`."""
    names = ("n", "title" if table == "title" else "text", "folded")
    key, text, flat = (columns.index(one) for one in names)
    for row in rows:
        yield row[key], str(row[text] if row[flat] is None else row[flat])


def conditions(
    filters: SearchFilters, *, points: bool = True, community: str = "thread.community"
) -> Condition:
    """Return SQL conditions on `thread` with their values. `community` is the SQL for the column
    with the community."""
    found, values = ["thread.created IS NOT NULL"], list[object]()
    for condition, value in (
        ("thread.created >= ?", filters.since),
        ("thread.created < ?", filters.until),
        (f"{community} = ?", filters.community),
        (_POINTS, filters.points if points else None),
    ):
        if value is not None:
            found.append(condition)
            values.append(value)
    return " AND ".join(found), values


def latest(
    database: Database,
    filters: SearchFilters,
    condition: Condition,
    limit: int,
    also: Condition = ("TRUE", []),
) -> Iterator[tuple[Candidate, str]]:
    """Yield the `limit` threads created last that pass `condition`, each with its title.

    Of these threads, those that have fewer points than the filter requires, or that do not pass
    `also`, are left out.
    """
    tests = [also]
    if filters.points is not None:
        tests.append((_POINTS, [filters.points]))
    for fields in database.execute(
        f"SELECT {FIELDS} FROM (SELECT n, created, community, id, title FROM thread"
        f" WHERE {condition[0]} ORDER BY created DESC LIMIT ?) AS thread"
        f" WHERE {' AND '.join(sql for sql, _ in tests)}",
        [*condition[1], limit, *chain.from_iterable(values for _, values in tests)],
    ):
        yield Candidate(*fields), fields[3]


def of_keys(
    database: Database, keys: Iterable[int], condition: Condition
) -> Iterator[tuple[Candidate, str]]:
    """Yield the threads with these keys that pass the condition, each with "" instead of its
    text."""
    for fields in database.execute(
        f"SELECT {FIELDS} FROM {database.wanted} CROSS JOIN thread"
        f" WHERE thread.n = wanted.value AND {condition[0]}",
        [database.keys(keys), *condition[1]],
    ):
        yield Candidate(*fields), ""


def rarest(
    words: Iterable[str], most: int, find: Callable[[str, int], set[int] | None]
) -> set[int]:
    """Return the threads that have the rarest of the words.

    `find(word, limit)` returns up to `limit` threads with the word, or None if no index has the
    word. For each word, at most `most` threads are examined.
    """
    found: set[int] | None = None
    for word in words:
        keys = find(word, most if found is None else len(found) + 1)
        if keys is not None and (found is None or len(keys) < len(found)):
            found = keys
    return found or set()


def newest(
    found: Mapping[int, Candidate], spread: Mapping[int, Candidate], most: int
) -> list[Candidate]:
    """Return the newest candidates. Candidates with all words in one text (`found`) come first."""
    rest = (spread[n] for n in spread.keys() - found.keys())
    both = (sorted(some, key=lambda one: -one.created) for some in (found.values(), rest))
    return list(chain.from_iterable(both))[:most]


def keep(
    found: dict[int, Candidate], rows: Iterable[tuple[Candidate, str]], words: Sequence[str] = ()
) -> None:
    """Add the threads whose texts have all the words."""
    for one, text in rows:
        if all(occurs(folded(text), word) for word in words):
            found.setdefault(one.n, one)
