"""Fit the judge of "one story" in src/shiomi/digest/linking/model.npz to pairs that people read.

    pip install scikit-learn pyarrow
    python tools/digest/train_judge.py --base MODEL [--out MODEL]
    python tools/digest/train_judge.py --minilm

With --minilm the script fits the second judge, which also uses MiniLM. Run the script after each
change of the features or of model.npz. `--base` is the file that tools/digest/train_linker.py
wrote.

The script reads the labels of the training half of benchmarks/digest/data/same_story.jsonl, and all
labels of same_story_more.jsonl and linking_labelled.jsonl. The other half of same_story.jsonl is
for the published figures and is never read here. A judge consists of two logistic regressions. The
first decides whether a pair is one story. The second decides whether a pair is tied, which means
that it is one story or related. The strength of their regularisation was chosen by cross-validation
over weeks.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from train_linker import DATA, LABELS, SHIPPED  # type: ignore[import-not-found]

from shiomi.digest.linking.encoder import Encoder
from shiomi.digest.linking.features import COVERED, FEATURES, pair_features
from shiomi.digest.linking.meaning import INPUTS, MEANING, SentenceEncoder, meaning_features
from shiomi.digest.linking.model import Model
from shiomi.digest.linking.pages import PAGE_FEATURES, page_features, read_pages
from shiomi.digest.thread import Thread

MORE = [LABELS.parent / name for name in ("same_story_more.jsonl", "linking_labelled.jsonl")]
STRENGTH = 0.05


def read_labels(half: str) -> list[dict[str, Any]]:
    """Return the labelled pairs of one half. The half "train" also includes all pairs that belong
    to neither half.
    """
    rows = [json.loads(line) for line in LABELS.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["half"] == half]
    if half == "train":
        for path in MORE:
            rows += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return rows


def with_threads(rows: list[dict[str, Any]]) -> tuple[list[Thread], list[Thread]]:
    """Return the first and the second thread of each pair."""
    wanted = {uid for row in rows for uid in (row["a"], row["b"])}
    columns = ["uid", "community", "t", "title", "url"]
    table = pq.read_table(DATA / "digest/threads.parquet", columns=columns).to_pylist()
    threads = {
        row["uid"]: Thread(row["community"], row["uid"], row["title"], row["t"], "", row["url"])
        for row in table
        if row["uid"] in wanted
    }
    return [threads[row["a"]] for row in rows], [threads[row["b"]] for row in rows]


def inputs(model: Model, rows: list[dict[str, Any]]) -> np.ndarray:
    """Return the inputs of the judge for the labelled pairs: (p, 1 + k + l)."""
    both = [thread for side in with_threads(rows) for thread in side]
    encoder = Encoder(model.table, model.frequency)
    titles = encoder.encode([thread.title for thread in both])
    i = np.arange(len(rows))
    j = i + len(rows)
    created = np.array([thread.created for thread in both], np.int64)
    features = pair_features(titles, i, j, created[i] - created[j])
    of_pages = page_features(titles, read_pages(encoder, both), i, j, features[:, COVERED])
    return np.hstack([model.logit(features)[:, None], features, of_pages])


def meaning(rows: list[dict[str, Any]]) -> np.ndarray:
    """Return the cosines of MiniLM's vectors for the labelled pairs: (p, 4)."""
    return meaning_features(SentenceEncoder(), *with_threads(rows))


def base_model(arrays: dict[str, np.ndarray]) -> Model:
    """Return a model whose judge of stories is still empty."""
    count = 1 + len(FEATURES) + len(PAGE_FEATURES)
    return Model(
        table=arrays["table"].astype(np.float32)
        * arrays["table_steps"].astype(np.float32)[:, None],
        frequency=arrays["frequency"].astype(np.float32),
        mean=arrays["mean"].astype(np.float64),
        scale=arrays["scale"].astype(np.float64),
        weights=tuple(_on_grid(arrays[f"weight{i}"]) for i in range(3)),
        biases=tuple(_on_grid(arrays[f"bias{i}"]) for i in range(3)),
        story_mean=np.zeros(count),
        story_scale=np.ones(count),
        story_weight=np.zeros((count, 2)),
        story_bias=np.zeros(2),
    )


def _on_grid(values: np.ndarray) -> np.ndarray:
    return np.round(values.astype(np.float64) * 1024) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--base", type=Path, default=SHIPPED)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--minilm", action="store_true", help="fit judge_minilm.npz instead")
    options = parser.parse_args()
    with np.load(options.base) as stored:
        arrays = {name: stored[name] for name in stored.files}
    model = base_model(arrays)
    rows = read_labels("train")
    x = inputs(model, rows)
    if options.minilm:
        x = np.hstack([x, meaning(rows)])
    mean, scale = x.mean(axis=0), 1 / (x.std(axis=0) + 1e-6)
    scaled = np.clip((x - mean) * scale, -6, 6)
    labels = np.array([row["label"] for row in rows])
    weight = np.sqrt([row.get("weight", 1.0) for row in rows])
    fitted = [
        LogisticRegression(C=STRENGTH, max_iter=3000).fit(scaled, labels == "same"),
        LogisticRegression(C=STRENGTH, max_iter=3000).fit(
            scaled, labels != "different", sample_weight=weight / weight.mean()
        ),
    ]
    weight = np.stack([one.coef_[0] for one in fitted], axis=1).astype(np.float32)
    bias = np.array([one.intercept_[0] for one in fitted], np.float32)
    print(f"{len(rows)} pairs read, {int((labels == 'same').sum())} of them one story")
    if options.minilm:
        names = np.array([*INPUTS, *MEANING])
        out = SHIPPED.with_name("judge_minilm.npz")
        np.savez_compressed(out, inputs=names, mean=mean, scale=scale, weight=weight, bias=bias)
        return
    arrays |= {
        "format": np.array(2),
        "page_features": np.array(PAGE_FEATURES),
        "story_mean": mean.astype(np.float32),
        "story_scale": scale.astype(np.float32),
        "story_weight": weight,
        "story_bias": bias,
    }
    np.savez_compressed(options.out, **arrays)


if __name__ == "__main__":
    main()
