"""How the clients of a log behave: signs for and against a person.

Here, a client is one address with one User-Agent. A log contains little information, so the signs
prove nothing. The signs decide only the order in which refused clients are shown to the operator.
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
    files_of_a_page: int = 0  # with the page as referer, as browsers send it
    followed: int = 0  # pages with a referer
    unchanged: int = 0  # 304: it keeps a cache
    robots: int = 0  # fetched robots.txt
    refused: int = 0  # requests that the policy would have refused
    challenged: int = 0
    reason: str = ""  # the reason of the last verdict that refused a request
    cookie: str = ""  # the header with the cookie that the client would have

    def note(self, hit: Hit) -> None:
        """Add one hit."""
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
        """Return the signs of a person as texts; none if the client fetched robots.txt."""
        if self.robots:
            return []
        told = []
        if self.files_of_a_page >= _FEW and self.pages:
            told.append(f"fetched {self.files_of_a_page:,} files of its pages ({self.pages:,})")
        if self.unchanged:
            told.append(f"keeps a cache ({self.unchanged:,} answers with status 304)")
        if self.followed:
            told.append(f"followed links ({self.followed:,})")
        return told


class Behaviours:
    """The behaviour of the `most` clients seen last, by address and User-Agent."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[tuple[str, str], Behaviour] = {}
        self.forgotten = 0

    def of(self, hit: Hit) -> Behaviour:
        """Return the behaviour of the client that sent this hit, after adding the hit."""
        key = (hit.address, hit.user_agent or "")
        behaviour = self._seen.pop(key, None)
        if behaviour is None:
            if len(self._seen) >= self._most:
                del self._seen[next(iter(self._seen))]
                self.forgotten += 1
            behaviour = Behaviour()
        self._seen[key] = behaviour  # moved to the end
        behaviour.note(hit)
        return behaviour

    def items(self) -> list[tuple[tuple[str, str], Behaviour]]:
        """Return all clients that are still kept: ((address, User-Agent), behaviour)."""
        return list(self._seen.items())
