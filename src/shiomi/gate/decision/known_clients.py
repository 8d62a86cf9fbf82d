"""A bounded cache of facts about clients, by address, User-Agent and cookie."""

from __future__ import annotations

from shiomi.gate.cookie import Elsewhere, Passed, Signer, find_cookies
from shiomi.gate.decision.rate_limit import Buckets, Charges, Networks, host
from shiomi.gate.decision.verdict import Ruled
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.state import State
from shiomi.gate.state.keys import key
from shiomi.gate.trap import TOKEN_SECONDS, trap_token

__all__ = ["KnownClient", "KnownClients"]

_REMEMBERED = 4096  # clients in the cache; with the two limits below it takes at most about 10 MB
_LONGEST_AGENT = 512  # characters; a client with a longer User-Agent is not cached
_LONGEST_COOKIES = 1024  # bytes; a client with longer cookies is not cached


class KnownClient:
    """The facts about one client that do not change with time."""

    __slots__ = (
        "_elsewhere",
        "_token",
        "_token_until",
        "charges",
        "cookies",
        "keys",
        "rulings",
        "since",
        "until",
    )

    def __init__(
        self,
        keys: tuple[int, ...],
        charges: Charges,
        passed: Passed | None,
        elsewhere: Elsewhere | None,
    ) -> None:
        self.keys = keys  # keys of its bans: of the client and of its cookies
        self.cookies = keys[1:]
        self.charges = charges  # for each budget, one token of each of the budget's buckets
        # The period in which its cookie is valid; empty without a cookie.
        self.since, self.until = (passed.since, passed.until) if passed else (1.0, 0.0)
        self.rulings: dict[int, Ruled] = {}  # by the id of the path's rule; see `again`
        self._elsewhere = elsewhere  # None: in its home network, or accepted in this network
        self._token = b""
        self._token_until = 0.0

    def passed(self, state: State, now: float) -> bool:
        """Return whether the client has a cookie that is valid now and in this network."""
        return self.since <= now <= self.until and (
            self._elsewhere is None or self._admitted(state, now)
        )

    def ended(self, state: State, now: float, seconds: float) -> bool:
        """Return whether its cookie was valid here and expired at most `seconds` ago."""
        return self.until < now <= self.until + seconds and (
            self._elsewhere is None or self._admitted(state, now)
        )

    def trap_token(self, request: Request, signer: Signer, now: float) -> bytes:
        """Return the token that signs the trap's links for this client."""
        if now >= self._token_until:
            self._token = trap_token(request, signer, now).encode()
            self._token_until = now - now % TOKEN_SECONDS + TOKEN_SECONDS
        return self._token

    def _admitted(self, state: State, now: float) -> bool:
        if self._elsewhere is not None and self._elsewhere.admits(state.take, now):
            self._elsewhere = None  # the state remembers it for longer than the cookie is valid
            return True
        return False


class KnownClients:
    """The cached clients of one state; their keys and signatures depend on the state's secret."""

    def __init__(self, policy: Policy, networks: Networks, secret: bytes) -> None:
        self.secret = secret
        self.signer = Signer(policy.cookie, secret)
        self._buckets = Buckets(policy, networks, secret)
        self._name = policy.cookie.name.encode()
        self._known: dict[tuple[bytes, str, bytes | None], KnownClient] = {}

    def seen(self, request: Request) -> KnownClient | None:
        """Return the cached facts about the client, or None."""
        key = (request.address, request.user_agent, request.headers.get(b"cookie"))
        return self._known.get(key)

    def of(self, request: Request) -> KnownClient:
        """Return the facts about the client, from the cache if it came before."""
        cookies = request.headers.get(b"cookie")
        key = (request.address, request.user_agent, cookies)
        known = self._known.get(key)
        if known is None:
            known = self._look(request, cookies or b"")
            short = len(request.user_agent) <= _LONGEST_AGENT
            if short and len(cookies or b"") <= _LONGEST_COOKIES:
                if len(self._known) >= _REMEMBERED:
                    self._known = {}
                self._known[key] = known
        return known

    def _look(self, request: Request, cookies: bytes) -> KnownClient:
        agent = request.user_agent.encode("latin-1", "replace")
        keys = [key(self.secret, "client", host(request.address), agent)]
        best: Passed | None = None
        with_it = b""
        for value in find_cookies(cookies, self._name):
            good = self.signer.good(request, value)
            if good is not None:
                keys.append(key(self.secret, "cookie", value))
                if best is None or (good.home, good.until) > (best.home, best.until):
                    best, with_it = good, value
        if best is None or best.home:
            return KnownClient(tuple(keys), self._buckets.charges(request.address), best, None)
        # All uses of the cookie outside its home network also share the budget of one address.
        charges = Charges(self._buckets, request.address, with_it)
        seconds = self.signer.seconds
        elsewhere = Elsewhere(self.secret, with_it, request.address, seconds)
        return KnownClient(tuple(keys), charges, best, elsewhere)
