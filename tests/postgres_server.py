"""A PostgreSQL server of its own, on a socket in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg
import pytest

__all__ = ["PostgresServer", "postgres_server"]


class PostgresServer:
    """A running server. Its administrator is `postgres`; nobody needs a password."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self.programs = programs
        # initdb and postgres refuse to run as root
        self._user = None
        if os.geteuid() == 0:
            self._user = "postgres" if _exists("postgres") else "nobody"
            shutil.chown(folder, self._user)
        self._numbers = count()
        self._kept: str | None = None

    def program(self, name: str, *arguments: str) -> None:
        """Run a program of the server. Raises CalledProcessError with its output."""
        log = self.folder / "programs.log"
        with log.open("ab") as out:  # not a pipe: the server would keep it open
            subprocess.run(
                [str(self.programs / name), *arguments],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=True,
                user=self._user, group=None, extra_groups=[] if self._user else None,
                cwd=self.folder, env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
            )  # fmt: skip

    def create(self, settings: str) -> None:
        """Make the files of the server, with additional lines of postgresql.conf."""
        self.program(
            "initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8",
            "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        (self.folder / "data" / "postgresql.auto.conf").write_text(
            f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\n{settings}"
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.program("pg_ctl", "-D", "data", "-l", "server.log", "-w", "start")
        self.run("CREATE EXTENSION IF NOT EXISTS pg_trgm")

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server; "immediate" is a crash."""
        self.program("pg_ctl", "-D", "data", "-m", mode, "-w", "stop")

    def address(self, database: str, user: str = "postgres") -> str:
        """The address of a database."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run one SQL statement."""
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def new(self) -> str:
        """The address of a new schema: it is made faster than a database."""
        name = f"archive{next(self._numbers)}"
        self.run(f"CREATE SCHEMA {name}")
        return f"{self.address('postgres')}&options=-csearch_path%3D{name},public"

    def empty(self) -> str:
        """The address of an archive without rows: one schema, which all callers share in turn."""
        if self._kept is None:
            self._kept = self.new()
            return self._kept
        with psycopg.connect(self._kept, autocommit=True) as connection:
            tables = connection.execute(
                "SELECT tablename FROM pg_tables"
                " WHERE schemaname = current_schema() AND tablename != 'migration'"
            ).fetchall()
            connection.execute(";".join(f"DELETE FROM {one}" for (one,) in tables).encode())
        return self._kept


def _exists(user: str) -> bool:
    import pwd

    with suppress(KeyError):
        return bool(pwd.getpwnam(user))
    return False


def _programs() -> Path | None:
    """The folder of PostgreSQL's programs: Debian does not put them on the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    return next(
        (one for one in (*folders, *([Path(found).parent] if found else []))
         if (one / "initdb").exists() and (one / "pg_ctl").exists()),
        None,
    )  # fmt: skip


@contextmanager
def postgres_server(
    settings: str = "fsync = off\n", folder: Path | None = None
) -> Iterator[PostgresServer]:
    """Start a server with files under `folder`; skip the test if PostgreSQL is not installed.

    A crash of the server, unlike one of the machine, needs no fsync.
    """
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (initdb and pg_ctl)")
    # A short path: that of a socket has at most 107 bytes.
    own = Path(tempfile.mkdtemp(prefix="shiomi-pg-", dir=folder))
    server = PostgresServer(programs, own)
    try:
        server.create(settings)
        server.start()
        yield server
    finally:
        with suppress(subprocess.CalledProcessError):
            server.stop()
        shutil.rmtree(own, ignore_errors=True)
