"""`kill -9` at any point of collect, link and digest.

Each step runs in a process of its own, is killed at a random moment, and is started again, over
and over; a step that gets through is put back to its beginning and killed again until the kills
are spent. What stands at the end must be what an undisturbed run leaves.
"""

from __future__ import annotations

import gzip
import multiprocessing
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from importlib.resources import as_file
from multiprocessing.context import ForkServerContext
from pathlib import Path

import msgspec
import pytest

from shiomi.digest.address import Location
from shiomi.digest.archive import Archive
from shiomi.digest.config import Config
from shiomi.digest.linking import Linker, link_pending
from shiomi.digest.pipeline import make_digest, site_files
from shiomi.digest.publishing import publish
from shiomi.digest.sources.collect import collect
from shiomi.digest.thread import Thread
from shiomi.digest.week import Week
from shiomi.sample import SAMPLE_WEEKS, sample_files
from tests.digest.community_server import communities, configured

pytestmark = pytest.mark.process

WEEK = Week(SAMPLE_WEEKS[0])
NOW = WEEK.end + 3600
KILLS = int(os.environ.get("SHIOMI_KILLS", "40"))  # 120 for the published result
SHARES = {"collect": 3 / 8, "link": 2 / 8, "digest": 3 / 8}


def collect_step(config: Config) -> None:
    with Archive.open(config.archive) as archive:
        report = collect(archive, config, clock=lambda: NOW, sleep=lambda seconds: None)
    assert report.exit_code == 0, report.text()


def link_step(config: Config) -> None:
    with Archive.open(config.archive) as archive:
        link_pending(archive, Linker.load())


def digest_step(config: Config) -> None:
    with Archive.open(config.archive) as archive:
        make_digest(archive, config, WEEK, as_of=NOW)
        publish(site_files(archive, config, WEEK), config.out)


STEPS: dict[str, Callable[[Config], None]] = {
    "collect": collect_step,
    "link": link_step,
    "digest": digest_step,
}


def sample_threads() -> list[Thread]:
    """The best threads of the first sample week and some of the others: enough to be linked."""
    for resource in sample_files():
        if resource.name == f"{WEEK.last}.jsonl.gz":
            with as_file(resource) as path, gzip.open(path) as lines:
                threads = [msgspec.json.decode(line, type=Thread) for line in lines]
    kept = [t for t in threads if t.community in ("hackernews", "lobsters") and t.readings]
    kept.sort(key=lambda t: (-(t.readings[-1].points or 0), t.uid))
    return kept[:60] + kept[60::10]


def test_what_was_killed_anywhere_ends_as_if_undisturbed(tmp_path: Path) -> None:
    rng = random.Random(20201206)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with communities(sample_threads()) as address:
        whole = configured(address, tmp_path / "whole")
        killed = configured(address, tmp_path / "killed")
        kills = 0
        for config in (whole, killed):
            file(config).parent.mkdir()
        for name, step in STEPS.items():
            started = time.perf_counter()
            assert run(context, step, whole) == 0
            seconds = time.perf_counter() - started
            kills += run_and_kill(context, step, killed, rng, round(KILLS * SHARES[name]), seconds)
    assert kills >= KILLS * 0.8
    assert contents(killed.archive) == contents(whole.archive)
    assert pages(killed.out) == pages(whole.out)
    assert f"{WEEK.last}.md" in pages(whole.out)


def run(
    context: ForkServerContext, step: Callable[[Config], None], config: Config, wait: float = 120.0
) -> int | None:
    """Run `step` in a process; `kill -9` it after `wait` seconds. Its exit code, -9 if killed."""
    process = context.Process(target=step, args=(config,))
    process.start()
    process.join(wait)
    process.kill()
    process.join()
    return process.exitcode


def run_and_kill(
    context: ForkServerContext,
    step: Callable[[Config], None],
    config: Config,
    rng: random.Random,
    kills: int,
    seconds: float,
) -> int:
    """Kill `step` `kills` times at random moments, then let it finish."""
    beginning = file(config).parent.with_name("beginning")
    shutil.copytree(file(config).parent, beginning)
    done = 0
    for _ in range(20 * kills):
        # a fresh start ends about where the undisturbed one did; one that goes on ends sooner
        code = run(context, step, config, rng.uniform(0.0, seconds))
        if code == 0:
            shutil.rmtree(file(config).parent)
            shutil.copytree(beginning, file(config).parent)
            continue
        assert code == -9
        check_intact(file(config))
        done += 1
        if done == kills:
            break
    shutil.rmtree(beginning)
    assert run(context, step, config) == 0
    return done


def file(config: Config) -> Path:
    """The file of the archive."""
    assert isinstance(config.archive, Path)
    return config.archive


def check_intact(archive: Path) -> None:
    if archive.exists():
        connection = sqlite3.connect(archive)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


def contents(location: Location) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, without the integer keys that depend on the order of arrival."""
    tables = {
        "threads": "SELECT community, id, title, created, link, url, tags, state FROM thread",
        "readings": "SELECT community, id, time, points, comments, exact"
        " FROM reading JOIN thread ON reading.thread = n",
        "passages": "SELECT community, id, kind, position, text FROM passage"
        " JOIN thread ON passage.thread = thread.n",
        "digests": "SELECT last, language, document, explanation FROM digest",
        "digest threads": "SELECT uid, last, language FROM digest_thread",
        "plans left": "SELECT last, language FROM digest_plan",
    }
    with Archive.open(location, create=False) as archive:
        return {
            name: sorted(archive.database.execute(query).fetchall(), key=str)
            for name, query in tables.items()
        }


def pages(folder: Path) -> dict[str, bytes]:
    """What a web server shows: not the hidden file that a killed run was writing."""
    shown = (path for path in folder.iterdir() if not path.name.startswith("."))
    return {path.name: path.read_bytes() for path in shown}


@pytest.mark.parametrize("name", STEPS)
def test_each_step_done_twice_changes_nothing(tmp_path: Path, name: str) -> None:
    with communities(sample_threads()[:40]) as address:
        config = configured(address, tmp_path)
        for step in STEPS.values():
            step(config)
        before = contents(config.archive), pages(config.out)
        STEPS[name](config)
        assert (contents(config.archive), pages(config.out)) == before
