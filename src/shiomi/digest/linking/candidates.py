"""Choose pairs of threads for the judge: near in time, with similar vectors.

One matrix product over a block compares each thread with all threads within NEAR.
That costs microseconds a thread, needs no index that could go stale, and keeps the choice a
function of the pair alone: no key is ever dropped for being too common.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking.encoder import STEPS, Titles

__all__ = ["NEAR", "near_pairs", "worth_a_look"]

NEAR = 7 * 86400  # seconds: threads further apart are never judged one story by their titles
_BLOCK = 256  # rows of one matrix product

# The cosine that a pair must reach is a line in log(1 + hours between them): threads hours apart
# are one story far more often than threads days apart. Pairs that share a rare word need less.
_BAR = (0.20, 0.04)
_BAR_WITH_RARE_WORD = (-0.05, 0.05)

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


def near_pairs(
    titles: Titles, created: Integers, fresh: NDArray[np.bool_]
) -> Iterator[tuple[Integers, Integers]]:
    """Pairs (i, j) of titles to look at, block by block, each pair once.

    `created` (n,) ascends. Of each pair at least one row is `fresh` (n,).
    """
    rows = np.flatnonzero(fresh)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        first = int(np.searchsorted(created, created[block[0]] - NEAR, "left"))
        last = int(np.searchsorted(created, created[block[-1]] + NEAR, "right"))
        seconds = np.abs(created[block][:, None] - created[None, first:last])
        cosine = titles.vector[block] @ titles.vector[first:last].T / np.float32(STEPS**2)
        close = cosine >= _bar(seconds, _BAR_WITH_RARE_WORD)
        close &= seconds <= NEAR
        # of two fresh rows, the later looks at the earlier; nobody looks at itself
        columns = np.arange(first, last)
        close &= ~(fresh[first:last][None, :] & (columns[None, :] >= block[:, None]))
        i, j = np.nonzero(close)
        left, right = block[i], columns[j]
        good = worth_a_look(titles, left, right, seconds[i, j], cosine[i, j])
        if good.any():
            yield left[good], right[good]


def worth_a_look(
    titles: Titles, left: Integers, right: Integers, seconds: Integers, cosine: Floats
) -> NDArray[np.bool_]:
    """Whether each pair (left[k], right[k]) is near enough, from the pair alone."""
    good: NDArray[np.bool_] = cosine >= _bar(seconds, _BAR)
    less = ~good & (cosine >= _bar(seconds, _BAR_WITH_RARE_WORD))
    a, b = titles.rare[left[less]], titles.rare[right[less]]
    good[less] = ((a[:, :, None] == b[:, None, :]) & (a != -1)[:, :, None]).any(axis=(1, 2))
    return good


def _bar(seconds: Integers, line: tuple[float, float]) -> Floats:
    hours = np.abs(seconds).astype(np.float32) / 3600
    return (line[0] + line[1] * np.log1p(hours)).astype(np.float32)
