"""Record which notifications were sent. Each is marked before it is sent, so that it is not sent
twice."""

from __future__ import annotations

from shiomi.digest.archive.archive import Archive
from shiomi.digest.archive.storable import storable

__all__ = ["NoticeStore"]


class NoticeStore:
    """The notifications recorded in an archive. The key of a notification consists of its subject
    and its address."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def claim(self, key: str, now: int, *, attempts: int, pause: int = 0) -> bool:
        """If the message `key` may be sent now, mark it as being sent and return True.

        Return False if it was sent, if its sending was interrupted (it may have arrived), or if it
        has failed `attempts` times. Also return False if its last failure is too recent. The pause
        after the first failure is `pause` seconds; each further failure doubles it.
        """
        with self._archive.transaction():
            execute = self._archive.database.execute
            row = execute(
                "SELECT state, attempt, time FROM notice WHERE key = ?", (storable(key),)
            ).fetchone()
            if row is not None:
                state, failed, time = row
                if state != "failed" or failed >= attempts:
                    return False
                if 0 <= now - time < pause * 2 ** (failed - 1):
                    return False
            execute(
                "INSERT INTO notice (key, time, state, attempt) VALUES (?, ?, 'sending', 1)"
                " ON CONFLICT (key) DO UPDATE SET time = excluded.time, state = 'sending',"
                " attempt = notice.attempt + 1",
                (storable(key), now),
            )
        return True

    def settle(self, key: str, *, sent: bool) -> None:
        """Record whether the message was sent; a failed message may be claimed again."""
        with self._archive.transaction():
            self._archive.database.execute(
                "UPDATE notice SET state = ? WHERE key = ?",
                ("sent" if sent else "failed", storable(key)),
            )

    def interrupted(self) -> list[str]:
        """Return the keys of messages whose sending was interrupted, in order."""
        rows = self._archive.database.execute(
            "SELECT key FROM notice WHERE state = 'sending' ORDER BY key"
        ).fetchall()
        return [key for (key,) in rows]

    def forget_all(self, start: str) -> None:
        """Delete the messages whose key begins with `start`, so that they can be sent again."""
        start = storable(start)
        with self._archive.transaction():
            self._archive.database.execute(
                "DELETE FROM notice WHERE substr(key, 1, CAST(? AS INTEGER)) = ?",
                (len(start), start),
            )
