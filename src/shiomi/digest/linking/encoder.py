"""Convert titles to arrays: words with weights, and one vector per title, from trained tables.

The values of vectors are multiples of 1/STEPS, and weights are multiples of 1/64. So sums of their
products are exact in float32, and a pair has exactly the same score in every batch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking.title import ngram_hashes, normal_title, word_hash
from shiomi.digest.linking.wording import mark

__all__ = ["INDEXED", "NO_JOIN", "RARE", "STEPS", "WIDTH", "Encoder", "Sketches", "Titles"]

WIDTH = 20  # number of words at the start of a title that are compared
NO_JOIN = -2  # join of the last word; differs from the padding of words, so that they never match
STEPS = 127  # vectors are scaled to this length in the arrays
RARE = 5.0  # a word with at least this inverse document frequency is rare: 1 title in 150 has it
# the limit for words that candidates.py indexes: 1 title in 75 has a word as rare as this
INDEXED = 4.3

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]

_NUMBER = re.compile(r"\d")
_YEAR = re.compile(r"(?:19[5-9]|20[0-4])\d")
_RAREST = 6
_SUMMED = 4096  # number of titles whose vectors are summed at once
_CACHED = 1 << 17  # number of words whose vectors are cached


@dataclass(frozen=True, slots=True)
class Titles:
    """n titles. Rows are padded with word -1, join NO_JOIN, weight 0, vector 0."""

    words: Integers  # (n, WIDTH): hash of each word
    joins: Integers  # (n, WIDTH): hash of each word joined with the next word
    weights: Floats  # (n, WIDTH): inverse document frequency
    rows: Integers  # (n, WIDTH): rows of `vectors`; 0 is padding
    rare: Integers  # (n, 6): hashes of the rarest of its rare words; -1 as padding
    numbers: NDArray[np.int8]  # (n, WIDTH): 0 for a word, 1 for a number, 2 for a year
    marks: NDArray[np.int64]  # (n,): bits of the kinds of events and the cues (wording.py)
    vector: Floats  # (n, d): whole numbers, of length STEPS; 0 for a title without words
    vectors: Floats  # (v, d): the vectors of single words, also of length STEPS

    def __len__(self) -> int:
        return len(self.words)

    def taken(self, rows: NDArray[np.int64]) -> Titles:
        """Return only the titles in these rows."""
        return replace(
            self,
            words=self.words[rows],
            joins=self.joins[rows],
            weights=self.weights[rows],
            rows=self.rows[rows],
            rare=self.rare[rows],
            numbers=self.numbers[rows],
            marks=self.marks[rows],
            vector=self.vector[rows],
        )

    def narrowed(self, width: int) -> Titles:
        """Return views of the first `width` words of each title."""
        return replace(
            self,
            words=self.words[:, :width],
            joins=self.joins[:, :width],
            weights=self.weights[:, :width],
            rows=self.rows[:, :width],
            numbers=self.numbers[:, :width],
        )


@dataclass(frozen=True, slots=True)
class Sketches:
    """The data of n titles that the search for similar titles uses.

    There are m entries: one for each rare word of each title.
    """

    owner: NDArray[np.int64]  # (m,): row of the title, ascending
    key: NDArray[np.int64]  # (m,): hash of the word
    weight: Floats  # (m,): its inverse document frequency
    total: Floats  # (n,): the weight of all words
    vector: NDArray[np.int8]  # (n, d), as in Titles


class Encoder:
    """Turns titles into Titles. It caches the vectors of words.

    `table` (2b, d) has b buckets of words, followed by b buckets of their character n-grams.
    `frequency` (f,) is the inverse document frequency of words by hash. f and b are powers of 2.
    """

    def __init__(self, table: Floats, frequency: Floats) -> None:
        self._table = table
        self._frequency = np.round(frequency * 64) / np.float32(64)
        self._forget()

    def _forget(self) -> None:
        # row 0 is padding
        self._row: dict[str, int] = {}
        self._bytes: list[bytes] = [b""]
        self._hash = np.array([-1], np.int64)
        self._number = np.zeros(1, np.int8)
        self._mark = np.zeros(1, np.int64)
        # (v, d): sums, which are not scaled
        self._sum = np.zeros((1, self._table.shape[1]), np.float32)
        self._vectors = self._sum.copy()  # (v, d), as in Titles

    def encode(self, titles: Sequence[str]) -> Titles:
        """Return the titles as arrays, in the same order."""
        owner, flat, n = self._words(titles)
        column = np.arange(len(flat)) - np.searchsorted(owner, owner)
        rows = np.zeros((n, WIDTH), np.int32)
        rows[owner, column] = flat
        words = self._hash[rows]
        joins = np.full((n, WIDTH), NO_JOIN, np.int64)
        follows = np.flatnonzero(column[1:] > 0) + 1 if len(flat) else np.empty(0, np.int64)
        # the CRC-32 of two joined words continues the CRC-32 of the first word
        joins[owner[follows], column[follows] - 1] = [
            crc32(self._bytes[second], first)
            for second, first in zip(
                flat[follows].tolist(), self._hash[flat[follows - 1]].tolist(), strict=True
            )
        ]
        weights = self._frequency[words & (len(self._frequency) - 1)]
        weights[rows == 0] = 0
        short = words.astype(np.uint32).view(np.int32)
        order = np.argsort(-weights, axis=1, kind="stable")[:, :_RAREST]
        rare = np.take_along_axis(short, order, axis=1)
        rare[np.take_along_axis(weights, order, axis=1) < RARE] = -1
        return Titles(
            words=short,
            joins=joins.astype(np.uint32).view(np.int32),
            weights=weights.astype(np.float32),
            rows=rows,
            rare=rare,
            numbers=self._number[rows],
            marks=np.bitwise_or.reduce(self._mark[rows], axis=1),
            vector=self._unit_sums(owner, flat, n).astype(np.float32),
            vectors=self._vectors,
        )

    def sketch(self, titles: Sequence[str]) -> Sketches:
        """Return the titles as sketches, in the same order; faster than encode()."""
        owner, rows, n = self._words(titles)
        key = self._hash[rows]
        weight = self._frequency[key & (len(self._frequency) - 1)].astype(np.float32)
        total = np.bincount(owner, weight, minlength=n).astype(np.float32)
        vector = self._unit_sums(owner, rows, n)
        once = np.unique(np.stack([owner, key])[:, weight >= INDEXED], axis=1)
        rare = self._frequency[once[1] & (len(self._frequency) - 1)].astype(np.float32)
        return Sketches(once[0], once[1], rare, total, vector)

    def _words(self, titles: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        """Return the index of the title (m,) and the row (m,) of every word, and the number of
        titles.

        Only the first WIDTH words of a title are included.
        """
        split = [normal_title(title).split(None, WIDTH)[:WIDTH] for title in titles]
        self._learn({word for row in split for word in row})
        rows = np.array([self._row[word] for row in split for word in row], np.int64)
        return np.repeat(np.arange(len(split)), [len(row) for row in split]), rows, len(split)

    def _unit_sums(
        self, owner: NDArray[np.int64], rows: NDArray[np.integer[Any]], n: int
    ) -> NDArray[np.int8]:
        """Return the vectors of n titles.

        `owner` (m,), ascending, is the title of each word; `rows` (m,) is its row.
        """
        vector = np.zeros((n, self._table.shape[1]), np.int8)
        for start in range(0, n, _SUMMED):
            first, last = np.searchsorted(owner, [start, start + _SUMMED])
            if last > first:
                local = owner[first:last] - start
                begins = np.flatnonzero(np.diff(local, prepend=-1))
                sums = np.add.reduceat(self._sum[rows[first:last]].astype(np.float64), begins)
                vector[start + local[begins]] = _unit(sums)
        return vector

    def _learn(self, words: set[str]) -> None:
        """Add the vectors of new words."""
        new = sorted(word for word in words if word not in self._row)
        if not new:
            return
        if len(self._row) + len(new) > _CACHED:
            self._forget()
            new = sorted(words)
        half = len(self._table) // 2
        hashes = [word_hash(word) for word in new]
        grams, owner = ngram_hashes(new)
        found = self._table[np.array(hashes, np.int64) & (half - 1)].astype(np.float32)
        np.add.at(found, owner, self._table[half + (grams.astype(np.int64) & (half - 1))])
        first = len(self._hash)
        self._bytes += [word.encode("utf-8", "surrogatepass") for word in new]
        self._row.update(zip(new, range(first, first + len(new)), strict=True))
        self._hash = np.concatenate([self._hash, np.array(hashes, np.int64)])
        kinds = np.array([_kind(word) for word in new], np.int8)
        self._number = np.concatenate([self._number, kinds])
        self._mark = np.concatenate([self._mark, np.array([mark(word) for word in new], np.int64)])
        self._sum = np.concatenate([self._sum, found])
        self._vectors = np.concatenate([self._vectors, _unit(found)])


def _kind(word: str) -> int:
    if _YEAR.fullmatch(word):
        return 2
    return 1 if _NUMBER.search(word) else 0


def _unit(vectors: Floats) -> Floats:
    """Return the vectors scaled to length STEPS and rounded."""
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.round(vectors / np.where(norm == 0, 1, norm) * STEPS).astype(np.float32)
