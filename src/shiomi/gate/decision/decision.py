"""decide(): the verdict on one request. A pure function: only the given state does I/O.

The first step that applies decides:

 1. `/robots.txt` and `/.well-known/` are served to everybody.
 2. A cookie that the trap has revoked is refused. So is a banned client, which is identified by
    address and User-Agent. But a browser with the same address and User-Agent may belong to another
    person. The user of such a browser only has to press the button of the challenge page.
 3. The gate answers its own pages: the address that the challenge leads to, and the trap.
 4. The action comes from the first path rule that has one. Otherwise it comes from the client's
    purpose, and depends on whether the client's claim is proven. A client whose claim is false is
    never treated better than a client without a claim. A `[[network]]` may make the action
    stricter, or allow the client if no path rule has an action.
 5. The actions deny and tarpit refuse the request; allow lets it through.
 6. The budget is checked. For clients that have the cookie or do not need it, this is the budget of
    the purpose or path. For clients that would be challenged, this is the budget "strangers".
 7. A client without the required cookie gets the challenge page. If the budget "strangers" is used
    up, the page has only the button. So a client can continue even if other clients at the same
    address have used up the budget.

An application and the server in front of it may read an odd spelling of a path (`//x`, `/a/..%2fb`)
as different pages. The rules of both pages are looked up, and the stricter action counts.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from shiomi.gate.challenge import challenge, enter, enter_path, renewed
from shiomi.gate.decision.known_clients import KnownClient, KnownClients
from shiomi.gate.decision.prepared_policy import PreparedPolicy
from shiomi.gate.decision.verdict import Decision, Ruled, Verdict, allowed
from shiomi.gate.errors import StateError
from shiomi.gate.identity import Identity, Tables, identify, load_tables
from shiomi.gate.identity.consistency import misfits
from shiomi.gate.pages import Page, page, preferred_language
from shiomi.gate.policy import Action, Policy
from shiomi.gate.policy.paths import always_served
from shiomi.gate.purpose import Purpose
from shiomi.gate.request import Request
from shiomi.gate.response import Response, respond
from shiomi.gate.state import Charge, State
from shiomi.gate.trap import caught, deeper, in_trap

__all__ = ["decide"]

_POSING = frozenset(("hints-disagree", "foreign-client-hints"))
_RENEWED_SECONDS = 30 * 86_400.0  # how long an expired cookie still lets a POST through

Note = Callable[[str, str], None]
"""A function that gets the name and the result of each step, for `shiomi gate try`."""


class _Case(NamedTuple):
    """A request, and everything else that the decision needs."""

    request: Request
    prepared: PreparedPolicy
    state: State
    identity: Identity
    now: float
    note: Note

    @property
    def policy(self) -> Policy:
        return self.prepared.policy

    @property
    def clients(self) -> KnownClients:
        return self.prepared.clients(self.state.secret)

    @property
    def whom(self) -> tuple[Purpose, str]:
        return self.identity.client.purpose, self.identity.client.name


def decide(
    request: Request,
    prepared: PreparedPolicy,
    state: State,
    now: float,
    *,
    identity: Identity | None = None,
    note: Note = lambda *_: None,
) -> Decision:
    """Return the verdict on a request. Never raises, whatever the request contains.

    Parameters
    ----------
    prepared
        The policy. Make `PreparedPolicy(policy)` once and reuse it, because it caches results.
    now
        Unix seconds.
    identity
        The identity of the client, if an adapter has determined it by reverse DNS or a signature.
        None: use only the User-Agent and the address.
    note
        Called with each step and its result.
    """
    policy = prepared.policy
    if identity is None:
        identity = identify(request, _tables(), weigh=policy.weighs)
    path = request.path
    special = path.startswith(prepared.special)  # one comparison for most paths
    if special and path == request.spelling and always_served(path):
        note("always served", path)
        return allowed("always-served", identity)
    case = _Case(request, prepared, state, identity, now, note)
    try:
        known = case.clients.of(request)
        passed = known.passed(state, now)
        until = state.revoked(known.keys, now)
        note("cookie", "valid" if passed else "no valid one")
        note("revoked", f"until {_utc(until)}" if until else "no")
        if until and (
            identity.client.purpose is not Purpose.BROWSER
            or (known.cookies and state.revoked(known.cookies, now))
        ):
            return _revoked(case, "revoked", until)
        if special and path.startswith(policy.challenge.path):
            return _own_page(case, known)
        ruled = _ruled(case)
        # A banned client has the same browser and address, but this may be another person.
        alike = until > 0.0 and not ruled.spared
        if ruled.free and not alike:
            return ruled.passed
        if ruled.refused:
            return _refuse(case, Verdict(ruled.action), ruled.reason)
        stranger = (ruled.challenged or alike) and not passed
        if ruled.free and not stranger:
            return ruled.passed
        budget = policy.challenge.budget if stranger else ruled.budget
        wait = state.take(known.charges[budget], now)
        note("budget", f"{budget}: {f'used up for {wait:.0f} s' if wait else 'one token taken'}")
        if not wait and not stranger:
            return ruled.passed
        if stranger and request.method in ("GET", "HEAD"):
            return _challenged(case, "revoked" if alike else ruled.reason, wait, button=alike)
        return _limited(case, wait) if wait else _without_cookie(case, known)
    except StateError as error:
        return _without_state(case, error)


def _ruled(case: _Case) -> Ruled:
    """Return the policy's ruling on the client at this path, for any spelling of the path."""
    request, prepared, _, identity, _, note = case
    network = prepared.networks.rule(request.address) if prepared.policy.networks else None
    ruled = prepared.ruled(identity, prepared.paths.find(request.path, request.query), network)
    if request.spelling != request.path:
        rule = prepared.paths.find(request.spelling, request.query)
        other = prepared.ruled(identity, rule, network)
        if other.action.narrower(ruled.action) is not ruled.action:
            ruled = other
    note("action", f"{ruled.action}, by {ruled.reason}")
    return ruled


def _without_state(case: _Case, error: StateError) -> Decision:
    """Return the verdict if the state fails, as `on_failure` says."""
    request, prepared, state, identity, now, note = case
    note("state", str(error))
    if case.policy.on_failure is Action.ALLOW:
        return decide(request, prepared, _NoState(state), now, identity=identity, note=note)
    return _refuse(case, Verdict.DENY, "failure", status=503, retry_after=60.0)


def _challenged(case: _Case, reason: str, wait: float, *, button: bool) -> Decision:
    """Return the challenge for a client that needs the cookie.

    The page has only the button if `button` is set, if the budget is used up (`wait`), or if the
    User-Agent seems to be false.
    """
    by_itself = not (wait or button or _poses(case.request, case.identity))
    signer = case.clients.signer
    response = challenge(case.request, case.policy, signer, case.now, by_itself=by_itself)
    return Decision(Verdict.CHALLENGE, "budget" if wait else reason, *case.whom, wait, response)


def _poses(request: Request, identity: Identity) -> bool:
    """Return whether a browser's client hints and its User-Agent name different browsers.

    This is true for automated browsers with a false User-Agent. It is also true for people who use
    an extension that changes the User-Agent. These people have to press the button once.
    """
    return identity.client.purpose is Purpose.BROWSER and bool(_POSING & set(misfits(request)))


def _without_cookie(case: _Case, known: KnownClient) -> Decision:
    """Return the answer to a POST or similar request without the required cookie.

    A CORS preflight is let through, because browsers send it without cookies. A request with a
    recently expired cookie is let through too, and the answer sets a new cookie.
    """
    if _preflight(case.request):
        return allowed("preflight", case.identity)
    if case.policy.challenge.other_methods is Action.BUDGET:
        return allowed("method", case.identity)
    if known.ended(case.state, case.now, _RENEWED_SECONDS):
        cookie = renewed(case.request, case.policy, case.clients.signer, case.now)
        return allowed("renewed", case.identity)._replace(headers=(cookie,))
    return _refuse(case, Verdict.DENY, "method")


def _preflight(request: Request) -> bool:
    """Return whether the request is a CORS preflight (Fetch Standard, 3.3.2)."""
    headers = request.headers
    return (
        request.method == "OPTIONS"
        and b"origin" in headers
        and b"access-control-request-method" in headers
    )


def _own_page(case: _Case, known: KnownClient) -> Decision:
    """Return the answer for one of the gate's own pages, below `challenge.path`."""
    request, prepared, state, _, now, note = case
    policy, signer = prepared.policy, case.clients.signer
    trapped = in_trap(policy, request.path)
    if (
        trapped
        and _counts_in_trap(case, known)
        and caught(request, policy.trap, state, signer, (known.cookies or known.keys)[0], now)
    ):
        until = now + policy.trap.ban_hours * 3600.0
        state.revoke(known.keys, until, now)
        return _revoked(case, "trap", until)
    if request.path == enter_path(policy):  # not counted, because the challenge was counted
        response, reason = enter(request, policy, signer, state, now)
    elif wait := state.take(known.charges[policy.challenge.budget], now):
        return _limited(case, wait)
    elif trapped:
        response, reason = _trap_page(case), "trap-warning"
    else:
        response = _page_response(case, "missing", 404)
        reason = "missing"
    note("own page", reason)
    return Decision(Verdict.ANSWER, reason, *case.whom, response=response)


def _counts_in_trap(case: _Case, known: KnownClient) -> bool:
    """Return whether this visit to the trap counts.

    The visit does not count if the client is proven and the policy allows it. It also does not
    count if the client needs the cookie and does not have it.
    """
    action = _ruled(case._replace(note=lambda *_: None)).action
    if action is Action.CHALLENGE:
        return known.passed(case.state, case.now)
    return action is not Action.ALLOW or case.identity.verified is not True


def _trap_page(case: _Case) -> Response:
    language = preferred_language(case.request.header("accept-language"))
    link = (deeper(case.request, case.clients.signer, case.now), "trap_more")
    return respond(200, page("trap", language, paragraphs=("trap_text",), link=link))


def _revoked(case: _Case, reason: str, until: float) -> Decision:
    verdict = Verdict(case.policy.trap.action)
    response = _page_response(case, "revoked", 403, time=_utc(until))
    return _slow(case, Decision(verdict, reason, *case.whom, until - case.now, response))


def _limited(case: _Case, wait: float) -> Decision:
    seconds = math.ceil(wait)
    headers = [("Retry-After", str(seconds))]
    response = _page_response(case, "limit", 429, headers, seconds=seconds)
    return Decision(Verdict.LIMIT, "budget", *case.whom, wait, response)


def _refuse(
    case: _Case, verdict: Verdict, reason: str, *, status: int = 403, retry_after: float = 0.0
) -> Decision:
    kind = reason if reason in ("method", "failure") else "deny"
    headers = [("Retry-After", f"{retry_after:.0f}")] if retry_after else []
    response = _page_response(case, kind, status, headers)
    return _slow(case, Decision(verdict, reason, *case.whom, retry_after, response))


def _page_response(
    case: _Case, kind: str, status: int, headers: Sequence[tuple[str, str]] = (), **values: object
) -> Response:
    language = preferred_language(case.request.header("accept-language"))
    said = tuple(sorted(values.items()))
    return respond(status, _page(kind, language, case.policy.contact, said), headers)


@lru_cache(maxsize=256)  # most refusals get the same few pages
def _page(kind: str, language: str, contact: str, values: tuple[tuple[str, object], ...]) -> Page:
    paragraphs = (f"{kind}_text", "contact") if contact else (f"{kind}_text",)
    filled = {**dict(values), "contact": contact}
    link = ("/", "continue") if kind == "method" else None  # leads to the challenge
    return page(kind, language, paragraphs=paragraphs, values=filled, link=link)


def _slow(case: _Case, decision: Decision) -> Decision:
    if decision.verdict is not Verdict.TARPIT or decision.response is None:
        return decision
    response = decision.response._replace(seconds=float(case.policy.tarpit.seconds))
    return decision._replace(response=response)


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


class _NoState:
    """Replaces a state that cannot be reached: it counts no request and bans no client."""

    blocking = False

    def __init__(self, state: State) -> None:
        try:
            self.secret = state.secret
        except StateError:
            self.secret = _own_secret()

    def take(self, charges: Sequence[Charge], now: float) -> float:  # noqa: ARG002
        return 0.0

    def revoke(self, keys: Sequence[int], until: float, now: float) -> None:
        pass

    def revoked(self, keys: Sequence[int], now: float) -> float:  # noqa: ARG002
        return 0.0

    def close(self) -> None:
        pass


@cache
def _own_secret() -> bytes:
    return secrets.token_bytes(32)


@cache
def _tables() -> Tables:
    return load_tables()
