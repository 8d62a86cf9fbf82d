"""Follow a named subject over weeks: its threads, its strength in each community, and quotations.

A thread is on the subject if its title, its own text, its article or its abstract has one of the
terms, or if at least two of its comments have one. A single comment is not enough.

A subject rises if four conditions are true. The week has at least three threads. It has more
threads than the week before. It has at least `rises_by` times the usual number. The probability
that a usual week has so many threads is below 5 %. This probability comes from a gamma-Poisson
model of the weeks before. Its predictive distribution is negative binomial. The distribution is
widened if those weeks varied more than a Poisson process does. A community counts from the first
week with one of its threads in the archive, so a newly collected community raises no alarm.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shiomi.digest.config import WatchConfig
from shiomi.digest.ranking.engagement import Engagement, Standing
from shiomi.digest.ranking.window import Window
from shiomi.digest.terms import normalized
from shiomi.digest.thread import PassageKind, Thread, ThreadState
from shiomi.digest.watch.side_by_side import SideQuote, side_by_side

__all__ = [
    "CommunityStrength",
    "SideQuote",
    "SubjectEvidence",
    "matcher",
    "subject_matcher",
    "watch_subject",
]

FEWEST = 3  # least number of threads in a week with an alert
CHANCE = 0.05  # alert only if a usual week has so many threads with a lower probability
MENTIONS = 2  # least number of comments with a term, if title and text have none

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af々"


@dataclass(frozen=True, slots=True)
class CommunityStrength:
    """How strongly one community talks about a subject this week."""

    community: str
    threads: int  # number of new threads this week
    usual: float  # threads per week in the weeks before
    strength: float  # sum of its threads' engagement percentiles, each in [0, 1]
    unknown: int = 0  # threads with unknown counts, which are not in `strength`


@dataclass(frozen=True, slots=True)
class SubjectEvidence:
    """A watched subject's week."""

    name: str
    threads: tuple[Thread, ...]  # new this week, the strongest first
    counts: tuple[int, ...]  # number of threads per week, oldest week first, this week last
    communities: tuple[CommunityStrength, ...]  # the strongest first
    # At most one per community; () if there are fewer than two communities.
    quotes: tuple[SideQuote, ...]
    rising: bool
    usual: float  # threads per week in the weeks before
    p_value: float = 1.0  # probability of this number of threads in a usual week


def watch_subject(window: Window, watch: WatchConfig, engagement: Engagement) -> SubjectEvidence:
    """Return the week of a watched subject, compared with the earlier weeks of the window.

    Raises ValueError if a watch has no term or an empty term.
    """
    about = subject_matcher(watch)
    on_subject = [[t for t in threads if _is_on(t, about)] for threads in window.weeks]
    standings = {t.uid: engagement.standing(t) for t in on_subject[-1]}

    def order(thread: Thread) -> tuple[bool, float, str]:
        standing = standings[thread.uid]
        return not standing.known, -standing.strength, thread.uid

    threads = sorted(on_subject[-1], key=order)
    communities, tested, before = _by_community(window, on_subject, standings)
    p_value = chance_of(tested, before)
    usual = math.fsum(before) / len(before) if before else 0.0
    rising = (
        bool(before)
        and tested >= FEWEST
        and tested > before[-1]
        and tested >= watch.rises_by * usual
        and p_value < CHANCE
    )
    return SubjectEvidence(
        name=watch.name,
        threads=tuple(threads),
        counts=tuple(map(len, on_subject)),
        communities=communities,
        quotes=side_by_side(threads, about=about),
        rising=rising,
        usual=usual,
        p_value=p_value,
    )


def subject_matcher(watch: WatchConfig) -> Callable[[str], bool]:
    """Return a function that tests a text. The text must have one of `terms`, one of `also` (if
    that is not empty), and none of `never`."""
    named = matcher(watch.terms)
    also = matcher(watch.also) if watch.also else None
    never = matcher(watch.never) if watch.never else None

    def about(text: str) -> bool:
        return (
            named(text) and (also is None or also(text)) and not (never is not None and never(text))
        )

    return about


def matcher(terms: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that tests whether a text has any of `terms`. Case is ignored.

    Latin terms match whole words; CJK terms match anywhere. A term that ends in "*" matches every
    word that begins with it: "regulat*". "AI" is in "生成AI規制", but not in "OpenAI" or
    "fair". Raises ValueError if there are no terms or a term is empty.
    """
    needles = [" ".join(normalized(term).split()) for term in terms]
    if not needles or not all(needle.strip("*") for needle in needles):
        raise ValueError(f"a watch needs at least one term, none empty; got {tuple(terms)!r}")
    pattern = re.compile("|".join(_whole(needle) for needle in needles))
    firsts = [needle.split()[0].rstrip("*") for needle in needles]

    def about(text: str) -> bool:
        # most texts have none of the words, and a substring search is much faster than the pattern
        folded = text.lower() if text.isascii() else normalized(text)
        return any(first in folded for first in firsts) and bool(pattern.search(folded))

    return about


def _whole(needle: str) -> str:
    """Return a pattern for the term. If the term ends in a Latin letter or digit, the pattern
    does not match before another one."""
    letter = rf"[^\W{_CJK}]"
    if open_ended := needle.endswith("*"):
        needle = needle.rstrip("*")
    inner = r"\s+".join(map(re.escape, needle.split()))
    before = rf"(?<!{letter})" if re.match(letter, needle[0]) else ""
    after = rf"(?!{letter})" if re.match(letter, needle[-1]) and not open_ended else ""
    return f"{before}{inner}{after}"


def _is_on(thread: Thread, about: Callable[[str], bool]) -> bool:
    if thread.state is not ThreadState.LIVE:
        return False
    if about(thread.title):
        return True
    mentions = 0
    for passage in thread.passages:
        if about(passage.text):
            mentions += 1 if passage.kind is PassageKind.COMMENT else MENTIONS
            if mentions >= MENTIONS:
                return True
    return False


def _by_community(
    window: Window, on_subject: Sequence[Sequence[Thread]], standings: dict[str, Standing]
) -> tuple[tuple[CommunityStrength, ...], int, list[float]]:
    """Return each community's week, and the comparable threads of this week and of earlier weeks.

    A community's earlier weeks begin with the first week that has one of its threads. If this week
    is later than the window's first week, the missing weeks get the mean of the other weeks.
    """
    per_week: dict[str, list[int]] = defaultdict(lambda: [0] * len(window.weeks))
    for place, threads in enumerate(on_subject):
        for thread in threads:
            per_week[thread.community][place] += 1
    present = [{thread.community for thread in threads} for threads in window.weeks]
    rows = []
    tested = 0
    before = [0.0] * (len(window.weeks) - 1)
    compared = False
    for community, counts in sorted(per_week.items()):
        first = next(place for place, names in enumerate(present) if community in names)
        earlier = counts[first:-1]
        usual = sum(earlier) / len(earlier) if earlier else 0.0
        if earlier:
            compared = True
            tested += counts[-1]
            whole = [usual] * first + [float(count) for count in earlier]
            before = [total + count for total, count in zip(before, whole, strict=True)]
        ours = [s for t in on_subject[-1] if t.community == community for s in [standings[t.uid]]]
        strength = math.fsum(s.percentile for s in ours if s.known)
        unknown = sum(not s.known for s in ours)
        rows.append(CommunityStrength(community, counts[-1], usual, strength, unknown))
    rows.sort(key=lambda row: (-row.strength, -row.threads, row.community))
    return tuple(row for row in rows if row.threads), tested, before if compared else []


def chance_of(count: int, before: Sequence[float]) -> float:
    """Return the probability of `count` or more threads in a week like those `before`.

    It is 1 if there are no such weeks.

    The distribution is negative binomial: the predictive distribution of a Poisson rate after
    `before`, with Jeffreys' prior Gamma(1/2, 0). If those weeks vary more than a Poisson process,
    the size of the distribution is at most its moment estimate.
    """
    if not before or count <= 0:
        return 1.0
    weeks, total = len(before), math.fsum(before)
    mean = (total + 0.5) / weeks
    size = total + 0.5
    if weeks > 2:
        average = total / weeks
        variance = math.fsum((n - average) ** 2 for n in before) / (weeks - 1)
        if variance > average:
            size = min(size, max(average**2 / (variance - average), 0.5))
    stays = size / (size + mean)
    log_first = (
        math.lgamma(count + size)
        - math.lgamma(size)
        - math.lgamma(count + 1)
        + size * math.log(stays)
        + count * math.log1p(-stays)
    )
    # sum the upper tail directly: 1 minus the lower tail cannot represent values below 1e-16
    term = total_tail = 1.0
    k = count
    while term > 1e-12 * total_tail or k < mean:
        term *= (k + size) / (k + 1) * (1 - stays)
        total_tail += term
        k += 1
    return min(math.exp(log_first + math.log(total_tail)), 1.0)
