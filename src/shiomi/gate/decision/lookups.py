"""What `decide` looks up: made once from a policy, and filled as clients come, within bounds."""

from __future__ import annotations

from typing import NamedTuple

from shiomi.gate.cookie import Signer, find_cookies
from shiomi.gate.decision.rate_limit import Buckets, Charges, Networks, host
from shiomi.gate.decision.ruling import ruling
from shiomi.gate.decision.verdict import Decision, Verdict
from shiomi.gate.identity import Identity
from shiomi.gate.identity.user_agents import Client
from shiomi.gate.policy import ALWAYS_SERVED, Action, NetworkRule, PathRule, Policy
from shiomi.gate.policy.paths import PathTable
from shiomi.gate.request import Request
from shiomi.gate.state.keys import key

__all__ = ["Bound", "Known", "Lookups", "Ruled", "allowed", "always_served"]

_REMEMBERED = 4096  # clients; with the lengths below at most about 10 MB
_LONGEST_AGENT = 512  # characters of a User-Agent, and
_LONGEST_COOKIES = 1024  # bytes of cookies, of clients that are remembered

_ALWAYS = tuple(pattern.removesuffix("*") for pattern in ALWAYS_SERVED)
_FOLDERS = tuple(pattern[:-1] for pattern in ALWAYS_SERVED if pattern.endswith("*"))


class Ruled(NamedTuple):
    """What the policy says of a client at a path; told apart beforehand, as each request asks."""

    action: Action
    budget: str
    reason: str  # what decided: "path", "purpose", ...
    free: bool  # allow
    refused: bool  # deny or tarpit
    challenged: bool
    spared: bool  # the path's rule says that nobody is challenged there
    passed: Decision  # what lets it through: at once, in its budget, or with the cookie


class Known:
    """What a request proves of its client by address, User-Agent and cookie, at any time."""

    __slots__ = ("charges", "cookies", "keys", "since", "until")

    def __init__(
        self,
        keys: tuple[int, ...],
        charges: Charges,
        since: float,
        until: float,
    ) -> None:
        self.keys = keys  # under which its good verdicts are revoked: the client's, its cookies'
        self.cookies = keys[1:]
        self.charges = charges  # one token of each bucket that counts it, by budget
        self.since = since  # the time in which its cookie is good
        self.until = until


class Bound:
    """What depends on a state's secret: keys and signatures."""

    def __init__(self, policy: Policy, networks: Networks, secret: bytes) -> None:
        self.secret = secret
        self.signer = Signer(policy.cookie, secret)
        self._buckets = Buckets(policy, networks, secret)
        self._name = policy.cookie.name.encode()
        self._known: dict[tuple[bytes, str, bytes | None], Known] = {}

    def known(self, request: Request) -> Known:
        """Return what is known of the client; remembered, as the same one mostly comes again."""
        cookies = request.headers.get(b"cookie")
        key = (request.address, request.user_agent, cookies)
        known = self._known.get(key)
        if known is None:
            known = self._look(request, cookies or b"")
            if (
                len(request.user_agent) <= _LONGEST_AGENT
                and len(cookies or b"") <= _LONGEST_COOKIES
            ):
                if len(self._known) >= _REMEMBERED:
                    self._known = {}
                self._known[key] = known
        return known

    def _look(self, request: Request, cookies: bytes) -> Known:
        agent = request.user_agent.encode("latin-1", "replace")
        keys = [key(self.secret, "client", host(request.address), agent)]
        since, until = 1.0, 0.0
        for value in find_cookies(cookies, self._name):
            good = self.signer.good(request, value)
            if good is not None:
                keys.append(key(self.secret, "cookie", value))
                if good[1] > until:
                    since, until = good
        return Known(tuple(keys), self._buckets.charges(request.address), since, until)


class Lookups:
    """A policy's tables."""

    def __init__(self, policy: Policy) -> None:
        self.paths = PathTable(policy.rules)
        self.networks = Networks(policy.networks)
        # Beginnings of the paths that are no matter of [[path]] rules.
        self.special = (*_ALWAYS, policy.challenge.path)
        self._policy = policy
        self._suspicious = policy.challenge.suspicious
        self._bound: Bound | None = None
        self._ruled: dict[tuple[object, ...], tuple[Client, Ruled]] = {}

    def bound(self, secret: bytes) -> Bound:
        """Return the tables of the state with this secret."""
        bound = self._bound
        if bound is None or bound.secret != secret:
            bound = self._bound = Bound(self._policy, self.networks, secret)
        return bound

    def ruled(
        self, identity: Identity, rule: PathRule | None, network: NetworkRule | None
    ) -> Ruled:
        """Return what the policy says of a client there (`ruling`); remembered."""
        client = identity.client
        suspicious = identity.weight >= self._suspicious
        # Rules live as long as the policy, and a client that is kept here keeps its id.
        key = (id(client), identity.verified, suspicious, id(rule), id(network))
        known = self._ruled.get(key)
        if known is not None:
            return known[1]
        action, budget, reason = ruling(self._policy, identity, rule, network)
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


def allowed(reason: str, identity: Identity) -> Decision:
    """Return the verdict that lets a client through."""
    return Decision(Verdict.ALLOW, reason, identity.client.purpose, identity.client.name)


def always_served(path: str) -> bool:
    """Whether nobody is refused this path, which is in order: ALWAYS_SERVED names it.

    What is encoded twice could lead elsewhere in an application that decodes twice.
    """
    return path in ALWAYS_SERVED or (path.startswith(_FOLDERS) and "%" not in path)
