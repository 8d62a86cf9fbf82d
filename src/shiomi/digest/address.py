"""The location of an archive: the path of an SQLite file, or the address of a PostgreSQL database.

An address may contain a password, which is never shown. `str()` and `repr()` leave it out. If an
address cannot be parsed, the error does not quote it.
"""

from __future__ import annotations

import re
from pathlib import Path

from shiomi.digest.errors import ConfigError

__all__ = ["Location", "PostgresAddress", "parse_location"]

_SCHEME = re.compile(r"postgres(ql)?://", re.IGNORECASE)
_HOST = r"(?:\[[^\]@/?#\s]*\]|[^:,@/?#\s]*)(?::\d*)?"
_ADDRESS = re.compile(
    r"postgres(?:ql)?://"
    r"(?:(?P<user>[^:@/?#\s]*)(?P<password>:[^@/?#\s]*)?@)?"
    rf"(?P<place>{_HOST}(?:,{_HOST})*(?:/[^@/?#\s]*)?)"
    r"(?:\?(?P<query>[^@#\s]*))?",
    re.IGNORECASE,
)
_SECRET = re.compile(r"(ssl)?password=", re.IGNORECASE)


class PostgresAddress:
    """A postgresql:// address in libpq's syntax. `str()` is the address without its password."""

    __slots__ = ("_shown", "conninfo")

    def __init__(self, text: str) -> None:
        """Raise ConfigError if `text` is not a postgresql:// address. The error does not quote
        it."""
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise ConfigError(
                "the address of the archive cannot be parsed (it may hold a password and is not"
                " shown); write postgresql://user@host/database, and percent-encode characters"
                " such as @ / : ? # in the user name and the password"
            )
        self.conninfo = text
        options = (found["query"] or "").split("&")
        shown = "&".join(one for one in options if one and not _SECRET.match(one))
        user = f"{found['user']}@" if found["user"] else ""
        self._shown = f"postgresql://{user}{found['place']}" + (f"?{shown}" if shown else "")

    @property
    def holds_password(self) -> bool:
        """Whether the address itself contains a password."""
        found = _ADDRESS.fullmatch(self.conninfo)
        assert found is not None
        options = (found["query"] or "").split("&")
        return bool(found["password"]) or any(map(_SECRET.match, options))

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"PostgresAddress({self._shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PostgresAddress) and other.conninfo == self.conninfo

    def __hash__(self) -> int:
        return hash(self.conninfo)


Location = Path | PostgresAddress


def parse_location(text: str, folder: Path = Path()) -> Location:
    """Return the location that `text` names. A relative path starts at `folder`.

    Raises ConfigError for an address that cannot be parsed or is of another database.
    """
    if _SCHEME.match(text):
        return PostgresAddress(text)
    scheme, found, _ = text.partition("://")
    if found:
        raise ConfigError(
            f"archive must be a path or a postgresql:// address, got one with {scheme[:20]!r}"
        )
    return folder / text
