"""The site's robots.txt and TDMRep statement, as files that any server can send."""

from __future__ import annotations

from dataclasses import dataclass

from shiomi.gate.policy import Policy
from shiomi.gate.signals import own_files

__all__ = ["SiteFile", "site_files"]


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file: its URL path, its name on disk, its media type and its content."""

    path: str
    name: str
    media_type: str
    text: str


def site_files(policy: Policy) -> list[SiteFile]:
    """Return robots.txt and tdmrep.json, if the policy serves them."""
    return [
        SiteFile(
            path,
            path.rpartition("/")[2],
            dict(response.headers)["Content-Type"].partition(";")[0],
            response.body.decode("utf-8"),
        )
        for path, response in own_files(policy).items()
    ]
