"""Leases. At most one process at a time holds the lease with a name, even on several machines."""

from __future__ import annotations

from collections.abc import Callable

from shiomi.digest.archive.archive import Archive

__all__ = ["LeaseStore"]


class LeaseStore:
    """The leases of one archive. A lease expires if its holder does not renew it."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def take(
        self,
        name: str,
        holder: str,
        *,
        now: int,
        seconds: int,
        is_gone: Callable[[str], bool] = lambda _: False,
    ) -> str | None:
        """Take or renew the lease `name`. Return None on success, else the current holder.

        `is_gone` returns whether the process of a holder has certainly ended. A lease that ends
        more than `seconds` from now is ignored, because it was written by a machine whose clock was
        ahead.
        """
        with self._archive.transaction():
            execute = self._archive.database.execute
            row = execute("SELECT holder, until FROM lease WHERE name = ?", (name,)).fetchone()
            if row is not None and row[0] != holder:
                valid = now < row[1] <= now + seconds
                if valid and not is_gone(row[0]):
                    return str(row[0])
            execute(
                "INSERT INTO lease (name, holder, until) VALUES (?, ?, ?)"
                " ON CONFLICT (name)"
                " DO UPDATE SET holder = excluded.holder, until = excluded.until",
                (name, holder, now + seconds),
            )
        return None

    def release(self, name: str, holder: str) -> None:
        """Release the lease `name` if `holder` has it."""
        with self._archive.transaction():
            self._archive.database.execute(
                "DELETE FROM lease WHERE name = ? AND holder = ?", (name, holder)
            )
