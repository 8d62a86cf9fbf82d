"""Trends: themes that several stories of a week share, more than in the weeks before.

The count of a term is the number of stories that have it. A story counts once, even if several
communities have it. themes.py finds the themes, and terms.py finds the terms.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from shiomi.digest.ranking import Ranked
from shiomi.digest.ranking.window import Window
from shiomi.digest.story import Story
from shiomi.digest.terms import Term, bare_title, normalized, phrases
from shiomi.digest.thread import Thread, ThreadState
from shiomi.digest.trends.themes import (
    STORIES,
    Company,
    Theme,
    WeighedTerm,
    is_size,
    themes,
    weigh,
)
from shiomi.digest.week import Week

__all__ = ["TrendEvidence", "find_trends"]

NAMES = 0.4  # least share of the leading term's stories that have a phrase of the name
EXTENDS = 0.8  # "Big" is added to "Sur" if it is before at least 80 % of its uses
OFTEN = 4  # such a word is added only to a term with at least this many uses
SECOND = 1.5  # least z of the second term of a name
_SEPARATORS = {"ja": "・"}  # between two terms of a name


@dataclass(frozen=True, slots=True)
class TrendEvidence:
    """A theme across stories of the week, with the threads that show it."""

    name: str  # as written in titles: "Apple M1"
    terms: tuple[str, ...]  # spelt as in titles, the most significant term first
    stories: tuple[Story, ...]  # at least three stories of this week, the strongest first
    # Threads of this week with a term in the title; the threads of the leading story come first.
    threads: tuple[Thread, ...]
    # Number of threads with a term in each week: the oldest week first, this week last.
    counts: tuple[int, ...]
    score: float  # z of the leading term, weighted by engagement and coherence (themes.py)


def find_trends(
    window: Window, ranked: Sequence[Ranked], *, most: int, language: str
) -> list[TrendEvidence]:
    """Return at most `most` themes of the week's `ranked` stories, the strongest first.

    The week is compared with the earlier weeks of the window; if there are none, the result is
    empty. `language` decides only how two terms of a name are joined.
    """
    items = _distinct(ranked, window.week)
    titled = [[(t, _squeezed(t.title)) for t in threads] for threads in window.weeks]
    before = [[phrases(t.title) for t in _one_each(threads)] for threads in titled[:-1]]
    if not any(before) or most < 1:
        return []
    now = [_terms_of(item.story) for item in items]
    strength = [_strength(item) for item in items]
    terms = weigh(now, before)
    titles = [_single(story) for part in (*before, now) for story in part]
    found = islice(themes(terms, strength, Company(titles)), most)
    trends = [_evidence(theme, terms, items, strength, titled, language) for theme in found]
    return [trend for trend in trends if not is_size(trend.name)]


def _distinct(ranked: Sequence[Ranked], week: Week) -> list[Ranked]:
    """Return the new stories of the week, one per title, without recurring and deleted stories."""
    seen: set[str] = set()
    items = []
    for item in ranked:
        if item.demoted in ("gone", "repeat"):
            continue
        titles = {
            _squeezed(t.title) for t in item.story.threads if week.start <= t.created < week.end
        }
        if titles and not titles & seen:
            items.append(item)
        seen |= titles
    return items


def _one_each(threads: Iterable[tuple[Thread, str]]) -> Iterator[Thread]:
    """Yield one thread per address and title.

    Without the linker this gives nearly one thread per story.
    """
    seen: set[str] = set()
    for thread, title in threads:
        keys = {title, thread.url or thread.uid}
        if not keys & seen:
            yield thread
        seen |= keys


def _squeezed(title: str) -> str:
    """Return the title in the form that the keys of terms have, for comparison and search."""
    return re.sub(r"['’]s\b|[\s-]", "", normalized(bare_title(title)))


def _strength(item: Ranked) -> float:
    """Return a story's engagement and breadth, without the deductions of the ranking."""
    return math.fsum(reason.value for reason in item.reasons if reason.value > 0)


def _terms_of(story: Story) -> list[Term]:
    """Return each term of the story's titles once."""
    return list({t.key: t for thread in story.threads for t in phrases(thread.title)}.values())


def _single(story: Sequence[Term]) -> frozenset[str]:
    return frozenset([term.key for term in story if len(term.words) == 1])


def _evidence(
    theme: Theme,
    terms: Sequence[WeighedTerm],
    items: Sequence[Ranked],
    strength: Sequence[float],
    titled: Sequence[Sequence[tuple[Thread, str]]],
    language: str,
) -> TrendEvidence:
    counted = [theme.lead, *(t for t in theme.joined if t.is_sure)]
    keys = {term.key for term in counted}
    places = sorted(
        {place for term in counted for place in term.stories},
        key=lambda place: (-strength[place], items[place].story.id),
    )
    stories = tuple(items[place].story for place in places)
    on_theme = [[t for t, title in week if _has(t, title, keys)] for week in titled]
    order = {t.uid: place for place, story in enumerate(stories) for t in story.threads}
    threads = sorted(on_theme[-1], key=lambda t: (order.get(t.uid, len(order)), t.created, t.uid))
    return TrendEvidence(
        name=_name(theme, terms, threads, language),
        terms=tuple(term.surface for term in (theme.lead, *theme.joined, *theme.aspects)),
        stories=stories,
        threads=tuple(threads),
        counts=tuple(map(len, on_theme)),
        score=theme.worth,
    )


def _has(thread: Thread, squeezed: str, keys: set[str]) -> bool:
    if thread.state is not ThreadState.LIVE:
        return False
    if not any(key in squeezed for key in keys):
        return False  # a cheap test that excludes nearly every thread
    return any(term.key in keys for term in phrases(thread.title))


def _name(
    theme: Theme, terms: Sequence[WeighedTerm], threads: Sequence[Thread], language: str
) -> str:
    """Return a name: the longest phrase that contains the leading term and is in many stories,
    and a second term."""
    lead = theme.lead
    often = [t for t in terms if len(t.stories & lead.stories) >= NAMES * len(lead.stories)]
    first = _longest(lead, often)
    taken = set(first.words)
    known = {t.key for t in terms}  # "CentOS Stream" is one name, not two
    second = [
        t
        for t in often
        if t.named > 0.5 and t.z >= SECOND and len(t.stories) >= STORIES
        and not taken & set(t.words) and first.key + t.key not in known
        and first.key not in t.key and t.key not in first.key
        and (len(t.words) == 1 or _capitalised(t.surface))
    ]  # fmt: skip
    names = [_extended(first.surface, threads)]
    if second:
        best = min(second, key=lambda t: (-len(t.stories & lead.stories), -t.z, t.key))
        longest = _longest(best, [t for t in second if len(t.stories) >= 0.8 * len(best.stories)])
        names.append(_extended(longest.surface, threads))
    if len(names) > 1 and names[0].casefold() in names[1].casefold():
        del names[0]  # GPT of GPT-OSS
    elif len(names) > 1 and names[1].casefold() in names[0].casefold():
        del names[1]
    return _SEPARATORS.get(language, ", ").join(names)


def _capitalised(surface: str) -> bool:
    """Return whether each word begins like a name, or is in a script without capitals."""
    return all(word[0].upper() == word[0] for word in surface.split())


def _longest(term: WeighedTerm, among: Sequence[WeighedTerm]) -> WeighedTerm:
    """Return the longest phrase of `among` that contains `term` and has only names, else `term`."""
    text = f" {' '.join(term.words)} "
    holding = [t for t in among if text in f" {' '.join(t.words)} " and _capitalised(t.surface)]
    return max([term, *holding], key=lambda t: (len(t.words), len(t.stories), t.key))


def _extended(surface: str, threads: Sequence[Thread]) -> str:
    """Add the capitalised word that nearly always precedes the term, as in "Big Sur"."""
    pattern = re.compile(rf"(?:([A-Z][\w.+-]*) )?(?<![\w]){re.escape(surface)}(?![\w])")
    found = Counter(match.group(1) for t in threads for match in pattern.finditer(t.title))
    if found.total() < OFTEN:
        return surface
    word, count = found.most_common(1)[0]
    return f"{word} {surface}" if word and count >= EXTENDS * found.total() else surface
