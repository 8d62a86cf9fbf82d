"""The files that the gate serves for its site: robots.txt and tdmrep.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from shiomi.gate.errors import DataError
from shiomi.gate.identity.user_agents import Client, read_patterns
from shiomi.gate.policy import Policy
from shiomi.gate.response import Response
from shiomi.gate.signals.robots_txt import robots_txt
from shiomi.gate.signals.usage import tdmrep

__all__ = ["own_files"]

_CACHE = ("Cache-Control", "max-age=3600")


def own_files(
    policy: Policy, clients: Iterable[Client] | None = None, site_robots: str | None = None
) -> Mapping[str, Response]:
    """Return the files by path: robots.txt and tdmrep.json, if the policy serves them.

    Parameters
    ----------
    clients
        The clients that robots.txt may name; None: the clients of the package's patterns.
    site_robots
        The site's own robots.txt; None: the content of the policy's `robots.file`.

    Raises
    ------
    DataError
        `robots.file` cannot be read.
    """
    files = {}
    if policy.robots.serve:
        if clients is None:
            clients = [pattern.client for pattern in read_patterns()]
        site = _read(policy.robots.file) if site_robots is None else site_robots
        body = robots_txt(policy, clients, site)
        files["/robots.txt"] = _file("text/plain; charset=utf-8", body)
    reservation = tdmrep(policy)
    if reservation is not None:
        files["/.well-known/tdmrep.json"] = _file("application/json", reservation)
    return files


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace") if file else ""
    except OSError as error:
        raise DataError(f"robots.file: {file} cannot be read: {error.strerror}") from None


def _file(media_type: str, body: bytes) -> Response:
    return Response(
        200, (("Content-Type", media_type), ("Content-Length", str(len(body))), _CACHE), body
    )
