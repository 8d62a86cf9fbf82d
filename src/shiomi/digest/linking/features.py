"""Numbers that compare two titles: the input of the linking model.

Each feature depends only on the two threads, not on their order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking.encoder import NO_JOIN, STEPS, Titles

__all__ = ["FEATURES", "GRID", "pair_features"]

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

FEATURES = (
    "cosine",  # cosine of the titles' vectors
    "word_cosine",  # cosine of their words, weighted by inverse document frequency
    "covered_less",  # weight of the shared words / weight of the lighter title
    "covered_more",  # of the heavier
    "soft_less",  # the same, but each word counts by its similarity to the nearest word there
    "soft_more",
    "soft_least_less",  # similarity of the lighter title's rarest words to the other title
    "soft_least_more",
    "rarest_shared",  # weight of the rarest word in both
    "second_shared",
    "shared",  # weight of all words in both
    "shared_words",  # how many
    "rarest_missing_less",  # weight of the lighter title's rarest word that the other title lacks
    "rarest_missing_more",
    "pairs_shared",  # number of adjacent word pairs that are also adjacent in the other title
    "weight_less",  # of all words
    "weight_more",
    "words_less",
    "words_more",
    "numbers_shared",
    "numbers_differ",  # each has a number that the other lacks
    "years_differ",
    "first_same",  # the first words are the same
    "hours",  # log(1 + hours between them)
)


GRID = 1024  # features are multiples of 1/GRID, so that sums are exact (see encoder.py)


_CHUNK = 512  # pairs compared at once; more do not fit into a processor's caches


def pair_features(
    titles: Titles, left: Integers, right: Integers, seconds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the features of the pairs (left[i], right[i]) of `titles`, `seconds[i]` apart: (p,
    f)."""
    found = np.zeros((len(left), len(FEATURES)))
    words = (titles.weights > 0).sum(axis=1)
    longest = np.maximum(words[left], words[right])
    order = np.argsort(longest, kind="stable")
    for start in range(0, len(left), _CHUNK):
        chunk = order[start : start + _CHUNK]
        width = max(int(longest[chunk].max()), 3)
        found[chunk] = _features(titles.narrowed(width), left[chunk], right[chunk], seconds[chunk])
    return found


def _features(
    titles: Titles, left: Integers, right: Integers, seconds: NDArray[np.int64]
) -> NDArray[np.float64]:
    swap = titles.weights[left].sum(axis=1) > titles.weights[right].sum(axis=1)
    left, right = np.where(swap, right, left), np.where(swap, left, right)
    a, b = titles.words[left], titles.words[right]
    wa, wb = titles.weights[left], titles.weights[right]
    a_in_b, b_in_a = _matches(titles, left, right, a, b, wa, wb)
    pairs = _common(titles.joins[left], titles.joins[right])
    soft_a, soft_b = _soft(titles, left, right, a_in_b, b_in_a)
    la, lb = wa.sum(axis=1), wb.sum(axis=1)
    shared = wa * a_in_b
    top = -np.sort(-shared, axis=1)[:, :2]
    missing_a, missing_b = wa * ~a_in_b, wb * ~b_in_a
    squared = np.sqrt((wa**2).sum(axis=1)) * np.sqrt((wb**2).sum(axis=1))
    na, nb = titles.numbers[left], titles.numbers[right]
    columns = [
        (titles.vector[left] * titles.vector[right]).sum(axis=1) / STEPS**2,
        _ratio((shared**2).sum(axis=1), squared),
        _ratio(shared.sum(axis=1), la),
        _ratio((wb * b_in_a).sum(axis=1), lb),
        _ratio((wa * soft_a).sum(axis=1), la),
        _ratio((wb * soft_b).sum(axis=1), lb),
        _least(wa, soft_a),
        _least(wb, soft_b),
        top[:, 0],
        top[:, 1],
        shared.sum(axis=1),
        a_in_b.sum(axis=1),
        missing_a.max(axis=1),
        missing_b.max(axis=1),
        pairs.sum(axis=1),
        la,
        lb,
        (wa > 0).sum(axis=1),
        (wb > 0).sum(axis=1),
        ((na > 0) & a_in_b).sum(axis=1),
        ((na == 1) & ~a_in_b).any(axis=1) & ((nb == 1) & ~b_in_a).any(axis=1),
        ((na == 2) & ~a_in_b).any(axis=1) & ((nb == 2) & ~b_in_a).any(axis=1),
        (a[:, 0] == b[:, 0]) & (wa[:, 0] > 0),
        np.log1p(np.abs(seconds) / 3600),
    ]
    stacked = np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
    return np.round(stacked * GRID) / GRID


def _matches(
    titles: Titles,
    left: Integers,
    right: Integers,
    a: NDArray[np.int32],
    b: NDArray[np.int32],
    wa: Floats,
    wb: Floats,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which words occur in the other title, even if written together or apart there."""
    equal = a[:, :, None] == b[:, None, :]
    ja, jb = titles.joins[left], titles.joins[right]
    a_as_join = a[:, :, None] == jb[:, None, :]  # "miragejs" in "mirage js"
    b_as_join = b[:, :, None] == ja[:, None, :]
    a_in_b = equal.any(axis=2) | a_as_join.any(axis=2)
    b_in_a = equal.any(axis=1) | b_as_join.any(axis=2)
    joined = b_as_join.any(axis=1)  # two adjacent words of a that are one word of b: both match
    a_in_b |= joined
    a_in_b[:, 1:] |= joined[:, :-1]
    joined = a_as_join.any(axis=1)
    b_in_a |= joined
    b_in_a[:, 1:] |= joined[:, :-1]
    return a_in_b & (wa > 0), b_in_a & (wb > 0)


def _common(a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (a[:, :, None] == b[:, None, :]).any(axis=2) & (a != NO_JOIN)
    return found


def _soft(
    titles: Titles,
    left: Integers,
    right: Integers,
    a_in_b: NDArray[np.bool_],
    b_in_a: NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """Return for each word its cosine to the nearest word of the other title; 1 if it occurs
    there."""
    va = titles.vectors[titles.rows[left]]
    vb = titles.vectors[titles.rows[right]]
    near = np.matmul(va, vb.transpose(0, 2, 1)) / np.float32(STEPS**2)
    soft_a = np.where(a_in_b, 1, np.maximum(near.max(axis=2), 0))
    soft_b = np.where(b_in_a, 1, np.maximum(near.max(axis=1), 0))
    return soft_a.astype(np.float32), soft_b.astype(np.float32)


def _least(weights: Floats, soft: Floats) -> Floats:
    """Return the weighted distance of the three words whose best match is least similar."""
    lack = weights * (1 - soft)
    total: Floats = -np.sort(-lack, axis=1)[:, :3].sum(axis=1)
    return total


def _ratio(part: Floats, whole: Floats) -> Floats:
    return (part / np.where(whole <= 0, 1, whole)).astype(np.float32)
