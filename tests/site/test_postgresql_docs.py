"""The commands of docs/operate/postgresql.md, in their order, against a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.archive.copying import hash_content
from shiomi.digest.config import parse_config
from tests.postgres_server import PostgresServer
from tests.service.test_postgres_hosts import answer, served
from tests.site.conftest import fill

pytestmark = pytest.mark.process

PAGE = Path(__file__).parents[2] / "docs" / "operate" / "postgresql.md"


def test_the_commands_of_the_page_work(postgres: PostgresServer, tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    fill(tmp_path / "shiomi.sqlite3")
    (tmp_path / "backup").mkdir()
    (settings,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    parse_config(settings)
    config = tmp_path / "shiomi.toml"
    config.write_text(f'archive = "{postgres.address("shiomi", "shiomi")}"\n')
    shiomi = tmp_path / "shiomi"
    shiomi.write_text(f'#!/bin/sh\nexec {sys.executable} -m shiomi.cli "$@"\n', encoding="utf-8")
    shiomi.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{postgres.programs}:{os.environ['PATH']}",
        "PGHOST": str(postgres.folder),
        "PGUSER": "postgres",
    }
    done = []
    for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
        done.append(command.split()[0])
        command = command.replace("/backup/", f"{tmp_path}/backup/")
        command = re.sub(r"@db\.example\.org/(\w+)", rf"@/\1?host={postgres.folder}", command)
        if command == "shiomi serve":
            with served(config) as site:
                assert answer(site, "/2020-12-13")[0] == 200
            continue
        ran = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        # the feeds of the sample are older than stale_hours: 4
        assert ran.returncode in ((0, 4) if command == "shiomi status" else (0,)), ran.stderr
    assert {"createuser", "createdb", "shiomi", "pg_dump", "pg_restore"} == set(done)
    copies = [
        postgres.address("shiomi", "shiomi"),
        postgres.address("restored", "shiomi"),
        str(next((tmp_path / "backup").glob("*.sqlite3"))),
    ]
    hashes = set()
    for copy in copies:
        with Archive.open(copy, create=False, read_only=True) as archive:
            hashes.add(hash_content(archive.database))
            assert [hit.thread.id for hit in archive.search("rust")] == ["r1"]
    assert len(hashes) == 1
