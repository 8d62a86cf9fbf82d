"""Generate the robots.txt that matches the policy (RFC 9309).

The file names every crawler whose purpose is refused, with the paths that a rule opens to this
crawler. For all other agents, the file excludes the gate's own pages (including the trap) and the
paths that the policy lists. Challenged clients are not named, because robots.txt cannot express a
challenge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from shiomi.gate.identity.user_agents import Client
from shiomi.gate.policy import Action, Policy
from shiomi.gate.purpose import Purpose
from shiomi.gate.signals.usage import content_signal, content_usage

__all__ = ["robots_txt"]

_REFUSED = (Action.DENY, Action.TARPIT)
_OPEN = (Action.ALLOW, Action.BUDGET)
# The names allowed in a User-agent line: one word (RFC 9309). Here the word may also contain digits
# and dots.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,60}")
# Tokens that exist only in robots.txt, not as clients.
_ONLY_HERE = {Purpose.AI_TRAINING: ("Google-Extended", "Applebot-Extended", "Webzio-Extended")}
_FIELD = re.compile(r"[A-Za-z][A-Za-z-]{1,40}")
_LONGEST = 500_000  # characters of a site's file that are read (RFC 9309, 2.5: 500 KiB)
_SAFE = " /%*$?&=,;:@!()+'~"


def robots_txt(policy: Policy, clients: Iterable[Client], site: str = "") -> bytes:
    """Return the file, in ASCII.

    Parameters
    ----------
    clients
        The clients of the patterns; the file lists those that the policy refuses.
    site
        The site's own robots.txt. Its rules are kept, except for crawlers that the policy refuses.
        A crawler reads only one group, so the gate's rules are added to each group.
    """
    lines = ["# Made by Shiomi from the policy of this site."]
    if policy.contact:
        lines.append(f"# Contact: {_ascii(policy.contact)}")
    said = []
    if signal := content_signal(policy):
        said.append(f"Content-Signal: {signal}")
    if preferences := content_usage(policy):
        said.append(f"Content-Usage: / {preferences}")
    own = [policy.challenge.path] if policy.trap.enabled or _challenges(policy) else []
    closed = [_ascii(path) for path in (*own, *policy.robots.disallow)]
    rules = [*said, *(f"Disallow: {path}" for path in closed)]
    refused = _groups(policy, clients)
    groups, others = _site_groups(
        site, {name.lower() for names in refused.values() for name in names}
    )
    if not any("*" in names for names, _ in groups):
        groups.insert(0, (["*"], [] if closed else ["Disallow:"]))
    for names, theirs in groups:
        lines += ["", *(f"User-agent: {name}" for name in names), *rules, *theirs]
    for ours, names in refused.items():
        lines += ["", *(f"User-agent: {name}" for name in names), *said, *ours]
    sitemaps = [f"Sitemap: {_ascii(url)}" for url in policy.robots.sitemaps]
    if policy.robots.license:
        sitemaps.append(f"License: {_ascii(policy.robots.license)}")
    if rest := list(dict.fromkeys([*others, *sitemaps])):
        lines += ["", *rest]
    return "\n".join([*lines, ""]).encode("ascii")


def _site_groups(
    site: str, refused: set[str]
) -> tuple[list[tuple[list[str], list[str]]], list[str]]:
    """Return the groups of a site's robots.txt (names, rules), and its lines outside any group.

    The result does not contain refused crawlers, comments, invalid lines, and lines before the
    first User-agent line.
    """
    groups: list[tuple[list[str], list[str]]] = []
    others: list[str] = []
    naming = False
    for line in site.removeprefix("\ufeff")[:_LONGEST].splitlines():
        field, colon, value = line.partition("#")[0].partition(":")
        field, value = field.strip(), _ascii(value.strip())
        if not colon or not _FIELD.fullmatch(field):
            continue
        if field.lower() == "user-agent":
            if not naming:
                groups.append(([], []))
            naming = True
            groups[-1][0].append(value)
        elif field.lower() in ("sitemap", "host", "license"):
            others.append(f"{field}: {value}")
        elif groups:
            naming = False
            groups[-1][1].append(f"{field}: {value}")
    kept = [
        ([name for name in names if name.partition("/")[0].strip().lower() not in refused], rules)
        for names, rules in groups
    ]
    return [(names, rules) for names, rules in kept if names], others


def _challenges(policy: Policy) -> bool:
    whom = policy.purposes.values()
    return any(Action.CHALLENGE in (rule.action, rule.unverified) for rule in whom)


def _groups(policy: Policy, clients: Iterable[Client]) -> dict[tuple[str, ...], list[str]]:
    """Return the names of refused crawlers, grouped by their rules."""
    # If several clients have the same name, the first of them in the patterns counts.
    first: dict[str, Client] = {}
    for client in clients:
        if _NAME.fullmatch(client.name):
            first.setdefault(client.name.lower(), client)
    names: dict[Purpose, set[str]] = {}
    for client in first.values():
        names.setdefault(client.purpose, set()).add(client.name)
    groups: dict[tuple[str, ...], list[str]] = {}
    for purpose, rule in policy.purposes.items():
        if purpose not in (Purpose.LIBRARY, Purpose.BROWSER) and rule.action in _REFUSED:
            found = names.get(purpose, set()) | set(_ONLY_HERE.get(purpose, ()))
            opened = tuple(f"Allow: {path}" for path in _opened(policy, purpose))
            if found:
                groups.setdefault((*opened, "Disallow: /"), []).extend(sorted(found, key=str.lower))
    return groups


def _opened(policy: Policy, purpose: Purpose) -> Iterator[str]:
    """Yield the paths that rules open to a purpose, up to the first rule that closes a path."""
    for rule in policy.paths:
        action = rule.purposes.get(purpose, rule.action)
        if action in _REFUSED:
            return
        if action in _OPEN:
            yield from (_pattern(pattern) for pattern in rule.match if "?" not in pattern)


def _pattern(written: str) -> str:
    """Return a pattern of the policy in robots.txt's syntax, where a whole path ends in `$`."""
    path = _ascii(written)
    if path.endswith("*"):
        return path[:-1] or "/"
    return f"/{path}$" if path.startswith("*") else f"{path}$"


def _ascii(text: str) -> str:
    """Return the text percent-encoded, as one line of ASCII that cannot begin a new record."""
    return quote(text, safe=_SAFE)
