"""Find rules in a policy that contradict each other, or that can never apply."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shiomi.gate.addresses import parse_prefix
from shiomi.gate.client_address import TrustedProxies
from shiomi.gate.errors import PolicyError
from shiomi.gate.policy.paths import covers, malformed
from shiomi.gate.policy.policy import ALWAYS_SERVED, Action, Budget, Policy, Rate

__all__ = ["contradictions"]

_COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)  # a token, RFC 9110, 5.6.2
_OWN_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+/", re.ASCII)

Problem = tuple[str, str]  # the key in the policy file, and what is wrong with it


def contradictions(policy: Policy, written_budgets: frozenset[str]) -> list[Problem]:
    """Return the contradictions, each as a key and a message.

    `written_budgets` are the budgets that the policy file defines. A rule must use each of these
    budgets.
    """
    return [
        *_purposes(policy),
        *_paths(policy),
        *_networks(policy),
        *_budgets(policy, written_budgets),
        *_numbers(policy),
        *_rest(policy),
    ]


def _purposes(policy: Policy) -> Iterator[Problem]:
    for purpose, rule in policy.purposes.items():
        if rule.unverified.narrower(rule.action) is not rule.unverified:
            yield (
                f"purpose.{purpose}.unverified",
                f'"{rule.unverified}" must not let more through than action = "{rule.action}",'
                " which is for proven clients",
            )


def _paths(policy: Policy) -> Iterator[Problem]:
    for key, listed in (("programs.match", policy.programs), ("feeds.match", policy.feeds)):
        for pattern in listed.match:
            if wrong := malformed(pattern):
                yield key, f'"{pattern}" {wrong}'
    seen: list[tuple[str, int]] = []
    for number, rule in enumerate(policy.paths):
        key = f"path[{number}]"
        if not rule.match:
            yield f"{key}.match", "must name at least one path"
        for pattern in rule.match:
            if wrong := malformed(pattern):
                yield f"{key}.match", f'"{pattern}" {wrong}'
                continue
            if any(covers(always, pattern) for always in ALWAYS_SERVED):
                yield f"{key}.match", f'"{pattern}" is always served, whatever a rule says'
            if covers(policy.challenge.path + "*", pattern):
                yield f"{key}.match", f'"{pattern}" is one of the gate\'s own pages'
            for earlier, index in seen:
                if covers(earlier, pattern):
                    where = "this rule" if index == number else f"path[{index}]"
                    yield (
                        f"{key}.match",
                        f'"{pattern}" is never used: "{earlier}" of {where} is first',
                    )
                    break
            seen.append((pattern, number))
        said = [rule.action, *rule.purposes.values()]
        if not rule.challenge and Action.CHALLENGE in said:
            yield f"{key}.challenge", 'is false, but an action of the rule is "challenge"'
        if rule.action is None and not rule.purposes and rule.challenge and not rule.budget:
            yield key, "changes nothing; give it an action, purposes, a budget or challenge = false"


def _networks(policy: Policy) -> Iterator[Problem]:
    owners: dict[tuple[bytes, int], str] = {}
    names: set[str] = set()
    for number, rule in enumerate(policy.networks):
        key = f"network[{number}]"
        if not rule.name or rule.name in names:
            yield f"{key}.name", f'"{rule.name}" is {"taken" if rule.name else "empty"}; name it'
        names.add(rule.name)
        if not rule.addresses:
            yield f"{key}.addresses", "must name at least one address"
        for text in rule.addresses:
            try:
                prefix = parse_prefix(text)
            except ValueError as error:
                yield f"{key}.addresses", str(error)
                continue
            if prefix[1] == 0 and rule.action is Action.ALLOW:
                yield (
                    f"{key}.addresses",
                    f'{text} with action = "allow" would let everybody through',
                )
            owner = owners.setdefault(prefix, rule.name)
            if owner != rule.name:
                yield f"{key}.addresses", f'{text} belongs to network "{owner}" already'


def _budgets(policy: Policy, written: frozenset[str]) -> Iterator[Problem]:
    used = {f"purpose.{purpose}.budget": rule.budget for purpose, rule in policy.purposes.items()}
    used |= {f"path[{n}].budget": rule.budget for n, rule in enumerate(policy.paths) if rule.budget}
    used |= {"feeds.budget": policy.feeds.budget, "programs.budget": policy.programs.budget}
    used |= {"challenge.budget": policy.challenge.budget}
    for key, name in used.items():
        if name not in policy.budgets:
            yield key, f"must be one of {', '.join(policy.budgets)}, or define [budget.{name}]"
    for name in sorted(written - set(Policy().budgets) - set(used.values())):
        yield f"budget.{name}", "is not used by any purpose, path, feeds, programs or challenge"
    for name, budget in policy.budgets.items():
        yield from _levels(name, budget)


def _levels(name: str, budget: Budget) -> Iterator[Problem]:
    """Yield each level whose limit is below the limit of a narrower level."""
    given: list[tuple[str, Rate]] = []
    for level in ("address", "prefix", "network", "all"):
        rate: Rate | None = getattr(budget, level)
        if rate is None:
            continue
        for narrower, other in given:
            if rate.interval > other.interval or rate.burst < other.burst:
                yield (
                    f"budget.{name}.{level}",
                    f"must not allow less than {narrower}, which is a part of it",
                )
                break
        given.append((level, rate))


_LIMITS = {
    "challenge.wait_seconds": (0, 10),
    "challenge.minutes": (1, 1440),
    "challenge.suspicious": (1, 10_000),
    "cookie.hours": (1, 8760),
    "trap.visits": (1, 1000),
    "trap.minutes": (1, 1440),
    "trap.ban_hours": (1, 8760),
    "tarpit.seconds": (1, 600),
    "tarpit.connections": (1, 100_000),
}


def _numbers(policy: Policy) -> Iterator[Problem]:
    for key, (least, most) in _LIMITS.items():
        table, _, name = key.partition(".")
        value = getattr(getattr(policy, table), name)
        if not least <= value <= most:
            yield key, f"must be a number from {least} to {most:,}, got {value}"


def _rest(policy: Policy) -> Iterator[Problem]:
    challenge, robots, signals = policy.challenge, policy.robots, policy.signals
    if not _OWN_PATH.fullmatch(challenge.path) or "/./" in challenge.path or ".." in challenge.path:
        yield "challenge.path", f'must be a folder like "/.gate/", got "{challenge.path}"'
    elif challenge.path.startswith("/.well-known/"):
        yield "challenge.path", "must not be below /.well-known/, which the site always serves"
    if challenge.status not in (200, 403, 429, 503):
        yield "challenge.status", f"must be 403, 429, 503 or 200, got {challenge.status}"
    for key, value, allowed in (
        ("challenge.other_methods", challenge.other_methods, (Action.DENY, Action.BUDGET)),
        ("trap.action", policy.trap.action, (Action.DENY, Action.TARPIT)),
        ("on_failure", policy.on_failure, (Action.DENY, Action.ALLOW)),
    ):
        if value not in allowed:
            yield key, f'must be {" or ".join(allowed)}, got "{value}"'
    if not _COOKIE_NAME.fullmatch(policy.cookie.name):
        yield "cookie.name", f'"{policy.cookie.name[:64]}" is not a valid name for a cookie'
    if len(set(policy.cookie.keys)) != len(policy.cookie.keys):
        yield "cookie.keys", "names one key twice"
    try:
        TrustedProxies(policy.proxies.trusted, policy.proxies.header)
    except PolicyError as error:
        yield "proxies", str(error)
    if not robots.serve and (robots.sitemaps or robots.disallow or robots.license or robots.file):
        yield "robots.serve", "is false, so sitemaps, disallow, license and file have no effect"
    for pattern in robots.disallow:
        if not pattern.startswith("/") or not pattern.isprintable():
            yield "robots.disallow", f'a path must begin with "/", got "{pattern[:80]}"'
    for url in (*robots.sitemaps, *filter(None, [signals.tdm_policy, robots.license])):
        if not url.startswith(("https://", "http://")) or not url.isprintable() or " " in url:
            key = "signals.tdm_policy" if url == signals.tdm_policy else "robots.sitemaps"
            yield key, f'must be a whole URL, "https://...", got "{url[:80]}"'
    if signals.tdm_policy and not signals.tdm_reservation:
        yield "signals.tdm_policy", "has no effect, because tdm_reservation is false"
    if not policy.contact.isprintable():
        yield "contact", "must not have a line break or a control character"
