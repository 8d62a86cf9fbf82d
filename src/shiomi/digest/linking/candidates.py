"""Find candidate pairs of threads. Two threads are a candidate pair if they are near in time, their
titles have a rare word in common, and their titles are similar.

An index of the rare words finds the pairs. So the time for a thread grows with the number of
threads that share a rare word with it, not with the number of all threads of two weeks. Whether a
pair is a candidate depends only on the two threads: no word is dropped because it is common in one
archive, and the candidates of a thread are not limited in number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking.encoder import STEPS, Encoder

__all__ = ["NEAR", "NearTitles"]

NEAR = 7 * 86400  # seconds; threads further apart are never compared by their titles
_BLOCK = 1024  # number of rows whose pairs are found at once
_PRODUCTS = 4096  # number of pairs whose vectors are multiplied at once
_LAST = (1 << 32) - 1  # the latest time in seconds that the index can store

# The weights of a logistic regression, fitted on dev weeks. It separates the pairs that the judge
# ties from all other pairs with a shared rare word. Its five inputs are:
# - the cosine of the two titles,
# - the weight of the shared rare words, divided by the weight of the lighter title,
# - the same weight, divided by the weight of the heavier title,
# - the same weight, divided by 10, but at most 2,
# - log(1 + hours between the two threads).
_WEIGHTS = (12.2, -1.4, 0.6, 4.0, -1.1)
_LEAST = 3.0

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


class NearTitles:
    """The titles of a period, indexed by their rare words. New titles can be added.

    The rows are the titles in order of arrival. `key` (n,) is an integer that the caller chose for
    each row. `created` (n,) is the time of each row in seconds.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.clear()

    def clear(self) -> None:
        """Forget all titles."""
        # set by the caller: all titles of this period are here
        self.span: tuple[int, int] | None = None
        # set by the caller: the archive's latest batch when these rows were read; None if it had no
        # batch yet, "" if this is not known
        self.batch: str | None = ""
        self.key = np.empty(0, np.int64)
        self.created = np.empty(0, np.int64)
        self._total = np.empty(0, np.float32)  # (n,): weight of all words
        self._vector = self._encoder.sketch([]).vector  # (n, d)
        # one entry for each rare word of a title, in order of (word, time)
        self._place = np.empty(0, np.uint64)
        self._row = np.empty(0, np.int64)
        self._weight = np.empty(0, np.float32)

    def __len__(self) -> int:
        return len(self.key)

    def add(self, key: Sequence[int], titles: Sequence[str], created: Sequence[int]) -> None:
        """Append rows. `created` is in [0, 2**32)."""
        sketch = self._encoder.sketch(titles)
        times = np.asarray(created, np.int64)
        row = sketch.owner + len(self)
        self.key = np.concatenate([self.key, np.asarray(key, np.int64)])
        self.created = np.concatenate([self.created, times])
        self._total = np.concatenate([self._total, sketch.total])
        self._vector = np.concatenate([self._vector, sketch.vector])
        place = _place(sketch.key, times[sketch.owner])
        order = np.argsort(place, kind="stable")
        at = np.searchsorted(self._place, place[order])
        self._place = np.insert(self._place, at, place[order])
        self._row = np.insert(self._row, at, row[order])
        self._weight = np.insert(self._weight, at, sketch.weight[order])

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Keep the rows that are true in `rows` (n,); forget all others."""
        entries = rows[self._row]
        self._place, self._weight = self._place[entries], self._weight[entries]
        self._row = (np.cumsum(rows) - 1)[self._row[entries]]
        self.key, self.created = self.key[rows], self.created[rows]
        self._total, self._vector = self._total[rows], self._vector[rows]

    def pairs(self, first: int = 0) -> tuple[Integers, Integers]:
        """Return the candidate pairs of rows as two arrays i and j, each of shape (p,).

        Each pair occurs once, with i > j and i >= first.
        """
        found = [np.empty((2, 0), np.int64), *self._pairs(first)]
        left, right = np.concatenate(found, axis=1)
        return left, right

    def _pairs(self, first: int) -> Iterator[Integers]:
        entries = np.flatnonzero(self._row >= first)
        entries = entries[np.argsort(self._row[entries], kind="stable")]
        blocks = np.flatnonzero(np.diff(self._row[entries] // _BLOCK, prepend=-1))
        for mine in np.split(entries, blocks[1:]) if len(entries) else ():
            row = self._row[mine]
            word = self._place[mine] >> np.uint64(32)
            begin = np.searchsorted(self._place, _place(word, self.created[row] - NEAR), "left")
            end = np.searchsorted(self._place, _place(word, self.created[row] + NEAR), "right")
            count = end - begin
            step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            left = np.repeat(row, count)
            right = self._row[np.repeat(begin, count) + step]
            weight = np.repeat(self._weight[mine], count)
            keep = right < left
            pair, which = np.unique(left[keep] * len(self) + right[keep], return_inverse=True)
            shared: Doubles = np.bincount(which, weight[keep]).astype(np.float64)
            i, j = pair // len(self), pair % len(self)
            good = np.abs(self.created[i] - self.created[j]) <= NEAR
            good &= self._worth_a_look(i, j, shared)
            yield np.stack([i, j])[:, good]

    def _worth_a_look(self, left: Integers, right: Integers, shared: Doubles) -> NDArray[np.bool_]:
        """Return for each pair whether it is similar enough. The result depends only on the pair.

        `shared` (p,) is the weight of the rare words that both titles have.
        """
        cosine = np.empty(len(left))
        for start in range(0, len(left), _PRODUCTS):
            part = slice(start, start + _PRODUCTS)
            a, b = self._vector[left[part]], self._vector[right[part]]
            cosine[part] = np.multiply(a, b, dtype=np.int16).sum(axis=1, dtype=np.int32)
        cosine /= STEPS**2
        one, other = self._total[left], self._total[right]
        hours = np.abs(self.created[left] - self.created[right]) / 3600
        score = (
            _WEIGHTS[0] * cosine
            + _WEIGHTS[1] * shared / np.maximum(np.minimum(one, other), 1)
            + _WEIGHTS[2] * shared / np.maximum(np.maximum(one, other), 1)
            + _WEIGHTS[3] * np.minimum(shared, 20) / 10
            + _WEIGHTS[4] * np.log1p(hours)
        )
        good: NDArray[np.bool_] = np.round(score, 6) >= _LEAST
        return good


def _place(word: NDArray[Any], seconds: Integers) -> NDArray[np.uint64]:
    """Return the sort keys of index entries, from the word's hash (32 bits) and the time."""
    moment = np.clip(seconds, 0, _LAST).astype(np.uint64)
    return (word.astype(np.uint64) << np.uint64(32)) | moment
