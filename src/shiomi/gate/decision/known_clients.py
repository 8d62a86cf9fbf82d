"""What a request proves of its client by address, User-Agent and cookie; remembered, in bounds."""

from __future__ import annotations

from shiomi.gate.cookie import Signer, find_cookies
from shiomi.gate.decision.rate_limit import Buckets, Charges, Networks, host
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.state.keys import key

__all__ = ["KnownClient", "KnownClients"]

_REMEMBERED = 4096  # clients; with the lengths below at most about 10 MB
_LONGEST_AGENT = 512  # characters of a User-Agent, and
_LONGEST_COOKIES = 1024  # bytes of cookies, of clients that are remembered


class KnownClient:
    """What is known of one client, at any time."""

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


class KnownClients:
    """The clients of one state: keys and signatures depend on its secret."""

    def __init__(self, policy: Policy, networks: Networks, secret: bytes) -> None:
        self.secret = secret
        self.signer = Signer(policy.cookie, secret)
        self._buckets = Buckets(policy, networks, secret)
        self._name = policy.cookie.name.encode()
        self._known: dict[tuple[bytes, str, bytes | None], KnownClient] = {}

    def of(self, request: Request) -> KnownClient:
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

    def _look(self, request: Request, cookies: bytes) -> KnownClient:
        agent = request.user_agent.encode("latin-1", "replace")
        keys = [key(self.secret, "client", host(request.address), agent)]
        since, until = 1.0, 0.0
        for value in find_cookies(cookies, self._name):
            good = self.signer.good(request, value)
            if good is not None:
                keys.append(key(self.secret, "cookie", value))
                if good[1] > until:
                    since, until = good
        return KnownClient(tuple(keys), self._buckets.charges(request.address), since, until)
