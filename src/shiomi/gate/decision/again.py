"""again(): the verdict on a client that passed before, from the cached facts about it.

Identity and ruling are the same for requests with the same address, User-Agent and cookies, so they
are cached. Bans, the expiry of the cookie and budgets are checked on every request.
"""

from __future__ import annotations

from shiomi.gate.decision.prepared_policy import PreparedPolicy
from shiomi.gate.decision.verdict import Decision
from shiomi.gate.identity import Identity
from shiomi.gate.request import Request
from shiomi.gate.state import State

__all__ = ["again", "remember"]


def again(request: Request, prepared: PreparedPolicy, state: State, now: float) -> Decision | None:
    """Return a verdict that lets the client through again, or None if `decide` must be called.

    Tokens are taken from the budgets only if a verdict is returned.

    Raises
    ------
    StateError
        The state cannot be reached.
    """
    known = prepared.clients(state.secret).seen(request)
    if known is None or not known.rulings:
        return None
    path = request.path
    if path is not request.spelling or path.startswith(prepared.special):
        return None
    ruled = known.rulings.get(id(prepared.paths.find(path, request.query)))
    if (
        ruled is None
        or state.revoked(known.keys, now)
        or (ruled.challenged and not known.passed(state, now))
        or (not ruled.free and state.take(known.charges[ruled.budget], now))
    ):
        return None
    return ruled.passed


def remember(request: Request, prepared: PreparedPolicy, state: State, identity: Identity) -> None:
    """Keep the ruling on a client that was let through, for `again`.

    `identity` must be the same for every request with this address, User-Agent and cookies.
    """
    if request.path is not request.spelling:
        return
    rule = prepared.paths.find(request.path, request.query)
    network = prepared.networks.rule(request.address)
    ruled = prepared.ruled(identity, rule, network)
    if not ruled.refused:
        prepared.clients(state.secret).of(request).rulings[id(rule)] = ruled
