"""Read facts from titles: the kind of news, sums, dates, and additions in other titles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from shiomi.digest.thread import Thread
from shiomi.digest.writing.extract import tokens
from shiomi.digest.writing.glosses import date_in
from shiomi.digest.writing.sentences import is_instruction, visible
from shiomi.digest.writing.tables import signs

__all__ = ["adding", "differing", "happening", "near", "stated"]

NEW_WORDS = 2  # content words that a differing title must add
_SUM = re.compile(
    r"[$€£]\s?\d[\d,.]*\d(?:\s?(?:million|billion|trillion|bn|[kmb]\b))?", re.IGNORECASE
)


@lru_cache(maxsize=3)
def _patterns(table: str) -> dict[str, re.Pattern[str]]:
    return {name: re.compile(text, re.IGNORECASE) for name, text in signs()[table].items()}


def happening(threads: Sequence[Thread]) -> tuple[str, Thread, str] | None:
    """Return the rule of the first title that shows a kind of news, its thread, and a sum of money.

    The sum may be in any of the titles; it is "" if there is none.
    """
    sums = (_SUM.search(visible(one.title, 1_000)) for one in threads)
    money = next((found.group() for found in sums if found), "")
    for thread in threads:
        for name, pattern in _patterns("happening").items():
            if pattern.search(visible(thread.title, 1_000)):
                return name, thread, money
    return None


def differing(heading: str, threads: Iterable[Thread], most: int) -> Iterator[Thread]:
    """Yield up to `most` threads whose titles have new words, compared with the heading and the
    titles yielded before."""
    known = set(tokens(heading))
    for thread in threads:
        words = set(tokens(thread.title))
        if len(words - known) >= NEW_WORDS and not is_instruction(thread.title):
            yield thread
            known |= words
            most -= 1
            if not most:
                return


def near(titles: str, threads: Iterable[Thread], least: int = 2) -> list[Thread]:
    """Return the threads whose titles share at least `least` content words with `titles`.

    Numbers and sizes, such as "12" and "8gb", are not words.
    """
    known = {word for word in tokens(titles) if re.search(r"[^\W\d_]{3}|[^\x00-\x7f]", word)}
    return [one for one in threads if len(known & set(tokens(one.title))) >= least]


def adding(heading: str, titles: str, threads: Sequence[Thread]) -> tuple[str, Thread] | None:
    """Return the first rule that matches a similar title but not the heading, and the thread of
    that title.

    A title is similar if it shares words with `titles`, the titles of the story.
    """
    for name, pattern in _patterns("title").items():
        if pattern.search(heading):
            continue
        for thread in near(titles, threads, 1 if name == "alternative" else 2):
            if pattern.search(thread.title) and any(differing(heading, [thread], 1)):
                return name, thread
    return None


def stated(threads: Sequence[Thread], rule: str) -> tuple[Thread, str] | None:
    """Return the first thread whose title a rule of [stated], or "date", matches, and the words
    found."""
    for thread in threads:
        title = visible(thread.title, 1_000)
        if rule == "date":
            words = date_in(title)
        else:
            found = _patterns("stated")[rule].search(title)
            words = found[1].strip() if found else None
        if words:
            return thread, words
    return None
