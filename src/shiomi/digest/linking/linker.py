"""The linker: whether two threads are about one story, from the two threads alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking.candidates import near_pairs
from shiomi.digest.linking.encoder import Encoder
from shiomi.digest.linking.features import pair_features
from shiomi.digest.linking.guards import apart
from shiomi.digest.linking.model import Model, shipped_model
from shiomi.digest.story import LinkKind
from shiomi.digest.thread import Thread

__all__ = ["RELATED", "SAME_STORY", "Linker"]

SAME_STORY = 0.98  # probability from which two threads are one story; docs/digest/linking.md
RELATED = 0.50  # from which they are tied

_CHUNK = 4096  # pairs whose features are computed at once

Integers = NDArray[np.int64]


class Linker:
    """Judges pairs of threads. Deterministic; keeps nothing but the vectors of words it has met."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._encoder = Encoder(model.table, model.frequency)

    @classmethod
    def load(cls) -> Self:
        """With the model that ships with the package. Raises LinkingError."""
        return cls(shipped_model())

    def score(self, a: Sequence[Thread], b: Sequence[Thread]) -> NDArray[np.float64]:
        """The probability that a[i] and b[i] are about one story, from titles and times alone.

        Shape (len(a),). score(a, b) equals score(b, a). Raises ValueError where the lengths differ.
        """
        if len(a) != len(b):
            raise ValueError(f"{len(a)} threads against {len(b)}; give as many of each")
        found = np.zeros(len(a))
        for start in range(0, len(a), _CHUNK):
            left, right = a[start : start + _CHUNK], b[start : start + _CHUNK]
            threads = [*left, *right]
            titles = self._encoder.encode([thread.title for thread in threads])
            created = np.array([thread.created for thread in threads], np.int64)
            i = np.arange(len(left))
            j = i + len(left)
            features = pair_features(titles, i, j, created[i] - created[j])
            found[start : start + len(left)] = self._model.probability(features)
        return found

    def near_scores(
        self, titles: Sequence[str], created: Integers, fresh: NDArray[np.bool_]
    ) -> Iterator[tuple[Integers, Integers, NDArray[np.float64]]]:
        """Pairs worth a look (candidates.py) and their probabilities, block by block.

        `created` (n,) ascends. Of each pair at least one thread is `fresh`; each pair comes once.
        """
        encoded = self._encoder.encode(titles)
        for left, right in near_pairs(encoded, created, fresh):
            for start in range(0, len(left), _CHUNK):
                i, j = left[start : start + _CHUNK], right[start : start + _CHUNK]
                features = pair_features(encoded, i, j, created[i] - created[j])
                yield i, j, self._model.probability(features)

    def links(
        self, titles: Sequence[str], created: Integers, fresh: NDArray[np.bool_]
    ) -> Iterator[tuple[int, int, LinkKind, float]]:
        """The ties by title among threads of which at least one is `fresh`, each pair once.

        `created` (n,) ascends. Yields (i, j, SAME_STORY or RELATED, probability).
        """
        for left, right, scores in self.near_scores(titles, created, fresh):
            for k in np.flatnonzero(scores >= RELATED):
                i, j, score = int(left[k]), int(right[k]), float(scores[k])
                yield i, j, kind_of(titles[i], titles[j], score), score


def kind_of(a: str, b: str, score: float) -> LinkKind:
    """What a tie by title is: SAME_STORY where probable enough and no guard speaks against it."""
    same = score >= SAME_STORY and apart(a, b) is None
    return LinkKind.SAME_STORY if same else LinkKind.RELATED
