"""decide(): the verdict on one request. Pure: no I/O but what the given state does."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from shiomi.gate.policy import Policy
from shiomi.gate.purpose import Purpose
from shiomi.gate.request import Request
from shiomi.gate.state import State

if TYPE_CHECKING:
    from shiomi.gate.identity import Identity

__all__ = ["Decision", "Response", "Verdict", "decide"]


class Verdict(StrEnum):
    """What becomes of a request, widest first."""

    ALLOW = "allow"  # the site answers
    ANSWER = "answer"  # the gate answers: robots.txt, the cookie, the trap's first page
    CHALLENGE = "challenge"  # the challenge's page
    LIMIT = "limit"  # a budget is used up: 429
    TARPIT = "tarpit"  # refused, slowly
    DENY = "deny"  # refused


class Response(NamedTuple):
    """What is sent in place of the site's own answer; for HEAD without the body."""

    status: int
    headers: tuple[tuple[str, str], ...]  # Content-Length included
    body: bytes
    seconds: float = 0.0  # a tarpit: the time over which the body may be spread


class Decision(NamedTuple):
    """The verdict on a request and why.

    An adapter sends `response` where there is one; else it passes the request on and adds
    `headers` to the site's answer.
    """

    verdict: Verdict
    reason: str  # one of few words, for metrics: "trap", "purpose", "path", "budget:address", ...
    purpose: Purpose
    client: str  # the name of the pattern that matched: "GPTBot"; "" where none did
    retry_after: float = 0.0  # seconds, of LIMIT and of a passing DENY
    response: Response | None = None
    headers: tuple[tuple[str, str], ...] = ()


def decide(
    request: Request,
    policy: Policy,
    state: State,
    now: float,
    *,
    identity: Identity | None = None,
) -> Decision:
    """Return the verdict on a request.

    Parameters
    ----------
    now
        Unix seconds.
    identity
        Who the client is, where an adapter has found out more than the request itself tells (by
        reverse DNS or a signature); None: what its User-Agent and address say.
    """
    raise NotImplementedError
