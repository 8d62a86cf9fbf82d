"""The linker judges from titles, addresses and times whether two threads are about one story."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking.candidates import NearTitles
from shiomi.digest.linking.encoder import Encoder
from shiomi.digest.linking.features import COVERED, feature_chunks, pair_features
from shiomi.digest.linking.guards import apart
from shiomi.digest.linking.meaning import INPUTS, MeaningJudge
from shiomi.digest.linking.model import Model, shipped_model
from shiomi.digest.linking.pages import Linkable, page_features, read_pages, release_of_project
from shiomi.digest.story import LinkKind
from shiomi.digest.thread import Thread

__all__ = ["RELATED", "SAME_STORY", "Linker"]

# A wrong merge costs as much as five missed merges. So the threshold is 5 / (5 + 1).
# threshold of the probability that two threads are one story; docs/digest/linking.md
SAME_STORY = 0.83
RELATED = 0.50  # threshold of the probability that two threads are at least related

_WORTH = -4.0  # addresses are compared if the log odds that both titles link to one page reach this
_CHUNK = 1 << 13  # number of pairs whose addresses are compared at once

Integers = NDArray[np.int64]


class Linker:
    """Judges pairs of threads, deterministically. Its only state is a cache of word vectors and the
    titles near the threads that were linked last (`near`, used by link_pending).
    """

    def __init__(self, model: Model, meaning: MeaningJudge | None = None) -> None:
        self._model = model
        self._meaning = meaning
        self._encoder = Encoder(model.table, model.frequency)
        self.near = NearTitles(self._encoder)
        # The archive stores this mark with each thread that this judge has linked; 0 means "not
        # linked yet". If you change linking so that it finds other ties, give both judges new
        # marks. Then all threads are linked again.
        self.mark = 3 if meaning is None else 4

    @classmethod
    def load(cls, encoder: str = "") -> Self:
        """Load the shipped model, and MiniLM too if `encoder` is "minilm".

        Raises LinkingError, for example if the extra is not installed.
        """
        return cls(shipped_model(), MeaningJudge.load() if encoder else None)

    def pairs(
        self, titles: Sequence[str], created: Integers, fresh: NDArray[np.bool_]
    ) -> tuple[Integers, Integers]:
        """Return the candidate pairs (candidates.py) as two arrays of indices into `titles`.

        `created` (n,) are the times of the titles. `fresh` (n,) marks some of the titles, and each
        pair contains at least one of these. Each pair occurs once.
        """
        near = NearTitles(self._encoder)
        for mask in (~fresh, fresh):
            rows = np.flatnonzero(mask).tolist()
            near.add(rows, [titles[row] for row in rows], created[mask].tolist())
        left, right = near.pairs(first=int((~fresh).sum()))
        return near.key[left], near.key[right]

    def odds(
        self, titles: Sequence[str], created: Integers, left: Integers, right: Integers
    ) -> NDArray[np.float64]:
        """Return for each pair the log odds that both threads link to one page.

        The log odds are computed from titles and times alone.

        The pairs are (left[k], right[k]) of `titles`; the result is (p,).
        """
        encoded = self._encoder.encode(titles)
        seconds = created[left] - created[right]
        return self._model.logit(pair_features(encoded, left, right, seconds))

    def judge(
        self, a: Sequence[Thread], b: Sequence[Thread]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return two probabilities (n, 2) for each pair of threads a[i] and b[i].

        They are the probability that both are one story, and the probability that both are at least
        related. Also return for each pair whether one thread is about a project's page and the
        other is about a release of this project.
        """
        inputs, of_pages = self._compared(a, b)
        return self._chances(inputs, a, b), release_of_project(of_pages)

    def contributions(self, a: Thread, b: Thread) -> dict[str, float]:
        """Return the contribution of each input to the log odds that two threads are one story.

        The inputs are the log odds of one page, FEATURES, PAGE_FEATURES and, if MiniLM is used for
        this pair, MEANING. For an average pair, every contribution is 0.
        """
        inputs, _ = self._compared([a], [b])
        if self._meaning is not None:
            chances = self._model.story_probability(inputs)
            added = self._meaning.contributions(chances, inputs, [a], [b])
            if added:
                return added
        scaled = self._model.story_inputs(inputs)[0]
        return dict(zip(INPUTS, (scaled * self._model.story_weight[:, 0]).tolist(), strict=True))

    def _chances(
        self, inputs: NDArray[np.float64], a: Sequence[Linkable], b: Sequence[Linkable]
    ) -> NDArray[np.float64]:
        chances = self._model.story_probability(inputs)
        return chances if self._meaning is None else self._meaning.judge(chances, inputs, a, b)

    def _compared(
        self, a: Sequence[Thread], b: Sequence[Thread]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the inputs of the judge for the pairs (a[i], b[i]), and their PAGE_FEATURES."""
        threads = [*a, *b]
        titles = self._encoder.encode([thread.title for thread in threads])
        created = np.array([thread.created for thread in threads], np.int64)
        i = np.arange(len(a))
        j = i + len(a)
        features = pair_features(titles, i, j, created[i] - created[j])
        pages = read_pages(self._encoder, threads)
        of_pages = page_features(titles, pages, i, j, features[:, COVERED])
        return np.hstack([self._model.logit(features)[:, None], features, of_pages]), of_pages

    def ties(
        self, threads: Sequence[Linkable], left: Integers, right: Integers
    ) -> Iterator[tuple[int, int, LinkKind, float]]:
        """Yield the judged ties among the pairs (left[k], right[k]) of `threads`.

        A tie is (i, j, SAME_STORY or RELATED, probability of one story). It is yielded if one of
        the two probabilities reaches RELATED: of one story, or of at least related.
        """
        rows, place = np.unique(np.stack([left, right]), return_inverse=True)
        i, j = place.reshape(2, -1)
        titles = self._encoder.encode([threads[row].title for row in rows])
        created = np.array([threads[row].created for row in rows], np.int64)
        compared = feature_chunks(titles, i, j, created[i] - created[j])
        worth, odds, features = self._model.reaching(_WORTH, compared)
        told, place = np.unique(np.stack([i[worth], j[worth]]), return_inverse=True)
        i, j = place.reshape(2, -1)
        named = [threads[row] for row in rows[told]]
        pages, titles = read_pages(self._encoder, named), titles.taken(told)
        for start in range(0, len(worth), _CHUNK):
            part = slice(start, start + _CHUNK)
            covered = features[part, COVERED]
            of_pages = page_features(titles, pages, i[part], j[part], covered)
            inputs = np.hstack([odds[part, None], features[part], of_pages])
            one, other = ([named[k] for k in side[part]] for side in (i, j))
            chances = self._chances(inputs, one, other)
            release = release_of_project(of_pages)
            for k in np.flatnonzero((chances >= RELATED).any(axis=1)).tolist():
                score = float(chances[k, 0])
                kind = kind_of(one[k].title, other[k].title, score, release=bool(release[k]))
                pair = worth[start + k]
                yield int(left[pair]), int(right[pair]), kind, score


def kind_of(a: str, b: str, score: float, *, release: bool = False) -> LinkKind:
    """Return SAME_STORY if its probability is high enough and no guard applies, else RELATED."""
    same = score >= SAME_STORY and not release and apart(a, b) is None
    return LinkKind.SAME_STORY if same else LinkKind.RELATED
