"""The linker judges from titles, addresses and times whether two threads are about one story."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking.candidates import NearTitles
from shiomi.digest.linking.encoder import Encoder, Titles
from shiomi.digest.linking.features import FEATURES, pair_features
from shiomi.digest.linking.guards import apart
from shiomi.digest.linking.meaning import INPUTS, MeaningJudge, Page
from shiomi.digest.linking.model import Model, shipped_model
from shiomi.digest.linking.pages import page_features, read_pages, release_of_project
from shiomi.digest.story import LinkKind
from shiomi.digest.thread import Thread

__all__ = ["RELATED", "SAME_STORY", "Linker"]

# A wrong merge costs as much as five missed merges. So the threshold is 5 / (5 + 1).
SAME_STORY = 0.83  # threshold of the probability of one story; docs/digest/linking.md
RELATED = 0.50  # threshold of the probability of at least related

_WORTH = -4.0  # if the log odds of one page reach this, the addresses are compared too
_COVERED = [FEATURES.index("covered_less"), FEATURES.index("covered_more")]
_CHUNK = 1 << 15  # pairs that are judged at once

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
        # the mark in the archive of threads that this judge has linked; 0 means "not linked yet"
        self.mark = 1 if meaning is None else 2

    @classmethod
    def load(cls, encoder: str = "") -> Self:
        """Load the shipped model, and MiniLM too if `encoder` is "minilm".

        Raises LinkingError, for example if the extra is not installed.
        """
        return cls(shipped_model(), MeaningJudge.load() if encoder else None)

    def score(self, a: Sequence[Thread], b: Sequence[Thread]) -> NDArray[np.float64]:
        """Return the probability that a[i] and b[i] are one story, from only titles and times.

        Shape (len(a),). score(a, b) equals score(b, a). Raises ValueError if the lengths differ.
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

    def near_odds(
        self, titles: Sequence[str], created: Integers, fresh: NDArray[np.bool_]
    ) -> Iterator[tuple[Integers, Integers, NDArray[np.float64]]]:
        """Yield candidate pairs (candidates.py) in blocks, with the log odds that both link to one
        page.

        `created` is (n,). In each pair at least one thread is `fresh`. Each pair occurs once.
        """
        left, right = self._near(titles, created, fresh)
        for _, a, b, _, features in self._encoded(titles, created, left, right):
            yield a, b, self._model.logit(features)

    def _near(
        self, titles: Sequence[str], created: Integers, fresh: NDArray[np.bool_]
    ) -> tuple[Integers, Integers]:
        """Return the candidate pairs as indices into `titles`."""
        near = NearTitles(self._encoder)
        for mask in (~fresh, fresh):
            rows = np.flatnonzero(mask).tolist()
            near.add(rows, [titles[row] for row in rows], created[mask].tolist())
        left, right = near.pairs(first=int((~fresh).sum()))
        return near.key[left], near.key[right]

    def _encoded(
        self, titles: Sequence[str], created: Integers, left: Integers, right: Integers
    ) -> Iterator[tuple[Titles, Integers, Integers, Integers, NDArray[np.float64]]]:
        """Encode the titles of some pairs and compare them, block by block.

        Yields for each block: the encoded titles of all pairs, the block's pairs as two arrays of
        indices into `titles`, their indices (2, p) into the encoded titles, and the features.
        """
        rows, place = np.unique(np.stack([left, right]), return_inverse=True)
        encoded = self._encoder.encode([titles[row] for row in rows])
        place = place.reshape(2, -1)
        for start in range(0, len(left), _CHUNK):
            part = slice(start, start + _CHUNK)
            a, b, both = left[part], right[part], place[:, part]
            features = pair_features(encoded, both[0], both[1], created[a] - created[b])
            yield encoded, a, b, both, features

    def judge(
        self, a: Sequence[Thread], b: Sequence[Thread]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the probabilities that a[i] and b[i] are one story and at least related: (n, 2).

        Also return whether one is a project's page and the other is one of its releases.
        """
        features, of_pages = self._compared(a, b)
        chances = self._chances(features, of_pages, _pages(a), _pages(b))
        return chances, release_of_project(of_pages)

    def contributions(self, a: Thread, b: Thread) -> dict[str, float]:
        """Return the contribution of each input to the log odds that two threads are one story.

        The inputs are the log odds of one page, FEATURES, PAGE_FEATURES and, if MiniLM is used for
        this pair, MEANING; a usual pair has 0.
        """
        features, of_pages = self._compared([a], [b])
        if self._meaning is not None:
            chances = self._model.story_probability(features, of_pages)
            inputs = self._model.raw_inputs(features, of_pages)
            added = self._meaning.contributions(chances, inputs, _pages([a]), _pages([b]))
            if added:
                return added
        scaled = self._model.story_inputs(features, of_pages)[0]
        return dict(zip(INPUTS, (scaled * self._model.story_weight[:, 0]).tolist(), strict=True))

    def _chances(
        self,
        features: NDArray[np.float64],
        of_pages: NDArray[np.float64],
        a: Sequence[Page],
        b: Sequence[Page],
    ) -> NDArray[np.float64]:
        chances = self._model.story_probability(features, of_pages)
        if self._meaning is None:
            return chances
        return self._meaning.judge(chances, self._model.raw_inputs(features, of_pages), a, b)

    def _compared(
        self, a: Sequence[Thread], b: Sequence[Thread]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        threads = [*a, *b]
        titles = [thread.title for thread in threads]
        encoded = self._encoder.encode(titles)
        pages = read_pages(
            self._encoder,
            titles,
            [thread.url for thread in threads],
            [thread.community for thread in threads],
        )
        created = np.array([thread.created for thread in threads], np.int64)
        i = np.arange(len(a))
        j = i + len(a)
        features = pair_features(encoded, i, j, created[i] - created[j])
        return features, page_features(encoded, pages, i, j, features[:, _COVERED])

    def links(
        self,
        titles: Sequence[str],
        created: Integers,
        fresh: NDArray[np.bool_],
        urls: Sequence[str | None],
        communities: Sequence[str],
    ) -> Iterator[tuple[int, int, LinkKind, float]]:
        """Yield the judged ties of pairs in which at least one thread is `fresh`, each pair once.

        A tie is (i, j, SAME_STORY or RELATED, probability of one story). It is yielded if the
        probability of one story, or of at least related, reaches RELATED.
        """
        left, right = self._near(titles, created, fresh)
        yield from self.ties(titles, created, urls, communities, left, right)

    def ties(
        self,
        titles: Sequence[str],
        created: Integers,
        urls: Sequence[str | None],
        communities: Sequence[str],
        left: Integers,
        right: Integers,
    ) -> Iterator[tuple[int, int, LinkKind, float]]:
        """Yield the judged ties among the pairs (left[k], right[k]) of these threads; see
        links()."""
        for encoded, one, other, places, features in self._encoded(titles, created, left, right):
            worth = np.flatnonzero(self._model.logit(features) >= _WORTH)
            if not len(worth):
                continue
            one, other, features = one[worth], other[worth], features[worth]
            told, place = np.unique(np.stack([one, other]), return_inverse=True)
            i, j = place.reshape(2, -1)
            where = np.empty(len(told), np.int64)  # in the encoded titles
            where[place.ravel()] = places[:, worth].ravel()
            pages = read_pages(
                self._encoder,
                [titles[row] for row in told],
                [urls[row] for row in told],
                [communities[row] for row in told],
            )
            of_pages = page_features(encoded.taken(where), pages, i, j, features[:, _COVERED])
            first, second = ([(titles[k], urls[k]) for k in side] for side in (one, other))
            chances = self._chances(features, of_pages, first, second)
            release = release_of_project(of_pages)
            for k in np.flatnonzero((chances >= RELATED).any(axis=1)):
                a, b, score = int(one[k]), int(other[k]), float(chances[k, 0])
                kind = kind_of(titles[a], titles[b], score, release=bool(release[k]))
                yield a, b, kind, score


def _pages(threads: Sequence[Thread]) -> list[Page]:
    return [(thread.title, thread.url) for thread in threads]


def kind_of(a: str, b: str, score: float, *, release: bool = False) -> LinkKind:
    """Return SAME_STORY if that is probable enough and no guard applies, else RELATED."""
    same = score >= SAME_STORY and not release and apart(a, b) is None
    return LinkKind.SAME_STORY if same else LinkKind.RELATED
