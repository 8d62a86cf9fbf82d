"""A table of the policy features that each server's configuration cannot express.

`shiomi gate compile` prints these features, and the top of each file lists them. For all other
features, a server's verdict must equal the verdict of `decide`. Tests compare the two verdicts.
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
        "clients that would be challenged are let through within a budget, or refused, as"
        " --challenge-as says",
        lambda policy: Action.CHALLENGE in _actions(policy),
    ),
    Gap(
        "trap",
        _ALL,
        "there is no trap, and no client is banned",
        lambda policy: policy.trap.enabled,
    ),
    Gap(
        "dns",
        _ALL,
        "reverse DNS is not used: a client that only DNS could prove counts as unverified",
    ),
    Gap("signatures", _ALL, "Web Bot Auth is not checked: a signature has no effect"),
    Gap(
        "weight",
        _ALL,
        "a browser's inconsistent headers have no effect",
        lambda policy: policy.purposes[Purpose.BROWSER].unverified is Action.BUDGET,
    ),
    Gap(
        "budgets",
        frozenset({"apache", "caddy"}),
        "requests are not counted: a client with a budget is let through without a limit",
        _counts,
    ),
    Gap(
        "network-budget",
        frozenset({"haproxy"}),
        "a request is counted in three buckets at most: the bucket of its network is left out",
        lambda policy: _counts(policy) and _networks(policy),
    ),
    Gap(
        "token-bucket",
        frozenset({"haproxy"}),
        "a bucket becomes a sliding window: `burst` requests per refill period; refused requests"
        " are counted too",
        _counts,
    ),
    Gap(
        "retry-after",
        frozenset({"nginx", "haproxy"}),
        "Retry-After is a fixed number: the seconds in which the slowest bucket adds one token",
        _counts,
    ),
    Gap("tarpit", frozenset({"apache", "caddy"}), "a tarpit is a plain refusal", _slow),
    Gap(
        "proxies",
        frozenset({"caddy"}),
        "Caddy 2.6 takes a client's address from the connection alone: behind a proxy, published"
        " ranges prove no client",
        lambda policy: bool(policy.proxies.trusted),
    ),
    Gap(
        "proxy-chain",
        frozenset({"haproxy"}),
        "in a chain of proxies, only the address from the nearest proxy is used",
        lambda policy: bool(policy.proxies.trusted),
    ),
    Gap(
        "two-agents",
        frozenset({"nginx"}),
        "if a request has several User-Agent headers, nginx before 1.23 reads only the first",
    ),
    Gap(
        "long-agents",
        _ALL,
        "a User-Agent of more than 1,024 characters is searched as a whole, not at its ends",
    ),
    Gap(
        "path-parameters",
        _ALL,
        "a path is not read as Java and Windows servers read it: the text after ; stays, and \\ is"
        " not a slash (but a path in /.well-known/ with either of them is not always served)",
        lambda policy: bool(policy.rules),
    ),
    Gap("queries", _ALL, "a path pattern with a query, like *?go-get=1, is left out", _queries),
    Gap(
        "encoded-slash",
        frozenset({"apache"}),
        "a path with %2F in it is answered with 404 (AllowEncodedSlashes Off)",
    ),
    Gap(
        "trailing-dot",
        frozenset({"caddy"}),
        "if a path ends in /. or /.., the slash before it is dropped",
    ),
    Gap("pages", _ALL, "a refused client gets the server's own error page, in one language"),
    Gap("failure", _ALL, "on_failure has no effect, because there is no state that could fail"),
)
"""All gaps."""


_SERVED = frozenset({"signatures", "two-agents", "long-agents"})
"""Gaps that remain if the server refuses some clients by User-Agent and a service does the rest."""


def gaps(server: str, policy: Policy, *, service: bool = False) -> list[Gap]:
    """Return the features of this policy that the server does not have."""
    return [
        gap
        for gap in GAPS
        if server in gap.servers and gap.concerns(policy) and (not service or gap.name in _SERVED)
    ]
