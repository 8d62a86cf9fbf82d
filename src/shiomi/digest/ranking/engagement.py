"""Make engagement comparable: how rare a thread's counts are in its community at its age.

100 points are usual on Hacker News, but on Lobsters only the best thread of a month gets them. 100
points after two hours mean more than 100 points after five days. So a count is replaced by its
*survival* S: the share of the community's threads that had the same count or more at the same age.
Threads are compared with threads of the last weeks in the archive. The strength is log10(1/S): 1
for a thread in the top 10 %, 2 for the top 1 %. The S of a young thread is first shrunk towards the
median, because its early count does not predict its final count well. An unknown count is left out;
it never counts as 0.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from shiomi.digest.ranking.window import newest_known
from shiomi.digest.thread import Place, Reading, Thread

__all__ = ["AGES", "GROWTH", "Counts", "Engagement", "Standing", "grown", "reliable"]

# Ages in hours (called rungs). For each age: the share of its final count that the median Hacker
# News story has. Up to 12 h it was measured by benchmarks/digest/ranking.py on about 60
# stories of 2020-11; the shares for later ages are set by hand. The shares are only a prior: with
# some readings of a community, its own data have more weight.
AGES = (1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 48.0)
GROWTH = (0.08, 0.20, 0.33, 0.55, 0.78, 0.95, 1.0)
# Rank correlation of a reading at each age with the final count of the story
# (benchmarks/digest/ranking.py). The normal score of a young reading is multiplied by it, which
# moves the reading towards the median.
RELIABLE = (0.74, 0.82, 0.89, 0.94, 0.98, 1.0, 1.0)
NEAR = math.log(1.5)  # a reading belongs to a rung if their ages differ by a factor of 1.5 or less
RUNG_PRIOR = 30.0  # weight of the prior at a rung, as a number of threads
POOL_PRIOR = 10.0  # weight of all communities together, as a number of threads
TAIL = 0.05  # the top 5 % follow a Pareto law, so that a new record is rarer than the old one
RAREST = 0.05  # the least survival is this number divided by the number of threads seen
WEIGHTS = (("points", 0.6), ("comments", 0.4))
_NORMAL = NormalDist()
LISTED = 100  # least number of threads assumed for a list of the best threads
TYPICAL = math.log10(2)  # the strength of a median thread, used if no count is known


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of many threads, sorted, with a Pareto tail fitted by Hill's estimator (1975)."""

    values: tuple[float, ...]
    threshold: float = math.inf  # the tail begins here
    share: float = 0.0  # share of values at or above `threshold`
    exponent: float = 1.0

    @classmethod
    def of(cls, values: Iterable[float]) -> Counts:
        """Return the distribution of these counts, which may be in any order."""
        ordered = tuple(sorted(values))
        size = int(len(ordered) * TAIL)
        if size < 10 or ordered[-size] < 2 or ordered[-size] == ordered[-1]:
            return cls(ordered)
        threshold = ordered[-size]
        above = ordered[bisect_left(ordered, threshold) :]
        if len(above) > 2 * size:  # most threads have exactly this count, so no tail begins here
            return cls(ordered)
        hill = len(above) / sum(math.log(value / threshold) for value in above)
        share = len(above) / len(ordered)
        return cls(ordered, threshold, share, min(max(hill, 1.0), 4.0))

    def survival(self, value: float) -> float:
        """Return the share of threads with `value` or more, in (0, 1). A tie counts half."""
        if not self.values:
            return 0.5
        if value > self.threshold:
            tail = self.share * math.exp(-self.exponent * math.log(value / self.threshold))
            return max(tail, RAREST / len(self.values))
        below = bisect_left(self.values, value)
        equal = bisect_right(self.values, value) - below
        above = len(self.values) - below - equal
        return (above + equal / 2 + 0.5) / (len(self.values) + 1)


@dataclass(frozen=True, slots=True)
class Standing:
    """The position of a thread among its community's threads of the same age."""

    strength: float  # log10(1 / expected final survival); TYPICAL if no count is known
    survival: dict[str, float]  # of "points" and "comments" if known; at the reading's age
    readings: dict[str, Reading]  # for each count, the reading that has it
    compared: int  # number of the community's threads it is compared with
    rank: int | None = None  # place in the community's list of the best, if no count is known

    @property
    def known(self) -> bool:
        """Whether a count is known, or the thread's place in the community's list of the best."""
        return bool(self.survival) or self.rank is not None

    @property
    def percentile(self) -> float:
        """The strength as a share in [0, 1]: 0.9 for a thread above 90 % of its community's
        threads."""
        return 1 - 10**-self.strength


def grown(hours: float) -> float:
    """Return the share of its final count that a typical thread has at this age, in [0.08, 1]."""
    return _on_ladder(GROWTH, hours)


def reliable(hours: float) -> float:
    """Return how well a reading at this age predicts the final count: a correlation in [0.74,
    1]."""
    return _on_ladder(RELIABLE, hours)


@lru_cache(maxsize=8192)
def _on_ladder(values: tuple[float, ...], hours: float) -> float:
    """Interpolate a table by age, linearly in log hours between the rungs."""
    low, high, step = _between(hours)
    return values[low] + step * (values[high] - values[low])


@lru_cache(maxsize=8192)
def _foreseen(survival: float, reliability: float) -> float:
    """Return the expected final survival, from the survival at an age with this reliability."""
    if reliability >= 1 or not 0 < survival < 1:
        return survival
    return 1 - _NORMAL.cdf(reliability * -_NORMAL.inv_cdf(survival))


class Engagement:
    """The distributions of counts by community and age, from what was known at `as_of`."""

    def __init__(self, threads: Iterable[Thread], *, as_of: int) -> None:
        """Compute the distributions from `threads`, which should cover several weeks."""
        self.as_of = as_of
        rungs: dict[tuple[str, str, int], list[float]] = defaultdict(list)
        settled: dict[tuple[str, str], list[float]] = defaultdict(list)
        inexact: dict[tuple[str, str], list[float]] = defaultdict(list)
        created: dict[str, list[int]] = defaultdict(list)
        for thread in threads:
            created[thread.community].append(thread.created)
            for count, _ in WEIGHTS:
                reading = newest_known(thread, count, as_of)
                if reading is None:
                    continue
                value = float(getattr(reading, count))
                if not reading.exact:
                    inexact[thread.community, count].append(value)
                    continue
                settled[thread.community, count].append(value / grown(_age(thread, reading)))
                for rung, at in _ladder(thread, count, as_of):
                    rungs[thread.community, count, rung].append(at)
        for key, values in inexact.items():  # better than nothing if no reading has an exact time
            if key not in settled:
                settled[key] = values
        self._created = {name: sorted(times) for name, times in created.items()}
        self._rungs = {key: Counts.of(values) for key, values in rungs.items()}
        self._settled = {key: Counts.of(values) for key, values in settled.items()}
        self._inexact = {key: Counts.of(values) for key, values in inexact.items()}
        self._pool = {
            count: Counts.of(v for key, vs in settled.items() if key[1] == count for v in vs)
            for count, _ in WEIGHTS
        }

    def standing(self, thread: Thread, *, as_of: int | None = None) -> Standing:
        """Return the position of `thread`, by its newest known counts up to `as_of`."""
        moment = self.as_of if as_of is None else min(as_of, self.as_of)
        survival: dict[str, float] = {}
        readings: dict[str, Reading] = {}
        compared = 0
        total = weights = 0.0
        for count, weight in WEIGHTS:
            reading = newest_known(thread, count, moment)
            if reading is None:
                continue
            rare, sample = self._survival(thread, count, reading)
            survival[count], readings[count] = rare, reading
            compared = max(compared, sample)
            trust = reliable(_age(thread, reading)) if reading.exact else 1.0
            total -= weight * math.log10(_foreseen(rare, trust))
            weights += weight
        if not weights and thread.place is not None and thread.place.time <= moment:
            return self._by_place(thread, thread.place)
        return Standing(total / weights if weights else TYPICAL, survival, readings, compared)

    def _by_place(self, thread: Thread, place: Place) -> Standing:
        """Return the position of a thread without counts, from its place in the list of the week's
        best."""
        times = self._created.get(thread.community, [])
        week = bisect_right(times, place.time) - bisect_left(times, place.time - 7 * 86400)
        size = max(week, LISTED)
        return Standing(-math.log10(min(place.rank / (size + 1), 1)), {}, {}, size, place.rank)

    def _survival(self, thread: Thread, count: str, reading: Reading) -> tuple[float, int]:
        """Return the survival of one count at its age, shrunk towards the whole community."""
        key = thread.community, count
        value = float(getattr(reading, count))
        hours = _age(thread, reading)
        # an inexact reading may have any age up to `hours`, so its count is not scaled up
        settled = self._settled.get(key, Counts(()))
        final = value if not reading.exact else value / grown(hours)
        size = len(settled.values)
        pool = self._pool[count].survival(final)
        prior = _shrunk(settled.survival(final), size, pool, POOL_PRIOR)
        if not reading.exact:
            own = self._inexact.get(key, Counts(()))
            return _shrunk(own.survival(value), len(own.values), prior, RUNG_PRIOR), len(own.values)
        low, high, step = _between(hours)
        parts = []
        for rung in (low, high):
            own = self._rungs.get((*key, rung), Counts(()))
            parts.append(_shrunk(own.survival(value), len(own.values), prior, RUNG_PRIOR))
        return parts[0] ** (1 - step) * parts[1] ** step, size


def _age(thread: Thread, reading: Reading) -> float:
    """Return the hours from a thread's creation to a reading; 0 if the reading's clock was
    behind."""
    return max(reading.time - thread.created, 0) / 3600


def _shrunk(value: float, size: int, prior: float, weight: float) -> float:
    return (size * value + weight * prior) / (size + weight)


def _between(hours: float) -> tuple[int, int, float]:
    """Return the rungs below and above an age, and its position between them in [0, 1]."""
    above = bisect_left(AGES, hours)
    if above == 0:
        return 0, 0, 0.0
    if above == len(AGES):
        return above - 1, above - 1, 0.0
    step = math.log(hours / AGES[above - 1]) / math.log(AGES[above] / AGES[above - 1])
    return above - 1, above, step


def _ladder(thread: Thread, count: str, as_of: int) -> list[tuple[int, float]]:
    """Return (rung, count) from the exact reading nearest to each rung, if one is near enough.

    The last rung takes the newest reading of its age or older, because counts hardly change then.
    """
    best: dict[int, tuple[float, float]] = {}
    last = len(AGES) - 1
    for reading in _exact(thread.readings, as_of):
        value = getattr(reading, count)
        if value is None:
            continue
        hours = max(_age(thread, reading), 0.1)
        for rung in {*_between(hours)[:2]}:
            distance = abs(math.log(hours / AGES[rung]))
            if rung == last and hours >= AGES[last]:
                distance = 0.0
            if distance <= NEAR and (rung not in best or distance <= best[rung][0]):
                best[rung] = distance, float(value)
    return [(rung, value) for rung, (_, value) in best.items()]


def _exact(readings: Sequence[Reading], as_of: int) -> Iterable[Reading]:
    return (reading for reading in readings if reading.exact and reading.time <= as_of)
