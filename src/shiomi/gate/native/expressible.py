"""A table of the policy features that each server's configuration cannot express.

The table is used by every compiler, the command's output, the comment at the top of each file and
the tests that compare verdicts. For every feature that is not listed, a server's verdict must equal
the verdict of `decide`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shiomi.gate.policy import Action, Policy
from shiomi.gate.purpose import Purpose

__all__ = ["GAPS", "SERVERS", "Gap", "gaps"]

SERVERS = ("nginx", "apache", "caddy", "haproxy")
_ALL = frozenset(SERVERS)


@dataclass(frozen=True, slots=True)
class Gap:
    """A policy feature that some servers cannot express by themselves.

    Attributes
    ----------
    name
        A short name, as used in `--json`.
    servers
        The servers that cannot express it.
    text
        What the server does instead, as a text for the operator.
    concerns
        Returns whether a policy uses the feature.
    """

    name: str
    servers: frozenset[str]
    text: str
    concerns: Callable[[Policy], bool] = lambda policy: True  # noqa: ARG005


def _actions(policy: Policy) -> set[Action]:
    purposes = policy.purposes.values()
    found = {rule.action for rule in purposes} | {rule.unverified for rule in purposes}
    found |= {rule.action for rule in policy.paths if rule.action}
    found |= {rule.action for rule in policy.networks if rule.action}
    return found | {action for rule in policy.paths for action in rule.purposes.values()}


def _counts(policy: Policy) -> bool:
    return bool(_actions(policy) & {Action.BUDGET, Action.CHALLENGE})


def _queries(policy: Policy) -> bool:
    return any("?" in pattern for rule in policy.rules for pattern in rule.match)


def _slow(policy: Policy) -> bool:
    return Action.TARPIT in _actions(policy)


def _networks(policy: Policy) -> bool:
    return any(budget.network for budget in policy.budgets.values())


GAPS = (
    Gap(
        "challenge",
        _ALL,
        "no server can challenge by itself: who would be challenged is let through within a budget,"
        " or refused, as the command was told",
        lambda policy: Action.CHALLENGE in _actions(policy),
    ),
    Gap(
        "trap",
        _ALL,
        "no trap and no bans: its pages are the site's to answer, and nobody is revoked",
        lambda policy: policy.trap.enabled,
    ),
    Gap(
        "dns",
        _ALL,
        "no reverse DNS: a client that only DNS could prove counts as unverified",
    ),
    Gap("signatures", _ALL, "no Web Bot Auth: a signed request counts as any other"),
    Gap(
        "weight",
        _ALL,
        "how well a browser's headers fit together is not weighed",
        lambda policy: policy.purposes[Purpose.BROWSER].unverified is Action.BUDGET,
    ),
    Gap(
        "budgets",
        frozenset({"apache", "caddy"}),
        "requests cannot be counted: whoever has a budget is let through without one",
        _counts,
    ),
    Gap(
        "network-budget",
        frozenset({"haproxy"}),
        "a request can be counted in three places: the bucket of its network is left out",
        lambda policy: _counts(policy) and _networks(policy),
    ),
    Gap(
        "token-bucket",
        frozenset({"haproxy"}),
        "a bucket becomes a sliding window: at most its burst in the time that takes to refill,"
        " refused requests counted too",
        _counts,
    ),
    Gap(
        "retry-after",
        frozenset({"nginx", "haproxy"}),
        "Retry-After is a fixed number, the time in which the slowest bucket gives one token",
        _counts,
    ),
    Gap(
        "tarpit",
        frozenset({"apache", "caddy"}),
        "a tarpit is a plain refusal",
        _slow,
    ),
    Gap(
        "proxies",
        frozenset({"caddy"}),
        "Caddy 2.6 takes a client's address from the connection alone: behind a proxy nobody is"
        " proven by a published range",
        lambda policy: bool(policy.proxies.trusted),
    ),
    Gap(
        "proxy-chain",
        frozenset({"haproxy"}),
        "of a chain of proxies only the nearest one's word is read",
        lambda policy: bool(policy.proxies.trusted),
    ),
    Gap(
        "two-agents",
        frozenset({"nginx"}),
        "of several User-Agent headers nginx before 1.23 reads the first",
    ),
    Gap(
        "long-agents",
        _ALL,
        "a User-Agent of more than 1,024 characters is searched as a whole, not at its ends",
    ),
    Gap(
        "path-parameters",
        _ALL,
        "a path is not read as Java and Windows servers read it: nothing is dropped after ; and"
        " \\ is no slash, but that /.well-known/ with either is not always served",
        lambda policy: bool(policy.rules),
    ),
    Gap(
        "queries",
        _ALL,
        "a pattern with a query, like *?go-get=1, is left out",
        _queries,
    ),
    Gap(
        "encoded-slash",
        frozenset({"apache"}),
        "a path with %2F in it is answered with 404 (AllowEncodedSlashes Off)",
    ),
    Gap(
        "trailing-dot",
        frozenset({"caddy"}),
        "a path that ends in /. or /.. is taken without its last slash",
    ),
    Gap("pages", _ALL, "a refusal is the server's own page, in one language"),
    Gap(
        "failure",
        _ALL,
        "there is no state that could fail: on_failure has no meaning",
    ),
)
"""Every gap there is. A gap that makes a verdict differ is one the corpus leaves out by name."""


_SERVED = frozenset({"signatures", "two-agents", "long-agents"})
"""What stays with a service behind the server: the server looks first, at the User-Agent alone."""


def gaps(server: str, policy: Policy, *, service: bool = False) -> list[Gap]:
    """Return the features of this policy that the server cannot express, alone or with a
    service."""
    return [
        gap
        for gap in GAPS
        if server in gap.servers and gap.concerns(policy) and (not service or gap.name in _SERVED)
    ]
