"""robots.txt as crawlers read it (RFC 9309): which paths may a crawler fetch?

Groups of a crawler are put together; a crawler that none names is under "*"; the longest rule that
matches a path counts, Allow where two are equally long. Percent-encoding is evened out before
anything is compared (RFC 9309, 2.2.2). Real files are written by hand, so mistakes that all large
crawlers forgive are forgiven: a missing colon, common misspellings, a version behind a name.

A pattern with many `*` is matched part by part from the left, in time that grows with the product
of its length and the path's at worst, never faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

__all__ = ["LONGEST", "RobotsFile", "Rule", "parse_robots"]

LONGEST = 2 << 20
"""Bytes of a file that are read; RFC 9309, 2.5 asks for 500 KiB at least."""

_AGENT = ("user-agent", "useragent", "user agent")
_ALLOW = ("allow",)
_DISALLOW = ("disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw")
_SITEMAP = ("sitemap", "sitemaps", "site-map")
_KINDS = dict.fromkeys(_AGENT, "agent") | dict.fromkeys(_ALLOW, "allow")
_KINDS |= dict.fromkeys(_DISALLOW, "disallow") | dict.fromkeys(_SITEMAP, "sitemap")
_KINDS |= {"crawl-delay": "other", "request-rate": "other", "visit-time": "other"}
# The name of a record without its colon, where whitespace stands in for it.
_NO_COLON = re.compile(
    rf"({'|'.join(sorted(_KINDS, key=len, reverse=True))})\s+(?=\S)", re.IGNORECASE
)
_LINE_END = re.compile(r"\r\n|\n|\r")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_SAFE = "%/?#[]@!$&'()*+,;=:"  # reserved characters stay as they are written


class Rule(NamedTuple):
    """One Allow or Disallow: its pattern evened out, cut at every `*`."""

    allow: bool
    parts: tuple[str, ...]
    whole: bool  # it ended in `$`
    length: int

    def matches(self, path: str) -> bool:
        """Return whether the pattern matches an evened-out path."""
        first, *rest = self.parts
        if not path.startswith(first):
            return False
        if not rest:
            return not self.whole or len(path) == len(first)
        at = len(first)
        *middle, last = rest
        for part in middle:
            found = path.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        if self.whole:
            return len(path) - len(last) >= at and path.endswith(last)
        return path.find(last, at) >= 0


@dataclass(frozen=True)
class RobotsFile:
    """A robots.txt.

    Attributes
    ----------
    groups
        The rules of each crawler named, by name in lower case; "*" is everybody else.
    sitemaps
        The URLs of sitemaps, as written.
    """

    groups: dict[str, list[Rule]] = field(default_factory=dict)
    sitemaps: list[str] = field(default_factory=list)

    def rules_of(self, crawler: str) -> Sequence[Rule]:
        """Return the rules for a crawler, by its product token in any case ("GPTBot")."""
        rules = self.groups.get(crawler.lower())
        return self.groups.get("*", ()) if rules is None else rules

    def allows(self, crawler: str, target: str) -> bool:
        """Return whether the crawler may fetch a path with its query ("/page?x=1")."""
        path = _even(target.partition("#")[0])
        if path == "/robots.txt":
            return True
        if not path.startswith("/"):
            path = f"/{path}"
        best = (-1, True)
        for rule in self.rules_of(crawler):
            if (rule.length, rule.allow) > best and rule.matches(path):
                best = (rule.length, rule.allow)
        return best[1]


def parse_robots(text: str | bytes) -> RobotsFile:
    """Return what a robots.txt says. Anything can be read; what is no record says nothing."""
    if isinstance(text, bytes):
        text = text[:LONGEST].decode("utf-8", "replace")
    robots = RobotsFile()
    under: list[str] = []
    names_open = False  # the last record named a crawler: another name joins the same group
    for kind, value in _records(text[:LONGEST].removeprefix("\ufeff")):
        if kind == "sitemap":
            robots.sitemaps.append(value)
        elif kind == "agent":
            if not names_open:
                under = []
            names_open = True
            name = _product_token(value)
            if name and name not in under:
                under.append(name)
                robots.groups.setdefault(name, [])
        else:
            names_open = False
            if kind in ("allow", "disallow") and value:
                rule = _rule(kind == "allow", value)
                for name in under:
                    robots.groups[name].append(rule)
    return robots


def _records(text: str) -> Iterator[tuple[str, str]]:
    """The kind ("agent", "allow", "disallow", "sitemap", "other") and value of each record."""
    for line in _LINE_END.split(text):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        name, colon, value = content.partition(":")
        kind = _KINDS.get(name.strip().lower()) if colon else None
        if kind is not None:
            yield kind, value.strip()
        elif found := _NO_COLON.match(content):
            yield _KINDS[found[1].lower()], content[found.end() :]
        elif colon:
            yield "other", value.strip()


def _product_token(value: str) -> str:
    """The crawler's name in lower case: without a version, wildcards and words behind it."""
    if value.startswith("*") and value[1:2] in ("", " ", "\t"):
        return "*"
    words = value.replace("*", "").partition("/")[0].split()
    return words[0].lower() if words else ""


def _rule(allow: bool, value: str) -> Rule:
    if value.startswith(("http://", "https://")):
        value = f"/{value}"  # an address in place of a path matches what has it in its path
    pattern = _even(value)
    whole = pattern.endswith("$")
    parts = re.sub(r"\*+", "*", pattern.removesuffix("$")).split("*")
    return Rule(allow, tuple(parts), whole, len(pattern))


def _even(path: str) -> str:
    """Percent-encoding evened out: unreserved characters plain, all outside ASCII encoded."""
    if path.isascii() and "%" not in path and " " not in path:
        return path
    return quote(
        _ESCAPE.sub(_plain, path.replace("\udcff", "\ufffd")), safe=_SAFE, errors="replace"
    )


def _plain(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.match(character) else escape[0].upper()
