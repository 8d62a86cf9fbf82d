"""A copy has the content of its source, whatever the engines, and can be interrupted."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pytest

from shiomi.digest.address import Location, PostgresAddress
from shiomi.digest.archive import Archive, Correction, CorrectionStore, LinkStore
from shiomi.digest.archive import copying as copying_module
from shiomi.digest.archive.copying import TABLES, copy_archive, hash_content
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.archive.exporting import export_lines
from shiomi.digest.archive.importing import import_file
from shiomi.digest.archive.leases import LeaseStore
from shiomi.digest.archive.notices import NoticeStore
from shiomi.digest.archive.outcomes import Outcome, OutcomeStore
from shiomi.digest.document import Digest
from shiomi.digest.errors import ArchiveError
from shiomi.digest.thread import Passage, PassageKind, Place, Reading
from shiomi.digest.week import Week
from tests.digest.archive.conftest import MakeThread
from tests.postgres_server import PostgresServer

ENGINES = ("sqlite", "postgres")


def new(engine: str, postgres: PostgresServer, tmp_path: Path) -> Location:
    if engine == "postgres":
        return PostgresAddress(postgres.new())
    return tmp_path / f"{random.random()}.sqlite3"


def fill(archive: Archive, make: MakeThread, folder: Path, count: int = 40) -> None:
    """At least one row in every table."""
    archive.add(
        [
            make(
                id=str(n),
                title=f"生成ＡＩの規制 {n}" if n % 2 else f"Rust\0 {n} é",
                url=f"https://example.org/{n}" if n % 3 else None,
                tags=("a", "b"),
                readings=(Reading(n, n, None), Reading(n, 2**40, 3, exact=False)),
                passages=(Passage(PassageKind.COMMENT, f"ﾃﾞｰﾀﾍﾞｰｽの話 {n}", "l", n),),
                place=Place(5, 1 + n),
            )
            for n in range(count)
        ],
        seen=count,
    )
    archive.set_cursor("hackernews", '{"a": "\\u0000"}', collected=7)
    lines = folder / "more.jsonl"
    lines.write_bytes(next(export_lines(archive)))
    import_file(archive, lines)
    store = LinkStore(archive)
    keys = sorted(store.keys_of(f"hackernews:{n}" for n in range(9)))
    with archive.transaction():
        pages = ((2**63 - 1 if n % 2 else -(2**63), n, n % 2) for n in keys)
        store.begin_batch(keys, pages, mark=1)
        store.add([(keys[0], keys[1], "same_story", 0.1 + 0.2)])
    week = Week.containing(1_600_000_000)
    digests = DigestStore(archive, "ja")
    digests.finish(Digest(week, "ja", 1, (), (), ()), "why")
    archive.database.execute(
        "INSERT INTO digest_thread VALUES (?, ?, ?)", ("hackernews:1", week.last.isoformat(), "ja")
    )
    plan = digests.plan(week.before(), 9)
    digests.keep_part(plan, "topic", "x", {"a": 1})
    OutcomeStore(archive).record("s", 5, [Outcome("c", "new", 1, "an error")])
    NoticeStore(archive).claim("n", 1, attempts=1)
    CorrectionStore(archive).put(Correction("a:1", "b:2", "join", 3))
    LeaseStore(archive).take("run", "host 1 x", now=1, seconds=9)


@pytest.mark.parametrize(("one", "other"), list(product(ENGINES, ENGINES)))
def test_a_copy_holds_the_same_and_can_be_searched_and_written(
    postgres: PostgresServer, tmp_path: Path, make: MakeThread, one: str, other: str
) -> None:
    locations = [new(engine, postgres, tmp_path) for engine in (one, other)]
    with Archive.open(locations[0]) as source, Archive.open(locations[1]) as target:
        fill(source, make, tmp_path)
        report = copy_archive(source, target)
        assert report.sha256 == hash_content(source.database) == hash_content(target.database)
        assert (report.threads, report.resumed) == (40, False)
        for table in TABLES:
            (rows,) = target.database.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert rows, table
        assert list(export_lines(target)) == list(export_lines(source))
        for query in ("AI 規制", "rust 8", "データベース 17", "é"):
            assert target.search(query) == source.search(query) != []
        assert LeaseStore(target).take("run", "another 1 y", now=2, seconds=9) is None
        assert target.add([make(id="new")], seen=9).new == 1
        assert hash_content(target.database) != report.sha256


def test_every_table_is_copied(postgres: PostgresServer) -> None:
    with Archive.open(postgres.empty()) as archive:
        tables = archive.database.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        ).fetchall()
    derived = {"migration", "lease", "title_short", "passage_short"}
    assert {name for (name,) in tables} == {*TABLES, *derived}


def test_a_target_that_is_not_empty_is_replaced_only_when_told(
    location: Location, tmp_path: Path, make: MakeThread
) -> None:
    with Archive.open(tmp_path / "source.sqlite3") as source, Archive.open(location) as target:
        source.add([make(id="source")], seen=1)
        target.add([make(id="target", title="Rust")], seen=1)
        with pytest.raises(ArchiveError, match="is not empty; --replace"):
            copy_archive(source, target)
        assert target.thread("hackernews:target") is not None
        assert copy_archive(source, target, replace=True).threads == 1
        assert target.search("rust") == []


def test_a_source_that_changes_meanwhile_is_told_so(
    location: Location, tmp_path: Path, make: MakeThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Archive.open(tmp_path / "source.sqlite3") as source, Archive.open(location) as target:
        source.add([make(id="1")], seen=1)

        def interrupted(*_: object) -> str:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(copying_module, "hash_content", interrupted)
            with pytest.raises(KeyboardInterrupt):
                copy_archive(source, target)
        source.add([make(id="1", title="Another")], seen=2)
        with pytest.raises(ArchiveError, match="changed since the copy began"):
            copy_archive(source, target)
        assert copy_archive(source, target, replace=True).threads == 1
        with Archive.open(tmp_path / "other.sqlite3") as other:
            other.add([make(id="2")], seen=1)
            with pytest.raises(ArchiveError, match="is not empty"):
                copy_archive(other, target)


@pytest.mark.process
def test_a_copy_that_is_killed_resumes_and_ends_equal(
    location: Location, tmp_path: Path, make: MakeThread
) -> None:
    path = tmp_path / "source.sqlite3"
    with Archive.open(path) as source:
        fill(source, make, tmp_path, count=8_000)
    where = str(location) if isinstance(location, Path) else location.conninfo
    command = [sys.executable, "-m", "shiomi.cli", "archive", "copy", str(path), where, "--json"]
    chance = random.Random(20201206)
    for _ in range(4):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
            while child.poll() is None and not in_progress(location):
                time.sleep(0.02)
            try:
                child.wait(chance.random() * 0.5)
            except subprocess.TimeoutExpired:
                child.kill()
    if in_progress(location):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["resumed"]
    with Archive.open(location) as target, Archive.open(path) as source:
        assert hash_content(source.database) == hash_content(target.database)
        assert len(target.search("規制")) == 20


def in_progress(location: Location) -> bool:
    """Whether a copy has begun and is not complete."""
    try:
        with Archive.open(location, create=False, read_only=True) as archive:
            return bool(archive.database.execute("SELECT 1 FROM lease").fetchone())
    except ArchiveError:  # the target is being made
        return False
