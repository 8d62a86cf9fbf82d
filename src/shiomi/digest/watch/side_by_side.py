"""Choose one passage from each community about a subject, to show them side by side.

Passages of opposite tone in two communities are preferred. Otherwise the best rated passage of each
community is used, or the earliest passage if no ratings are known. Tone is a count of words from a
small list. So a contrast is only a reason to quote two passages together. It does not show what a
community thinks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

from shiomi.digest.terms import normalized
from shiomi.digest.thread import Passage, PassageKind, Thread, ThreadState

__all__ = ["SideQuote", "side_by_side", "tone"]

SHORTEST, LONGEST = 40, 4000  # characters of a passage that may be quoted
OPPOSED = 2.0  # in a contrast, one tone is at least 2 and the other at most -2
_NEGATED = re.compile(r"\b(?:no|not|never|nothing|hardly)\b|n't\b")


@dataclass(frozen=True, slots=True)
class SideQuote:
    """A passage of one community on the subject, shown next to another community's."""

    community: str
    thread: Thread  # the thread the passage belongs to
    passage: Passage
    tone: float = 0.0  # words of praise minus words of objection
    contrast: bool = False  # whether another quote has the opposite tone


@lru_cache(maxsize=1)
def _tones() -> dict[str, float]:
    text = files("shiomi.digest.watch").joinpath("tone_words.txt").read_text(encoding="utf-8")
    tones = {}
    for line in text.splitlines():
        sign, *found = line.split()
        if sign in "+-":
            tones.update(dict.fromkeys(found, 1.0 if sign == "+" else -1.0))
    return tones


def tone(text: str) -> float:
    """Return the words of praise minus the words of objection; a negation reverses the next
    word."""
    tones = _tones()
    folded = normalized(text[:LONGEST]).replace("’", "'")
    total = 0.0
    row = re.findall(r"[a-z']+", folded)
    for place, word in enumerate(row):
        value = tones.get(word, 0.0)
        if value and _NEGATED.search(" ".join(row[max(place - 2, 0) : place])):
            value = -value
        total += value
    return total + sum(folded.count(w) * v for w, v in tones.items() if not w.isascii())


def side_by_side(
    threads: Iterable[Thread], *, about: Callable[[str], bool], most: int = 3
) -> tuple[SideQuote, ...]:
    """Return at most one quote per community, for at most `most` communities.

    Return () if fewer than two communities have a quote.

    `about` returns whether a text is about the subject. Passages about it come before other
    passages of its threads.
    """
    candidates: dict[str, list[SideQuote]] = {}
    for thread in threads:
        if thread.state is not ThreadState.LIVE:
            continue
        titled = about(thread.title)
        for passage in thread.passages:
            if passage.kind not in (PassageKind.COMMENT, PassageKind.POST):
                continue  # an article's or a paper's words are not the community's
            if not SHORTEST <= len(passage.text) <= LONGEST:
                continue
            if titled or about(passage.text):
                quote = SideQuote(thread.community, thread, passage, tone(passage.text))
                candidates.setdefault(thread.community, []).append(quote)
    if len(candidates) < 2:
        return ()
    ordered = {name: sorted(found, key=lambda q: _order(q, about)) for name, found in
               sorted(candidates.items())}  # fmt: skip
    pair = _contrast(list(ordered.values()))
    rest = [found[0] for name, found in ordered.items()
            if name not in {quote.community for quote in pair}]  # fmt: skip
    rest.sort(key=lambda q: (_order(q, about), q.community))
    return (*pair, *rest)[:most]


def _order(quote: SideQuote, about: Callable[[str], bool]) -> tuple[bool, bool, int, int, str]:
    """Return a sort key: passages that name the subject first, then comments.

    Within each group, passages are sorted by points, most first, then from the oldest thread to the
    newest.
    """
    passage = quote.passage
    return (
        not about(passage.text),
        passage.kind is not PassageKind.COMMENT,
        -(passage.points or 0),
        quote.thread.created,
        passage.link,
    )


def _contrast(candidates: list[list[SideQuote]]) -> tuple[SideQuote, ...]:
    """Return two passages of different communities whose tones differ most, or () if no pair has
    opposite tones.

    The passage with praise comes first.
    """
    best: tuple[float, bool, str, str] | None = None
    pair: tuple[SideQuote, ...] = ()
    for place, ours in enumerate(candidates):
        for theirs in candidates[place + 1 :]:
            for one in (_extreme(ours, 1.0), _extreme(ours, -1.0)):
                other = _extreme(theirs, -1.0 if one.tone > 0 else 1.0)
                if one.tone * other.tone >= 0 or min(abs(one.tone), abs(other.tone)) < OPPOSED:
                    continue
                # a shared address would make both threads one story, so other pairs are preferred
                apart = one.thread.url is None or one.thread.url != other.thread.url
                key = -abs(one.tone - other.tone), apart, one.passage.link, other.passage.link
                if best is None or (key[1], key[0], *key[2:]) < (best[1], best[0], *best[2:]):
                    best, pair = key, tuple(sorted((one, other), key=lambda q: -q.tone))
    return tuple(replace(quote, contrast=True) for quote in pair)


def _extreme(quotes: list[SideQuote], sign: float) -> SideQuote:
    return max(quotes, key=lambda q: sign * q.tone)
