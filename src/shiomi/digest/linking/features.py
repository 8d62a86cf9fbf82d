"""Numbers that compare two titles: the input of the linking model.

Each feature depends only on the two threads, not on their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking.encoder import NO_JOIN, STEPS, Titles

__all__ = ["COVERED", "FEATURES", "GRID", "feature_chunks", "pair_features"]

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_T = TypeVar("_T", bound=np.generic)

FEATURES = (
    "cosine",  # cosine of the titles' vectors
    "word_cosine",  # cosine of their words, weighted by inverse document frequency
    "covered_less",  # weight of the shared words / weight of the lighter title
    "covered_more",  # weight of the shared words / weight of the heavier title
    # like covered_less, but a word counts by its similarity to the nearest word of the other title
    "soft_less",
    "soft_more",
    "soft_least_less",  # similarity of the lighter title's rarest words to the other title
    "soft_least_more",
    "rarest_shared",  # weight of the rarest word that both titles have
    "second_shared",
    "shared",  # weight of all words that both titles have
    "shared_words",  # number of words that both titles have
    "rarest_missing_less",  # weight of the lighter title's rarest word that the other title lacks
    "rarest_missing_more",
    "pairs_shared",  # number of adjacent word pairs that are also adjacent in the other title
    "weight_less",  # weight of all words of the lighter title
    "weight_more",
    "words_less",
    "words_more",
    "numbers_shared",
    "numbers_differ",  # each title has a number that the other lacks
    "years_differ",
    "first_same",  # the first words are the same
    "hours",  # log(1 + hours between them)
)


COVERED = [FEATURES.index("covered_less"), FEATURES.index("covered_more")]
GRID = 1024  # features are multiples of 1/GRID, so that sums are exact (see encoder.py)

CHUNK = 512  # pairs that are compared at once; more pairs do not fit into a processor's caches


def pair_features(
    titles: Titles, left: Integers, right: Integers, seconds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the features (p, f) of the pairs (left[i], right[i]) of `titles`.

    `seconds[i]` is the time between the two threads of a pair.
    """
    found = np.zeros((len(left), len(FEATURES)))
    for chunk, features in feature_chunks(titles, left, right, seconds):
        found[chunk] = features
    return found


def feature_chunks(
    titles: Titles, left: Integers, right: Integers, seconds: NDArray[np.int64]
) -> Iterator[tuple[Integers, NDArray[np.float64]]]:
    """Yield the indices (c,) and the features (c, f) of at most CHUNK pairs at a time.

    Pairs are sorted by the length of their longer title, so that chunks have little padding.
    """
    words = (titles.weights > 0).sum(axis=1)
    longest = np.maximum(words[left], words[right])
    order = np.argsort(longest, kind="stable")
    rank = np.empty(len(titles), np.int64)
    by_weight = np.lexsort((titles.words.sum(axis=1), titles.weights.sum(axis=1)))
    rank[by_weight] = np.arange(len(titles))
    swap = rank[left] > rank[right]
    light, heavy = np.where(swap, right, left), np.where(swap, left, right)
    hours = np.log1p(np.abs(seconds) / 3600)
    for start in range(0, len(left), CHUNK):
        chunk = order[start : start + CHUNK]
        width = max(int(longest[chunk].max()), 3)
        columns = _columns(titles.narrowed(width), light[chunk], heavy[chunk])
        stacked = np.array([*columns, hours[chunk]], np.float64).T
        yield chunk, np.round(stacked * GRID) / GRID


def _columns(titles: Titles, left: Integers, right: Integers) -> list[NDArray[np.generic]]:
    """Return all FEATURES except the last one. `left[i]` is the lighter title of a pair.

    In all arrays of words the last axis is the pair, so that numpy handles many pairs at once.
    """
    a, b = (_by_word(titles.words, rows) for rows in (left, right))
    wa, wb = (_by_word(titles.weights, rows) for rows in (left, right))
    ja, jb = (_by_word(titles.joins, rows) for rows in (left, right))
    na, nb = (_by_word(titles.numbers, rows) for rows in (left, right))
    a_in_b, b_in_a = _matches(a, b, ja, jb)
    a_in_b &= wa > 0
    b_in_a &= wb > 0
    soft_a, soft_b = _soft(titles, left, right, a_in_b, b_in_a)
    la, lb = wa.sum(axis=0), wb.sum(axis=0)
    shared = wa * a_in_b
    top = _largest(shared, 2)
    squared = np.sqrt((wa**2).sum(axis=0)) * np.sqrt((wb**2).sum(axis=0))
    return [
        (titles.vector[left] * titles.vector[right]).sum(axis=1) / STEPS**2,
        _ratio((shared**2).sum(axis=0), squared),
        _ratio(shared.sum(axis=0), la),
        _ratio((wb * b_in_a).sum(axis=0), lb),
        _ratio((wa * soft_a).sum(axis=0), la),
        _ratio((wb * soft_b).sum(axis=0), lb),
        _largest(wa * (1 - soft_a), 3).sum(axis=0),
        _largest(wb * (1 - soft_b), 3).sum(axis=0),
        top[0],
        top[1],
        shared.sum(axis=0),
        a_in_b.sum(axis=0),
        (wa * ~a_in_b).max(axis=0),
        (wb * ~b_in_a).max(axis=0),
        ((ja[:, None] == jb).any(axis=1) & (ja != NO_JOIN)).sum(axis=0),
        la,
        lb,
        (wa > 0).sum(axis=0),
        (wb > 0).sum(axis=0),
        ((na > 0) & a_in_b).sum(axis=0),
        ((na == 1) & ~a_in_b).any(axis=0) & ((nb == 1) & ~b_in_a).any(axis=0),
        ((na == 2) & ~a_in_b).any(axis=0) & ((nb == 2) & ~b_in_a).any(axis=0),
        (a[0] == b[0]) & (wa[0] > 0),
    ]


def _by_word(array: NDArray[_T], rows: Integers) -> NDArray[_T]:
    """Return these rows of an array as columns: (w, n)."""
    return np.ascontiguousarray(array[rows].T)


def _matches(
    a: NDArray[np.int32], b: NDArray[np.int32], ja: NDArray[np.int32], jb: NDArray[np.int32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return for each word of both titles whether the other title has it.

    Two adjacent words and the same two words written as one also match.

    `a` and `b` are the words, `ja` and `jb` the joins: (w, n).
    """
    equal = a[:, None] == b
    a_as_join = a[:, None] == jb  # "miragejs" in "mirage js"
    b_as_join = ja[:, None] == b
    a_in_b = equal.any(axis=1) | a_as_join.any(axis=1)
    b_in_a = equal.any(axis=0) | b_as_join.any(axis=0)
    # two adjacent words of a that are one word of b: both match
    for found, joined in ((a_in_b, b_as_join.any(axis=1)), (b_in_a, a_as_join.any(axis=0))):
        found |= joined
        found[1:] |= joined[:-1]
    return a_in_b, b_in_a


def _soft(
    titles: Titles,
    left: Integers,
    right: Integers,
    a_in_b: NDArray[np.bool_],
    b_in_a: NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """Return for each word its cosine to the most similar word of the other title. The value is 1
    if the other title has the same word."""
    va = titles.vectors[titles.rows[left]]
    vb = titles.vectors[titles.rows[right]]
    near = np.ascontiguousarray(np.matmul(va, vb.transpose(0, 2, 1)).transpose(1, 2, 0))
    steps = np.float32(STEPS**2)
    soft_a = np.where(a_in_b, np.float32(1), np.maximum(near.max(axis=1), 0) / steps)
    soft_b = np.where(b_in_a, np.float32(1), np.maximum(near.max(axis=0), 0) / steps)
    return soft_a, soft_b


def _largest(values: Floats, count: int) -> Floats:
    """Return the largest `count` values of each column, in descending order."""
    found: Floats = -np.sort(-values, axis=0)[:count]
    return found


def _ratio(part: Floats, whole: Floats) -> Floats:
    return (part / np.where(whole <= 0, 1, whole)).astype(np.float32)
