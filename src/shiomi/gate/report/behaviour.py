"""How the clients of a log behave: what speaks for a person behind one, and what against it.

A client here is an address with one User-Agent. A log tells little, so a sign is only a sign; they
decide in which order refused clients are shown to the operator, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from shiomi.gate.report.access_log import Hit

__all__ = ["Behaviour", "Behaviours"]

_ASSETS = (
    *(".css", ".js", ".mjs", ".woff", ".woff2", ".ttf"),
    *(".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico"),
)
_FEW = 3  # files of a page that must have been fetched to count as a sign


@dataclass(slots=True)
class Behaviour:
    """The behaviour of one client."""

    requests: int = 0
    pages: int = 0  # neither files of a page nor robots.txt
    files: int = 0  # style sheets, scripts, pictures, fonts
    files_of_a_page: int = 0  # with the page as referer, as browsers fetch them
    followed: int = 0  # pages with a referer
    unchanged: int = 0  # 304: it keeps a cache
    robots: int = 0  # fetched robots.txt
    refused: int = 0  # what the policy would have refused
    challenged: int = 0
    reason: str = ""  # of the last such verdict
    cookie: str = ""  # that it would have, as a header

    def note(self, hit: Hit) -> None:
        """Take in one more hit."""
        path = hit.target.partition("?")[0].lower()
        self.requests += 1
        if path == "/robots.txt":
            self.robots += 1
        elif path.endswith(_ASSETS):
            self.files += 1
            self.files_of_a_page += bool(hit.referer)
        else:
            self.pages += 1
            self.followed += bool(hit.referer)
        self.unchanged += hit.status == 304

    def signs(self) -> list[str]:
        """Return the signs of a person, in words; none if robots.txt was fetched."""
        if self.robots:
            return []
        told = []
        if self.files_of_a_page >= _FEW and self.pages:
            told.append(f"fetched {self.files_of_a_page:,} files of its pages ({self.pages:,})")
        if self.unchanged:
            told.append(f"keeps a cache (status 304 {self.unchanged:,} times)")
        if self.followed:
            told.append(f"followed links ({self.followed:,})")
        return told


class Behaviours:
    """The `most` clients seen last, by address and User-Agent."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[tuple[str, str], Behaviour] = {}
        self.forgotten = 0

    def of(self, hit: Hit) -> Behaviour:
        """The behaviour of the client that sent this hit, with the hit taken in."""
        key = (hit.address, hit.user_agent or "")
        behaviour = self._seen.pop(key, None)
        if behaviour is None:
            if len(self._seen) >= self._most:
                del self._seen[next(iter(self._seen))]
                self.forgotten += 1
            behaviour = Behaviour()
        self._seen[key] = behaviour  # behind all others
        behaviour.note(hit)
        return behaviour

    def items(self) -> list[tuple[tuple[str, str], Behaviour]]:
        """Everyone still known: ((address, User-Agent), behaviour)."""
        return list(self._seen.items())
