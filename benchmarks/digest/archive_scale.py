"""How the archive's time and memory grow from 100,000 to 1,000,000 threads.

    python benchmarks/digest/archive_scale.py                      # 100k 250k 500k 1M, with linking
    python benchmarks/digest/archive_scale.py --no-link 100000     # import and search alone

The threads are the real ones of the 468 days for which the data has all three communities, and
copies of them shifted in time by as much, with ids of their own: in order of time, 234 a day at
every size, so that size alone differs. Each size runs in a separate process: import of a JSON
Lines file, linking, a digest without a model, searches. It is compared with ten lines of code (a
table and FTS5 over titles, without history, readings and Japanese) and with grep over the file.

Needs the shared data (SHIOMI_DATA, else ../shared/data next to the repository) and pyarrow.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path

import msgspec

from shiomi.digest.archive import Archive
from shiomi.digest.archive.importing import import_file

SHARED = Path(os.environ.get("SHIOMI_DATA", Path(__file__).parents[3] / "shared" / "data"))
SIZES = (100_000, 250_000, 500_000, 1_000_000)
WEEK = 7 * 86_400
SINCE, UNTIL = 1_565_136_000, 1_605_571_200  # 2019-08-07 to 2020-11-17, unix seconds
QUERIES = (
    "rust", "open source", "machine learning", '"show hn"', "the", "postgres performance", "AI",
    "go lang", "kubernetes", "C++", "規制", "zzzzqqqq", "how to write a compiler", "1.0", "e",
)  # fmt: skip


def shifted_threads() -> Iterator[bytes]:
    """The real threads as lines of JSON, then endless copies that are shifted in time."""
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
                row["t"] += copy * (UNTIL - SINCE)
                row["uid"] += f".{copy}" if copy else ""
                yield msgspec.json.encode(row) + b"\n"


class Clock:
    """Wall and processor seconds of steps, by name."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}

    def time(self, name: str, step: Callable[[], object]) -> None:
        wall, processor = time.perf_counter(), time.process_time()
        step()
        self.figures[name] = time.perf_counter() - wall
        self.figures[f"{name} cpu"] = time.process_time() - processor


def measure(lines: Path, database: Path, *, link: bool) -> dict[str, float]:
    """One size, from the file to answers."""
    clock = Clock()
    with Archive.open(database) as archive:
        clock.time("import", lambda: import_file(archive, lines, read_at=1_609_459_200))
        clock.figures["rss import"] = _peak()
        if link:
            from shiomi.digest.linking import Linker, link_pending

            linker = Linker.load()
            clock.time("link", lambda: link_pending(archive, linker))
            clock.figures["rss"] = _peak()
        (newest,) = archive.database.execute("SELECT max(created) FROM thread").fetchone()
        middle = newest - 20 * WEEK
        clock.time("nine weeks", lambda: list(archive.threads(middle - 9 * WEEK, middle)))
        if link:
            clock.time("digest", lambda: _write_digest(archive, middle, database.parent))
        clock.time("again", lambda: import_file(archive, lines))
        _searches(clock, lambda query: archive.search(query))
    clock.figures["megabytes"] = database.stat().st_size / 1e6
    return clock.figures


def _write_digest(archive: Archive, moment: int, folder: Path) -> None:
    """The digest of the week up to `moment`, as `shiomi digest` writes it without a model."""
    from shiomi.digest.config import Config
    from shiomi.digest.pipeline import make_digest, site_files
    from shiomi.digest.publishing import publish
    from shiomi.digest.week import Week

    config = Config(out=folder / "public")
    week = Week.containing(moment)
    digest = make_digest(archive, config, week, as_of=4_102_444_800)
    publish(site_files(archive, config, week), config.out)
    print(f"{week.last}: {len(digest.topics)} topics", file=sys.stderr)


def measure_plain(lines: Path, database: Path) -> dict[str, float]:
    """The ten-line solution: a table keyed by uid, and FTS5 with its default tokenizer over the
    titles."""
    clock = Clock()
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(
        "CREATE TABLE threads (uid TEXT PRIMARY KEY, community TEXT, t INTEGER, title TEXT,"
        " url TEXT, score INTEGER, comments INTEGER)"
    )

    def insert() -> None:
        with lines.open("rb") as file:
            rows = (json.loads(line) for line in file)
            while batch := list(islice(rows, 5_000)):
                connection.executemany(
                    "INSERT OR REPLACE INTO threads VALUES"
                    " (:uid, :community, :t, :title, :url, :score, :comments)",
                    batch,
                )
                connection.commit()
        connection.execute("CREATE VIRTUAL TABLE fts USING fts5 (title, content='threads')")
        connection.execute("INSERT INTO fts (rowid, title) SELECT rowid, title FROM threads")
        connection.commit()

    def search(query: str) -> object:
        words = " ".join(f'"{word}"' for word in query.replace('"', "").split())
        return connection.execute(
            "SELECT threads.* FROM fts JOIN threads ON threads.rowid = fts.rowid"
            " WHERE fts MATCH ? ORDER BY rank LIMIT 20",
            (words,),
        ).fetchall()

    clock.time("import", insert)
    clock.figures["rss import"] = _peak()
    _searches(clock, search)
    connection.close()
    clock.figures["megabytes"] = database.stat().st_size / 1e6
    return clock.figures


def measure_grep(lines: Path) -> dict[str, float]:
    """grep for each query in the file, case-insensitive."""
    clock = Clock()
    _searches(
        clock,
        lambda query: subprocess.run(
            ["grep", "-i", "-F", "-c", query.replace('"', ""), str(lines)],
            stdout=subprocess.DEVNULL,
            check=False,
            env={"LC_ALL": "C.UTF-8"},
        ),
    )
    return clock.figures


def _searches(clock: Clock, search: Callable[[str], object]) -> None:
    seconds = []
    for query in QUERIES:
        started = time.perf_counter()
        search(query)
        seconds.append(time.perf_counter() - started)
    clock.figures["search"] = statistics.median(seconds)
    clock.figures["slowest search"] = max(seconds)


def _peak() -> float:
    """The most memory this process ever held, MB. (ru_maxrss counts what the parent held too.)"""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("/proc/self/status does not say VmHWM; run this on Linux")


def run(kind: str, lines: Path, folder: Path, *, link: bool) -> dict[str, float]:
    """Measure in a separate process, so that the peak memory is separate too."""
    command = [sys.executable, __file__, "--child", kind, str(lines), str(folder / f"{kind}.db")]
    output = subprocess.run(
        [*command, *([] if link else ["--no-link"])], stdout=subprocess.PIPE, check=True
    ).stdout
    figures: dict[str, float] = json.loads(output)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--no-link", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the files are made; about 3 GB")
    options = parser.parse_args()
    link = not options.no_link
    print(
        "| threads | import + index | link | together, cpu | growth, n log n = 1 | peak MB |"
        " file MB | nine weeks | digest | search median, slowest | import again |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    anchors = []
    base: tuple[int, float] | None = None
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            lines = folder / "threads.jsonl"
            with lines.open("wb") as file:
                file.writelines(islice(shifted_threads(), size))
            own = run("shiomi", lines, folder, link=link)
            plain = run("plain", lines, folder, link=False)
            grep = run("grep", lines, folder, link=False)
        spent = own["import cpu"] + own.get("link cpu", 0.0)
        base = base or (size, spent)
        growth = (spent / base[1]) / (size * math.log(size) / (base[0] * math.log(base[0])))
        linked = f"{own['link']:.1f} s" if link else "-"
        digest = f"{own['digest']:.1f} s" if link else "-"
        print(
            f"| {size:,} | {own['import']:.1f} s | {linked} | {spent:.1f} s | {growth:.2f} |"
            f" {own.get('rss', own['rss import']):.0f} | {own['megabytes']:.0f} |"
            f" {own['nine weeks']:.2f} s | {digest} |"
            f" {own['search']:.3f}, {own['slowest search']:.2f} s | {own['again']:.2f} s |",
            flush=True,
        )
        anchors.append((size, own, plain, grep))
    print()
    print("| threads | | import + index | cpu | peak MB | file MB | search median, slowest |")
    print("|---|---|---|---|---|---|---|")
    for size, own, plain, grep in anchors:
        for title, figures in (("shiomi", own), ("table + FTS5", plain)):
            print(
                f"| {size:,} | {title} | {figures['import']:.1f} s |"
                f" {figures['import cpu']:.1f} s |"
                f" {figures['rss import']:.0f} | {figures['megabytes']:.0f} |"
                f" {figures['search']:.3f}, {figures['slowest search']:.2f} s |"
            )
        print(
            f"| {size:,} | grep | - | - | - | - |"
            f" {grep['search']:.3f}, {grep['slowest search']:.2f} s |"
        )


def child(kind: str, lines: Path, database: Path, *, link: bool) -> None:
    if kind == "shiomi":
        figures = measure(lines, database, link=link)
    elif kind == "plain":
        figures = measure_plain(lines, database)
    else:
        figures = measure_grep(lines)
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), link="--no-link" not in sys.argv)
    else:
        main()
