"""Which pairs of threads are worth a closer look: near in time, a rare word in common, alike.

An index of the rare words finds the pairs, so the time for a thread grows with the threads that
share a word, and not with all threads of two weeks. Whether a pair is looked at depends on the pair
alone: no word is dropped for being common in one archive, and no thread has a quota.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking.encoder import STEPS, Sketches

__all__ = ["NEAR", "near_pairs", "within", "worth_a_look"]

NEAR = 7 * 86400  # seconds: threads further apart are never judged one story by their titles
_BLOCK = 1024  # rows whose pairs are found at once
_PRODUCTS = 4096  # pairs whose vectors are multiplied at once
_LATER = 1 << 40  # more than any time in seconds

# A logistic regression of the pairs that the judge ties, on dev weeks, against all others that
# share a rare word: cosine, share of the lighter and of the heavier title's weight that rare words
# in common have, that weight / 10 (at most 2), log(1 + hours).
_WEIGHTS = (12.2, -1.4, 0.6, 4.0, -1.1)
# At this sum the log odds are -5: 93 % of the tied pairs and all merged ones are above.
_LEAST = 4.3

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


def within(created: Integers, fresh: NDArray[np.bool_]) -> Integers:
    """The rows that are at most NEAR from a fresh one; `created` (n,) ascends."""
    moments = created[fresh]
    if not len(moments):
        return np.empty(0, np.int64)
    after = np.searchsorted(moments, created)
    before = np.abs(created - moments[np.maximum(after - 1, 0)])
    following = np.abs(moments[np.minimum(after, len(moments) - 1)] - created)
    return np.flatnonzero(np.minimum(before, following) <= NEAR)


def near_pairs(
    titles: Sketches, created: Integers, fresh: NDArray[np.bool_]
) -> Iterator[tuple[Integers, Integers]]:
    """Pairs (i, j) of titles to look at, block by block, each pair once.

    `created` (n,) ascends. Of each pair at least one row is `fresh` (n,).
    """
    if not len(titles.key):
        return
    n = len(created)
    _, word = np.unique(titles.key, return_inverse=True)
    since = created - created[0]
    place = word * _LATER + since[titles.owner]
    order = np.argsort(place, kind="stable")
    place, owner = place[order], titles.owner[order]
    mine = np.flatnonzero(fresh[titles.owner])  # entries of fresh rows, by row
    starts = np.flatnonzero(np.diff(titles.owner[mine] // _BLOCK, prepend=-1))
    for entries in np.split(mine, starts[1:]) if len(mine) else ():
        row = titles.owner[entries]
        at = word[entries] * _LATER
        first = np.searchsorted(place, at + np.maximum(since[row] - NEAR, 0), "left")
        last = np.searchsorted(place, at + since[row] + NEAR, "right")
        count = last - first
        left = np.repeat(row, count)
        step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        right = owner[np.repeat(first, count) + step]
        # of two fresh rows, the later looks at the earlier; nobody looks at itself
        keep = (right != left) & ~(fresh[right] & (right > left))
        pair, which = np.unique(left[keep] * n + right[keep], return_inverse=True)
        weights = np.repeat(titles.weight[entries], count)[keep].astype(np.float64)
        shared: Doubles = np.bincount(which, weights).astype(np.float64)
        i, j = pair // n, pair % n
        good = worth_a_look(titles, i, j, np.abs(created[i] - created[j]), shared)
        if good.any():
            yield i[good], j[good]


def worth_a_look(
    titles: Sketches, left: Integers, right: Integers, seconds: Integers, shared: Doubles
) -> NDArray[np.bool_]:
    """Whether each pair (left[k], right[k]) is alike enough, from the pair alone.

    `shared` (p,) is the weight of the rare words that both titles have.
    """
    cosine = np.empty(len(left))
    for start in range(0, len(left), _PRODUCTS):
        part = slice(start, start + _PRODUCTS)
        a, b = titles.vector[left[part]], titles.vector[right[part]]
        cosine[part] = np.multiply(a, b, dtype=np.int16).sum(axis=1, dtype=np.int32)
    cosine /= STEPS**2
    one, other = titles.total[left], titles.total[right]
    score = (
        _WEIGHTS[0] * cosine
        + _WEIGHTS[1] * shared / np.maximum(np.minimum(one, other), 1)
        + _WEIGHTS[2] * shared / np.maximum(np.maximum(one, other), 1)
        + _WEIGHTS[3] * np.minimum(shared, 20) / 10
        + _WEIGHTS[4] * np.log1p(seconds / 3600)
    )
    good: NDArray[np.bool_] = np.round(score, 6) >= _LEAST
    return good
