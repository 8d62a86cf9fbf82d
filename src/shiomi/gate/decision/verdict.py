"""Decision: what `decide` returns and adapters carry out."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from shiomi.gate.identity import Identity
from shiomi.gate.policy import Action
from shiomi.gate.purpose import Purpose
from shiomi.gate.response import Response

__all__ = ["REFUSED", "Decision", "Ruled", "Verdict", "allowed"]


class Verdict(StrEnum):
    """The possible verdicts on a request, the least strict first."""

    ALLOW = "allow"  # the site answers
    ANSWER = "answer"  # the gate answers: robots.txt, the cookie, the trap's first page
    CHALLENGE = "challenge"  # the challenge's page
    LIMIT = "limit"  # a budget is used up: 429
    TARPIT = "tarpit"  # refused, slowly
    DENY = "deny"  # refused


REFUSED = (Verdict.DENY, Verdict.TARPIT, Verdict.LIMIT)
"""The verdicts that refuse a request."""


class Decision(NamedTuple):
    """The verdict on a request and the reason for it.

    An adapter sends `response` if there is one; else it passes the request on and adds
    `headers` to the site's answer.
    """

    verdict: Verdict
    reason: str  # one of few words, for metrics: "trap", "purpose", "path", "budget", "cookie", ...
    purpose: Purpose
    client: str  # the name of the pattern that matched: "GPTBot"
    retry_after: float = 0.0  # seconds; for LIMIT, temporary DENY, and CHALLENGE with "budget"
    response: Response | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Ruled(NamedTuple):
    """The policy's ruling on a client at a path, in the form that each request needs."""

    action: Action
    budget: str
    reason: str  # what decided: "path", "purpose", ...
    free: bool  # allow
    refused: bool  # deny or tarpit
    challenged: bool
    spared: bool  # the path's rule says `challenge = false`
    passed: Decision  # the verdict if the client is let through


def allowed(reason: str, identity: Identity) -> Decision:
    """Return the verdict that lets a client through."""
    return Decision(Verdict.ALLOW, reason, identity.client.purpose, identity.client.name)
