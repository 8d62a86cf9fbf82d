"""Read facts from titles: the kind of news, sums, dates, and what titles of other threads add."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from shiomi.digest.thread import Thread
from shiomi.digest.writing.extract import tokens
from shiomi.digest.writing.glosses import date_in
from shiomi.digest.writing.sentences import is_instruction, visible
from shiomi.digest.writing.tables import signs

__all__ = ["NamedThreads", "adding", "differing", "happening", "near", "stated"]

NEW_WORDS = 2  # content words that a differing title must add
RARE = 0.004  # largest share of recent titles that may contain a rare name
NAMED = 0.9  # least share of a name's uses with a capital, outside headlines
_MARKED = re.compile(r"[A-Z].*[A-Z]|\d")  # "MIDI", "AppGet": not a person or place
_WORD = re.compile(r"[A-Za-z][\w.+#-]*[\w+#]")
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
    """Yield up to `most` threads whose titles add words to the heading and to the titles before."""
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
    """Return the threads whose titles share at least `least` content words with `titles`."""
    known = set(tokens(titles))
    return [one for one in threads if len(known & set(tokens(one.title))) >= least]


def adding(heading: str, titles: str, threads: Sequence[Thread]) -> tuple[str, Thread] | None:
    """Return the first rule that the heading does not match but a similar title does, and its
    thread.

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


class NamedThreads:
    """The threads of a week, indexed by the rare names in their titles: "Zig", "CentOS"."""

    def __init__(self, recent: Iterable[Thread], week: Sequence[Thread]) -> None:
        seen: Counter[str] = Counter()
        named: Counter[str] = Counter()
        written: Counter[str] = Counter()
        threads = 0
        for thread in recent:
            threads += 1
            words = _WORD.findall(thread.title)
            seen.update({word.casefold() for word in words})
            if not _is_headline(words):
                written.update(word.casefold() for word in words[1:])
                named.update(word.casefold() for word in words[1:] if word[0].isupper())
        most = max(threads * RARE, 8)
        self._names = {
            word: count
            for word, count in seen.items()
            if len(word) > 3 and count <= most and named[word] >= NAMED * max(written[word], 2)
        }
        self._by_name: dict[str, list[Thread]] = {}
        for thread in week:
            for word in {w.casefold() for w in _WORD.findall(thread.title)} & self._names.keys():
                self._by_name.setdefault(word, []).append(thread)

    def others(self, heading: Thread, without: Collection[str]) -> list[tuple[str, Thread]]:
        """Return other threads that share a rare name with the heading's title, the rarest name
        first.

        For each name, the thread with most comments comes first.
        """
        found_words = _WORD.findall(heading.title)
        words = {word.casefold(): word for word in found_words if _MARKED.search(word)}
        names = sorted(words.keys() & self._by_name.keys(), key=lambda w: (self._names[w], w))
        found = [
            (words[name], thread)
            for name in names
            for thread in sorted(self._by_name[name], key=lambda t: (-_comments(t), t.uid))
        ]
        return [row for row in found if row[1].uid not in without]


def _is_headline(words: Sequence[str]) -> bool:
    """Return whether most words of a title have capitals, so that a capital does not mark a
    name."""
    long = [word for word in words if len(word) > 3]
    return sum(word[0].isupper() for word in long) > 0.6 * len(long)


def _comments(thread: Thread) -> int:
    return (thread.reading.comments or 0) if thread.reading else 0
