"""Measure the time of linking per thread, also for new threads in an archive ten times as large.

    python benchmarks/digest/link_incremental.py             # 100,000 and 1,000,000 threads
    python benchmarks/digest/link_incremental.py 60000 --per-day 5000
    python benchmarks/digest/link_incremental.py --kept      # ties that the candidates miss

`--per-day` sets the number of threads per day; the threads then come in random order. `--kept`
takes three weeks of 2019 and judges all pairs of threads that have a word in common or a cosine of
at least .15. It prints how many of the resulting ties the index of rare words finds. The archives
hold the threads of threads.parquet, copied as often as needed. Each copy is moved back by the whole
period of the data, so that the number of threads per day is always as in the real data. The latest
2,000 threads arrive after the other threads are linked, in portions of 100.
Times are CPU times, so that other programs on the machine do not count.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shiomi.digest.archive import Archive
from shiomi.digest.linking import Linker, canonical_url, link_pending, stories
from shiomi.digest.linking.encoder import STEPS, Encoder
from shiomi.digest.linking.features import pair_features
from shiomi.digest.linking.linker import RELATED, kind_of
from shiomi.digest.linking.model import shipped_model
from shiomi.digest.story import LinkKind
from shiomi.digest.thread import Thread

DATA = Path(os.environ.get("SHIOMI_DATA", Path(__file__).parents[3] / "shared" / "data"))
NAMES = {"hn": "hackernews", "lobsters": "lobsters", "r/programming": "reddit/programming"}
NEW, PORTION = 2_000, 100
WEEK = 7 * 86400


def threads(count: int, per_day: int = 0) -> Iterator[Thread]:
    """Yield `count` threads, newest first; with `per_day`, that number per day in random order."""
    if per_day:
        found = list(threads(count))
        random.Random(0).shuffle(found)
        for number, thread in enumerate(found):
            yield replace(thread, created=1_600_000_000 - number * 86400 // per_day)
        return
    table = pq.read_table(
        DATA / "digest/threads.parquet", columns=["uid", "community", "t", "title", "url"]
    ).sort_by([("t", "descending")])
    span = table["t"][0].as_py() - table["t"][-1].as_py() + 2 * WEEK
    for copy in range(-(-count // len(table))):
        for row in table.slice(0, count - copy * len(table)).to_pylist():
            yield Thread(
                NAMES[row["community"]],
                f"{row['uid']}-{copy}",
                row["title"] or "",
                row["t"] - copy * span,
                "https://example.org/",
                row["url"],
            )


def kept() -> None:
    """Print the ties among real threads with and without the index of rare words."""
    begin = 1_565_136_000
    chosen = sorted(
        (t for t in threads(400_000) if t.url and begin <= t.created < begin + 3 * WEEK),
        key=lambda thread: (thread.created, thread.uid),
    )
    linker = Linker.load()
    created = np.array([t.created for t in chosen], np.int64)
    looked_at = linker.pairs([t.title for t in chosen], created, np.ones(len(chosen), bool))
    found = {(min(i, j), max(i, j)) for i, j, *_ in linker.ties(chosen, *looked_at)}
    every: dict[tuple[int, int], LinkKind] = {}
    for left, right in all_alike(chosen):
        a, b = [chosen[i] for i in left], [chosen[j] for j in right]
        chances, release = linker.judge(a, b)
        for k in np.flatnonzero(chances.max(axis=1) >= RELATED):
            pair = int(left[k]), int(right[k])
            if canonical_url(a[k].url or "") == canonical_url(b[k].url or ""):
                continue
            every[pair] = kind_of(
                a[k].title, b[k].title, float(chances[k, 0]), release=bool(release[k])
            )
    for kind in (LinkKind.SAME_STORY, LinkKind.RELATED):
        ties = [pair for pair, other in every.items() if other is kind]
        print(f"{kind}: {sum(pair in found for pair in ties)} of {len(ties)} pairs are looked at")


def all_alike(chosen: Sequence[Thread]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield, in blocks, the pairs within a week that share a word or have a cosine of .15."""
    model = shipped_model()
    titles = Encoder(model.table, model.frequency).encode([thread.title for thread in chosen])
    created = np.array([thread.created for thread in chosen])
    for start in range(0, len(chosen), 128):
        block = np.arange(start, min(start + 128, len(chosen)))
        last = int(np.searchsorted(created, created[block[-1]] + WEEK, "right"))
        columns = np.arange(start, last)
        cosine = titles.vector[block] @ titles.vector[columns].T / STEPS**2
        common = np.zeros(cosine.shape, bool)
        for row, words in enumerate(titles.words[block]):
            common[row] = np.isin(titles.words[columns], words[titles.weights[block[row]] > 3]).any(
                axis=1
            )
        near = np.abs(created[columns][None, :] - created[block][:, None]) <= WEEK
        i, j = np.nonzero(near & (common | (cosine >= 0.15)) & (columns[None, :] > block[:, None]))
        left, right = block[i], columns[j]
        odds = model.logit(pair_features(titles, left, right, created[left] - created[right]))
        yield left[odds >= -4], right[odds >= -4]  # the linker compares the addresses of these


def measure(count: int, path: Path, per_day: int) -> None:
    linker = Linker.load()
    with Archive.open(path) as archive:
        waiting: list[Thread] = []
        part: list[Thread] = []
        for thread in threads(count, per_day):
            if len(waiting) < NEW:
                waiting.append(thread)
                continue
            part.append(thread)
            if len(part) == 50_000:
                archive.add(part, seen=1_700_000_000)
                part = []
        archive.add(part, seen=1_700_000_000)
        begun = time.process_time()
        report = link_pending(archive, linker)
        bulk = (time.process_time() - begun) / report.threads
        begun = time.process_time()
        for start in range(NEW, 0, -PORTION):
            archive.add(waiting[max(start - PORTION, 0) : start], seen=1_700_000_000)
            link_pending(archive, linker)
        one = (time.process_time() - begun) / NEW
        end = waiting[0].created
        begun = time.process_time()
        found = stories(archive, end - WEEK, end)
        week = time.process_time() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count:>9,} {bulk * 1e6:10.0f} us {bulk * count:8.0f} s {one * 1e3:12.2f} ms"
        f" {week * 1e3:9.0f} ms ({len(found):,} stories) {memory:7.0f} MiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("counts", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--per-day", type=int, default=0)
    parser.add_argument("--kept", action="store_true")
    options = parser.parse_args()
    if options.kept:
        kept()
        return
    print("  threads  bulk, each   bulk, all  new, each  stories of a week    resident at most")
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder:
            measure(count, Path(folder) / "archive.sqlite3", options.per_day)


if __name__ == "__main__":
    main()
