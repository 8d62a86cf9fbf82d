"""Which pairs of threads are worth a closer look: near in time, and near as vectors.

Every thread is compared with every thread within NEAR of it, as one matrix product over a block.
That costs microseconds a thread, needs no index that could go stale, and keeps the choice a
function of the pair alone: no key is ever dropped for being too common.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEAR", "cosine_bar", "near_pairs"]

NEAR = 7 * 86400  # seconds: threads further apart are never judged one story by their titles
_BLOCK = 256  # rows of one matrix product

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


def cosine_bar(seconds: Integers) -> Floats:
    """The cosine that threads this far apart must reach to be looked at.

    Threads hours apart are one story far more often than threads days apart, so they need less.
    """
    return (0.22 + 0.025 * np.log1p(np.abs(seconds) / 3600)).astype(np.float32)


def near_pairs(
    vectors: Floats, created: Integers, fresh: NDArray[np.bool_]
) -> Iterator[tuple[Integers, Integers]]:
    """Pairs (i, j) of rows to look at, block by block, each pair once.

    `vectors` (n, d) are of unit length and `created` (n,) ascends. Of each pair at least one row
    is `fresh` (n,).
    """
    rows = np.flatnonzero(fresh)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        first = int(np.searchsorted(created, created[block[0]] - NEAR, "left"))
        last = int(np.searchsorted(created, created[block[-1]] + NEAR, "right"))
        seconds = created[block][:, None] - created[None, first:last]
        close = vectors[block] @ vectors[first:last].T >= cosine_bar(seconds)
        close &= np.abs(seconds) <= NEAR
        # of two fresh rows, the later looks at the earlier; nobody looks at itself
        columns = np.arange(first, last)
        close &= ~(fresh[first:last][None, :] & (columns[None, :] >= block[:, None]))
        i, j = np.nonzero(close)
        if len(i):
            yield block[i], columns[j]
