"""The file of User-Agent patterns, made from public lists and our own tables.

Two lists are read: `crawler-user-agents.json` (patterns with tags) and `robots.json` of
ai.robots.txt (names of AI crawlers). The purpose of a client comes from `data/clients.tsv` if the
client is listed there, else from the list's tags. Only patterns and names are kept from the lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import resources

from shiomi.gate.errors import DataError
from shiomi.gate.identity.user_agents import UNKNOWN, Client, Pattern, UserAgents, parse_patterns
from shiomi.gate.purpose import AI_PURPOSES, Purpose

__all__ = ["format_patterns", "join_patterns", "own_tables", "parse_ai_robots", "parse_crawlers"]

# Tags and their purposes. If a pattern has several of these tags, the first one listed here counts.
_PURPOSES = {
    "ai-crawler": Purpose.AI_TRAINING,
    "archiver": Purpose.ARCHIVE,
    "feed-reader": Purpose.FEED_READER,
    "social-preview": Purpose.LINK_PREVIEW,
    "search-engine": Purpose.SEARCH_ENGINE,
}


def own_tables() -> tuple[list[Pattern], frozenset[str], list[Pattern]]:
    """Return our clients by name, the list patterns to leave out, and our shapes."""
    data = resources.files("shiomi.gate") / "data"
    clients = (data / "clients.tsv").read_text(encoding="utf-8")
    shapes = (data / "shapes.tsv").read_text(encoding="utf-8")
    dropped = frozenset(line[1:] for line in clients.splitlines() if line.startswith("!"))
    return (
        parse_patterns(clients, where="clients.tsv"),
        dropped,
        parse_patterns(shapes, where="shapes.tsv"),
    )


def parse_crawlers(entries: object, *, where: str) -> list[Pattern]:
    """Return the patterns of `crawler-user-agents.json`, each with the purpose given by its tags.

    Raises
    ------
    DataError
        The JSON value `entries` is not such a list; the message names `where` and the entry.
    """
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{where}: must be a list of patterns, like crawler-user-agents.json")
    patterns = []
    for number, entry in enumerate(entries, 1):
        regex, tags, agents = _entry(entry, f"{where}, entry {number}")
        purpose = next((_PURPOSES[tag] for tag in _PURPOSES if tag in tags), Purpose.LIBRARY)
        client = Client(_name(regex), purpose)
        try:
            patterns.append(Pattern(_at_a_word(regex, agents), client))
        except DataError as error:
            raise DataError(f"{where}, entry {number}: {error}") from None
    return patterns


def _entry(entry: object, where: str) -> tuple[str, list[object], list[str]]:
    """Return the pattern, tags and examples of one entry."""
    if not isinstance(entry, dict):
        raise DataError(f"{where}: must be an object with a pattern, got {entry!r:.80}")
    regex, tags = entry.get("pattern"), entry.get("tags", [])
    if not isinstance(regex, str) or not _one_line(regex):
        raise DataError(f"{where}: the pattern must be a text of one line, got {regex!r:.120}")
    examples = entry.get("instances", [])
    if not isinstance(tags, list) or not isinstance(examples, list):
        raise DataError(f"{where}: tags and instances must be lists")
    return regex, tags, [example for example in examples if isinstance(example, str)]


def parse_ai_robots(entries: object, *, where: str) -> list[Pattern]:
    """Return a pattern for every name in ai.robots.txt's `robots.json`.

    Raises
    ------
    DataError
        The JSON value `entries` is not such an object; the message names `where`.
    """
    if not isinstance(entries, dict) or not entries:
        raise DataError(f"{where}: must be an object with names as keys, like robots.json")
    patterns = []
    for name in entries:
        if not _one_line(name):
            raise DataError(f"{where}: the name of a crawler must be one line, got {name[:80]!r}")
        regex = rf"\b{re.escape(name)}\b"
        patterns.append(Pattern(regex, Client(name, Purpose.AI_TRAINING)))
    return patterns


def _at_a_word(regex: str, agents: list[str]) -> str:
    """Return the pattern anchored at the start of a word, unless its examples contradict that.

    Our patterns ignore case: without the anchor, `NING\\/` would match Lightning/1.0.
    """
    client = Client("", Purpose.LIBRARY)
    if UserAgents([Pattern(regex, client)]).client(" ") is client:
        raise DataError(f"the pattern {regex[:120]!r} matches every text")
    if not regex[0].isalnum():
        return f"(?:{regex})" if regex[0] in "#!" else regex  # "#" and "!" begin a comment line
    narrow = rf"\b(?:{regex})" if "|" in regex else rf"\b{regex}"
    asked = UserAgents([Pattern(narrow, client)])
    return narrow if all(asked.client(agent) is client for agent in agents) else regex


def _one_line(text: str) -> bool:
    return bool(text) and text.isprintable()


def _name(regex: str) -> str:
    """Return a readable name for a pattern: "wget" for `[wW]get`."""
    text = re.sub(r"\[([a-z])([A-Z])\]|\[([A-Z])([a-z])\]", lambda m: m[1] or m[3], regex)
    text = re.sub(r"\[\\s\\S\]\*|\\d\+?|\\s", " ", text)
    return " ".join(text.replace("\\", "").strip("^$ /(").split()) or regex


def join_patterns(crawlers: Iterable[Pattern], ai_robots: Iterable[Pattern]) -> list[Pattern]:
    """Return all patterns in the order in which they are tried.

    First come the names of AI crawlers, then the names of other clients, then general patterns.

    A name of `ai_robots` that our table already has is skipped. A pattern of `crawlers` whose name
    is in our table identifies that client.
    """
    clients, dropped, shapes = own_tables()
    known = UserAgents(clients)
    extra = [pattern for pattern in ai_robots if known.client(pattern.client.name) is UNKNOWN]
    lists = [
        pattern
        if (client := known.client(pattern.client.name)) is UNKNOWN
        else Pattern(pattern.regex, client)
        for pattern in crawlers
        if pattern.regex.removeprefix(r"\b") not in dropped
    ]
    named = _once([*clients, *extra, *_by_kind(lists)])
    ai = [pattern for pattern in named if pattern.client.purpose in AI_PURPOSES]
    return ai + [pattern for pattern in named if pattern.client.purpose not in AI_PURPOSES] + shapes


def _by_kind(patterns: list[Pattern]) -> list[Pattern]:
    """Sort patterns with a purpose first.

    For example, the User-Agent of a feed reader often also names the HTTP library that it uses.
    """
    return sorted(patterns, key=lambda pattern: pattern.client.purpose is Purpose.LIBRARY)


def _once(patterns: Iterable[Pattern]) -> list[Pattern]:
    first: dict[str, Pattern] = {}
    for pattern in patterns:
        first.setdefault(pattern.regex, pattern)
    return list(first.values())


def format_patterns(patterns: Iterable[Pattern], *, origins: Mapping[str, str]) -> str:
    """Return the text of the pattern file: comments with the origins, then one pattern per line."""
    rows = [f"# {name}: {origin}" for name, origin in origins.items()]
    for pattern in patterns:
        client = pattern.client
        columns = (
            pattern.regex,
            client.name,
            client.purpose.value,
            client.operator or "-",
            ",".join(client.verify.ranges) or "-",
            ",".join(client.verify.dns) or "-",
        )
        rows.append("\t".join(columns))
    return "\n".join([*rows, ""])
