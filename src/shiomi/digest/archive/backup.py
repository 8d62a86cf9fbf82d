"""Back up an SQLite archive while it is in use, check the copy, and restore it in one step."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path

from shiomi.digest.archive.archive import Archive
from shiomi.digest.archive.leases import LeaseStore
from shiomi.digest.archive.migrate import APPLICATION_ID, shipped_migrations
from shiomi.digest.archive.sqlite import SqliteDatabase
from shiomi.digest.errors import ArchiveError

__all__ = ["back_up", "check_copy", "restore"]


def back_up(archive: Archive, path: Path) -> int:
    """Write a compact, consistent copy of the archive to `path`, and return its size in bytes.

    Other processes may write to the archive at the same time. The copy appears at `path` only when
    it is complete and checked. Raises ArchiveError if the copy cannot be written, or if the archive
    is not an SQLite file.
    """
    database = archive.database
    if not isinstance(database, SqliteDatabase):
        raise ArchiveError(
            f"{database.name} is not an SQLite file; use pg_dump, or `shiomi archive copy`"
        )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.close(descriptor)
        database.execute("VACUUM INTO ?", (str(part),))
        check_copy(part)
        _sync(part)
        part.replace(path)
        _sync(path.parent)
        return path.stat().st_size
    except OSError as error:
        raise ArchiveError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def check_copy(path: Path) -> None:
    """Raise ArchiveError unless `path` is a complete archive that this program can read."""
    connection = None
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        (identity,) = connection.execute("PRAGMA application_id").fetchone()
        if identity != APPLICATION_ID:
            raise ArchiveError(f"{path} is not an archive of shiomi")
        (newest,) = connection.execute("SELECT max(number) FROM migration").fetchone()
        known = max(migration.number for migration in shipped_migrations())
        if newest > known:
            raise ArchiveError(
                f"{path} was written by a newer Shiomi (migration {newest:04d}; this program knows "
                f"up to {known:04d}); upgrade Shiomi first"
            )
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise ArchiveError(f"{path} is damaged: {found}; use another copy")
    except sqlite3.Error as error:
        raise ArchiveError(
            f"{path} cannot be read as an archive: {error}; use another copy"
        ) from None
    finally:
        if connection is not None:
            connection.close()


def restore(copy: Path, path: Path, *, replace: bool = False) -> None:
    """Replace the archive at `path` with a checked copy.

    An existing archive is replaced only if `replace` is true, and it must not be in use. It stays
    in place until the new archive is complete. Raises ArchiveError.
    """
    check_copy(copy)
    if path.exists() and not replace:
        raise ArchiveError(f"{path} exists already; --force replaces it")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(copy, part)
        part.chmod(0o600)
        _sync(part)
        check_copy(part)
        if path.exists():
            _put_to_rest(path)
        part.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise ArchiveError(f"{path} cannot be restored: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _put_to_rest(path: Path) -> None:
    """Merge the write-ahead log of the old archive into its file, so that the log is not applied to
    the new file.

    Raises ArchiveError if another process uses the archive. A damaged archive is moved aside.
    """
    logs = [path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm")]
    try:
        with Archive.open(path, create=False) as archive:
            now = int(time.time())
            holder = LeaseStore(archive).take("run", "restore", now=now, seconds=120)
            if holder is not None:
                raise ArchiveError(f"`shiomi run` uses {path} ({holder}); stop it first")
            LeaseStore(archive).release("run", "restore")
            mode = archive.database.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
            if mode != "delete":
                raise ArchiveError(f"another process uses {path}; stop it first")
    except ArchiveError as error:
        if isinstance(error.__cause__, sqlite3.DatabaseError) and "malformed" in str(error):
            for log in logs:
                log.unlink(missing_ok=True)
            return
        raise
    if any(log.exists() for log in logs):
        raise ArchiveError(f"another process uses {path}; stop it first")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
