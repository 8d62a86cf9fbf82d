"""A policy as small tables, from which every server's configuration is written.

    User-Agent ──▶ kind ──(address in published ranges?)──▶ class ─┐
    path ─────────────────────────────────▶ number of its rule ────┼──▶ verdict
    address ──────────────────────────────▶ first [[network]] ─────┘

A *class* is a row of verdicts: one verdict for each rule on paths and one for all other paths.
Clients with the same verdicts are in one class, whatever their names. A *kind* is either a class,
or two classes with address ranges: a client is in the first class if its address is in the ranges,
else in the second. All verdicts come from the function `ruling`, which `decide` also uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from shiomi.gate.addresses import Prefix, parse_prefix, prefix_text
from shiomi.gate.decision.ruling import ruling
from shiomi.gate.errors import CompileError
from shiomi.gate.identity import Identity
from shiomi.gate.identity.user_agents import Client, Pattern
from shiomi.gate.native.agents import AgentTables, agent_tables
from shiomi.gate.policy import ALWAYS_SERVED, Action, NetworkRule, PathRule, Policy
from shiomi.gate.purpose import Purpose

__all__ = ["ALWAYS", "ELSEWHERE", "Outcome", "Plan", "make_plan", "path_word", "without_challenge"]

ALWAYS = -1
"""The number of the rule for paths that are always served."""

ELSEWHERE = -2
"""The number for all paths that no rule matches."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An action, and the budget that counts the request ("" if none)."""

    action: Action
    budget: str = ""

    @property
    def name(self) -> str:
        """Return a name for the server's configuration: only letters, digits and "-"."""
        return f"{self.action.value}-{self.budget}" if self.budget else self.action.value

    def narrower(self, other: Outcome) -> Outcome:
        """Return the stricter of two verdicts, or `self` if both are equally strict."""
        return self if other.action.narrower(self.action) is self.action else other


@dataclass(frozen=True, slots=True)
class Verified:
    """A kind of client whose class depends on whether its address is in one of the ranges."""

    ranges: tuple[str, ...]  # their names
    inside: str
    outside: str


@dataclass(frozen=True)
class Plan:
    """A policy's tables.

    Attributes
    ----------
    agents
        Tables from User-Agent to kind. A kind is the name of a class or of an entry in `verified`.
    ranges
        The networks of each entry in `verified`, as texts.
    rules
        Path patterns by number. The first match counts; ALWAYS comes before all of them.
    networks
        The networks of each [[network]] rule, as texts; the first rule that matches counts.
    verdicts
        Verdicts by (name of the network or "", class, number of the path rule or ELSEWHERE).
    """

    policy: Policy
    agents: AgentTables
    verified: Mapping[str, Verified]
    ranges: Mapping[str, Sequence[str]]
    rules: Mapping[int, tuple[str, ...]]
    networks: Mapping[str, Sequence[str]]
    verdicts: Mapping[tuple[str, str, int], Outcome]

    @property
    def outcomes(self) -> list[Outcome]:
        """Return the distinct verdicts, in a fixed order."""
        return sorted(set(self.verdicts.values()), key=lambda verdict: verdict.name)

    @property
    def rows(self) -> list[tuple[str, Outcome]]:
        """Return the verdicts by "NETWORK:CLASS:PATH"; the words are valid for every server.

        NETWORK is n0, n1, ... or n for all other addresses; PATH is p0, p1, ..., p or always.
        """
        words = {"": "n"} | {name: f"n{number}" for number, name in enumerate(self.networks)}
        return [
            (f"{words[network]}:{kind}:{path_word(number)}", outcome)
            for (network, kind, number), outcome in self.verdicts.items()
        ]

    @property
    def pairs(self) -> list[tuple[str, Outcome]]:
        """Return the stricter outcome of each pair, by "ONE:OTHER"."""
        return [
            (f"{one.name}:{other.name}", one.narrower(other))
            for one in self.outcomes
            for other in self.outcomes
        ]


def path_word(number: int) -> str:
    """Return the word for a rule on paths."""
    return {ALWAYS: "always", ELSEWHERE: "p"}.get(number, f"p{number}")


def without_challenge(policy: Policy, instead: Action) -> Policy:
    """Return the policy, with each action "challenge" replaced by `instead`.

    A server alone cannot challenge and cannot check the consistency of headers.
    """

    def other(action: Action) -> Action:
        return instead if action is Action.CHALLENGE else action

    purposes = {
        purpose: replace(rule, action=other(rule.action), unverified=other(rule.unverified))
        for purpose, rule in policy.purposes.items()
    }
    paths = tuple(
        replace(
            rule,
            action=rule.action and other(rule.action),
            purposes={purpose: other(action) for purpose, action in rule.purposes.items()},
        )
        for rule in policy.paths
    )
    networks = tuple(
        replace(rule, action=rule.action and other(rule.action)) for rule in policy.networks
    )
    return replace(
        policy,
        purposes=MappingProxyType(purposes),
        paths=paths,
        networks=networks,
        challenge=replace(policy.challenge, suspicious=10**9),
    )


def make_plan(
    policy: Policy,
    patterns: Sequence[Pattern],
    ranges: Mapping[str, Sequence[Prefix]],
    *,
    frequent: Iterable[tuple[str, Client]] = (),
    limit: int,
    certain: bool = False,
) -> Plan:
    """Return the policy's tables.

    Parameters
    ----------
    patterns, ranges
        The tables of `shiomi.gate.identity`.
    frequent
        User-Agents to look up before any pattern is tried, and the client that each one names.
    limit
        The most characters in one regular expression of the server's configuration.
    certain
        Whether to use the most permissive verdict that a client could get with any proof of its
        identity. A server in front of the service then refuses only requests that the service would
        refuse too.
    """
    tables = _Tables(policy, {} if certain else ranges, certain)
    agents = agent_tables(
        patterns,
        tables.kind,
        usual=tables.kind(Client("browser", Purpose.BROWSER)),
        frequent=frequent,
        limit=limit,
    )
    inside = {
        kind: list(
            dict.fromkeys(prefix_text(one) for name in verified.ranges for one in ranges[name])
        )
        for kind, verified in tables.verified.items()
    }
    networks = {rule.name: _networks(rule) for rule in policy.networks}
    rules = {number: tuple(rule.match) for number, rule in enumerate(policy.rules)}
    rules[ALWAYS] = ALWAYS_SERVED
    return Plan(policy, agents, tables.verified, inside, rules, networks, tables.verdicts)


class _Tables:
    """Collects kinds and classes as the patterns need them."""

    def __init__(
        self, policy: Policy, ranges: Mapping[str, Sequence[Prefix]], certain: bool
    ) -> None:
        self._certain = certain
        self.verified: dict[str, Verified] = {}
        self.verdicts: dict[tuple[str, str, int], Outcome] = {}
        self._policy = policy
        self._ranges = ranges
        self._rows: dict[tuple[Outcome, ...], str] = {}
        self._kinds: dict[Verified, str] = {}
        self._networks: list[NetworkRule | None] = [None]
        self._networks += policy.networks

    def kind(self, client: Client) -> str:
        """Return the kind of a client: a class, or two classes of which the address selects one."""
        verify = client.verify
        named = tuple(name for name in verify.ranges if name in self._ranges)
        unproven = False if named else None
        outside = self._class(client, verified=unproven)
        if not named:
            return outside
        inside = self._class(client, verified=True)
        if inside == outside:
            return inside
        verified = Verified(named, inside, outside)
        name = self._kinds.setdefault(verified, f"v{len(self._kinds) + 1}")
        self.verified[name] = verified
        return name

    def _class(self, client: Client, *, verified: bool | None) -> str:
        identity = Identity(client, verified)
        rules: list[tuple[int, PathRule | None]] = [(ELSEWHERE, None)]
        rules += list(enumerate(self._policy.rules))
        row = {
            (network.name if network else "", number): self._verdict(identity, rule, network)
            for network in self._networks
            for number, rule in rules
        }
        name = self._rows.setdefault(tuple(row.values()), f"c{len(self._rows)}")
        for (network, number), verdict in row.items():
            self.verdicts[network, name, number] = verdict
            self.verdicts[network, name, ALWAYS] = Outcome(Action.ALLOW)
        return name

    def _verdict(
        self, identity: Identity, rule: PathRule | None, network: NetworkRule | None
    ) -> Outcome:
        action, budget, _ = ruling(self._policy, identity, rule, network)
        if self._certain:
            proofs = (Identity(identity.client, proof) for proof in (True, None, False))
            rulings = [ruling(self._policy, proven, rule, network) for proven in proofs]
            action, budget, _ = min(rulings, key=lambda found: list(Action).index(found[0]))
        counted = action in (Action.BUDGET, Action.CHALLENGE)
        if action is Action.CHALLENGE:
            budget = self._policy.challenge.budget
        return Outcome(action, budget if counted else "")


def _networks(rule: NetworkRule) -> list[str]:
    try:
        return list(dict.fromkeys(prefix_text(parse_prefix(text)) for text in rule.addresses))
    except ValueError as error:
        raise CompileError(f"network {rule.name!r}: {error}") from None
