"""The cost of linking per thread, and for new threads in an archive ten times as old.

    python benchmarks/digest/link_incremental.py             # 100,000 and 1,000,000 threads

The archives are the threads of threads.parquet, as often as needed, each copy moved back by the
whole span of the data, so that all have the density of the real ones. The last 2,000 threads in
time arrive after the others are linked, in portions of 100. Times are CPU times, so that other
programs on the machine do not count.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from shiomi.digest.archive import Archive
from shiomi.digest.linking import Linker, link_pending, stories
from shiomi.digest.thread import Thread

DATA = Path(os.environ.get("SHIOMI_DATA", Path(__file__).parents[3] / "shared" / "data"))
NAMES = {"hn": "hackernews", "lobsters": "lobsters", "r/programming": "reddit/programming"}
NEW, PORTION = 2_000, 100
WEEK = 7 * 86400


def threads(count: int) -> Iterator[Thread]:
    """`count` threads, the newest first."""
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


def measure(count: int, path: Path) -> None:
    linker = Linker.load()
    with Archive.open(path) as archive:
        waiting: list[Thread] = []
        part: list[Thread] = []
        for thread in threads(count):
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
    options = parser.parse_args()
    print("  threads  bulk, each   bulk, all  new, each  stories of a week    resident at most")
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder:
            measure(count, Path(folder) / "archive.sqlite3")


if __name__ == "__main__":
    main()
