"""What `decide` looks up: made once from a policy, and filled as clients come, within bounds."""

from __future__ import annotations

from typing import NamedTuple

from shiomi.gate.cookie import Signer, find_cookies
from shiomi.gate.identity import Identity
from shiomi.gate.keys import key
from shiomi.gate.paths import PathTable
from shiomi.gate.policy import Policy
from shiomi.gate.purpose import Purpose
from shiomi.gate.rate_limit import Buckets, Networks, host
from shiomi.gate.request import Request
from shiomi.gate.verdict import Decision, Verdict

__all__ = ["Bound", "Lookups", "Proof"]

_REMEMBERED = 8192  # clients, some 4 MB
_LONGEST_REMEMBERED = 512  # characters of a User-Agent


class Proof(NamedTuple):
    """What the request itself proves of its client."""

    passed: bool  # a good cookie came with it
    keys: tuple[int, ...]  # under which its good verdicts are revoked: the client's, the cookie's


class Bound:
    """What depends on a state's secret: keys and signatures."""

    def __init__(self, policy: Policy, networks: Networks, secret: bytes) -> None:
        self.secret = secret
        self.buckets = Buckets(policy, networks, secret)
        self.signer = Signer(policy.cookie, secret)
        self._name = policy.cookie.name.encode()
        self._clients: dict[tuple[bytes, str, bytes], tuple[int, ...]] = {}

    def proof(self, request: Request, now: float) -> Proof:
        """Return what the request proves by its address, User-Agent and cookie."""
        header = request.headers.get(b"cookie")
        if header is not None and self._name in header:
            for value in find_cookies(header, self._name):
                if self.signer.good(request, value, now):
                    return Proof(True, self._keys(request, value))
        return Proof(False, self._keys(request, b""))

    def _keys(self, request: Request, cookie: bytes) -> tuple[int, ...]:
        agent = request.user_agent
        known = self._clients.get((request.address, agent, cookie))
        if known is None:
            whom = host(request.address)
            client = key(self.secret, "client", whom, agent.encode("latin-1", "replace"))
            known = (client, key(self.secret, "cookie", cookie)) if cookie else (client,)
            if len(agent) <= _LONGEST_REMEMBERED:
                if len(self._clients) >= _REMEMBERED:
                    self._clients = {}
                self._clients[request.address, agent, cookie] = known
        return known


class Lookups:
    """A policy's tables."""

    def __init__(self, policy: Policy) -> None:
        self.paths = PathTable(policy.rules)
        self.networks = Networks(policy.networks)
        self._policy = policy
        self._bound: Bound | None = None
        self._allowed: dict[tuple[str, str, Purpose], Decision] = {}

    def allowed(self, reason: str, identity: Identity) -> Decision:
        """Return the verdict that lets a client through; made once for each."""
        client = identity.client
        known = self._allowed.get((reason, client.name, client.purpose))
        if known is None:
            known = Decision(Verdict.ALLOW, reason, client.purpose, client.name)
            if len(self._allowed) >= _REMEMBERED:
                self._allowed = {}
            self._allowed[reason, client.name, client.purpose] = known
        return known

    def bound(self, secret: bytes) -> Bound:
        """Return the tables of the state with this secret."""
        bound = self._bound
        if bound is None or bound.secret != secret:
            bound = self._bound = Bound(self._policy, self.networks, secret)
        return bound
