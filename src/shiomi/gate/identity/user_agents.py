"""Find the client that a User-Agent names: about 1,800 patterns, each with a purpose.

The patterns are in one file, `data/user_agents.tsv`, ordered by priority:

1. names of AI crawlers;
2. names of other clients, first from our hand-made `data/clients.tsv`, then from the public lists;
3. patterns for the general form of a User-Agent (`data/shapes.tsv`).

`crawler_lists.py` makes the file, and `shiomi gate update` rebuilds it. RE2 matches all patterns in
one pass, and the time is linear in the length of the text. Frequent User-Agents are cached.

A User-Agent is a claim. `shiomi.gate.identity` checks whether it is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from shiomi.extras import needs_extra
from shiomi.gate.errors import DataError, MissingError
from shiomi.gate.purpose import AI_PURPOSES, Purpose
from shiomi.gate.text_file import read_text

__all__ = [
    "NO_AGENT",
    "UNKNOWN",
    "Client",
    "Pattern",
    "UserAgents",
    "Verify",
    "parse_patterns",
    "read_patterns",
    "user_agents",
]

_LONGEST = 1024  # characters matched at each end of a User-Agent; browsers send fewer than 400
_REMEMBERED = 4096  # User-Agents in each of the cache's two generations
_LONGEST_REMEMBERED = 512  # characters; if both generations are full, they take about 10 MB


@dataclass(frozen=True, slots=True)
class Verify:
    """The ways to check a client's claim; one proof is enough.

    Attributes
    ----------
    ranges
        Names of published ranges (`published_ranges.py`) that contain all addresses of the client.
    dns
        Suffixes of the host names of the client's addresses ("googlebot.com"). The host names must
        resolve back to the addresses.
    """

    ranges: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ranges or self.dns)


@dataclass(frozen=True, slots=True)
class Client:
    """A client: its name, its purpose, its operator ("" if unknown), and how to check its claim."""

    name: str
    purpose: Purpose
    operator: str = ""
    verify: Verify = Verify()


@dataclass(frozen=True, slots=True)
class Pattern:
    """One regular expression (for RE2 and PCRE, case ignored) and the client it identifies."""

    regex: str
    client: Client


UNKNOWN = Client("unknown client", Purpose.LIBRARY)
"""A client that matches no pattern."""

NO_AGENT = Client("no User-Agent", Purpose.LIBRARY)
"""A client that sent no User-Agent, or an empty one."""

_OVERLONG = Client("over-long User-Agent", Purpose.LIBRARY)


class UserAgents:
    """Compiled patterns.

    Parameters
    ----------
    patterns
        The patterns in order of priority. The first pattern that matches counts.

    Raises
    ------
    MissingError
        google-re2 is not installed.
    DataError
        A pattern is not valid for RE2.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._clients = [pattern.client for pattern in self.patterns]
        self._set = _compiled([pattern.regex for pattern in self.patterns])
        self._young: dict[str, Client] = {}
        self._old: dict[str, Client] = {}

    def client(self, agent: str | None) -> Client:
        """Return the client that the User-Agent names or suggests by its form; never fails."""
        if not agent:
            return NO_AGENT
        known = self._young.get(agent)
        if known is None:
            known = self._old.get(agent)
            if known is None:
                known = self._ask(agent)
            if len(agent) <= _LONGEST_REMEMBERED:
                self._remember(agent, known)
        return known

    def _remember(self, agent: str, client: Client) -> None:
        """Cache the client in the young generation.

        If the young generation is full, it replaces the old generation.
        """
        if len(self._young) >= _REMEMBERED:
            self._old = self._young
            self._young = {}
        self._young[agent] = client

    def _ask(self, agent: str) -> Client:
        if len(agent) <= _LONGEST:
            return self._match(agent) or UNKNOWN
        client = self._match(f"{agent[:_LONGEST]} {agent[-_LONGEST:]}")
        if client is not None and client.purpose in AI_PURPOSES:
            return client
        return _OVERLONG  # no honest client sends a User-Agent of this length

    def _match(self, agent: str) -> Client | None:
        found = self._set.Match(agent.encode("utf-8", "replace"))
        return self._clients[min(found)] if found else None


def _compiled(regexes: Sequence[str]):  # type: ignore[no-untyped-def]  # re2 has no types
    try:
        import re2
    except ImportError:
        raise MissingError(needs_extra("matching User-Agents", "google-re2", "gate")) from None
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = 64 << 20
    asked = re2.Set.SearchSet(options)
    for regex in regexes:
        try:
            asked.Add(regex)
        except re2.error as error:
            raise DataError(f"the pattern {regex[:120]!r} is not valid for RE2: {error}") from None
    asked.Compile()
    return asked


def user_agents(folder: Path | None = None) -> UserAgents:
    """Return the compiled patterns of `read_patterns`.

    Raises the errors of `read_patterns` and of `UserAgents`.
    """
    return UserAgents(read_patterns(folder))


def read_patterns(folder: Path | None = None) -> list[Pattern]:
    """Return the patterns of the package, or those that `shiomi gate update` wrote into `folder`.

    Raises
    ------
    DataError
        The file cannot be read, or a line of it is wrong.
    """
    path = None if folder is None else folder / "user_agents.tsv"
    if path is None or not path.exists():
        shipped = resources.files("shiomi.gate") / "data" / "user_agents.tsv"
        return parse_patterns(shipped.read_text(encoding="utf-8"), where="user_agents.tsv")
    return parse_patterns(read_text(path), where=str(path))


def parse_patterns(text: str, *, where: str) -> list[Pattern]:
    """Return the patterns of a text, one per line; lines that begin with `#` or `!` are skipped.

    The columns are separated by tabs: pattern, name, purpose, operator, ranges, DNS suffixes. "-"
    means none; the last two columns may hold several values, separated by commas.

    Raises
    ------
    DataError
        A line has the wrong columns or an unknown purpose; the message names `where` and the line.
    """
    patterns = []
    for number, line in enumerate(text.splitlines(), 1):
        if line and not line.startswith(("#", "!")):
            try:
                regex, name, purpose, operator, ranges, dns = line.split("\t")
                verify = Verify(_listed(ranges), _listed(dns))
                client = Client(name, Purpose(purpose), "" if operator == "-" else operator, verify)
            except ValueError as error:
                raise DataError(
                    f"{where}, line {number}: must have six columns separated by tabs, with a "
                    f"purpose in the third: {error}"
                ) from None
            patterns.append(Pattern(regex, client))
    return patterns


def _listed(column: str) -> tuple[str, ...]:
    return () if column == "-" else tuple(column.split(","))
