"""Facts that titles hold: what has happened, sums and dates, and what other threads add."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from shiomi.digest.thread import Thread
from shiomi.digest.writing.extract import tokens
from shiomi.digest.writing.sentences import is_instruction, visible
from shiomi.digest.writing.tables import signs

__all__ = ["adding", "differing", "happening"]

MOST_WORDS = 2  # of a title that are shown as evidence
NEW_WORDS = 2  # content words that a differing title must add
_SUM = re.compile(
    r"[$€£]\s?\d[\d,.]*\d(?:\s?(?:million|billion|trillion|bn|[kmb]\b))?", re.IGNORECASE
)


@lru_cache(maxsize=2)
def _patterns(table: str) -> dict[str, re.Pattern[str]]:
    return {name: re.compile(text, re.IGNORECASE) for name, text in signs()[table].items()}


def happening(threads: Sequence[Thread]) -> tuple[str, Thread, tuple[str, ...]] | None:
    """Return what the first title that says so tells: the rule, the thread and the words.

    A sum of money in any of the titles is the last of the words.
    """
    for thread in threads:
        title = visible(thread.title, 1_000)
        for name, pattern in _patterns("happening").items():
            words = [found.group() for found in pattern.finditer(title)]
            if words and words[0]:
                words = list(dict.fromkeys(words))[:MOST_WORDS]
                sums = (_SUM.search(visible(one.title, 1_000)) for one in threads)
                words += [found.group() for found in sums if found][:1]
                return name, thread, tuple(dict.fromkeys(words))
    return None


def differing(heading: str, threads: Iterable[Thread], most: int) -> Iterator[Thread]:
    """Yield up to `most` threads whose titles add words to the heading and to each other."""
    known = set(tokens(heading))
    for thread in threads:
        words = set(tokens(thread.title))
        if len(words - known) >= NEW_WORDS and not is_instruction(thread.title):
            yield thread
            known |= words
            most -= 1
            if not most:
                return


def adding(heading: str, threads: Sequence[Thread]) -> tuple[str, Thread] | None:
    """Return the first rule that another thread's title matches and the heading does not."""
    for name, pattern in _patterns("title").items():
        if pattern.search(heading):
            continue
        for thread in threads:
            if pattern.search(thread.title) and any(differing(heading, [thread], 1)):
                return name, thread
    return None
