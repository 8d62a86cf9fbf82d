"""`kill -9` at any point loses nothing that was committed."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.archive.exporting import export_lines

pytestmark = pytest.mark.process

CHILD = Path(__file__).with_name("adding_child.py")
BATCHES, SIZE, KILLS = 100, 200, 15


def start(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHILD), str(path), str(BATCHES), str(SIZE)],
        stdout=subprocess.PIPE,
        text=True,
    )


def content(path: Path) -> list[Any]:
    with Archive.open(path, create=False) as archive:
        assert archive.database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert archive.database.execute("PRAGMA foreign_key_check").fetchall() == []
        for table in ("title_text", "passage_text"):
            archive.database.execute(
                f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)"
            )
        return [archive.cursor("child"), *export_lines(archive)]


@pytest.mark.slow
def test_killed_at_random_points_an_archive_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    chance = random.Random(20201206)
    undisturbed, killed = tmp_path / "undisturbed.sqlite3", tmp_path / "killed.sqlite3"
    with start(undisturbed) as child:
        child.communicate()
    assert child.returncode == 0

    kills = done = 0
    while kills < KILLS:
        with start(killed) as child:
            assert child.stdout is not None
            lines = []
            # some way into the batches that follow: after the n-th commit and a little later
            for _ in range(chance.randint(1, 2)):
                line = child.stdout.readline()
                if not line:
                    break
                lines.append(int(line))
            try:
                child.wait(chance.random() * 0.01)
            except subprocess.TimeoutExpired:
                child.kill()
            rest, _ = child.communicate()
            lines += [int(line) for line in rest.split()]
        kills += 1
        with Archive.open(killed, create=False) as archive:
            kept = int(archive.cursor("child") or 0)
        assert kept >= max(lines, default=done)  # what it said was committed is there
        done = kept
        content(killed)
    assert done < BATCHES, "the kills came after the end; nothing was disturbed"
    with start(killed) as child:
        child.communicate()
    assert content(killed) == content(undisturbed)


def test_a_kill_before_the_first_commit_leaves_an_archive_that_opens(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    chance = random.Random(1)
    for _ in range(5):
        with start(path) as child:
            try:
                child.wait(0.05 + chance.random() * 0.15)
            except subprocess.TimeoutExpired:
                child.kill()
    with Archive.open(path) as archive:
        assert archive.database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
