"""Measure time, memory and disk of the archive, next to ten lines of code or another commit.

    python benchmarks/digest/archive_scale.py 100000 1000000   # next to a table with FTS5
    python benchmarks/digest/archive_scale.py 20000 --base /tmp/base/src   # next to a commit

The data has all three communities for 468 days. The threads are first the real threads of these
days, and then copies of them with new ids, shifted by multiples of 468 days. They are in order of
time. At every size there are 234 threads a day, so that only the size differs. Each measurement is
a new process. The ten lines of code do not support history, readings and Japanese. With `--base`,
the two trees run in turn. The ratio compares the shortest processor times, because other work on
the machine affects these times least.

Needs the shared data (SHIOMI_DATA, else ../shared/data next to the repository) and pyarrow.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data"))
SINCE, UNTIL = 1_565_136_000, 1_605_571_200  # 2019-08-07 to 2020-11-17, unix seconds
READ_AT = 1_609_459_200  # the latest time at which the counts were read
QUERIES = (
    "rust", "open source", "machine learning", '"show hn"', "the", "postgres performance", "AI",
    "go lang", "kubernetes", "C++", "規制", "zzzzqqqq", "how to write a compiler", "1.0", "e",
)  # fmt: skip
CHILD = f"""
import json, resource, sqlite3, statistics, sys, time
kind, lines, file = sys.argv[1:]
figures = {{}}
def clock(name, step):
    begun = time.process_time()
    step()
    figures[name] = time.process_time() - begun
if kind == "plain":
    sys.path.insert(0, {str(ROOT)!r})
    from benchmarks.digest.archive_scale import make_plain, search_plain
    clock("import", lambda: make_plain(lines, file))
    connection = sqlite3.connect(file)
    search = lambda query: search_plain(connection, query)
else:
    from shiomi.digest.archive import Archive
    from shiomi.digest.archive.importing import import_file
    archive = Archive.open(file)
    clock("import", lambda: import_file(archive, lines))
    clock("load", lambda: [list(archive.threads(0, 2**40)) for _ in range(2)])
    search = archive.search
for number, query in enumerate({QUERIES!r}):
    clock(number, lambda: search(query))
searches = [figures.pop(number) for number in range(len({QUERIES!r}))]
figures["search"], figures["slowest"] = statistics.median(searches), max(searches)
figures["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(figures))
"""


def shifted_threads() -> Iterator[bytes]:
    """Yield the real threads as lines of JSON, then endless copies that are shifted in time."""
    import pyarrow.parquet as pq

    names = ["uid", "community", "t", "title", "url", "score", "comments"]
    table = pq.read_table(
        SHARED / "digest" / "threads.parquet",
        columns=names,
        filters=[("t", ">=", SINCE), ("t", "<", UNTIL)],
    ).sort_by([("t", "ascending"), ("uid", "ascending")])
    for copy in count():
        for batch in table.to_batches(max_chunksize=10_000):
            for row in batch.to_pylist():
                yield json.dumps(_thread(row, copy)).encode() + b"\n"


def _thread(row: dict[str, Any], copy: int) -> dict[str, Any]:
    """Return a row of the table in the form that `shiomi import` reads."""
    family, _, name = row["uid"].partition(":")
    created = row["t"] + copy * (UNTIL - SINCE)
    reading = {"time": max(created, READ_AT), "points": row["score"], "comments": row["comments"]}
    return {
        "community": {"hn": "hackernews", "lo": "lobsters"}.get(family, "reddit/programming"),
        "id": f"{name}.{copy}" if copy else name,
        "title": " ".join(row["title"].split()),
        "created": created,
        "link": f"https://example.org/{name}",
        "url": row["url"] or None,
        "readings": [reading | {"exact": False}],
    }


def make_plain(lines: Path | str, database: Path | str) -> None:
    """Make the database that ten lines of code would make: a table, and an FTS5 index of the titles
    with the default tokenizer."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(
        "CREATE TABLE threads (uid TEXT PRIMARY KEY, community TEXT, t INTEGER, title TEXT,"
        " url TEXT, score INTEGER, comments INTEGER)"
    )
    with Path(lines).open("rb") as file:
        rows = (json.loads(line) for line in file)
        while batch := list(islice(rows, 5_000)):
            connection.executemany(
                "INSERT INTO threads VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (f"{row['community']}:{row['id']}", row["community"], row["created"],
                     row["title"], row["url"], row["readings"][0]["points"],
                     row["readings"][0]["comments"])
                    for row in batch
                ),
            )  # fmt: skip
            connection.commit()
    connection.execute("CREATE VIRTUAL TABLE fts USING fts5 (title, content='threads')")
    connection.execute("INSERT INTO fts (rowid, title) SELECT rowid, title FROM threads")
    connection.commit()
    connection.close()


def search_plain(connection: sqlite3.Connection, query: str) -> list[Any]:
    """Return the best 20 rows that have all words."""
    words = " ".join(f'"{word}"' for word in query.replace('"', "").split())
    return connection.execute(
        "SELECT threads.* FROM fts JOIN threads ON threads.rowid = fts.rowid"
        " WHERE fts MATCH ? ORDER BY rank LIMIT 20",
        (words,),
    ).fetchall()


def measure(kind: str, lines: Path, source: Path = ROOT / "src") -> dict[str, float]:
    """Measure the processor seconds of each step in a new process, with the package at `source`."""
    with tempfile.TemporaryDirectory(dir=lines.parent) as name:
        file = Path(name) / "archive.sqlite3"
        output = subprocess.run(
            [sys.executable, "-c", CHILD, kind, str(lines), str(file)],
            env={**os.environ, "PYTHONPATH": str(source)}, stdout=subprocess.PIPE, check=True,
        ).stdout  # fmt: skip
        figures: dict[str, float] = json.loads(output)
        return figures | {"megabytes": file.stat().st_size / 1e6}


def compare(lines: Path, base: Path, pairs: int) -> None:
    """Print for each step the processor time of both trees, and the ratio."""
    both = [(measure("shiomi", lines, base), measure("shiomi", lines)) for _ in range(pairs)]
    for step in ("import", "load", "search"):
        before, now = (min(pair[side][step] for pair in both) for side in (0, 1))
        middle = statistics.median(pair[1][step] / pair[0][step] for pair in both)
        print(
            f"{step:8}{before:8.3f} s before {now:8.3f} s now   ratio {now / before:.3f}"
            f"   median of pairs {middle:.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--base", type=Path)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the files are made; about 2 GB")
    options = parser.parse_args()
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            lines = Path(name) / "threads.jsonl"
            with lines.open("wb") as file:
                file.writelines(islice(shifted_threads(), size))
            if options.base:
                compare(lines, options.base, options.pairs)
                continue
            for kind in ("shiomi", "plain"):
                figures = measure(kind, lines)
                print(f"{size:,} {kind:8}", {key: round(one, 3) for key, one in figures.items()})


if __name__ == "__main__":
    main()
