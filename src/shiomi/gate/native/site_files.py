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
    """Return the files made from the policy: robots.txt and tdmrep.json, if the policy serves
    them."""
    files = []
    for path, response in own_files(policy).items():
        kind = next((value for name, value in response.headers if name == "Content-Type"), "")
        media_type = kind.partition(";")[0].strip() or "text/plain"
        files.append(
            SiteFile(path, path.rpartition("/")[2], media_type, response.body.decode("utf-8"))
        )
    return files
