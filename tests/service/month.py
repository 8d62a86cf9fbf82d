"""Weeks of `shiomi run` in the twin, undisturbed and killed, and what came of them."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shiomi.digest.archive import Archive
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.archive.notices import NoticeStore
from shiomi.digest.document import Digest

from .twin import DAY, START, Simulated, Twin, existing, settings

__all__ = ["Life", "live_through"]

_PATIENCE = 600.0  # seconds of real time


@dataclass
class Life:
    """What some weeks left behind."""

    threads: list[tuple[object, ...]]
    days_read: dict[tuple[str, str], set[int]]  # (community, feed) → simulated days with a success
    digests: list[Digest]  # oldest first
    pages: dict[str, bytes]
    told: Counter[str]  # titles of notifications
    interrupted: list[str]  # notifications that a kill met while they were being sent
    requests: int
    repeated: int  # requests for an address at a moment it was asked for at already
    exceeded: list[str]
    kills: int
    seconds: float
    memory: list[int]  # KiB, by day
    lost: set[str]  # threads that a community had and that are not here
    archive_bytes: int


def live_through(
    twin: Twin, folder: Path, days: int, collect: str, *, kills: int = 0, seed: int = 1
) -> Life:
    """`days` days of `shiomi run`, killed `kills` times at random moments of its work."""
    twin.forget()
    settings(twin.community.url, folder, collect)
    clock = Simulated(folder / "clock")
    rng = random.Random(seed)
    moments = sorted(rng.uniform(START, START + (days - 0.5) * DAY) for _ in range(kills))
    started = time.perf_counter()
    done = 0
    for moment in moments:
        process = _start(folder, days)
        _wait(process, clock, moment, rng)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            done += 1
        process.wait()
        if rng.random() < 0.5:
            _tear(folder, rng)
    clock.close()
    process = _start(folder, days)
    assert process.wait(_PATIENCE) == 0
    return _read(twin, folder, done, time.perf_counter() - started)


def _start(folder: Path, days: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.service.twin", str(folder), str(START + days * DAY)]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, stderr=log, cwd=Path(__file__).parents[2])


def _wait(
    process: subprocess.Popen[bytes], clock: Simulated, moment: float, rng: random.Random
) -> None:
    """Wait until the simulated moment, then a little: into the middle of what is done then."""
    given_up = time.monotonic() + _PATIENCE
    while clock() < moment and process.poll() is None and time.monotonic() < given_up:
        time.sleep(0.003)
    time.sleep(rng.uniform(0.0, 0.8))


def _tear(folder: Path, rng: random.Random) -> None:
    """What a power cut may leave: half a frame at the end of the log, half a page being written."""
    log = folder / "shiomi.sqlite3-wal"
    if log.exists():
        with log.open("ab") as file:
            file.write(rng.randbytes(rng.randrange(1, 5000)))
    if (folder / "public").exists():
        (folder / "public" / ".index.html.part").write_bytes(b"<!doctype html><ti")


def _read(twin: Twin, folder: Path, kills: int, seconds: float) -> Life:
    path = folder / "shiomi.sqlite3"
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    threads: Sequence[tuple[object, ...]] = connection.execute(
        "SELECT community, id, title, created, url, state FROM thread ORDER BY community, id"
    ).fetchall()
    days: dict[tuple[str, str], set[int]] = {}
    for community, feed, moment in connection.execute(
        "SELECT community, feed, time FROM outcome WHERE error IS NULL"
    ):
        days.setdefault((community, feed), set()).add((moment - START) // DAY)
    connection.close()
    with Archive.open(path) as archive:
        digests = DigestStore(archive, "ja").all()
        interrupted = NoticeStore(archive).interrupted()
    sent = folder / "sent.jsonl"
    lines = sent.read_text().splitlines() if sent.exists() else []
    memory = (folder / "memory.csv").read_text().splitlines()
    return Life(
        list(threads),
        days,
        digests[::-1],
        {
            file.name: file.read_bytes()
            for file in (folder / "public").iterdir()
            if not file.name.startswith(".")
        },
        Counter(json.loads(line)[1] for line in lines),
        interrupted,
        sum(twin.asked.values()),
        sum(n - 1 for n in twin.asked.values()),
        list(twin.exceeded),
        kills,
        seconds,
        [int(line.split(",")[1]) for line in memory],
        _lost(threads, int((max(max(found) for found in days.values()) + 0.2) * DAY) + START),
        path.stat().st_size,
    )


def _lost(threads: Sequence[tuple[object, ...]], until: int) -> set[str]:
    """The threads of the communities that were never down for good, up to the last collection."""
    here = {(community, id_) for community, id_, *_ in threads}
    return {
        f"{community}:{id_}"
        for community in ("hackernews", "lobsters", "reddit/LocalLLaMA", "arxiv")
        for id_ in existing(community, START, until)
        if (community, id_) not in here
    }
