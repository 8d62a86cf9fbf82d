"""A policy prepared for many requests: its tables and a cache of results.

It is made once from a policy. The size of the cache is bounded.
"""

from __future__ import annotations

from shiomi.gate.decision.known_clients import KnownClients
from shiomi.gate.decision.rate_limit import Networks
from shiomi.gate.decision.ruling import ruling
from shiomi.gate.decision.verdict import Ruled, allowed
from shiomi.gate.identity import Identity
from shiomi.gate.identity.user_agents import Client
from shiomi.gate.policy import ALWAYS_SERVED, Action, NetworkRule, PathRule, Policy
from shiomi.gate.policy.paths import PathTable

__all__ = ["PreparedPolicy"]

_REMEMBERED = 4096  # rulings


class PreparedPolicy:
    """A policy and the tables made from it.

    Attributes
    ----------
    policy
        The source policy.
    paths, networks
        The rules on paths (`[[path]]` and feeds), and the rules of `[[network]]`.
    special
        Prefixes of the paths to which `[[path]]` rules do not apply.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.paths = PathTable(policy.rules)
        self.networks = Networks(policy.networks)
        always = (pattern.removesuffix("*") for pattern in ALWAYS_SERVED)
        self.special = (*always, policy.challenge.path)
        self._suspicious = policy.challenge.suspicious
        self._clients: KnownClients | None = None
        self._ruled: dict[tuple[object, ...], tuple[Client, Ruled]] = {}

    def clients(self, secret: bytes) -> KnownClients:
        """Return the cache of clients for a state's secret; only the last state's cache is kept."""
        clients = self._clients
        if clients is None or clients.secret != secret:
            clients = self._clients = KnownClients(self.policy, self.networks, secret)
        return clients

    def ruled(
        self, identity: Identity, rule: PathRule | None, network: NetworkRule | None
    ) -> Ruled:
        """Return the cached ruling on a client at a path (`ruling`)."""
        client = identity.client
        suspicious = identity.weight >= self._suspicious
        # The ids stay unique: rules live as long as the policy, and the cache refers to the client.
        key = (id(client), identity.verified, suspicious, id(rule), id(network))
        known = self._ruled.get(key)
        if known is not None:
            return known[1]
        action, budget, reason = ruling(self.policy, identity, rule, network)
        challenged = action is Action.CHALLENGE
        ruled = Ruled(
            action,
            budget,
            reason,
            free=action is Action.ALLOW,
            refused=action in (Action.DENY, Action.TARPIT),
            challenged=challenged,
            spared=rule is not None and not rule.challenge,
            passed=allowed("cookie" if challenged else reason, identity),
        )
        if len(self._ruled) >= _REMEMBERED:
            self._ruled = {}
        self._ruled[key] = (client, ruled)
        return ruled
