"""PostgreSQL compared with SQLite: import, copy, disk, search and story pages, on the same archive.

    python benchmarks/digest/postgres_scale.py FILE    # an SQLite archive, e.g. of archive_scale.py
    python benchmarks/digest/postgres_scale.py FILE --folder /dev/shm   # without waiting for disks

The script starts its own server with fsync and 512 MB of shared buffers, and copies FILE into the
server. Then it requests the searches of archive_scale.py and 200 stories from the site. The two
engines take turns.
The import step loads the first 10,000 threads of FILE, without their earlier titles, into empty
archives, and then again with new counts. `--import-only` runs only the import.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import msgspec

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.digest.archive_scale import QUERIES
from benchmarks.digest.site_speed import FIREFOX, ask

from shiomi.digest.address import Location, PostgresAddress
from shiomi.digest.archive import Archive
from shiomi.digest.archive.copying import copy_archive
from shiomi.digest.archive.exporting import export_lines
from shiomi.digest.archive.importing import import_file
from shiomi.digest.config import Config
from shiomi.site.app import create_app
from tests.postgres_server import PostgresServer, postgres_server

SETTINGS = "fsync = on\nshared_buffers = '512MB'\nmax_wal_size = '4GB'\n"
IMPORTED = 10_000
STORIES = 200


def processor_seconds(server: PostgresServer) -> float:
    """Return the processor time of this process and of the server, including its ended
    processes."""
    main = (server.folder / "data" / "postmaster.pid").read_text().split()[0]
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended
            continue
        if fields[1] == main or stat.parent.name == main:
            used = fields[11:15] if stat.parent.name == main else fields[11:13]
            total += sum(map(int, used))
    return time.process_time() + total / os.sysconf("SC_CLK_TCK")


def timed(what: str, server: PostgresServer, step: Callable[[], object]) -> None:
    """Print the wall and processor seconds of a step."""
    wall, processor = time.perf_counter(), processor_seconds(server)
    step()
    wall, processor = time.perf_counter() - wall, processor_seconds(server) - processor
    print(f"{what:44}{wall:8.1f} s wall {processor:8.1f} s processor", flush=True)


def imports(lines: Path, folder: Path, server: PostgresServer) -> None:
    """Import the same threads into an empty archive of each engine, then with new counts."""
    later = folder / "later.jsonl"
    with later.open("wb") as file:
        for line in lines.read_bytes().splitlines():
            fields = msgspec.json.decode(line)
            for reading in fields["readings"]:
                reading["time"] += 60
            file.write(msgspec.json.encode(fields | {"seen": fields["seen"] + 60}) + b"\n")
    for name, location in (("SQLite", folder / "new.sqlite3"), ("PostgreSQL", server.new())):
        with Archive.open(location) as archive:
            for kind, path in (("new", lines), ("known", later)):
                what = f"import of {IMPORTED:,} {kind} threads, {name}"
                timed(what, server, partial(import_file, archive, path))


async def pages(engines: dict[str, Location]) -> None:
    """Print the times of searches and stories, with the engines in turn."""
    sites = {name: create_app(Config(archive=location)) for name, location in engines.items()}
    with Archive.open(engines["SQLite"], create=False, read_only=True) as archive:
        found = islice(archive.threads(0, archive.newest() or 0), STORIES)
        stories = [f"/story/{thread.uid}" for thread in found]
    searches = [f"/search?q={quote(query)}" for query in QUERIES]
    for what, targets, rounds in (("search", searches, 4), ("story", stories, 2)):
        times: dict[str, list[float]] = {name: [] for name in sites}
        slowest: dict[str, tuple[float, str]] = dict.fromkeys(sites, (0.0, ""))
        for number in range(rounds):
            for target in targets:
                for name, site in sites.items():
                    begun = time.perf_counter()
                    status, _, _ = await ask(site, target, FIREFOX)
                    taken = (time.perf_counter() - begun) * 1e3
                    if status != 200:
                        print(f"{name} answered {status} to {target}")
                    if number:  # the first round is not counted, because it reads from the disk
                        times[name].append(taken)
                        slowest[name] = max(slowest[name], (taken, target))
        for name, taken_all in times.items():
            taken_all.sort()
            print(
                f"{what} page, {name:12} median {taken_all[len(taken_all) // 2]:8.1f} ms"
                f"   p95 {taken_all[int(len(taken_all) * 0.95)]:8.1f} ms   slowest"
                f" {slowest[name][0]:8.1f} ms {slowest[name][1]}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--folder", type=Path, help="for the server's files; about 3 GB")
    parser.add_argument("--import-only", action="store_true")
    options = parser.parse_args()
    with (
        postgres_server(SETTINGS, options.folder) as server,
        tempfile.TemporaryDirectory(dir=options.folder) as name,
    ):
        folder = Path(name)
        address = PostgresAddress(server.new())
        with Archive.open(options.file, create=False) as source, Archive.open(address) as target:
            lines = folder / "threads.jsonl"
            with lines.open("wb") as file:
                for line in islice(export_lines(source), IMPORTED):
                    fields = msgspec.json.decode(line)
                    del fields["titles"]
                    file.write(msgspec.json.encode(fields) + b"\n")
            imports(lines, folder, server)
            if options.import_only:
                return
            timed("copy to PostgreSQL, compared", server, lambda: copy_archive(source, target))
            print(f"{source.status().threads:,} threads")
            for engine, archive in (("SQLite", source), ("PostgreSQL", target)):
                print(f"{engine:12}{archive.size() / 1e6:8,.0f} MB", flush=True)
        asyncio.run(pages({"SQLite": options.file, "PostgreSQL": address}))


if __name__ == "__main__":
    main()
