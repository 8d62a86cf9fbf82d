"""Trends: themes that run through several stories of a week more than through the weeks before.

Each term of the week's titles (terms.py) is compared with the weeks before by its weighted
log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin'
Words", equations 16-22), counted by stories: a story counts once, however many communities have
it. z is divided by the square root of the term's overdispersion over the earlier weeks, so that
what bursts every month is no trend. Significant terms that occur in the same stories make a theme.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shiomi.digest.ranking import Ranked
from shiomi.digest.story import Story
from shiomi.digest.terms import Term, bare_title, normalized, phrases
from shiomi.digest.thread import Thread, ThreadState
from shiomi.digest.week import Week
from shiomi.digest.window import ThreadSource, Window, read_window

__all__ = ["TrendEvidence", "find_trends"]

STORIES = 3  # a theme runs through this many stories
NOTED = 0.7  # of which two have at least this engagement (0.7: the top 20 % of a community)
SIGNIFICANT = 2.0  # z of a theme's leading term
PRIOR = 500.0  # stories' worth of prior
SHARED = 0.5  # share of a term's stories that must be the theme's for the term to join it
NAMES = 0.4  # share of the theme's stories that a second term in the name must cover
_SEPARATORS = {"ja": "・"}  # between two terms of a name


@dataclass(frozen=True, slots=True)
class TrendEvidence:
    """A theme across stories of the week, with the threads that show it."""

    name: str  # as written in titles: "Apple M1"
    terms: tuple[str, ...]  # as written in titles, the most significant first
    stories: tuple[Story, ...]  # of this week, the strongest first; at least three
    threads: tuple[Thread, ...]  # of this week, with a term in the title; the leading story's first
    counts: tuple[int, ...]  # threads with a term per week, oldest first; the last is len(threads)
    score: float  # z of the leading term, times its stories' engagement


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A term of the week, and what speaks for it."""

    key: str
    surface: str  # as most titles write it
    z: float
    stories: frozenset[int]  # places in the list of the week's stories
    named: float  # share of its occurrences written as a name, in [0, 1]


def find_trends(
    archive: ThreadSource,
    week: Week,
    *,
    as_of: int,
    ranked: Sequence[Ranked],
    weeks: int = 8,
    most: int = 4,
    language: str = "ja",
    window: Window | None = None,
) -> list[TrendEvidence]:
    """At most `most` themes of the week's `ranked` stories, the strongest first.

    Compared with the `weeks` weeks before; with nothing before, every week is like no other and
    there are no trends. `language` decides only how two terms of a name are joined. `window` saves
    reading the threads again.
    """
    window = window or read_window(archive, week, as_of=as_of, weeks=weeks)
    items = _distinct(ranked, week)
    before = [list(_one_each(threads)) for threads in window.weeks[:-1]]
    if not any(before) or len(items) < STORIES or most < 1:
        return []
    terms = _weigh(items, before)
    strength = [_strength(item) for item in items]
    themes = []
    for theme in _themes(terms, strength):
        themes.append(theme)
        if len(themes) == most:
            break
    return [_evidence(theme, items, strength, window, language) for theme in themes]


def _distinct(ranked: Sequence[Ranked], week: Week) -> list[Ranked]:
    """Stories that are the week's own, one for each title; what recurs or is gone shows nothing."""
    seen: set[str] = set()
    items = []
    for item in ranked:
        if item.demoted in ("gone", "repeat"):
            continue
        titles = {_title_key(t) for t in item.story.threads if week.start <= t.created < week.end}
        if titles and not titles & seen:
            items.append(item)
        seen |= titles
    return items


def _one_each(threads: Iterable[Thread]) -> Iterable[Thread]:
    """One thread of each address and title: nearly one for each story, without the linker."""
    seen: set[str] = set()
    for thread in threads:
        keys = {_title_key(thread), thread.url or thread.uid}
        if not keys & seen:
            yield thread
        seen |= keys


def _title_key(thread: Thread) -> str:
    return normalized(bare_title(thread.title))


def _strength(item: Ranked) -> float:
    """A story's engagement and breadth, without what its place among others took from it."""
    return math.fsum(reason.value for reason in item.reasons if reason.value > 0)


def _terms_of(story: Story) -> list[Term]:
    return [term for thread in story.threads for term in phrases(thread.title)]


def _weigh(items: Sequence[Ranked], before: Sequence[Sequence[Thread]]) -> list[_Weighed]:
    """The terms of at least two stories of the week, each with its z."""
    holders: dict[str, set[int]] = defaultdict(set)
    surfaces: dict[str, Counter[str]] = defaultdict(Counter)
    for place, item in enumerate(items):
        for term in _terms_of(item.story):
            holders[term.key].add(place)
            surfaces[term.key][term.surface] += 1
    kept = {key for key, places in holders.items() if len(places) > 1}
    series: dict[str, list[int]] = {key: [0] * len(before) for key in kept}
    for place, threads in enumerate(before):
        for thread in threads:
            for term in phrases(thread.title):
                if term.key in kept:
                    series[term.key][place] += 1
                    surfaces[term.key][term.surface] += 1
    sizes = [len(threads) for threads in before]
    weighed = []
    for key in sorted(kept):
        written = surfaces[key]
        z = _log_odds(len(holders[key]), len(items), sum(series[key]), sum(sizes))
        z /= math.sqrt(_overdispersion(series[key], sizes))
        surface = min(written, key=lambda s: (-written[s], s))
        named = sum(n for s, n in written.items() if _is_name(s)) / sum(written.values())
        weighed.append(_Weighed(key, surface, z, frozenset(holders[key]), named))
    return weighed


def _log_odds(now: int, of_now: int, before: int, of_before: int) -> float:
    """z of the log-odds ratio of a term in `now` of `of_now` stories to `before` of `of_before`.

    The prior holds the term as often as all stories do (Monroe et al. 2008, equation 22).
    """
    prior = PRIOR * (now + before) / (of_now + of_before)
    odds = (now + prior) / (of_now + PRIOR - now - prior)
    odds_before = (before + prior) / (of_before + PRIOR - before - prior)
    return math.log(odds / odds_before) / math.sqrt(1 / (now + prior) + 1 / (before + prior))


def _overdispersion(series: Sequence[int], sizes: Sequence[int]) -> float:
    """Variance over mean of a term's weekly counts, at least 1: how much it bursts anyway."""
    rate = sum(series) / max(sum(sizes), 1)
    if not rate or len(series) < 3:
        return 1.0
    expected = [(count, rate * size) for count, size in zip(series, sizes, strict=True) if size]
    chi = math.fsum((count - mean) ** 2 / mean for count, mean in expected)
    return max(chi / max(len(expected) - 1, 1), 1.0)


def _is_name(surface: str) -> bool:
    """Written like a name: with a capital or a digit, or in a script without capitals."""
    return any(c.isupper() or c.isdigit() or (c.isalpha() and c.lower() == c.upper())
               for c in surface)  # fmt: skip


def _interest(places: Iterable[int], strength: Sequence[float]) -> float:
    return math.fsum(min(strength[place], 3.0) for place in places)


def _worth(term: _Weighed, strength: Sequence[float]) -> float:
    """How much a theme led by this term is worth: significance, engagement, being a name."""
    return term.z * math.log1p(_interest(term.stories, strength)) * (0.3 + 0.7 * term.named)


def _themes(terms: Sequence[_Weighed], strength: Sequence[float]) -> Iterable[list[_Weighed]]:
    """Groups of terms that occur in the same stories, the leading term first, the best first."""
    left = [term for term in terms if term.z >= SIGNIFICANT]
    left.sort(key=lambda term: (-_worth(term, strength), term.key))
    told: set[int] = set()
    while left:
        lead = left.pop(0)
        noted = sum(strength[place] >= NOTED for place in lead.stories)
        if len(lead.stories) < STORIES or noted < 2:
            continue
        if len(lead.stories & told) >= SHARED * len(lead.stories):
            continue  # an aspect of a theme that stands already
        joined = [t for t in left if len(t.stories & lead.stories) >= SHARED * len(t.stories)]
        left = [term for term in left if term not in joined]
        theme = [lead, *joined]
        told |= {place for term in theme for place in term.stories}
        yield theme


def _evidence(
    theme: Sequence[_Weighed],
    items: Sequence[Ranked],
    strength: Sequence[float],
    window: Window,
    language: str,
) -> TrendEvidence:
    lead = theme[0]
    keys = {lead.key, *_namesakes(theme)}
    places = sorted(
        {place for term in theme if term.key in keys for place in term.stories},
        key=lambda place: (-strength[place], items[place].story.id),
    )
    stories = tuple(items[place].story for place in places)
    on_theme = [[t for t in threads if _matches(t, keys)] for threads in window.weeks]
    order = {t.uid: place for place, story in enumerate(stories) for t in story.threads}
    threads = sorted(on_theme[-1], key=lambda t: (order.get(t.uid, len(order)), t.created, t.uid))
    return TrendEvidence(
        name=_name(theme, language),
        terms=tuple(term.surface for term in theme),
        stories=stories,
        threads=tuple(threads),
        counts=tuple(map(len, on_theme)),
        score=_worth(lead, strength),
    )


def _namesakes(theme: Sequence[_Weighed]) -> list[str]:
    """Terms that count as the theme itself: as significant names, nearly all within its stories."""
    lead = theme[0]
    return [
        term.key
        for term in theme[1:]
        if term.z >= SIGNIFICANT * 1.25
        and term.named > 0.8
        and len(term.stories & lead.stories) >= SHARED * len(term.stories)
    ]


def _matches(thread: Thread, keys: set[str]) -> bool:
    if thread.state is not ThreadState.LIVE:
        return False
    folded = normalized(thread.title)
    if not any(key.split(" ", 1)[0] in folded for key in keys):
        return False  # cheap, and true of nearly every thread
    return any(term.key in keys for term in phrases(thread.title))


def _name(theme: Sequence[_Weighed], language: str) -> str:
    """The leading term as the longest phrase many stories have, and a second term if it stands."""
    lead = theme[0]
    cover = NAMES * len(lead.stories)
    longer = [t for t in theme if f" {lead.key} " in f" {t.key} " and len(t.stories) >= cover]
    first = max(longer, key=lambda t: (t.key.count(" "), len(t.stories), t.key))
    words = set(first.key.split())
    for term in theme[1:]:
        together = len(term.stories & lead.stories)
        if term.named > 0.8 and together >= cover and not words & set(term.key.split()):
            longest = max(
                (t for t in theme if f" {term.key} " in f" {t.key} "
                 and len(t.stories) >= 0.8 * len(term.stories)
                 and not words & set(t.key.split())),
                key=lambda t: (t.key.count(" "), t.key),
            )  # fmt: skip
            second = replace(term, surface=longest.surface)
            return _SEPARATORS.get(language, ", ").join((first.surface, second.surface))
    return first.surface
