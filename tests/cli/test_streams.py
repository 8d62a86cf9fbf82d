"""The script with standard streams as they may be: closed, in another encoding, interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

COMMAND = [sys.executable, "-m", "shiomi.cli"]


def archive_of(folder: Path, title: str) -> None:
    (folder / "shiomi.toml").write_text("")
    (folder / "threads.jsonl").write_text(
        f'{{"community": "lobsters", "id": "1", "title": "{title}", "created": 1780000000,'
        ' "link": "https://lobste.rs/s/1"}\n'
    )
    subprocess.run([*COMMAND, "import", "threads.jsonl"], cwd=folder, check=True)


def test_a_terminal_in_another_encoding_gets_what_it_can_show(tmp_path: Path) -> None:
    archive_of(tmp_path, "潮の話 🌊 of it")
    done = subprocess.run(
        [*COMMAND, "search", "潮の話"],
        cwd=tmp_path, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "euc-jp"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert "潮の話 ?" in done.stdout.decode("euc-jp")


def test_closed_streams_are_no_traceback_and_the_archive_stays_whole(tmp_path: Path) -> None:
    archive_of(tmp_path, "A title")
    command = " ".join(COMMAND)
    for closing in (">&-", "<&- >&- 2>&-"):
        assert (
            subprocess.run(f"{command} status {closing}", cwd=tmp_path, shell=True).returncode == 0
        )
    done = subprocess.run([*COMMAND, "status"], cwd=tmp_path, capture_output=True, text=True)
    assert "1 threads" in done.stdout


def test_an_archive_that_cannot_be_written_is_searched_and_described(tmp_path: Path) -> None:
    archive_of(tmp_path, "A title")
    (tmp_path / "shiomi.sqlite3").chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        for arguments in (["search", "title"], ["status"]):
            done = subprocess.run(
                [*COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True
            )
            assert (done.returncode, done.stderr) == (0, "")
    finally:
        tmp_path.chmod(0o755)


def test_an_interrupt_while_the_program_is_loaded_ends_it_without_a_traceback(
    tmp_path: Path,
) -> None:
    loading = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'shiomi.cli.search': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from shiomi.command import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", loading], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_a_backup_is_restored_by_the_commands(tmp_path: Path) -> None:
    archive_of(tmp_path, "A title")
    for arguments in (["backup", "copy.sqlite3"], ["restore", "copy.sqlite3", "--force"]):
        done = subprocess.run([*COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    assert "1 threads" in done.stdout
