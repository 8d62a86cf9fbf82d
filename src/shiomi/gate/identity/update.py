"""Rebuild patterns and ranges from files that the operator has downloaded.

This module fetches nothing. It reads `crawler-user-agents.json`, `robots.json` of ai.robots.txt,
ranges in the JSON formats of Google, Bing, OpenAI and Amazon, and plain lists with one network per
line. The kind of a file is detected from its content. All files are read and checked before the
first one is written. Each file is replaced atomically, so a server that reads the folder meanwhile
sees either the old file or the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from shiomi.atomic import write_atomically
from shiomi.gate.addresses import Prefix, parse_prefix, parse_prefixes, prefix_text
from shiomi.gate.errors import DataError
from shiomi.gate.identity.crawler_lists import (
    format_patterns,
    join_patterns,
    own_tables,
    parse_ai_robots,
    parse_crawlers,
)
from shiomi.gate.identity.published_ranges import published_ranges
from shiomi.gate.identity.user_agents import Pattern, UserAgents, read_patterns
from shiomi.gate.purpose import AI_PURPOSES
from shiomi.gate.text_file import parse_json, read_text

__all__ = ["Change", "Source", "Update", "read_update", "write_update"]

_SHORTEST = {4: 8, 16: 16}  # bits of the shortest prefix: no crawler has a larger network
_PREFIX_KEYS = ("ipv4Prefix", "ipv6Prefix", "ip_prefix", "ipv6_prefix")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


class Source(NamedTuple):
    """A file, and the name for its ranges ("" to use the file's own name)."""

    path: Path
    name: str = ""


class Change(NamedTuple):
    """A name ("patterns", "ranges/openai") and its number of entries before and after."""

    name: str
    before: int
    after: int


@dataclass
class Update:
    """The checked content of the files, before it is written."""

    crawlers: list[Pattern] | None = None
    ai_robots: list[Pattern] | None = None
    ranges: dict[str, list[Prefix]] = field(default_factory=dict)
    # For each list, the files it was read from.
    origins: dict[str, list[str]] = field(default_factory=dict)


def read_update(sources: Iterable[Source]) -> Update:
    """Return the content of the files. Several files of ranges may have the same name.

    Raises
    ------
    DataError
        A file cannot be read, is of an unknown kind, or has an error. The message names the place.
    """
    update = Update()
    known = published_ranges().names
    for source in sources:
        text = read_text(source.path)
        if source.path.suffix == ".json" or text.lstrip()[:1] in ("{", "["):
            _take_json(update, source, text, known)
        else:
            prefixes = parse_prefixes(text, where=str(source.path))
            _take_ranges(update, source, prefixes, known)
    return update


def _take_json(update: Update, source: Source, text: str, known: frozenset[str]) -> None:
    where = str(source.path)
    document = parse_json(text, where)
    if isinstance(document, list):
        update.crawlers = parse_crawlers(document, where=where)
        update.origins.setdefault("crawlers", []).append(source.path.name)
    elif isinstance(document, dict) and isinstance(document.get("prefixes"), list):
        entries = [*document["prefixes"], *document.get("ipv6_prefixes", [])]
        _take_ranges(update, source, list(_prefixes(entries, where)), known)
    elif isinstance(document, dict) and all(isinstance(one, dict) for one in document.values()):
        update.ai_robots = parse_ai_robots(document, where=where)
        update.origins.setdefault("ai_robots", []).append(source.path.name)
    else:
        raise DataError(
            f"{where}: the file must be crawler-user-agents.json (a list), robots.json of "
            'ai.robots.txt (an object of objects), or ranges (an object with "prefixes")'
        )


def _prefixes(entries: Sequence[Any], where: str) -> Iterable[Prefix]:
    for number, entry in enumerate(entries, 1):
        texts = [entry[key] for key in _PREFIX_KEYS if key in entry] if entry else []
        if len(texts) != 1 or not isinstance(texts[0], str):
            keys = ", ".join(_PREFIX_KEYS)
            raise DataError(f"{where}, prefix {number}: must have exactly one of {keys}")
        try:
            yield parse_prefix(texts[0])
        except ValueError as error:
            raise DataError(f"{where}, prefix {number}: {error}") from None


def _take_ranges(
    update: Update, source: Source, prefixes: list[Prefix], known: frozenset[str]
) -> None:
    name = source.name or source.path.stem.lower()
    if not source.name and name not in known:
        raise DataError(
            f"{source.path}: the name of the file does not show who owns these ranges; write "
            f"NAME={source.path}, where NAME is your own or one of {', '.join(sorted(known))}"
        )
    if not name or not _NAME.issuperset(name):
        raise DataError(
            f"name of ranges {name!r}: may have only lower-case letters, digits, - and _"
        )
    if not prefixes:
        raise DataError(f"{source.path}: the file has no network")
    for prefix in prefixes:
        if prefix[1] < _SHORTEST[len(prefix[0])]:
            raise DataError(
                f"{source.path}: {prefix_text(prefix)} is too large to belong to one operator"
            )
    update.ranges.setdefault(name, []).extend(prefixes)
    update.origins.setdefault(f"ranges/{name}", []).append(source.path.name)


def write_update(update: Update, folder: Path, *, date: str, dry: bool = False) -> list[Change]:
    """Write the lists into the folder; return the changes.

    Parameters
    ----------
    date
        The day when the files were made, which is written into them.
    dry
        Whether to only report the changes.

    Raises
    ------
    DataError
        The patterns do not compile, or the folder cannot be read or written.
    MissingError
        google-re2 is not installed.
    """
    files: dict[str, str] = {}
    changes = []
    if update.crawlers is not None or update.ai_robots is not None:
        before = read_patterns(folder)
        after = _patterns(update, before)
        UserAgents(after)
        names = update.origins.get("crawlers", []) + update.origins.get("ai_robots", [])
        origins = {"made by": f"shiomi gate update, {date}", "from": ", ".join(names)}
        files["user_agents.tsv"] = format_patterns(after, origins=origins)
        changes.append(Change("patterns", len(before), len(after)))
    had = published_ranges(folder / "ranges").sizes if update.ranges else {}
    for name, prefixes in sorted(update.ranges.items()):
        lines = sorted(set(map(prefix_text, prefixes)))
        origin = ", ".join(update.origins[f"ranges/{name}"])
        files[f"ranges/{name}.txt"] = "\n".join([f"# {name}: {origin}, {date}", *lines, ""])
        changes.append(Change(f"ranges/{name}", had.get(name, 0), len(lines)))
    try:
        for name, text in () if dry else files.items():
            write_atomically(folder / name, text)
    except OSError as error:
        raise DataError(f"{folder} cannot be written to: {error.strerror}") from None
    return changes


def _patterns(update: Update, before: Sequence[Pattern]) -> list[Pattern]:
    """Return all patterns; lists that were not given keep their old patterns."""
    clients, _, shapes = own_tables()
    own = {pattern.regex for pattern in (*clients, *shapes)}
    kept = [pattern for pattern in before if pattern.regex not in own]
    crawlers = kept if update.crawlers is None else update.crawlers
    ai_robots = kept if update.ai_robots is None else update.ai_robots
    return join_patterns(crawlers, [p for p in ai_robots if p.client.purpose in AI_PURPOSES])
