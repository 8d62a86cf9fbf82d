"""Draw pairs for training the judge of stories: those that the shipped judge is unsure of.

    python tools/digest/draw_more.py --out FOLDER

Reads threads.parquet of SHIOMI_DATA (default ../shared/data). Leaves out the test weeks of
same_story.jsonl with three days around them, all threads from 2020-06-24 on, pairs that were read
before, and stories that Lobsters folded. The pairs with different canonical URLs are drawn by
strata of the judged probability, two thirds of them across communities, each thread at most twice.
Writes sheet.txt for a reader and drawn.jsonl. same_story_more.jsonl has the labels of one reader, a
language model, after docs/digest/same-story.md. They serve for training alone.
"""

from __future__ import annotations

import argparse
import html
import json
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from draw_pairs import FIRST, WEEK, WITH_REDDIT, Row, read_rows  # type: ignore[import-not-found]
from train_linker import END, LABELS  # type: ignore[import-not-found]

from shiomi.digest.linking import Linker

BOUNDS = (0.25, 0.45, 0.65, 0.85)  # of the strata
QUOTAS = (130, 150, 170, 170, 110)  # of pairs across communities; within one, 0.6 of that
LEAST = (0.12, 0.6)  # probability of one story, or of at least related, of a pair in the pool


def pool(rows: list[Row], rng: random.Random) -> Iterator[tuple[float, Row, Row]]:
    """Pairs of one week with different pages, and their probability."""
    linker = Linker.load()
    for week in range(FIRST, END, WEEK):
        inside = [row for row in rows if week <= row.time < week + WEEK]
        if (week < WITH_REDDIT and rng.random() < 0.6) or len(inside) < 200:
            continue
        created = np.array([row.time for row in inside], np.int64)
        fresh = np.ones(len(inside), bool)
        for i, j, _, score in linker.links(
            [row.title for row in inside], created, fresh, [row.url for row in inside],
            [row.community for row in inside], least=LEAST,
        ):  # fmt: skip
            a, b = inside[i], inside[j]
            if a.page != b.page and not a.folded and not b.folded:
                yield score, a, b


def line(number: int, a: Row, b: Row) -> str:
    def told(row: Row) -> str:
        title = " ".join(html.unescape(row.title).replace("|", "/").split())[:150]
        return f"{title} | {row.url.split('://', 1)[-1].removeprefix('www.')[:95]}"

    return f"{number} {abs(a.time - b.time) / 3600:.0f}h {told(a)} || {told(b)}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    labels = [json.loads(text) for text in LABELS.read_text(encoding="utf-8").splitlines()]
    test = sorted({label["week"] for label in labels if label["half"] == "test"})
    known = {frozenset((label["a"], label["b"])) for label in labels}
    around = 3 * 86400
    rows = [
        row
        for row in read_rows()
        if row.time < END
        and row.page
        and not any(week - around <= row.time < week + WEEK + around for week in test)
    ]
    rng = random.Random(77)
    found = [one for one in pool(rows, rng) if frozenset((one[1].uid, one[2].uid)) not in known]
    rng.shuffle(found)
    used: Counter[str] = Counter()
    count: Counter[tuple[int, bool]] = Counter()
    drawn = []
    for score, a, b in found:
        stratum, across = bisect_right(BOUNDS, score), a.community != b.community
        full = count[stratum, across] >= QUOTAS[stratum] * (1 if across else 0.6)
        if not full and used[a.uid] < 2 and used[b.uid] < 2:
            used.update((a.uid, b.uid))
            count[stratum, across] += 1
            drawn.append((score, a, b))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "sheet.txt").write_text("".join(line(n, *d[1:]) for n, d in enumerate(drawn)))
    (options.out / "drawn.jsonl").write_text(
        "".join(json.dumps({"a": a.uid, "b": b.uid, "score": s}) + "\n" for s, a, b in drawn)
    )


if __name__ == "__main__":
    main()
