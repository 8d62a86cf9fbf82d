"""Parse robots.txt as in RFC 9309: find the group for this crawler, use the longest matching rule,
and support "*" and "$".

urllib.robotparser uses the first matching rule instead of the longest, and does not support "*". So
it would allow pages that a site forbids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes, urlsplit

__all__ = ["Robots", "parse_robots"]

_LONGEST = 512_000  # number of characters that are read; RFC 9309, 2.5, asks for at least 500 KiB
_MOST_RULES = 2000
_LONGEST_RULE = 500
_MOST_WILDCARDS = 8


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules of one site for one crawler: (allowed, path), in the order of the file."""

    rules: tuple[tuple[bool, str], ...] = ()

    def allows(self, url: str) -> bool:
        """Return whether this address may be fetched. The longest matching rule decides. If an
        allowing and a forbidding rule are equally long, the address may be fetched."""
        parts = urlsplit(url)
        path = _normal(parts.path or "/") + (f"?{_normal(parts.query)}" if parts.query else "")
        best = (-1, True)
        for allowed, rule in self.rules:
            if len(rule) >= best[0] and _matches(rule, path):
                best = max(best, (len(rule), allowed))
        return best[1]


def parse_robots(text: str, token: str) -> Robots:
    """Return the rules for the crawler `token`, such as "shiomi". Never raises.

    If the file has no rules for `token`, return the rules for "*". If it has neither, return no
    rules.
    """
    groups: dict[str, list[tuple[bool, str]]] = {}
    agents: list[str] = []
    ended = True  # the next user-agent line begins a new group
    for line in text[:_LONGEST].removeprefix("\ufeff").splitlines():
        name, _, value = line.partition("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip()
        if name == "user-agent":
            agents = [] if ended else agents
            ended = False
            match = re.match(r"[A-Za-z_-]+|\*", value)
            agent = match[0].lower() if match else ""
            agents.append(agent)
            groups.setdefault(agent, [])
        elif name in ("allow", "disallow"):
            ended = True
            usable = 0 < len(value) <= _LONGEST_RULE and value.count("*") <= _MOST_WILDCARDS
            for agent in set(agents) if usable else ():
                if len(groups[agent]) < _MOST_RULES:
                    groups[agent].append((name == "allow", _normal(value)))
    return Robots(tuple(groups.get(token.lower(), groups.get("*", []))))


def _normal(path: str) -> str:
    """Normalise percent-encoding; "*" and "$" keep their meaning."""
    return quote(unquote_to_bytes(path.encode("utf-8", "replace")), safe="/*$?=&:@!'(),;+~")


def _matches(rule: str, path: str) -> bool:
    """Return whether the rule matches from the beginning of the path.

    Each "*" takes linear time.
    """
    anchored = rule.endswith("$")
    pieces = rule.removesuffix("$").split("*")
    if not path.startswith(pieces[0]):
        return False
    position = len(pieces[0])
    for index, piece in enumerate(pieces[1:], start=1):
        if anchored and index == len(pieces) - 1:
            return path.endswith(piece) and len(path) - len(piece) >= position
        found = path.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return not anchored or position == len(path)
